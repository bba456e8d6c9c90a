"""What a surface can ask of Palio on behalf of an account: the operations of the contract on workflows."""

from collections.abc import Callable
from dataclasses import dataclass

from palio.contract.instant import now
from palio.contract.json import Json, JsonObject
from palio.contract.patch import Attributes, patch_step, patch_workflow, update_step, update_workflow
from palio.contract.query import Cursor
from palio.contract.status import Status
from palio.contract.steering import unknown_providers
from palio.contract.template import WorkflowTemplate, check_ephemeral, read_template
from palio.engine.announcer import within
from palio.engine.inputs import Inputs
from palio.engine.orchestrator import Orchestrator
from palio.engine.planning import new_document, plan_ahead
from palio.errors import BadRequest, NotFound
from palio.store.workflows import Filter, Stored, Workflows, search_text


@dataclass(frozen=True, slots=True)
class WorkflowService:
    """Submit, read and change workflows. Every method takes the account first and shows it only its own."""

    workflows: Workflows
    orchestrator: Orchestrator
    inputs: Inputs
    max_wait: int
    """Seconds that a reply is held at most."""

    async def submit(self, account: str, body: JsonObject, *, wait: int = 0, whatif: bool = False) -> Stored:
        """Record a workflow and have it run; returns it as it is after at most `wait` seconds.

        With `whatif` nothing runs, and only an external id makes Palio remember the workflow. Raises BadRequest,
        TooBusy.
        """
        template = read_template(body)
        check_ephemeral(template, wait)
        self._check_steering(template)
        document = new_document(template, now())
        planned = plan_ahead(document, template)
        await self.inputs.check(template, planned)
        search = search_text(template.metadata)
        if whatif:
            return await self._price(account, template, Stored(account, document, whatif=True), search)
        with self.orchestrator.announcer.expect(document.id or "") as ending:
            with self.orchestrator.place():
                recorded = await self.workflows.record(account, document, search)
                if recorded.is_new:
                    await self.orchestrator.put(recorded.stored, template, planned)
            if not recorded.is_new:
                return await self._after(recorded.stored, wait)
            if wait:
                await within(min(wait, self.max_wait), ending)
        return await self._load(account, recorded.stored.id, in_reply=True)

    async def get(self, account: str, workflow_id: str, *, wait: int = 0) -> Stored:
        """A workflow, as it is after at most `wait` seconds. Raises NotFound."""
        stored = await self._load(account, workflow_id)
        return await self._after(stored, wait) if wait else stored

    async def query(self, filter_: Filter) -> tuple[list[Stored], Cursor | None]:
        """A page of workflows and the cursor to the next one."""
        return await self.workflows.page(filter_)

    async def update(self, account: str, workflow_id: str, body: JsonObject) -> None:
        """PUT: replace what `body` names. Raises BadRequest, NotFound."""
        await self._edit(account, workflow_id, lambda target: update_workflow(target, body))

    async def patch(self, account: str, workflow_id: str, patch: Json) -> None:
        """PATCH: apply a JSON Patch to what the owner may change. Raises BadRequest, NotFound."""
        await self._edit(account, workflow_id, lambda target: patch_workflow(target, patch))

    async def delete(self, account: str, workflow_id: str) -> None:
        """Hide a workflow, and stop it if it runs. Raises NotFound."""
        if not await self.workflows.delete(workflow_id, account):
            raise _unknown(workflow_id)
        await self.orchestrator.cancel(workflow_id)

    async def update_step(self, account: str, workflow_id: str, step: str, body: JsonObject) -> None:
        """PUT on a step: replace its metadata. Raises BadRequest, NotFound."""
        metadata = update_step(body)
        await self._edit_step(account, workflow_id, step, lambda _: metadata)

    async def patch_step(self, account: str, workflow_id: str, step: str, patch: Json) -> None:
        """PATCH on a step: apply a JSON Patch to its metadata. Raises BadRequest, NotFound."""
        await self._edit_step(account, workflow_id, step, lambda metadata: patch_step(metadata, patch))

    async def add_tag(self, account: str, workflow_id: str, tag: Json) -> None:
        """Add a tag unless it is there. Raises BadRequest, NotFound."""

        def revise(target: Attributes) -> Attributes:
            tags: list[Json] = [*target.tags, *([] if tag in target.tags else [tag])]
            return update_workflow(target, {"tags": tags})

        await self._edit(account, workflow_id, revise)

    async def remove_tags(self, account: str, workflow_id: str, tag: str | None = None) -> None:
        """Remove one tag, or all of them; one that is not there is no error. Raises NotFound."""

        def revise(target: Attributes) -> Attributes:
            return update_workflow(target, {"tags": [kept for kept in target.tags if tag is not None and kept != tag]})

        await self._edit(account, workflow_id, revise)

    def _check_steering(self, template: WorkflowTemplate) -> None:
        """Raises BadRequest for names of providers that there are none of."""
        known = frozenset(self.orchestrator.room.providers)
        errors = unknown_providers(template.metadata, "metadata", known)
        for step in template.steps:
            errors |= unknown_providers(step.metadata, f"{step.at}.metadata", known)
        if errors:
            path, messages = next(iter(errors.items()))
            raise BadRequest(f"{path}: {messages[0]}", errors)

    async def _price(self, account: str, template: WorkflowTemplate, stored: Stored, search: str) -> Stored:
        for step in stored.document.steps:
            step.jobs = step.output = None
        if template.external_id is None:
            stored.document.id = None
            return stored
        return (await self.workflows.record(account, stored.document, search, whatif=True)).stored

    async def _after(self, stored: Stored, wait: int) -> Stored:
        if stored.document.status.is_final or stored.whatif or not wait:
            return stored
        with self.orchestrator.announcer.expect(stored.id) as ending:
            current = await self._load(stored.account, stored.id, in_reply=True)
            if not current.document.status.is_final:
                await within(min(wait, self.max_wait), ending)
                current = await self._load(stored.account, stored.id, in_reply=True)
        return current

    async def _load(self, account: str, workflow_id: str, *, in_reply: bool = False) -> Stored:
        stored = await self.workflows.load(workflow_id, account, just_ended=in_reply)
        if stored is None:
            raise _unknown(workflow_id)
        return stored

    async def _edit(self, account: str, workflow_id: str, revise: Callable[[Attributes], Attributes]) -> None:
        revised = await self.workflows.edit(workflow_id, account, revise)
        if revised is None:
            raise _unknown(workflow_id)
        before, after = revised
        if after.status == Status.canceled and before.status != Status.canceled:
            await self.orchestrator.cancel(workflow_id)

    async def _edit_step(
        self, account: str, workflow_id: str, step: str, revise: Callable[[JsonObject], JsonObject]
    ) -> None:
        found = await self.workflows.edit_step(workflow_id, account, step, revise)
        if found is None:
            raise _unknown(workflow_id)
        if not found:
            raise NotFound(f"workflow {workflow_id} has no step {step!r}")


def _unknown(workflow_id: str) -> NotFound:
    return NotFound(f"there is no workflow {workflow_id!r}")
