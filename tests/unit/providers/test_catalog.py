"""Which model a job goes to, and why it goes to none."""

from datetime import date
from typing import Any

import msgspec
import pytest

from palio.contract.image.job import ImageJob, Lora, Operation
from palio.errors import SetupError
from palio.providers.catalog.fitting import Fit, fit, is_meant, weights_address
from palio.providers.catalog.model import Model, Price, Unit, Written
from palio.providers.catalog.reading import Catalog, read_catalog
from palio.providers.hosted.payload import payload_of
from palio.providers.registry import VENDORS

PLAIN: dict[str, Any] = {"id": "acme/one", "family": "flux1", "members": ["dev"], "prompt": {"field": "text"}}
JOB = ImageJob(
    engine="x", family="flux1", model="dev", operation=Operation.create, prompt="a kite", width=512, height=512, seed=7
)


def model(**members: Any) -> Model:
    return msgspec.convert(PLAIN | members, Model)


def asked(**members: Any) -> ImageJob:
    return msgspec.structs.replace(JOB, **members)


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_every_catalog_can_be_read(vendor: str):
    catalog = read_catalog(vendor)
    assert catalog.models
    assert all(made.price is None or made.price.source for made in catalog.models)


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_prices_are_dated_and_possible(vendor: str):
    for made in read_catalog(vendor).models:
        if made.price is not None:
            assert date(2025, 1, 1) <= made.price.as_of <= date(2027, 1, 1)
            assert 0 <= made.price.usd < 1


@pytest.mark.parametrize(
    ("members", "wanted", "reason"),
    [
        ({"size": {"most": 256}}, {}, "makes sides of 1 to 256 pixels, not 512"),
        ({"size": {"multiple": 32}}, {"width": 520}, "multiples of 32 pixels, not 520"),
        ({"size": {"least_pixels": 400_000}}, {}, "makes images of 400000 to"),
        (
            {"size": {"only": [[1664, 928], [928, 1664]]}},
            {},
            "makes images of 1664 x 928, 928 x 1664 only, not 512 x 512",
        ),
        ({"aspect": {"field": "a", "known": ["16:9"]}}, {"aspect": "1:1"}, "makes no images of 1:1, only 16:9"),
        ({"aspect": {"field": "a", "known": ["1:1"]}}, {}, "makes no images of 512:512"),
        ({}, {"negative_prompt": "rust"}, "takes no negative prompt"),
        ({"prompt": {"field": "text", "longest": 3}}, {}, "takes a prompt of at most 3 characters, not 6"),
        ({}, {"steps": 20}, "takes no steps; the job asks for 20"),
        ({"steps": {"field": "s", "least": 4, "most": 8}}, {"steps": 20}, "takes steps from 4 to 8, not 20"),
        ({"always": {"guidance": [1.0]}}, {"guidance": 3.5}, "has guidance 1.0 only, not 3.5"),
        ({"seed": {"field": "seed", "least": 0}}, {"seed": -1}, "takes seed from 0"),
        ({"always": {"sampler": ["euler"]}}, {"sampler": "lcm"}, "has sampler euler only, not lcm"),
        ({"sampling": {"field": "s", "words": {"euler": "E"}}}, {"sampler": "lcm"}, "has no sampler lcm"),
        ({}, {"clip_skip": 2}, "takes no clip_skip"),
        ({}, {"images": ("x",), "operation": Operation.edit}, "has no flux1 dev that can edit images"),
        ({}, {"loras": (Lora("civitai:1@2", 1.0),)}, "takes no LoRAs"),
        ({"loras": {"field": "l", "most": 1}}, {"loras": (Lora("orchestrator:1@2", 1.0),)}, "cannot load the LoRA"),
        ({}, {"embeddings": ("civitai:1@2",)}, "takes no embeddings"),
        ({}, {"components": {"vae": "civitai:1@2"}}, "takes no other vae than its own"),
        ({}, {"options": {"promptExtend": True}}, "takes no promptExtend; the job asks for True"),
        ({"checkpoint": {"field": "c"}}, {}, "cannot load the checkpoint dev"),
    ],
)
def test_what_a_model_cannot_do_as_asked_is_a_reason(members: dict[str, Any], wanted: dict[str, Any], reason: str):
    answer = Catalog("acme", ("one",), (model(**members),)).best(asked(**wanted))
    assert isinstance(answer, str)
    assert reason in answer


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ({}, {}),
        ({"ignores": ["guidance"]}, {"guidance": 3.5}),
        ({"always": {"sampler": ["euler"]}}, {"sampler": "euler"}),
        ({}, {"options": {"promptExtend": False}}),
        ({"chosen_by": {"version": ["2"]}}, {"options": {"version": "2"}}),
        ({"size": {"only": [[1664, 928], [512, 512]]}}, {}),
        ({"aspect": {"field": "a", "known": ["1:1"]}}, {"width": 1024, "height": 1024}),
    ],
)
def test_what_a_model_does_anyway_may_be_asked_of_it(members: dict[str, Any], wanted: dict[str, Any]):
    assert isinstance(fit(model(**members), asked(**wanted)), Fit)


def test_an_option_that_chooses_a_version_chooses_the_model():
    second = model(chosen_by={"version": ["2"]})
    assert is_meant(second, asked(options={"version": "2"}))
    assert is_meant(second, asked())
    assert not is_meant(second, asked(options={"version": "1"}))


def test_a_checkpoint_is_known_by_source_id_and_version_however_it_is_written():
    base = model(members=["civitai:618692@691639"])
    assert is_meant(base, asked(model="urn:air:flux1:checkpoint:civitai:618692@691639"))
    assert is_meant(base, asked(model="civitai:618692@691639"))
    assert not is_meant(base, asked(model="urn:air:flux1:checkpoint:civitai:618692@1"))


@pytest.mark.parametrize(
    ("size", "sides", "comes_out"),
    [
        ({"multiple": 32, "rounds": True}, (1280, 720), (1280, 736)),
        ({"multiple": 32, "rounds": True}, (1000, 1000), (992, 992)),
        ({"scales": True, "least_pixels": 3_686_400}, (1024, 1024), (1920, 1920)),
        ({"scales": True, "most_pixels": 1_048_576, "multiple": 16}, (2048, 1024), (1440, 720)),
    ],
)
def test_a_size_that_the_vendor_changes_is_named(size: dict[str, Any], sides: tuple[int, int], comes_out):
    found = fit(model(size=size), asked(width=sides[0], height=sides[1]))
    assert isinstance(found, Fit)
    assert (found.width, found.height) == comes_out


@pytest.mark.parametrize(
    ("price", "usd"),
    [
        (Price(usd=0.04, source="x", as_of=date(2026, 1, 1)), 0.04),
        (Price(usd=0.01, unit=Unit.megapixel, source="x", as_of=date(2026, 1, 1)), 0.02),
        (Price(usd=0.01, first=0.03, unit=Unit.megapixel, source="x", as_of=date(2026, 1, 1)), 0.04),
        (Price(usd=0.001, unit=Unit.step, source="x", as_of=date(2026, 1, 1)), 0.02),
        (Price(usd=0.04, reference=0.01, source="x", as_of=date(2026, 1, 1)), 0.06),
    ],
)
def test_a_price_counts_its_unit_and_the_pictures_sent(price: Price, usd: float):
    references = 2 if price.reference else 0
    assert price.of(1_500_000, 20, references) == pytest.approx(usd)


def test_the_price_of_steps_that_are_not_known_is_not_known():
    assert Price(usd=1, unit=Unit.step, source="x", as_of=date(2026, 1, 1)).of(1, None, 0) is None


def test_a_payload_says_what_the_job_asks_and_nothing_else():
    made = model(
        size={"field": "image_size"},
        seed={"field": "seed"},
        steps={"field": "num_inference_steps"},
        guidance={"field": "guidance_scale"},
        clip_skip={"field": "clip_skip", "plus": -1},
        loras={"field": "loras", "most": 3},
        format={"field": "output_format", "words": {"png": "png", "jpeg": "jpg"}},
        options={"enablePromptExpansion": "expand"},
        extra={"num_images": 1},
    )
    lora = Lora("urn:air:flux1:lora:civitai:180891@776656", 0.8)
    job = asked(steps=20, clip_skip=2, loras=(lora,), options={"enablePromptExpansion": False})
    found = fit(made, job)
    assert isinstance(found, Fit)
    assert payload_of(found, job, ()) == {
        "num_images": 1,
        "text": "a kite",
        "image_size": {"width": 512, "height": 512},
        "seed": 7,
        "num_inference_steps": 20,
        "clip_skip": 1,
        "loras": [{"path": "https://civitai.com/api/download/models/776656", "scale": 0.8}],
        "output_format": "jpg",
        "expand": False,
    }


def test_pictures_are_numbered_where_a_vendor_wants_them_so():
    made = model(operations=["edit"], images={"field": "input_image", "most": 3, "form": "numbered"})
    job = asked(operation=Operation.edit, images=("x", "y"))
    found = fit(made, job)
    assert isinstance(found, Fit)
    assert payload_of(found, job, ("A", "B")) == {"text": "a kite", "input_image": "A", "input_image_2": "B"}


def test_a_field_with_a_dot_is_a_member_of_an_object():
    made = model(operations=["edit"], images={"field": "inputs.references", "form": "many"}, extra={"inputs.most": 1})
    job = asked(operation=Operation.edit, images=("x",))
    found = fit(made, job)
    assert isinstance(found, Fit)
    assert payload_of(found, job, ("A",)) == {"text": "a kite", "inputs": {"most": 1, "references": ["A"]}}


def test_a_ratio_may_stand_for_pixels():
    made = model(aspect={"known": ["1:1", "16:9"], "sides": [[1024, 1024], [1392, 752]]})
    job = asked(aspect="16:9", width=1360, height=768)
    found = fit(made, job)
    assert isinstance(found, Fit)
    assert (found.width, found.height) == (1392, 752)
    assert payload_of(found, job, ()) == {"text": "a kite", "width": 1392, "height": 752}


@pytest.mark.parametrize(
    ("written", "address", "more"),
    [
        ("url", "https://civitai.com/api/download/models/128713", ("https://civitai.com/api/download/models/776656",)),
        ("air", "civitai:4384@128713", ("civitai:180891@776656",)),
        ("version", "128713", ("776656",)),
    ],
)
def test_weights_are_written_as_the_vendor_wants_them(written: str, address: str, more: tuple[str]):
    checkpoint = "urn:air:sd1:checkpoint:civitai:4384@128713"
    loras = {"field": "loras", "most": 1, "written": written, "path": "name", "scale": ["model", "clip"]}
    made = model(
        members=["*"], checkpoint={"field": "model", "written": written}, loras={**loras, "extra": {"is_version": True}}
    )
    job = asked(model=checkpoint, loras=(Lora("urn:air:sd1:lora:civitai:180891@776656", 0.8),))
    found = fit(made, job)
    assert isinstance(found, Fit)
    lora = {"is_version": True, "name": more[0], "model": 0.8, "clip": 0.8}
    assert payload_of(found, job, ()) == {"text": "a kite", "model": address, "loras": [lora]}


@pytest.mark.parametrize("written", [Written.air, Written.version])
def test_weights_that_cannot_be_written_so_are_declined(written: Written):
    made = model(members=["*"], checkpoint={"field": "model", "written": written})
    answer = fit(made, asked(model="huggingface:someone/some-checkpoint"))
    assert answer == "cannot load the checkpoint huggingface:someone/some-checkpoint"


@pytest.mark.parametrize(
    ("air", "address"),
    [
        ("urn:air:sdxl:lora:civitai:1@2", "https://civitai.com/api/download/models/2"),
        ("huggingface:black-forest-labs/FLUX.1-dev", "black-forest-labs/FLUX.1-dev"),
        ("urn:air:sdxl:lora:civitai:1", None),
        ("urn:air:sdxl:lora:orchestrator:1@2", None),
    ],
)
def test_weights_are_loaded_from_where_anybody_can(air: str, address: str | None):
    assert weights_address(air) == address


def test_an_operator_adds_a_model_in_the_shape_of_others():
    catalog = read_catalog("fal", {"fal-ai/new": {"shape": "open", "family": "flux1", "members": ["new"]}})
    found = catalog.best(asked(model="new"))
    assert isinstance(found, Fit)
    assert found.model.id == "fal-ai/new"


def test_an_operator_changes_one_member_of_a_model():
    price = {"usd": 0.5, "source": "my contract", "as_of": date(2026, 1, 1)}
    changed = read_catalog("fal", {"fal-ai/flux/dev": {"price": price}}).model("fal-ai/flux/dev")
    assert changed is not None
    assert changed.price is not None
    assert (changed.price.usd, changed.family) == (0.5, "flux1")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"shape": "open"}, "missing required field `family`"),
        ({"shape": "nope"}, "shape: must be one of open,"),
        ({"shape": "open", "family": "flux1", "members": ["x"], "stesp": {}, "steps": {"feild": "s"}}, "feild"),
        (
            {"shape": "open", "family": "flux1", "members": ["x"], "aspect": {"field": "a", "known": []}},
            "both size and",
        ),
        ({"shape": "open", "family": "flux1", "members": ["x"], "operations": ["edit"]}, "has no images to send"),
        ({"family": "flux1", "members": ["x"], "aspect": {"known": ["1:1"]}}, "either a field, or sides"),
        (
            {"family": "flux1", "members": ["x"], "aspect": {"known": ["1:1"], "sides": [[1, 1], [2, 1]]}},
            "of each known",
        ),
    ],
)
def test_a_model_that_cannot_be_read_is_named(table: dict[str, Any], said: str):
    with pytest.raises(SetupError, match=r"^providers\.fal\.models\.fal-ai/new") as wrong:
        read_catalog("fal", {"fal-ai/new": table}, "providers.fal.models")
    assert said in str(wrong.value)


def test_the_cheapest_model_that_can_do_a_job_gets_it():
    catalog = read_catalog("fal")
    dev = asked(model="civitai:618692@691639")
    plain = catalog.best(dev)
    changed = catalog.best(msgspec.structs.replace(dev, loras=(Lora("civitai:1@2", 1.0),)))
    assert isinstance(plain, Fit)
    assert isinstance(changed, Fit)
    assert (plain.model.id, changed.model.id) == ("fal-ai/flux/dev", "fal-ai/flux-lora")


def test_a_field_with_dots_is_a_member_of_objects():
    made = model(
        steps={"field": "sample.steps"},
        seed={"field": "seed"},
        extra={"sample.steps": 20, "sample.guidance.cfg": 7.0},
    )
    body = payload_of(Fit(made, 512, 512, None, None), asked(steps=9), [])
    assert body == {"text": "a kite", "seed": 7, "sample": {"steps": 9, "guidance": {"cfg": 7.0}}}


def test_sampler_and_scheduler_are_sent_in_the_vendors_words_where_they_are_two_choices():
    made = model(
        sampler={"field": "sampler_name", "words": {"euler": "Euler"}},
        scheduler={"field": "scheduler", "words": {"karras": "Karras"}},
        extra={"sampler_name": "DDIM"},
    )
    body = payload_of(Fit(made, 512, 512, None, None), asked(sampler="euler"), [])
    assert body == {"text": "a kite", "sampler_name": "Euler"}
