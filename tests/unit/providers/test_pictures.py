"""Pictures on their way to a vendor and back."""

import io

import pytest
from PIL import Image
from tests.standins.server import png

from palio.providers.hosted.pictures import fitted, is_black


def test_a_black_picture_is_told_from_a_dark_one():
    assert is_black(png(64, 64, (0, 0, 0)))
    assert not is_black(png(64, 64, (12, 12, 12)))


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\nnonsense", b"<html>"])
def test_what_is_no_picture_is_not_black(data: bytes):
    assert not is_black(data)


def test_a_picture_is_brought_to_size_and_one_that_has_it_is_left():
    with Image.open(io.BytesIO(fitted(png(96, 64), 64, 64))) as image:
        assert image.size == (64, 64)
    same = png(64, 64)
    assert fitted(same, 64, 64) is same
