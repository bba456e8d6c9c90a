"""The operations on blobs: where an image is, that it is there, its bytes, and keeping it longer."""

import re
from datetime import timedelta
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response

from palio.blobs.images import UnreadableImage
from palio.blobs.service import Blobs
from palio.contract.document import Blob, UploadUrl
from palio.contract.instant import now
from palio.contract.query import read_flag
from palio.engine.reading import LEVELS
from palio.errors import BadRequest, Forbidden, NotFound, Unsupported
from palio.store.files import Files, KeptFile
from palio.surfaces.rest.accounts import Accounts
from palio.surfaces.rest.operation import Access, Operation, Parameter, Reply, schema
from palio.surfaces.rest.replies import json_reply, no_content
from palio.surfaces.rest.requests import base_url, read_body

BLOBS = "/v2/consumer/blobs"
FOREVER = "public, max-age=31536000, immutable"
MAX_FILE_NAME = 200


class BlobOperations:
    """Handlers for everything below /v2/consumer/blobs."""

    def __init__(
        self,
        files: Files,
        blobs: Blobs,
        accounts: Accounts,
        public_url: str | None,
        retention: timedelta,
        max_upload: int,
    ) -> None:
        self._files = files
        self._blobs = blobs
        self._accounts = accounts
        self._public_url = public_url
        self._retention = retention
        self._max_upload = max_upload

    async def upload(self, request: Request) -> Response:
        account = await self._uploader(request)
        declared = request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()
        if not declared.startswith("image/") and declared != "application/octet-stream":
            raise Unsupported(f"the body is {declared}; send the bytes of an image, labelled image/...")
        data = await read_body(request, self._max_upload)
        try:
            blob_id, kept = await self._blobs.add(data)
        except UnreadableImage as error:
            raise BadRequest.at("", f"the body is not an image that can be used: {error}") from None
        at = now()
        file = KeptFile(
            id=blob_id,
            account=account,
            media_type=kept.media_type,
            size=kept.size,
            created_at=at,
            expires_at=at + self._retention,
            width=kept.width,
            height=kept.height,
            data=kept.data,
        )
        await self._files.keep(file, kept.sync)
        return json_reply(self._document(request, file), 201)

    async def upload_url(self, request: Request) -> Response:
        account = await self._accounts.of(request)
        url, expires_at = self._blobs.signer.upload_url(base_url(request, self._public_url), account, now())
        return json_reply(UploadUrl(upload_url=url, expires_at=expires_at))

    async def get(self, request: Request) -> Response:
        file = await self._authorised(request)
        _check_level(request, file)
        read_flag("download", request.query_params.get("download"), False)
        token = self._blobs.signer.content_token(file.id, _is_preview(request))
        passed_on = {
            name: request.query_params[name] for name in ("filename", "download") if name in request.query_params
        }
        location = f"{base_url(request, self._public_url)}{BLOBS}/content/{token}"
        headers = {"Location": f"{location}?{urlencode(passed_on)}" if passed_on else location, **_level_header(file)}
        return Response(status_code=308, headers=headers)

    async def head(self, request: Request) -> Response:
        file = await self._authorised(request)
        _check_level(request, file)
        return no_content({**_level_header(file), "Content-Type": file.media_type})

    async def refresh(self, request: Request) -> Response:
        account = await self._accounts.of(request)
        file = await self._owned(request, account)
        await self._files.prolong(file.id, now() + self._retention)
        return json_reply(self._document(request, file))

    async def content(self, request: Request) -> Response:
        blob_id, preview = self._blobs.signer.read_content_token(request.path_params["encryptedToken"])
        name = request.query_params.get("filename")
        download = read_flag("download", request.query_params.get("download"), False)
        headers = {
            "Cache-Control": FOREVER,
            "ETag": f'"{request.path_params["encryptedToken"]}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": _disposition(name, download),
        }
        if _is_known(request.headers.get("if-none-match", ""), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        content = await self._blobs.read(blob_id, preview=preview)
        if content is None:
            raise NotFound(f"there is no blob {blob_id!r} any more")
        return Response(content.data, 200, headers, content.media_type)

    def operations(self) -> tuple[Operation, ...]:
        """The routes; reserved words come before ids, and HEAD before GET, which would answer it too."""
        blob = BLOBS + "/{blobId}"
        level = {"X-NSFW-Level": "The blob's level, if it has one."}
        return (
            Operation(
                "POST",
                BLOBS,
                "uploadConsumerBlob",
                "Upload an image",
                self.upload,
                "Blobs",
                {201: Reply("The blob.", schema("Blob"))},
                (*_SIGNATURE, _ACCOUNT),
                {"type": "string", "format": "binary"},
                "image/*",
                Access.signed,
            ),
            Operation(
                "GET",
                BLOBS + "/upload",
                "getConsumerBlobUploadUrl",
                "A URL to upload to without a token",
                self.upload_url,
                "Blobs",
                {200: Reply("The URL.", schema("UploadUrl"))},
            ),
            Operation(
                "GET",
                BLOBS + "/content/{encryptedToken}",
                "getBlobContent",
                "The bytes of a blob",
                self.content,
                "Blobs",
                {
                    200: Reply("The bytes.", {"type": "string", "format": "binary"}, "image/*"),
                    304: Reply("The bytes are those that the caller has."),
                },
                _NAMING,
                access=Access.anyone,
            ),
            Operation(
                "HEAD",
                blob,
                "headBlob",
                "Whether a blob is there",
                self.head,
                "Blobs",
                {204: Reply("It is.", headers=level)},
                (*_SIGNATURE, _PREVIEW, _LEVEL),
                access=Access.signed,
            ),
            Operation(
                "GET",
                blob,
                "getBlob",
                "Where a blob's bytes are",
                self.get,
                "Blobs",
                {308: Reply("See `Location`.", headers={"Location": "A URL that can be cached for ever.", **level})},
                (*_SIGNATURE, _PREVIEW, _LEVEL, *_NAMING),
                access=Access.signed,
            ),
            Operation(
                "POST",
                blob + "/refresh",
                "refreshBlob",
                "A new URL for a blob, and a new lifetime",
                self.refresh,
                "Blobs",
                {200: Reply("The blob.", schema("Blob"))},
            ),
        )

    async def _uploader(self, request: Request) -> str:
        query = request.query_params
        if "sig" not in query:
            return await self._accounts.of(request)
        account = query.get("account", "")
        self._blobs.signer.check_upload(account, query["sig"], query.get("exp", ""), now())
        return account

    async def _authorised(self, request: Request) -> KeptFile:
        """The file of a signed URL, or one of the caller's own."""
        query, preview = request.query_params, _is_preview(request)
        if "sig" in query:
            blob_id = request.path_params["blobId"]
            self._blobs.signer.check(blob_id, query["sig"], query.get("exp", ""), preview, now())
            file = await self._files.load(blob_id)
            if file is None:
                raise NotFound(f"the blob {blob_id!r} is not there yet, or no more")
            return file
        return await self._owned(request, await self._accounts.of(request))

    async def _owned(self, request: Request, account: str) -> KeptFile:
        blob_id = request.path_params["blobId"]
        file = await self._files.load(blob_id)
        if file is None or file.account != account:
            raise NotFound(f"there is no blob {blob_id!r}")
        return file

    def _document(self, request: Request, file: KeptFile) -> Blob:
        base, at = base_url(request, self._public_url), now()
        url, url_expires_at = self._blobs.url(base, file.id, at)
        preview_url, preview_url_expires_at = self._blobs.url(base, file.id, at, preview=True)
        return Blob(
            type="image",
            id=file.id,
            available=True,
            url=url,
            url_expires_at=url_expires_at,
            job_id=file.job_id,
            nsfw_level=file.nsfw_level,
            width=file.width,
            height=file.height,
            preview_url=preview_url,
            preview_url_expires_at=preview_url_expires_at,
        )


def _is_preview(request: Request) -> bool:
    return read_flag("preview", request.query_params.get("preview"), False)


def _check_level(request: Request, file: KeptFile) -> None:
    """`nsfwLevel` is the highest level the caller accepts; a blob without one is not known to be below it."""
    highest = request.query_params.get("nsfwLevel")
    if highest is None:
        return
    if highest.lower() not in LEVELS:
        raise BadRequest.at("nsfwLevel", f"must be one of {', '.join(LEVELS)}")
    if file.nsfw_level is None or LEVELS.index(file.nsfw_level) > LEVELS.index(highest.lower()):
        raise Forbidden(f"the blob's level is {file.nsfw_level or 'unknown'}, above {highest.lower()}")


def _level_header(file: KeptFile) -> dict[str, str]:
    return {"X-NSFW-Level": file.nsfw_level} if file.nsfw_level is not None else {}


def _is_known(known: str, tag: str) -> bool:
    """Whether `If-None-Match` names this content, which a client or a proxy may call weak."""
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in known.split(","))


def _disposition(name: str | None, download: bool) -> str:
    kind = "attachment" if download else "inline"
    bare = re.split(r"[/\\]", name)[-1] if name else ""
    # Dots at the start hide a file or climb a folder.
    bare = "".join(character for character in bare if character.isprintable()).strip(". ")[:MAX_FILE_NAME]
    return f"{kind}; filename*=UTF-8''{quote(bare, safe='')}" if bare else kind


_SIGNATURE = (
    Parameter("sig", {"type": "string"}, "The signature of a signed URL, in place of a bearer token."),
    Parameter("exp", {"type": "string"}, "Until when the signature is good."),
)
_PREVIEW = Parameter("preview", {"type": "boolean", "default": False}, "The preview in place of the image.")
_ACCOUNT = Parameter("account", {"type": "string"}, "Whom a signed upload URL uploads for.")
_LEVEL = Parameter("nsfwLevel", {"type": "string", "enum": list(LEVELS)}, "The highest level the caller accepts.")
_NAMING = (
    Parameter("filename", {"type": "string"}, "The name to save the image under."),
    Parameter("download", {"type": "boolean", "default": False}, "Offer to save the image in place of showing it."),
)
