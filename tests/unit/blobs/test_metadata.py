import io
import struct
import zlib

import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.PngImagePlugin import PngImageFile, PngInfo

from palio.blobs.metadata import MAX_METADATA, embed, read_metadata
from palio.contract.image.job import OutputFormat
from palio.errors import BadRequest

PROVENANCE = {"Software": "Palio 0.1.0", "Provider": "sketch", "Copyright": "© OpenMoji, CC BY-SA 4.0"}
TEXTS = ["plain", "Steps: 20,\nSeed: 1", "Grüße aus Siena", "馬 🐎 a race", "", "x" * MAX_METADATA, "🐎" * MAX_METADATA]


def drawn(format: OutputFormat, mode: str = "RGB", **options: object) -> bytes:
    image = Image.linear_gradient("L").resize((40, 30)).convert(mode)
    out = io.BytesIO()
    image.save(out, format.name.upper(), **options)
    return out.getvalue()


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.tobytes()


@pytest.mark.parametrize("format", OutputFormat)
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:8])
def test_text_can_be_read_back_and_the_pixels_are_untouched(format: OutputFormat, text: str) -> None:
    data = drawn(format)

    result = embed(data, format, text, PROVENANCE)

    assert read_metadata(result) == text
    assert pixels(result) == pixels(data)


@pytest.mark.parametrize("format", OutputFormat)
def test_new_text_takes_the_place_of_old_text(format: OutputFormat) -> None:
    once = embed(drawn(format), format, "first", PROVENANCE)

    twice = embed(once, format, "second", PROVENANCE)

    assert read_metadata(twice) == "second"
    assert b"first" not in twice
    assert len(twice) < len(once) + 20


@pytest.mark.parametrize("format", OutputFormat)
def test_provenance_alone_leaves_no_text(format: OutputFormat) -> None:
    assert read_metadata(embed(drawn(format), format, None, PROVENANCE)) is None


@pytest.mark.parametrize("format", OutputFormat)
def test_a_file_without_metadata_has_no_text(format: OutputFormat) -> None:
    assert read_metadata(drawn(format)) is None


@pytest.mark.parametrize("format", [OutputFormat.jpeg, OutputFormat.webp])
def test_exif_says_who_made_the_picture_and_how(format: OutputFormat) -> None:
    data = embed(drawn(format), format, "a horse", PROVENANCE)

    with Image.open(io.BytesIO(data)) as image:
        exif = image.getexif()
    assert exif[Base.Software] == "Palio 0.1.0"
    assert exif[Base.Make] == "sketch"
    assert exif[Base.ImageDescription] == "a horse"
    assert exif.get_ifd(IFD.Exif)[Base.UserComment] == b"UNICODE\0" + "a horse".encode("utf-16-be")
    assert "© OpenMoji, CC BY-SA 4.0".encode() in data


def test_png_has_a_text_for_each_fact_and_the_callers_under_parameters() -> None:
    data = embed(drawn(OutputFormat.png), OutputFormat.png, "馬", PROVENANCE)

    with Image.open(io.BytesIO(data)) as image:
        assert isinstance(image, PngImageFile)
        assert image.text == {**PROVENANCE, "parameters": "馬"}


def test_other_texts_of_a_png_stay() -> None:
    info = PngInfo()
    info.add_text("prompt", "{}", zip=True)
    info.add_itxt("parameters", "old", zip=True)
    data = drawn(OutputFormat.png, pnginfo=info)

    with Image.open(io.BytesIO(embed(data, OutputFormat.png, "new", {}))) as image:
        assert isinstance(image, PngImageFile)
        assert image.text == {"prompt": "{}", "parameters": "new"}


def test_checksums_of_new_chunks_are_right() -> None:
    data = embed(drawn(OutputFormat.png), OutputFormat.png, "馬", PROVENANCE)

    position = 8
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        chunk = data[position + 4 : position + 8 + length]
        assert struct.unpack_from(">I", data, position + 8 + length) == (zlib.crc32(chunk),)
        position += 12 + length


def test_jfif_stays_the_first_segment_of_a_jpeg_and_its_profile_stays() -> None:
    data = embed(drawn(OutputFormat.jpeg, icc_profile=b"profile"), OutputFormat.jpeg, "text", {})

    assert data[2:4] == b"\xff\xe0"
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["icc_profile"] == b"profile"


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("profile", [None, b"odd"])
def test_every_kind_of_webp_keeps_its_pixels(lossless: bool, mode: str, profile: bytes | None) -> None:
    image = Image.linear_gradient("L").resize((41, 31)).convert("RGB")
    if mode == "RGBA":
        image.putalpha(Image.radial_gradient("L").resize((41, 31)))
    out = io.BytesIO()
    image.save(out, "WEBP", lossless=lossless, icc_profile=profile)

    result = embed(out.getvalue(), OutputFormat.webp, "馬", PROVENANCE)

    assert read_metadata(result) == "馬"
    with Image.open(io.BytesIO(result)) as after, Image.open(io.BytesIO(out.getvalue())) as before:
        assert (after.mode, after.size) == (before.mode, before.size)
        assert after.tobytes() == before.tobytes()
        assert after.info.get("icc_profile") == before.info.get("icc_profile")


def test_what_no_container_can_hold_is_replaced() -> None:
    data = embed(drawn(OutputFormat.jpeg), OutputFormat.jpeg, "a\0b\ud800c", {"Software": "x" * 5000})

    assert read_metadata(data) == "a\ufffdb?c"


@pytest.mark.parametrize("format", OutputFormat)
def test_text_that_is_too_long_is_refused_by_name(format: OutputFormat) -> None:
    with pytest.raises(BadRequest) as refused:
        embed(drawn(format), format, "x" * (MAX_METADATA + 1), {})

    assert refused.value.errors == {"imageMetadata": [f"must be at most {MAX_METADATA} characters"]}


CREDENTIALS = b"jumb" + b"c2pa" + bytes(range(64))


def with_credentials(format: OutputFormat) -> bytes:
    """A picture with Content Credentials where each container has them: `caBX`, APP11, `C2PA`."""
    data = drawn(format)
    match format:
        case OutputFormat.png:
            checked = b"caBX" + CREDENTIALS
            chunk = struct.pack(">I", len(CREDENTIALS)) + checked + struct.pack(">I", zlib.crc32(checked))
            return data[:33] + chunk + data[33:]
        case OutputFormat.jpeg:
            return data[:2] + b"\xff\xeb" + struct.pack(">H", len(CREDENTIALS) + 2) + CREDENTIALS + data[2:]
        case OutputFormat.webp:
            chunk = b"C2PA" + struct.pack("<I", len(CREDENTIALS)) + CREDENTIALS
            return data[:4] + struct.pack("<I", len(data) - 8 + len(chunk)) + data[8:] + chunk


@pytest.mark.parametrize("format", OutputFormat)
def test_content_credentials_of_a_vendor_stay(format: OutputFormat) -> None:
    result = embed(with_credentials(format), format, "a robot", PROVENANCE)

    assert CREDENTIALS in result
    assert read_metadata(result) == "a robot"
