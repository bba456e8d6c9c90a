"""Everything below /v2/consumer/blobs."""

import io
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from PIL import Image

from palio.blobs.keys import load_or_create_key
from palio.blobs.signing import Signer

BLOBS = "/v2/consumer/blobs"


@pytest.fixture(scope="module")
def blob(api, png):
    """An image that was uploaded; it has no level."""
    return upload(api, png).json()


@pytest.fixture(scope="module")
def drawn(api):
    """An image that was made, larger than a preview; its level is pg."""
    return api.run(api.sdxl(width=1024, height=512))["steps"][0]["output"]["images"][0]


@pytest.fixture(scope="module")
def signer(server):
    """Signs as the server does."""
    return Signer(load_or_create_key(server.data / "signing-key"), timedelta(days=1))


def upload(client, data, label="image/png", url=BLOBS):
    return client.post(url, content=data, headers={"Content-Type": label})


class TestUpload:
    def test_the_raw_bytes_of_an_image_become_a_blob(self, api, png):
        reply = upload(api, png)

        assert reply.status_code == 201
        blob = reply.json()
        assert blob["type"] == "image"
        assert blob["available"] is True
        assert (blob["width"], blob["height"]) == (96, 64)
        assert api.get(blob["url"], follow_redirects=True).content == png

    def test_a_label_may_be_missing_or_wrong(self, api, png):
        for label in ("application/octet-stream", "image/jpeg", "IMAGE/PNG; x=y"):
            assert upload(api, png, label).json()["id"].endswith(".png")

    def test_an_upload_url_needs_no_token(self, api, png):
        presigned = api.get(f"{BLOBS}/upload").json()
        assert presigned.keys() == {"uploadUrl", "expiresAt"}

        with api.anonymous() as anyone:
            reply = upload(anyone, png, url=presigned["uploadUrl"])

        assert reply.status_code == 201
        # Then it is the account's that asked for the URL.
        assert api.head(f"{BLOBS}/{reply.json()['id']}").status_code == 204

    @pytest.mark.parametrize("change", ["sig", "account", "exp"])
    def test_an_upload_url_that_was_changed_is_refused(self, api, png, change):
        url = api.get(f"{BLOBS}/upload").json()["uploadUrl"]
        changed = re.sub(rf"{change}=[^&]+", f"{change}=other", url)

        with api.anonymous() as anyone:
            assert upload(anyone, png, url=changed).status_code == 403

    def test_an_upload_url_expires(self, api, png, signer):
        account = parse_qs(urlsplit(api.get(f"{BLOBS}/upload").json()["uploadUrl"]).query)["account"][0]
        url, _ = signer.upload_url(api.url, account, datetime.now(UTC) - timedelta(hours=1))

        with api.anonymous() as anyone:
            assert upload(anyone, png, url=url).status_code == 403

    def test_a_client_that_sends_json_is_told(self, api):
        assert api.post(BLOBS, json={}).status_code == 415

    def test_other_media_are_not_accepted(self, api):
        for label in ("text/plain", "video/mp4", "multipart/form-data; boundary=x", "application/pdf"):
            assert upload(api, b"something", label).status_code == 415

    @pytest.mark.parametrize(
        "data", [b"", b"just text", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\nno more"]
    )
    def test_what_is_no_image_is_refused(self, api, data):
        assert upload(api, data).status_code == 400

    def test_a_cut_off_image_is_refused(self, api, png):
        assert upload(api, png[: len(png) // 2]).status_code == 400

    def test_more_bytes_than_the_server_reads_are_refused(self, api):
        assert upload(api, bytes(21 * 1024 * 1024)).status_code == 413

    def test_without_a_token_nothing_is_kept(self, api, png):
        with api.anonymous() as anyone:
            assert upload(anyone, png).status_code == 401
            assert anyone.get(f"{BLOBS}/upload").status_code == 401


class TestGet:
    def test_it_leads_to_the_bytes(self, api, blob, png):
        reply = api.get(f"{BLOBS}/{blob['id']}")

        assert (reply.status_code, reply.content) == (308, b"")
        with api.anonymous() as anyone:
            content = anyone.get(reply.headers["Location"])
        assert content.content == png
        assert content.headers["Content-Type"] == "image/png"
        assert content.headers["Content-Disposition"] == "inline"
        assert "immutable" in content.headers["Cache-Control"]

    def test_a_signed_url_needs_no_token_and_is_found_in_the_same_place_every_time(self, api, blob):
        with api.anonymous() as anyone:
            places = {anyone.get(blob["url"]).headers["Location"] for _ in range(3)}

        assert len(places) == 1

    def test_a_preview_is_smaller(self, api, drawn):
        image, preview = (api.get(drawn[name], follow_redirects=True).content for name in ("url", "previewUrl"))

        assert len(preview) < len(image)
        assert max(Image.open(io.BytesIO(preview)).size) == 450

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (r"sig=[^&]+", "sig="),
            (r"sig=..", "sig=AA"),
            (r"sig=[^&]+", "sig=%00"),
            (r"sig=[^&]+", "sig=%F0%9F%90%8E"),
            (r"exp=[^&]+", "exp=2999-01-01T00:00:00Z"),
            (r"exp=[^&]+", ""),
            (r"$", "&preview=true"),
        ],
    )
    def test_a_changed_url_is_refused(self, api, blob, old, new):
        url = re.sub(old, new, blob["url"])

        with api.anonymous() as anyone:
            assert anyone.get(url).status_code in (400, 403)
            assert anyone.head(url).status_code in (400, 403)

    def test_a_signature_is_for_one_blob(self, api, blob, drawn):
        with api.anonymous() as anyone:
            assert anyone.get(blob["url"].replace(blob["id"], drawn["id"])).status_code == 403

    def test_an_expired_url_is_refused_and_refreshed(self, api, blob, signer):
        url, _ = signer.url(api.url, blob["id"], datetime.now(UTC) - timedelta(days=2))

        with api.anonymous() as anyone:
            assert anyone.get(url).status_code == 403
            refreshed = api.post(f"{BLOBS}/{blob['id']}/refresh")
            assert refreshed.status_code == 200
            assert refreshed.json()["id"] == blob["id"]
            assert anyone.get(refreshed.json()["url"]).status_code == 308

    def test_of_others_and_unknown_blobs_there_is_nothing(self, api, stranger, blob):
        unknown = "AAAAAAAAAAAAAAAAAAAAAAAAAA.png"
        for client, name in ((stranger, blob["id"]), (api, unknown), (api, "x"), (api, "%00"), (api, "..%2Fkey")):
            assert client.get(f"{BLOBS}/{name}").status_code == 404
            assert client.head(f"{BLOBS}/{name}").status_code == 404
            assert client.post(f"{BLOBS}/{name}/refresh").status_code == 404

    def test_without_token_and_signature_it_is_not_shown(self, api, blob):
        with api.anonymous() as anyone:
            assert anyone.get(f"{BLOBS}/{blob['id']}").status_code == 401
            assert anyone.head(f"{BLOBS}/{blob['id']}").status_code == 401
            assert anyone.post(f"{BLOBS}/{blob['id']}/refresh").status_code == 401


class TestLevel:
    def test_it_is_told_in_a_header(self, api, drawn):
        for method in ("GET", "HEAD"):
            assert api.http.request(method, drawn["url"]).headers["X-NSFW-Level"] == "pg"

    def test_a_level_at_most_lets_lower_ones_through(self, api, drawn):
        for highest, status in {"pg": 308, "PG13": 308, "xxx": 308, "na": 403}.items():
            assert api.get(drawn["url"], params={"nsfwLevel": highest}).status_code in (status, 308)
            url = f"{drawn['url']}&nsfwLevel={highest}"
            assert api.get(url).status_code == status
            assert api.head(url).status_code == (204 if status == 308 else status)

    def test_a_blob_without_a_level_is_not_known_to_be_below_any(self, api, blob):
        assert "X-NSFW-Level" not in api.get(blob["url"]).headers
        assert api.get(f"{blob['url']}&nsfwLevel=xxx").status_code == 403

    def test_other_words_are_no_levels(self, api, blob):
        assert "nsfwLevel" in api.errors(api.get(f"{blob['url']}&nsfwLevel=7"))


class TestHead:
    def test_there_is_204_and_no_body(self, api, blob):
        reply = api.head(blob["url"])

        assert (reply.status_code, reply.content) == (204, b"")

    def test_before_the_blob_is_made_it_is_not_there(self, api):
        workflow = api.start(api.slow())
        (expected,) = workflow["steps"][0]["output"]["images"]

        assert api.head(expected["url"]).status_code == 404
        assert api.get(expected["url"]).status_code == 404
        api.delete(f"/v2/consumer/workflows/{workflow['id']}")


class TestContent:
    @pytest.fixture
    def place(self, api, blob):
        """The content URL of a blob."""
        return api.get(blob["url"]).headers["Location"]

    def test_what_the_caller_has_is_not_sent_again(self, api, place):
        tag = api.get(place).headers["ETag"]

        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            reply = api.get(place, headers={"If-None-Match": known})
            assert (reply.status_code, reply.content) == (304, b"")
            assert reply.headers["ETag"] == tag
        assert api.get(place, headers={"If-None-Match": '"other"'}).status_code == 200

    def test_a_changed_token_is_refused(self, api, place):
        base, _, token = place.rpartition("/")
        changed = [token[:-1] + ("A" if token[-1] != "A" else "B"), token[:20], token + "A", "x", "%00", "%F0%9F%90%8E"]

        with api.anonymous() as anyone:
            for other in changed:
                assert anyone.get(f"{base}/{other}").status_code in ((404,) if other == "%00" else (400,)), other

    @pytest.mark.parametrize(
        ("asked", "given"),
        [
            ("cat.png", "cat.png"),
            ("my cat ü 🐎.png", "my cat ü 🐎.png"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Windows\\cat.png", "cat.png"),
            ('a"b\r\nSet-Cookie: x=1;\t\x7f.png', 'a"bSet-Cookie: x=1;.png'),
            (".bashrc", "bashrc"),
            ("cat\u202egnp.exe", "catgnp.exe"),
            ("x" * 5000, "x" * 200),
        ],
    )
    def test_the_name_to_save_it_under_is_made_harmless(self, api, blob, asked, given):
        reply = api.get(f"{blob['url']}&download=true&filename={quote(asked, safe='')}", follow_redirects=True)

        assert reply.status_code == 200
        kind, _, name = reply.headers["Content-Disposition"].partition("; filename*=UTF-8''")
        assert kind == "attachment"
        assert unquote(name) == given
        assert "Set-Cookie" not in reply.headers

    @pytest.mark.parametrize("asked", ["", "..", "/", "a/", "\r\n"])
    def test_a_name_of_which_nothing_is_left_is_no_name(self, api, blob, asked):
        reply = api.get(f"{blob['url']}&filename={quote(asked, safe='')}", follow_redirects=True)

        assert reply.headers["Content-Disposition"] == "inline"


def test_blobs_of_a_deleted_workflow_are_not_handed_out_by_it(api):
    workflow = api.run(api.image())
    api.delete(f"/v2/consumer/workflows/{workflow['id']}")

    assert api.get(f"/v2/consumer/workflows/{workflow['id']}").status_code == 404
