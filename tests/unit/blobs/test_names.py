import pytest

from palio.blobs.names import format_of, is_blob_id, new_blob_id, preview_key
from palio.contract.image.job import OutputFormat


@pytest.mark.parametrize("format", OutputFormat)
def test_a_new_id_is_an_id_and_says_its_format(format: OutputFormat) -> None:
    blob_id = new_blob_id(format.extension)

    assert is_blob_id(blob_id)
    assert format_of(blob_id) is format


def test_ids_do_not_repeat() -> None:
    assert len({new_blob_id("png") for _ in range(1000)}) == 1000


def test_other_extensions_have_no_ids() -> None:
    with pytest.raises(ValueError, match="jpeg, png, webp"):
        new_blob_id("exe")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A" * 26,
        "A" * 25 + ".png",
        "A" * 27 + ".png",
        "a" * 26 + ".png",
        "A" * 25 + "1.png",
        "A" * 26 + ".PNG",
        "A" * 26 + ".webP",
        "A" * 26 + ".png\n",
        "A" * 26 + ".png/..",
        "../" + "A" * 23 + ".png",
        "Ä" * 26 + ".png",
    ],
)
def test_nothing_else_is_an_id(text: str) -> None:
    assert not is_blob_id(text)


def test_the_key_of_a_preview_is_nobodys_id() -> None:
    assert not is_blob_id(preview_key(new_blob_id("png")))
