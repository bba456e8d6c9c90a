"""The operations on workflows, their tags and their steps."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from palio.blobs.signing import Signer
from palio.contract.cost import cost_headers, would_be
from palio.contract.document import Page, Step, Workflow, every_step
from palio.contract.image.friendly import from_friendly
from palio.contract.json import JsonObject
from palio.contract.members import MAX_TAGS
from palio.contract.query import Cursor, read_flag, read_instant, read_status, read_take, read_wait
from palio.engine.outlook import Outlook
from palio.engine.reading import as_read
from palio.engine.service import WorkflowService
from palio.errors import BadRequest, NotFound
from palio.store.workflows import Filter, Stored
from palio.surfaces.rest.accounts import Accounts
from palio.surfaces.rest.operation import Operation, Parameter, Reply, schema
from palio.surfaces.rest.replies import json_reply, no_content
from palio.surfaces.rest.requests import base_url, read_json_body, read_object_body

WORKFLOWS = "/v2/consumer/workflows"
MAX_TEXT_QUERY = 500


class WorkflowOperations:
    """Handlers for everything below /v2/consumer/workflows."""

    def __init__(
        self, service: WorkflowService, signer: Signer, accounts: Accounts, public_url: str | None, max_body: int
    ) -> None:
        self._service = service
        self._signer = signer
        self._accounts = accounts
        self._public_url = public_url
        self._max_body = max_body

    async def submit(self, request: Request) -> Response:
        account = await self._accounts.of(request)
        return await self._submit(request, account, await read_object_body(request, self._max_body))

    async def submit_image(self, request: Request) -> Response:
        account = await self._accounts.of(request)
        body = await read_object_body(request, self._max_body)
        if "steps" not in body:
            body = {"steps": [{"$type": "imageGen", "input": from_friendly(body, "")}]}
            return await self._submit_bare(request, account, body)
        return await self._submit(request, account, body)

    async def query(self, request: Request) -> Response:
        account = await self._accounts.of(request)
        query = request.query_params
        text = query.get("query")
        if text is not None and len(text) > MAX_TEXT_QUERY:
            raise BadRequest.at("query", f"must be at most {MAX_TEXT_QUERY} characters")
        tags = tuple(dict.fromkeys(query.getlist("tags")))
        if len(tags) > MAX_TAGS:
            raise BadRequest.at("tags", f"must be at most {MAX_TAGS} tags, as no workflow has more")
        filter_ = Filter(
            account=account,
            take=read_take(query.get("take")),
            after=Cursor.decode(query["cursor"]) if query.get("cursor") else None,
            ascending=read_flag("ascending", query.get("ascending"), False),
            tags=tags,
            text=text,
            status=read_status(query.get("status")),
            exclude_failed=read_flag("excludeFailed", query.get("excludeFailed"), False),
            since=read_instant("fromDate", query["fromDate"]) if query.get("fromDate") else None,
            until=read_instant("toDate", query["toDate"]) if query.get("toDate") else None,
        )
        hide = read_flag("hideMatureContent", query.get("hideMatureContent"), True)
        found, following = await self._service.query(filter_)
        items = [self._read(request, stored, hide) for stored in found]
        return json_reply(Page(items=items, next=following.encode() if following is not None else None))

    async def get(self, request: Request) -> Response:
        account = await self._accounts.of(request)
        query = request.query_params
        wait = read_wait(query.get("wait"))
        hide = read_flag("hideMatureContent", query.get("hideMatureContent"), False)
        stored = await self._service.get(account, request.path_params["workflowId"], wait=wait)
        return self._reply(request, stored, hide)

    async def update(self, request: Request) -> Response:
        account = await self._accounts.of(request)
        body = await read_object_body(request, self._max_body)
        await self._service.update(account, request.path_params["workflowId"], body)
        return no_content()

    async def patch(self, request: Request) -> Response:
        account = await self._accounts.of(request)
        patch = await read_json_body(request, self._max_body)
        await self._service.patch(account, request.path_params["workflowId"], patch)
        return no_content()

    async def delete(self, request: Request) -> Response:
        account = await self._accounts.of(request)
        await self._service.delete(account, request.path_params["workflowId"])
        return no_content()

    async def add_tag(self, request: Request) -> Response:
        account = await self._accounts.of(request)
        tag = await read_json_body(request, self._max_body)
        if not isinstance(tag, str):
            raise BadRequest.at("tag", 'the body must be a JSON string, such as "portrait"')
        await self._service.add_tag(account, request.path_params["workflowId"], tag)
        return no_content()

    async def remove_all_tags(self, request: Request) -> Response:
        account = await self._accounts.of(request)
        await self._service.remove_tags(account, request.path_params["workflowId"])
        return no_content()

    async def remove_tag(self, request: Request) -> Response:
        account = await self._accounts.of(request)
        await self._service.remove_tags(account, request.path_params["workflowId"], request.path_params["tag"])
        return no_content()

    async def get_step(self, request: Request) -> Response:
        account = await self._accounts.of(request)
        stored = await self._service.get(account, request.path_params["workflowId"])
        document = self._read(request, stored, hide=False)
        return json_reply(_step(document, request.path_params["stepName"]))

    async def update_step(self, request: Request) -> Response:
        account = await self._accounts.of(request)
        body = await read_object_body(request, self._max_body)
        stored = await self._service.get(account, request.path_params["workflowId"])
        step = _step(stored.document, request.path_params["stepName"])
        await self._service.update_step(account, stored.id, step.name, body)
        return no_content()

    async def patch_step(self, request: Request) -> Response:
        account = await self._accounts.of(request)
        patch = await read_json_body(request, self._max_body)
        stored = await self._service.get(account, request.path_params["workflowId"])
        step = _step(stored.document, request.path_params["stepName"])
        await self._service.patch_step(account, stored.id, step.name, patch)
        return no_content()

    def operations(self) -> tuple[Operation, ...]:
        """The routes; the more specific of two that could match comes first."""
        workflow, step = WORKFLOWS + "/{workflowId}", WORKFLOWS + "/{workflowId}/steps/{stepName:path}"
        template, one, gone = schema("WorkflowTemplate"), schema("Workflow"), Reply("Done.")
        held = {200: Reply("The workflow, over.", one), 202: Reply("The workflow, still under way.", one)}
        submitted = {
            200: Reply("The workflow, over or only priced.", one, headers=_COST_HEADERS),
            202: held[202],
        }
        image = schema("ImageWorkflow")
        patch = "application/json-patch+json"
        return (
            Operation(
                "POST",
                WORKFLOWS,
                "submitWorkflow",
                "Submit a workflow",
                self.submit,
                "Workflows",
                submitted,
                _SUBMIT,
                template,
            ),
            Operation("GET", workflow, "getWorkflow", "Get a workflow", self.get, "Workflows", held, (_WAIT, _HIDE)),
            Operation(
                "GET",
                WORKFLOWS,
                "queryWorkflows",
                "Find workflows, newest first",
                self.query,
                "Workflows",
                {200: Reply("A page of workflows.", schema("Page"))},
                _QUERY,
            ),
            Operation(
                "POST",
                WORKFLOWS + "/image",
                "submitImage",
                "Make images: a workflow template, or just an image input",
                self.submit_image,
                "Workflows",
                submitted,
                _SUBMIT,
                image,
            ),
            Operation(
                "PUT",
                workflow,
                "updateWorkflow",
                "Change or cancel a workflow",
                self.update,
                "Workflows",
                {204: gone},
                (),
                schema("UpdateWorkflowRequest"),
            ),
            Operation(
                "PATCH",
                workflow,
                "patchWorkflow",
                "Change or cancel a workflow by JSON Patch",
                self.patch,
                "Workflows",
                {204: gone},
                (),
                schema("JsonPatch"),
                patch,
            ),
            Operation(
                "DELETE",
                workflow,
                "deleteWorkflow",
                "Cancel and hide a workflow",
                self.delete,
                "Workflows",
                {204: gone},
            ),
            Operation(
                "POST",
                workflow + "/tags",
                "addWorkflowTag",
                "Add a tag",
                self.add_tag,
                "Tags",
                {204: gone},
                (),
                {"type": "string", "minLength": 1, "maxLength": 200},
            ),
            Operation(
                "DELETE",
                workflow + "/tags",
                "removeAllWorkflowTags",
                "Remove every tag",
                self.remove_all_tags,
                "Tags",
                {204: gone},
            ),
            Operation(
                "DELETE",
                workflow + "/tags/{tag:path}",
                "removeWorkflowTag",
                "Remove a tag",
                self.remove_tag,
                "Tags",
                {204: gone},
            ),
            Operation(
                "GET",
                step,
                "getWorkflowStep",
                "Get a step",
                self.get_step,
                "Steps",
                {200: Reply("The step.", schema("Step"))},
            ),
            Operation(
                "PUT",
                step,
                "updateWorkflowStep",
                "Replace a step's metadata",
                self.update_step,
                "Steps",
                {204: gone},
                (),
                schema("UpdateWorkflowStepRequest"),
            ),
            Operation(
                "PATCH",
                step,
                "patchWorkflowStep",
                "Change a step's metadata by JSON Patch",
                self.patch_step,
                "Steps",
                {204: gone},
                (),
                schema("JsonPatch"),
                patch,
            ),
        )

    async def _submit_bare(self, request: Request, account: str, body: JsonObject) -> Response:
        """As `_submit`, for an input that was not in a step: errors name its members as the caller wrote them."""
        try:
            return await self._submit(request, account, body)
        except BadRequest as error:
            prefix = "steps[0].input."
            errors = {path.removeprefix(prefix): messages for path, messages in error.errors.items()}
            raise BadRequest(error.detail.replace(prefix, ""), errors) from None

    async def _submit(self, request: Request, account: str, body: JsonObject) -> Response:
        query = request.query_params
        wait = read_wait(query.get("wait"))
        whatif = read_flag("whatif", query.get("whatif"), False)
        hide = read_flag("hideMatureContent", query.get("hideMatureContent"), False)
        stored = await self._service.submit(account, body, wait=wait, whatif=whatif)
        if not whatif:
            return self._reply(request, stored, hide)
        document = stored.document
        document.transactions = would_be(document.cost, document.currencies)
        headers = cost_headers(document.cost, document.currencies)
        return json_reply(self._read(request, stored, hide), 200, headers)

    def _reply(self, request: Request, stored: Stored, hide: bool) -> Response:
        status = 200 if stored.document.status.is_final else 202
        return json_reply(self._read(request, stored, hide), status)

    def _read(self, request: Request, stored: Stored, hide: bool) -> Workflow:
        outlook: Mapping[str, Outlook] = {}
        if not stored.document.status.is_final:
            outlook = self._service.orchestrator.outlook(stored.id)
        base = base_url(request, self._public_url)
        return as_read(stored.document, self._signer, base, outlook=outlook, hide_mature=hide)


def _step(document: Workflow, name: str) -> Step:
    """A step by its name, or by its position without the `$`, as some clients write the default names."""
    for called in (name, f"${name}"):
        for step in every_step(document.steps):
            if step.name == called:
                return step
    raise NotFound(f"workflow {document.id} has no step {name!r}")


_WAIT = Parameter(
    "wait",
    {"type": "integer", "minimum": 0, "default": 0},
    "Seconds to hold the reply until the workflow is over; 100 at most.",
)
_HIDE = Parameter("hideMatureContent", {"type": "boolean", "default": False}, "Show mature images as not available.")
_HIDE_BY_DEFAULT = Parameter(
    "hideMatureContent", {"type": "boolean", "default": True}, "Show mature images as not available."
)
_SUBMIT = (
    _WAIT,
    Parameter("whatif", {"type": "boolean", "default": False}, "Only check and price; nothing runs."),
    _HIDE,
)
_QUERY = (
    Parameter("cursor", {"type": "string"}, "Where to go on: the `next` of the page before."),
    Parameter(
        "take", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "How many workflows at most."
    ),
    Parameter(
        "tags",
        {"type": "array", "items": {"type": "string"}, "maxItems": MAX_TAGS},
        "Only workflows with all of these tags.",
    ),
    Parameter(
        "query", {"type": "string", "maxLength": MAX_TEXT_QUERY}, "Only workflows with this text in their metadata."
    ),
    Parameter("status", {"$ref": "#/components/schemas/Status"}, "Only workflows with this status."),
    Parameter("ascending", {"type": "boolean", "default": False}, "Oldest first."),
    Parameter("fromDate", {"type": "string", "format": "date-time"}, "Only workflows created then or later."),
    Parameter("toDate", {"type": "string", "format": "date-time"}, "Only workflows created then or earlier."),
    Parameter("excludeFailed", {"type": "boolean", "default": False}, "Leave out failed, expired and canceled ones."),
    _HIDE_BY_DEFAULT,
)
_COST_HEADERS = {
    "X-Civitai-Cost-Total": "With whatif: the price in Buzz.",
    "X-Civitai-Cost-By-Currency": "With whatif: the price by account, such as `blue=13`.",
    "X-Civitai-Insufficient-Buzz": "With whatif: whether the price could not be paid.",
}
