"""Signed URLs: whoever holds one may read one blob, or upload for one account, until it expires.

    {base}/v2/consumer/blobs/{blobId}?sig={signature}&exp={instant}[&preview=true]
    {base}/v2/consumer/blobs?account={account}&sig={signature}&exp={instant}

Signatures are HMAC-SHA256 in base64url, compared in constant time. What is signed begins with its purpose, so
that no signature is good for anything else.
"""

import binascii
import hmac
import math
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, quote, urlsplit

from palio.blobs.names import is_blob_id
from palio.errors import BadRequest, Forbidden, SetupError

UPLOAD_LIFETIME = timedelta(minutes=15)
"""How long an upload URL is good for."""

_PATH = "/v2/consumer/blobs"
_MAX_URL = 2048
_TOKEN = re.compile(r"[A-Za-z0-9_-]{24,128}")
_TOKEN_MAC_BYTES = 16
_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_FROM_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Signer:
    """Makes and checks signatures with one key. `lifetime` is how long blob URLs are good for."""

    def __init__(self, key: bytes, lifetime: timedelta) -> None:
        if len(key) < 32:
            raise SetupError("a signing key has at least 32 bytes")
        if not timedelta(seconds=1) <= lifetime <= timedelta(days=36500):
            raise SetupError("signed URLs live between one second and a hundred years")
        # A keyed state to copy: half the price of keying anew for every signature.
        self._keyed = hmac.new(key, digestmod="sha256")
        self._lifetime = math.ceil(lifetime.total_seconds())
        # URLs handed out in the same minute are equal, which lets clients and caches recognise an image. Short
        # lifetimes are kept to the second.
        self._step = 60 if lifetime >= timedelta(hours=1) else 1
        self._latest = (0, _EPOCH, "")

    def url(self, base_url: str, blob_id: str, now: datetime, preview: bool = False) -> tuple[str, datetime]:
        """The URL of a blob or its preview, and when it expires: at least the lifetime from `now`."""
        expires_at, exp = self._expiry(now)
        signature = self._signature(_blob_claim(blob_id, exp, preview))
        suffix = "&preview=true" if preview else ""
        return f"{base_url.rstrip('/')}{_PATH}/{blob_id}?sig={signature}&exp={exp}{suffix}", expires_at

    def check(self, blob_id: str, sig: str, exp: str, preview: bool, now: datetime) -> None:
        """Raises Forbidden unless `sig` is ours for exactly this blob, expiry and rendition, and not expired."""
        self._check(_blob_claim(blob_id, exp, preview), sig, exp, now)

    def own_blob(self, url: str, now: datetime) -> tuple[str, bool] | None:
        """The blob id that a valid URL of ours names, and whether it means the preview; None for other URLs.

        The host is not looked at: behind proxies a server has many names, and a good signature is proof enough.
        """
        # An image reference may just as well be megabytes of Base64, which urlsplit would also keep in its cache.
        if len(url) > _MAX_URL:
            return None
        try:
            parts = urlsplit(url)
            query = parse_qs(parts.query, max_num_fields=8)
        except ValueError:
            return None
        head, _, blob_id = parts.path.rpartition("/")
        if not head.endswith(_PATH) or not is_blob_id(blob_id):
            return None
        preview = query.get("preview") == ["true"]
        try:
            self.check(blob_id, query.get("sig", [""])[0], query.get("exp", [""])[0], preview, now)
        except Forbidden:
            return None
        return blob_id, preview

    def content_token(self, blob_id: str, preview: bool) -> str:
        """A token for the cacheable content URL; the same for the same blob for as long as the key is."""
        claim = f"{'P' if preview else 'O'}{blob_id}".encode()
        return _url_safe(claim + self._mac(b"content\n" + claim)[:_TOKEN_MAC_BYTES])

    def read_content_token(self, token: str) -> tuple[str, bool]:
        """The blob id and whether its preview is meant. Raises BadRequest for tokens that are not ours."""
        # Decoded as far as it can be, then made again and compared: only what we would write ourselves passes.
        if _TOKEN.fullmatch(token) and len(token) % 4 != 1:
            claim = binascii.a2b_base64(token.encode().translate(_FROM_URL_SAFE) + b"==")[:-_TOKEN_MAC_BYTES]
            rendition, blob_id = claim[:1], claim[1:].decode("ascii", "replace")
            if is_blob_id(blob_id):
                expected = self.content_token(blob_id, rendition == b"P")
                if hmac.compare_digest(expected.encode(), token.encode()):
                    return blob_id, rendition == b"P"
        raise BadRequest.at("token", "is not a content token of this server")

    def upload_url(self, base_url: str, account: str, now: datetime) -> tuple[str, datetime]:
        """A URL to which one account's file may be posted without its bearer token, and when it expires."""
        expires_at = (now + UPLOAD_LIFETIME).replace(microsecond=0)
        exp = _instant(expires_at)
        signature = self._signature(_upload_claim(account, exp))
        query = f"account={quote(account, safe='')}&sig={signature}&exp={exp}"
        return f"{base_url.rstrip('/')}{_PATH}?{query}", expires_at

    def check_upload(self, account: str, sig: str, exp: str, now: datetime) -> None:
        """Raises Forbidden unless `sig` lets this account upload now."""
        self._check(_upload_claim(account, exp), sig, exp, now)

    def _check(self, claim: str, sig: str, exp: str, now: datetime) -> None:
        expected = self._signature(claim)
        if not hmac.compare_digest(expected.encode(), sig.encode("utf-8", "replace")):
            raise Forbidden("the signature of this URL is not valid")
        # A good signature means that we wrote `exp` ourselves.
        if datetime.fromisoformat(exp) <= now:
            raise Forbidden(f"this URL expired at {exp}; ask for a new one")

    def _signature(self, claim: str) -> str:
        return _url_safe(self._mac(claim.encode("utf-8", "replace")))

    def _mac(self, claim: bytes) -> bytes:
        mac = self._keyed.copy()
        mac.update(claim)
        return mac.digest()

    def _expiry(self, now: datetime) -> tuple[datetime, str]:
        step = math.ceil(now.timestamp() / self._step)
        latest = self._latest
        if latest[0] != step:
            expires_at = _EPOCH + timedelta(seconds=step * self._step + self._lifetime)
            self._latest = latest = (step, expires_at, _instant(expires_at))
        return latest[1], latest[2]


def _blob_claim(blob_id: str, exp: str, preview: bool) -> str:
    return f"{'preview' if preview else 'blob'}\n{blob_id}\n{exp}"


def _upload_claim(account: str, exp: str) -> str:
    return f"upload\n{account}\n{exp}"


def _instant(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _url_safe(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL_SAFE).rstrip(b"=").decode()
