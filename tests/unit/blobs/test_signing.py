import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from palio.blobs.signing import UPLOAD_LIFETIME, Signer
from palio.errors import BadRequest, Forbidden, SetupError

NOW = datetime(2026, 1, 31, 10, 0, 30, 500_000, tzinfo=UTC)
LIFETIME = timedelta(days=30)
BASE = "http://127.0.0.1:8080"
BLOB = "MZXW6YTBOI4TQNJSGY3TQOJQGE.jpeg"
OTHER = "NZXW6YTBOI4TQNJSGY3TQOJQGE.jpeg"


@pytest.fixture
def signer() -> Signer:
    return Signer(bytes(range(32)), LIFETIME)


def signature_and_expiry(url: str) -> tuple[str, str]:
    query = parse_qs(urlsplit(url).query)
    return query["sig"][0], query["exp"][0]


def test_a_url_names_the_blob_its_signature_and_its_expiry(signer: Signer) -> None:
    url, expires_at = signer.url(BASE, BLOB, NOW)

    sig, exp = signature_and_expiry(url)
    assert url == f"{BASE}/v2/consumer/blobs/{BLOB}?sig={sig}&exp={exp}"
    assert exp == "2026-03-02T10:01:00Z"
    assert datetime.fromisoformat(exp) == expires_at >= NOW + LIFETIME
    signer.check(BLOB, sig, exp, False, NOW)


def test_a_trailing_slash_of_the_base_url_is_dropped(signer: Signer) -> None:
    assert signer.url(BASE + "/", BLOB, NOW) == signer.url(BASE, BLOB, NOW)


def test_urls_handed_out_in_the_same_minute_are_equal(signer: Signer) -> None:
    at = datetime(2026, 1, 31, 10, 0, 1, tzinfo=UTC)

    assert signer.url(BASE, BLOB, at) == signer.url(BASE, BLOB, at + timedelta(seconds=58))
    assert signer.url(BASE, BLOB, at) != signer.url(BASE, BLOB, at + timedelta(seconds=60))


def test_short_lifetimes_are_kept_to_the_second() -> None:
    signer = Signer(bytes(32), timedelta(seconds=2))

    _, expires_at = signer.url(BASE, BLOB, NOW)

    assert expires_at == datetime(2026, 1, 31, 10, 0, 33, tzinfo=UTC)


def test_a_preview_has_a_signature_of_its_own(signer: Signer) -> None:
    url, _ = signer.url(BASE, BLOB, NOW, preview=True)
    sig, exp = signature_and_expiry(url)

    assert url.endswith("&preview=true")
    signer.check(BLOB, sig, exp, True, NOW)
    with pytest.raises(Forbidden):
        signer.check(BLOB, sig, exp, False, NOW)


@pytest.mark.parametrize("part", ["blob", "signature", "expiry", "rendition", "key"])
def test_changing_any_part_makes_a_signature_invalid(signer: Signer, part: str) -> None:
    sig, exp = signature_and_expiry(signer.url(BASE, BLOB, NOW)[0])
    flipped = ("B" if sig[0] == "A" else "A") + sig[1:]
    checker = Signer(bytes(range(1, 33)), LIFETIME) if part == "key" else signer

    with pytest.raises(Forbidden, match="signature"):
        checker.check(
            OTHER if part == "blob" else BLOB,
            flipped if part == "signature" else sig,
            exp.replace("2026", "2027") if part == "expiry" else exp,
            part == "rendition",
            NOW,
        )


@pytest.mark.parametrize("sig", ["", "=", "é", "\udcff", "A" * 43, "A" * 10_000])
@pytest.mark.parametrize("exp", ["", "tomorrow", "2026-03-02T10:01:00Z\n", "\udcff", "9" * 10_000])
def test_nonsense_is_forbidden_like_anything_else_unsigned(signer: Signer, sig: str, exp: str) -> None:
    with pytest.raises(Forbidden, match="signature"):
        signer.check(BLOB, sig, exp, False, NOW)


def test_a_url_ends_when_it_expires(signer: Signer) -> None:
    url, expires_at = signer.url(BASE, BLOB, NOW)
    sig, exp = signature_and_expiry(url)

    signer.check(BLOB, sig, exp, False, expires_at - timedelta(seconds=1))
    with pytest.raises(Forbidden, match=f"expired at {exp}"):
        signer.check(BLOB, sig, exp, False, expires_at)


def test_signatures_are_compared_in_constant_time(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[object, object]] = []
    compare = hmac.compare_digest

    def recorded(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return compare(a, b)

    monkeypatch.setattr(hmac, "compare_digest", recorded)
    sig, exp = signature_and_expiry(signer.url(BASE, BLOB, NOW)[0])

    signer.check(BLOB, sig, exp, False, NOW)
    signer.read_content_token(signer.content_token(BLOB, False))

    assert len(compared) == 2


@pytest.mark.parametrize("extension", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("preview", [False, True])
def test_a_content_token_leads_back_to_its_blob(signer: Signer, extension: str, preview: bool) -> None:
    blob_id = f"{BLOB[:26]}.{extension}"

    token = signer.content_token(blob_id, preview)

    assert token == signer.content_token(blob_id, preview)
    assert token.replace("-", "").replace("_", "").isalnum()
    assert signer.read_content_token(token) == (blob_id, preview)


def test_content_tokens_cannot_be_made_up(signer: Signer) -> None:
    token = signer.content_token(BLOB, False)
    # Every single character counts, the last one included.
    changed = [token[:i] + ("A" if token[i] != "A" else "B") + token[i + 1 :] for i in range(len(token))]
    png = signer.content_token(f"{BLOB[:26]}.png", False)
    loose_bits = png[:-1] + chr(ord(png[-1]) + 1)
    strangers = Signer(bytes(32), LIFETIME).content_token(BLOB, False)
    nonsense = ["", "x", token[:-1], token + "A", token + "=", "A" * 65, "A" * 64, "é" * 64, "A" * 10_000, " " + token]

    for bad in [*changed, loose_bits, strangers, *nonsense]:
        with pytest.raises(BadRequest, match="token"):
            signer.read_content_token(bad)


def test_own_urls_are_recognised_whatever_the_host(signer: Signer) -> None:
    url, expires_at = signer.url("https://palio.example/behind/a/proxy", BLOB, NOW)
    preview, _ = signer.url(BASE, BLOB, NOW, preview=True)

    assert signer.own_blob(url, NOW) == (BLOB, False)
    assert signer.own_blob(preview, NOW) == (BLOB, True)
    assert signer.own_blob(url, expires_at) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/cat.png",
        f"{BASE}/v2/consumer/blobs/{BLOB}",
        f"{BASE}/v2/consumer/blobs/{BLOB}?sig=AAAA&exp=2027-01-01T00:00:00Z",
        f"{BASE}/v2/consumer/blobs/../secrets?sig=AAAA&exp=2027-01-01T00:00:00Z",
        "http://[::1/v2/consumer/blobs/",
        f"{BASE}/v2/consumer/blobs/{BLOB}?" + "a=1&" * 100,
        "",
        "iVBORw0KGgo=",
        "A" * 1_000_000,
    ],
    ids=lambda url: url[:40],
)
def test_other_references_are_not_our_blobs(signer: Signer, url: str) -> None:
    assert signer.own_blob(url, NOW) is None


def test_an_upload_url_is_good_for_one_account_and_a_short_time(signer: Signer) -> None:
    url, expires_at = signer.upload_url(BASE, "acc/1", NOW)
    sig, exp = signature_and_expiry(url)

    assert url.startswith(f"{BASE}/v2/consumer/blobs?account=acc%2F1&sig=")
    assert NOW < expires_at <= NOW + UPLOAD_LIFETIME
    signer.check_upload("acc/1", sig, exp, NOW)
    with pytest.raises(Forbidden, match="signature"):
        signer.check_upload("acc/2", sig, exp, NOW)
    with pytest.raises(Forbidden, match="expired"):
        signer.check_upload("acc/1", sig, exp, expires_at)


def test_a_weak_key_or_an_odd_lifetime_is_a_setup_error() -> None:
    with pytest.raises(SetupError, match="32 bytes"):
        Signer(b"secret", LIFETIME)
    with pytest.raises(SetupError, match="one second"):
        Signer(bytes(32), timedelta(0))
