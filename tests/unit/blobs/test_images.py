import io
import resource
import struct
import sys
import zlib

import pytest
from PIL import Image

from palio.blobs.images import ImageLimits, UnreadableImage, as_input, finish, inspect, preview
from palio.blobs.metadata import read_metadata
from palio.contract.image.job import OutputFormat

RED, WHITE = (204, 51, 51), (255, 255, 255)


def encoded(image: Image.Image, encoding: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, encoding, **options)
    return out.getvalue()


def plain(encoding: str, mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> bytes:
    return encoded(Image.new("RGB", size, RED).convert(mode), encoding)


def finished(data: bytes, format: OutputFormat) -> Image.Image:
    picture = finish(data, format=format, image_metadata=None, provenance={})
    image = Image.open(io.BytesIO(picture.data))
    image.load()
    assert image.format == format.name.upper()
    assert image.size == (picture.width, picture.height)
    return image


def is_near(pixel: object, colour: tuple[int, int, int]) -> bool:
    return isinstance(pixel, tuple) and all(abs(a - b) <= 6 for a, b in zip(pixel, colour, strict=False))


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of_zeros(width: int, height: int) -> bytes:
    """A small file that decodes into width x height grey pixels."""
    packer = zlib.compressobj(1)
    row = bytes(1 + width)
    body = b"".join(packer.compress(row) for _ in range(min(height, 2000))) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def peak_memory() -> int:
    """Kilobytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)


class TestInspect:
    @pytest.mark.parametrize(
        ("encoding", "media_type", "format"),
        [
            ("PNG", "image/png", OutputFormat.png),
            ("JPEG", "image/jpeg", OutputFormat.jpeg),
            ("WEBP", "image/webp", OutputFormat.webp),
            ("GIF", "image/gif", None),
        ],
    )
    def test_it_tells_encoding_and_size(self, encoding: str, media_type: str, format: OutputFormat | None) -> None:
        facts = inspect(plain(encoding))

        assert (facts.media_type, facts.format, facts.width, facts.height) == (media_type, format, 64, 48)

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"hello",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"\x89PNG\r\n\x1a\n",
            b"\x89PNG\r\n\x1a\nnot a png at all",
            b"\xff\xd8\xff",
            b"\xff\xd8\xff\xe0\xff\xff",
            b"RIFF\x04\0\0\0WEBP",
            b"GIF89a",
            b"GIF89a" + bytes(7),
            bytes(1000),
        ],
    )
    def test_what_is_no_image_is_refused(self, data: bytes) -> None:
        with pytest.raises(UnreadableImage):
            inspect(data)

    @pytest.mark.parametrize("encoding", ["BMP", "TIFF", "ICO"])
    def test_other_encodings_are_refused(self, encoding: str) -> None:
        with pytest.raises(UnreadableImage, match="not a PNG, JPEG, WebP or GIF"):
            inspect(plain(encoding))

    @pytest.mark.parametrize("encoding", ["PNG", "JPEG", "WEBP", "GIF"])
    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
    def test_truncated_images_are_refused(self, encoding: str, share: float) -> None:
        data = encoded(Image.effect_noise((100, 100), 80).convert("RGB"), encoding)

        with pytest.raises(UnreadableImage):
            inspect(data[: int(len(data) * share)])

    @pytest.mark.parametrize("encoding", ["PNG", "JPEG", "WEBP", "GIF"])
    def test_damaged_images_never_end_in_another_error(self, encoding: str) -> None:
        data = encoded(Image.effect_noise((40, 40), 80).convert("RGB"), encoding)

        for position in range(0, len(data), max(1, len(data) // 300)):
            damaged = bytearray(data)
            damaged[position] ^= 0xFF
            try:
                finish(bytes(damaged), format=OutputFormat.png, image_metadata="text", provenance={})
            except UnreadableImage:
                continue

    @pytest.mark.parametrize("encoding", ["PNG", "WEBP", "GIF"])
    def test_animations_are_refused(self, encoding: str) -> None:
        frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, WHITE)]

        with pytest.raises(UnreadableImage, match="animated"):
            inspect(encoded(frames[0], encoding, save_all=True, append_images=frames[1:]))

    def test_a_jpeg_with_a_second_picture_behind_it_is_its_first_picture(self) -> None:
        data = encoded(Image.new("RGB", (32, 32), RED), "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))])

        assert (inspect(data).width, inspect(data).format) == (32, OutputFormat.jpeg)

    @pytest.mark.parametrize(("width", "height"), [(30_000, 30_000), (8_000, 8_000), (16_384, 1), (1, 2**31 - 1)])
    def test_bombs_are_refused_by_their_header_before_anything_is_decoded(self, width: int, height: int) -> None:
        # Given a few kilobytes that would become up to 900 megabytes
        data = png_of_zeros(width, height)
        before = peak_memory()

        with pytest.raises(UnreadableImage, match=f"{width} x {height}"):
            inspect(data)

        assert peak_memory() - before < 20_000

    def test_a_webp_that_claims_a_huge_canvas_takes_no_memory(self) -> None:
        frame = encoded(Image.new("RGB", (8, 8)), "WEBP")[12:]
        canvas = bytes(4) + (16_382).to_bytes(3, "little") * 2
        body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + canvas + frame
        before = peak_memory()

        with pytest.raises(UnreadableImage):
            inspect(b"RIFF" + struct.pack("<I", len(body)) + body)

        assert peak_memory() - before < 20_000

    def test_texts_that_unpack_without_end_are_refused(self) -> None:
        bomb = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000)))
        data = plain("PNG")

        with pytest.raises(UnreadableImage):
            inspect(data[:33] + bomb + data[33:])

    def test_a_jpeg_with_endless_scans_is_refused(self) -> None:
        data = encoded(Image.new("RGB", (64, 64), RED), "JPEG", progressive=True)
        start = data.rindex(b"\xff\xda")
        scan = data[start:-2]

        with pytest.raises(UnreadableImage, match="scans"):
            inspect(data[:-2] + scan * 1000 + data[-2:])

    def test_limits_are_the_callers(self) -> None:
        data = plain("PNG")

        for limits in (ImageLimits(max_pixels=64 * 48 - 1), ImageLimits(max_side=63), ImageLimits(max_bytes=10)):
            with pytest.raises(UnreadableImage, match="at most"):
                inspect(data, limits)


class TestFinish:
    @pytest.mark.parametrize("format", OutputFormat)
    def test_what_is_already_right_is_kept_byte_for_byte(self, format: OutputFormat) -> None:
        data = plain(format.name)

        picture = finish(data, format=format, image_metadata=None, provenance={})

        assert picture.data == data

    @pytest.mark.parametrize("source", ["PNG", "JPEG", "WEBP", "GIF"])
    @pytest.mark.parametrize("format", OutputFormat)
    def test_any_encoding_becomes_the_one_asked_for(self, source: str, format: OutputFormat) -> None:
        image = finished(plain(source), format)

        assert is_near(image.convert("RGB").getpixel((20, 20)), RED)

    @pytest.mark.parametrize("format", OutputFormat)
    def test_metadata_and_provenance_are_in_the_file(self, format: OutputFormat) -> None:
        picture = finish(plain("PNG"), format=format, image_metadata="馬 🐎", provenance={"Software": "Palio"})

        assert read_metadata(picture.data) == "馬 🐎"
        assert b"Palio" in picture.data

    def test_transparency_becomes_white_in_jpeg_and_stays_elsewhere(self) -> None:
        image = Image.new("RGBA", (32, 32), (*RED, 255))
        image.paste((0, 0, 0, 0), (0, 0, 16, 32))
        data = encoded(image, "PNG")

        jpeg, webp = finished(data, OutputFormat.jpeg), finished(data, OutputFormat.webp)

        assert is_near(jpeg.getpixel((4, 16)), WHITE)
        assert is_near(jpeg.getpixel((28, 16)), RED)
        assert webp.convert("RGBA").getpixel((4, 16))[3] == 0  # type: ignore[index]

    def test_a_palette_with_a_transparent_entry_is_flattened_too(self) -> None:
        image = Image.new("P", (16, 16), 0)
        image.putpalette([0, 0, 0, *RED])
        data = encoded(image, "PNG", transparency=0)

        assert is_near(finished(data, OutputFormat.jpeg).getpixel((8, 8)), WHITE)

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
    def test_odd_pixel_formats_become_ordinary_ones(self, mode: str) -> None:
        expected = Image.new("RGB", (8, 8), RED).convert(mode).convert("RGB").getpixel((4, 4))
        assert isinstance(expected, tuple)

        for format in (OutputFormat.jpeg, OutputFormat.webp):
            image = finished(plain("PNG", mode), format)
            if mode != "1":  # dithered
                assert is_near(image.convert("RGB").getpixel((20, 20)), expected[:3])  # type: ignore[arg-type]

    def test_sixteen_bits_are_scaled_and_not_clipped(self) -> None:
        data = encoded(Image.new("I;16", (16, 16), 0x4000), "PNG")

        assert finished(data, OutputFormat.jpeg).getpixel((8, 8)) == 0x40
        assert finish(data, format=OutputFormat.png, image_metadata=None, provenance={}).data == data

    def test_cmyk_becomes_rgb(self) -> None:
        data = encoded(Image.new("RGB", (16, 16), RED).convert("CMYK"), "JPEG", icc_profile=b"cmyk")

        image = finished(data, OutputFormat.jpeg)

        assert image.mode == "RGB"
        assert is_near(image.getpixel((8, 8)), RED)
        assert "icc_profile" not in image.info

    def test_a_colour_profile_survives_a_change_of_encoding(self) -> None:
        data = encoded(Image.new("RGBA", (16, 16), RED), "PNG", icc_profile=b"profile")

        assert finished(data, OutputFormat.jpeg).info["icc_profile"] == b"profile"

    def test_orientation_is_applied(self) -> None:
        # Given a picture stored on its side: its left half is red
        image = Image.new("RGB", (64, 32), WHITE)
        image.paste(RED, (0, 0, 32, 32))
        exif = Image.Exif()
        exif[0x0112] = 6
        data = encoded(image, "JPEG", exif=exif)

        upright = finished(data, OutputFormat.jpeg)

        assert upright.size == (32, 64)
        assert is_near(upright.getpixel((16, 8)), RED)
        assert is_near(upright.getpixel((16, 56)), WHITE)
        assert upright.getexif().get(0x0112, 1) == 1

    @pytest.mark.parametrize("encoding", ["PNG", "WEBP"])
    def test_broken_exif_is_no_reason_to_refuse(self, encoding: str) -> None:
        data = encoded(Image.new("RGB", (16, 16), RED), encoding, exif=b"Exif\0\0XX\xff\xff\xff\xff")

        assert finished(data, OutputFormat.jpeg).size == (16, 16)


class TestAsInput:
    @pytest.mark.parametrize("encoding", ["PNG", "JPEG", "WEBP"])
    def test_ordinary_images_are_passed_on_as_they_are(self, encoding: str) -> None:
        picture = as_input(plain(encoding))

        assert picture.data == plain(encoding)
        assert (picture.format.name.upper(), picture.width, picture.height) == (encoding, 64, 48)

    def test_gif_becomes_png_and_a_turned_photo_upright(self) -> None:
        exif = Image.Exif()
        exif[0x0112] = 8
        photo = encoded(Image.new("RGB", (64, 32), RED), "JPEG", exif=exif)

        assert inspect(as_input(plain("GIF")).data).format is OutputFormat.png
        assert (as_input(photo).width, as_input(photo).height) == (32, 64)
        assert inspect(as_input(photo).data).width == 32


class TestPreview:
    @pytest.mark.parametrize(
        ("size", "expected"), [((1800, 900), (450, 225)), ((90, 1800), (22, 450)), ((64, 64), (64, 64))]
    )
    @pytest.mark.parametrize("encoding", ["PNG", "JPEG", "WEBP"])
    def test_it_is_a_jpeg_within_450_pixels_and_never_enlarged(
        self, encoding: str, size: tuple[int, int], expected: tuple[int, int]
    ) -> None:
        facts = inspect(preview(plain(encoding, size=size)))

        assert facts.format is OutputFormat.jpeg
        assert abs(facts.width - expected[0]) <= 1
        assert abs(facts.height - expected[1]) <= 1

    def test_what_shines_through_is_white(self) -> None:
        data = encoded(Image.new("RGBA", (900, 900), (0, 0, 0, 0)), "PNG")

        assert is_near(Image.open(io.BytesIO(preview(data))).getpixel((200, 200)), WHITE)
