"""What an operator may write in the table of a device, and what its child gets of that."""

import subprocess
import sys
from typing import Any

import pytest
from tests.integration.providers.vendors import fetch

from palio.errors import SetupError
from palio.providers.catalog.reading import read_catalog
from palio.providers.diffusers.pipelines import RECIPES
from palio.providers.diffusers.process import environment, pause
from palio.providers.diffusers.protocol import MAX_FRAME_BYTES, Setup, Stop, frame, length, read_command
from palio.providers.diffusers.provider import DiffusersOptions
from palio.providers.diffusers.sampling import DIFFUSION, no_sampling
from palio.providers.registry import configured
from palio.settings import Settings

CATALOG = read_catalog("diffusers")


@pytest.mark.parametrize(
    ("memory", "size"),
    [(None, None), (5_000_000, 5_000_000), ("12GB", 12_000_000_000), ("1.5 gb", 1_500_000_000), ("800", 800)],
)
def test_memory_is_bytes_or_a_size(memory: int | str | None, size: int | None):
    assert DiffusersOptions(memory=memory).setup() == Setup("auto", "auto", size, False)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"memory": "much"}, "memory must be bytes, or a size such as 12GB, not 'much'"),
        ({"memory": 0}, "memory must be more than nothing"),
        ({"device": "toaster"}, "device"),
        ({"dtype": "int4"}, "dtype"),
        ({"patience": 0}, "patience"),
        ({"devise": "cpu"}, "devise"),
    ],
)
def test_what_cannot_be_used_is_named(table: dict[str, Any], said: str):
    tables = {"gpu": {"kind": "diffusers", **table}}
    with pytest.raises(SetupError, match=said) as raised:
        configured(Settings(providers=tables, sketch=False), fetch)
    assert "[providers.gpu]" in str(raised.value)


def test_the_server_imports_none_of_the_libraries_that_its_children_do():
    program = (
        "import sys, palio.surfaces.server; print(sorted({'torch', 'diffusers', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_child_gets_no_keys_and_no_hub():
    ours = {"PATH": "/bin", "CUDA_VISIBLE_DEVICES": "1", "FAL_KEY": "k", "HF_TOKEN": "t", "PALIO_DATA": "/x"}
    theirs = environment(ours)
    assert {name: theirs.get(name) for name in ours} == {
        "PATH": "/bin",
        "CUDA_VISIBLE_DEVICES": "1",
        **dict.fromkeys(("FAL_KEY", "HF_TOKEN", "PALIO_DATA")),
    }
    assert theirs["HF_HUB_OFFLINE"] == "1"


def test_children_that_keep_ending_are_started_less_and_less_often():
    assert [pause(in_vain) for in_vain in range(1, 9)] == [0, 1, 2, 4, 8, 16, 30, 30]


def test_a_message_is_read_as_it_was_sent_and_none_is_without_bound():
    sent = frame(Stop("a"))
    assert length(sent[:4]) == len(sent) - 4
    assert read_command(sent[4:]) == Stop("a")
    with pytest.raises(ValueError, match="at most"):
        length((MAX_FRAME_BYTES + 1).to_bytes(4, "big"))


def test_every_model_of_the_catalog_has_a_recipe_that_can_do_what_it_says():
    for model in CATALOG.models:
        recipe = RECIPES[model.recipe]
        assert set(model.operations) <= set(recipe.classes), model.id
        assert "pipeline" in model.files
        assert (model.negative_prompt is not None) == bool(recipe.negative), model.id


def test_every_word_of_the_catalog_is_a_sampler_or_a_spacing_that_some_sampler_has():
    for model in CATALOG.models:
        samplers = RECIPES[model.recipe].samplers
        assert model.sampler is not None
        assert model.scheduler is not None
        assert set(model.sampler.words.values()) == set(samplers), model.id
        known = {spacing for sampler in samplers.values() for spacing in sampler.spacings}
        assert set(model.scheduler.words.values()) == known, model.id


@pytest.mark.parametrize(
    ("sampler", "spacing", "reason"),
    [
        (None, None, None),
        ("euler", None, None),
        (None, "karras", None),
        ("dpmpp_2m", "karras", None),
        ("euler_ancestral", "karras", "has no sampler euler_ancestral with the scheduler karras"),
        ("er_sde", None, "has no sampler er_sde"),
        (None, "beta", "has no sampler euler with the scheduler beta"),
    ],
)
def test_samplers_have_some_spacings_and_not_others(sampler: str | None, spacing: str | None, reason: str | None):
    assert no_sampling(DIFFUSION, sampler, spacing) == reason
