"""Which of a server's files an AIR stands for."""

import pytest

from palio.providers.hosted.files import file_for

FILES = ["v1-5-pruned.safetensors", "sd_xl_base_1.0.safetensors", "flux-2-768.safetensors", "pony-290640.safetensors"]


def test_a_file_is_told_by_the_number_of_its_version():
    assert file_for("urn:air:sdxl:checkpoint:civitai:257749@290640", FILES, {}) == "pony-290640.safetensors"


@pytest.mark.parametrize("version", ["1", "2", "5", "768"])
def test_a_number_that_names_bear_for_other_reasons_tells_nothing(version: str):
    assert file_for(f"urn:air:sdxl:checkpoint:civitai:9@{version}", FILES, {}) is None


def test_the_operator_can_name_a_file_for_any_version():
    named = {"civitai:9@5": "v1-5-pruned.safetensors"}
    assert file_for("urn:air:sd1:checkpoint:civitai:9@5", FILES, named) == "v1-5-pruned.safetensors"
