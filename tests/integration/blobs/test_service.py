import asyncio
import base64
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image

from palio.blobs import service
from palio.blobs.fetch import Fetcher, FetchPolicy
from palio.blobs.images import ImageLimits, UnreadableImage, inspect
from palio.blobs.inputs import BadImage
from palio.blobs.metadata import read_metadata
from palio.blobs.names import new_blob_id
from palio.blobs.objects import ObjectStore
from palio.blobs.service import Blobs, Kept
from palio.blobs.signing import Signer
from palio.contract.image.job import OutputFormat
from palio.errors import TooBusy

LIMITS = ImageLimits(max_input_bytes=100_000)


class RecordedBlobs(Blobs):
    """Blobs whose small files lie in a dict, as they otherwise do in the database."""

    def __init__(self, objects: ObjectStore, fetcher: Fetcher) -> None:
        self.records: dict[str, bytes] = {}
        super().__init__(objects, self._record, Signer(bytes(32), timedelta(days=1)), LIMITS, fetcher)

    async def _record(self, blob_id: str) -> bytes | None:
        return self.records.get(blob_id)

    async def keep(self, blob_id: str, data: bytes, **finish) -> Kept:
        return self._recorded_as(blob_id, await super().keep(blob_id, data, **finish))

    async def add(self, data: bytes) -> tuple[str, Kept]:
        blob_id, kept = await super().add(data)
        return blob_id, self._recorded_as(blob_id, kept)

    async def delete(self, blob_id: str) -> None:
        self.records.pop(blob_id, None)
        await super().delete(blob_id)

    def _recorded_as(self, blob_id: str, kept: Kept) -> Kept:
        if kept.data is not None:
            self.records[blob_id] = kept.data
        return kept


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return ObjectStore.open(str(tmp_path))


@pytest.fixture
async def blobs(objects: ObjectStore) -> AsyncIterator[Blobs]:
    blobs = RecordedBlobs(objects, Fetcher(FetchPolicy()))
    yield blobs
    await blobs.close()


async def keep(blobs: Blobs, data: bytes, format: OutputFormat = OutputFormat.png) -> str:
    blob_id = new_blob_id(format.extension)
    await blobs.keep(blob_id, data, format=format, image_metadata="text", provenance={"Software": "Palio"})
    return blob_id


class TestKeepAndRead:
    async def test_a_kept_image_can_be_read_in_its_format_with_its_metadata(self, blobs, png):
        blob_id = new_blob_id("webp")

        kept = await blobs.keep(blob_id, png, format=OutputFormat.webp, image_metadata="馬", provenance={})

        content = await blobs.read(blob_id)
        assert content is not None
        assert (content.media_type, len(content.data)) == (kept.media_type, kept.size)
        assert (kept.media_type, kept.width, kept.height) == ("image/webp", 64, 64)
        assert read_metadata(content.data) == "馬"

    async def test_what_is_no_image_is_not_kept(self, blobs, objects):
        blob_id = new_blob_id("png")

        with pytest.raises(UnreadableImage):
            await blobs.keep(blob_id, b"text", format=OutputFormat.png, image_metadata=None, provenance={})

        assert not objects.exists(blob_id)

    async def test_an_id_must_be_of_the_format(self, blobs, png):
        for blob_id in (new_blob_id("jpeg"), "../x.png", "x"):
            with pytest.raises(ValueError, match="not the id"):
                await blobs.keep(blob_id, png, format=OutputFormat.png, image_metadata=None, provenance={})

    async def test_a_preview_is_made_when_first_asked_for_and_goes_with_its_blob(self, blobs, objects):
        image = io.BytesIO()
        Image.new("RGB", (1000, 500)).save(image, "PNG")
        blob_id = await keep(blobs, image.getvalue())

        first, second = await asyncio.gather(*(blobs.read(blob_id, preview=True) for _ in range(2)))

        assert first == second == await blobs.read(blob_id, preview=True)
        assert first.media_type == "image/jpeg"
        assert inspect(first.data).width == 450
        await blobs.delete(blob_id)
        await blobs.delete(blob_id)
        assert await blobs.read(blob_id) is None
        assert await blobs.read(blob_id, preview=True) is None

    @pytest.mark.parametrize("blob_id", ["", "..", "../../etc/passwd", "x" * 1000, "A" * 26 + ".preview.jpeg"])
    async def test_what_is_no_id_names_nothing(self, blobs, blob_id):
        assert await blobs.read(blob_id) is None
        assert await blobs.read(blob_id, preview=True) is None
        await blobs.delete(blob_id)

    async def test_an_upload_gets_an_id_by_what_it_is(self, blobs):
        image = io.BytesIO()
        Image.new("L", (8, 8)).save(image, "GIF")

        blob_id, kept = await blobs.add(image.getvalue())

        assert blob_id.endswith(".png")
        assert (kept.media_type, kept.width) == ("image/png", 8)
        assert await blobs.read(blob_id) is not None

    async def test_too_many_reads_at_once_are_refused_but_results_are_kept(self, blobs, png, monkeypatch):
        monkeypatch.setattr(service, "MAX_WAITING", 0)

        with pytest.raises(TooBusy):
            await blobs.read(new_blob_id("png"))
        await keep(blobs, png)


class TestLoad:
    async def test_base64_in_any_usual_spelling(self, blobs, png):
        encoded = base64.b64encode(png).decode()
        wrapped = "\r\n".join(encoded[i : i + 76] for i in range(0, len(encoded), 76))
        url_safe = base64.urlsafe_b64encode(png).decode().rstrip("=")

        for reference in (
            encoded,
            wrapped,
            url_safe,
            f"data:image/png;base64,{encoded}",
            f"DATA:;BASE64,{encoded}",
            f"data:image/png;charset=x;base64,{quote(encoded)}",
            f"data:image/png,{quote(png)}",
        ):
            assert await blobs.load(reference) == png

    async def test_a_signed_url_of_this_server_needs_no_http(self, blobs, png):
        blob_id = await keep(blobs, png)
        url, _ = blobs.url("https://palio.invalid", blob_id, datetime.now(UTC))
        preview, _ = blobs.url("https://palio.invalid", blob_id, datetime.now(UTC), preview=True)

        content = await blobs.read(blob_id)
        assert content is not None
        assert await blobs.load(url) == content.data
        assert inspect(await blobs.load(preview)).media_type == "image/jpeg"

    async def test_a_signed_url_of_a_blob_that_is_gone_says_so(self, blobs):
        url, _ = blobs.url("https://palio.invalid", new_blob_id("png"), datetime.now(UTC))

        with pytest.raises(BadImage, match="there is no blob"):
            await blobs.load(url)

    async def test_an_http_url_of_a_trusted_host(self, objects, start_server, png):
        server = await start_server(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + png)
        policy = FetchPolicy(trusted_hosts=frozenset([server.host]))
        blobs = RecordedBlobs(objects, Fetcher(policy))

        assert await blobs.load(server.url.replace("http", "HTTP")) == png
        await blobs.close()

    @pytest.mark.parametrize(
        ("reference", "reason"),
        [
            ("", "no bytes"),
            ("data:,", "no bytes"),
            ("data:image/png;base64", "another kind of URL"),
            ("data:text/plain;base64,aGVsbG8=", "not a PNG"),
            ("data:image/png;base64,****", "valid Base64"),
            ("data:image/png;base64,é", "valid Base64"),
            ("aGVsbG8=", "not a PNG"),
            ("not base64!", "valid Base64"),
            ("\ud800", "valid Base64"),
            ("/etc/passwd", "Base64|not a PNG"),
            ("ftp://example.org/cat.png", "another kind of URL"),
            ("urn:air:sdxl:checkpoint:civitai:1@2", "another kind of URL"),
            ("file:///etc/passwd", "another kind of URL"),
            ("http://127.0.0.1/cat.png", "not on the public internet"),
            ("http://", "only http and https"),
            ("A" * 400_000, "larger than 100000 bytes"),
            ("A" * 200_000, "larger than 100000 bytes"),
            ("data:," + "A" * 200_000, "larger than 100000 bytes"),
        ],
        ids=lambda value: value[:24].encode("ascii", "replace").decode(),
    )
    async def test_other_references_say_what_is_wrong(self, blobs, reference, reason):
        with pytest.raises(BadImage, match=reason):
            await blobs.load(reference)
