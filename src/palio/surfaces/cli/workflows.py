"""`palio submit`, `get`, `list`, `watch`, `cancel` and `delete`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from palio.contract.document import Workflow
from palio.contract.status import FAILED, Status
from palio.errors import SetupError
from palio.surfaces.cli.client import connected, read_page, read_workflow
from palio.surfaces.cli.options import AsJson, Token, Url, WorkflowId


def submit(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A workflow template as JSON; - is standard input.")],
    wait: Annotated[
        int, typer.Option(min=0, metavar="SECONDS", help="Follow it for so long; then exit 0 only if it succeeded.")
    ] = 0,
    whatif: Annotated[bool, typer.Option("--whatif", help="Only check it and say what it costs.")] = False,
    url: Url = None,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Submit a workflow of any steps."""
    from palio.surfaces.cli.follow import follow

    template = _template(file)
    with connected(url, token) as client:
        reply = client.submit(template, whatif=whatif)
        if wait and not whatif:
            reply = follow(client, reply, patience=wait)
    workflow = _show(reply, json)
    if wait and not whatif and not workflow.status.is_final:
        typer.echo(f"Not done after {wait} s. Follow it with: palio watch {workflow.id}", err=True)
        raise typer.Exit(1)


def get(workflow_id: WorkflowId, url: Url = None, token: Token = None, json: AsJson = False) -> None:
    """Show a workflow as it is now. Exits 1 if it failed, expired or was canceled."""
    with connected(url, token) as client:
        reply = client.get(workflow_id)
    _show(reply, json)


def list_workflows(
    take: Annotated[int | None, typer.Option(min=1, help="How many at most.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only those with this status.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only those with this tag; may be repeated for all of several.")
    ] = None,
    cursor: Annotated[str | None, typer.Option(help="Go on where the page before ended.")] = None,
    url: Url = None,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """List workflows, newest first."""
    from palio.surfaces.cli.report import describe_page

    wanted = {
        "take": str(take) if take else None,
        "status": status.value if status else None,
        "tags": tag,
        "cursor": cursor,
    }
    with connected(url, token) as client:
        reply = client.page({name: value for name, value in wanted.items() if value})
    page = read_page(reply)
    if json:
        typer.echo(reply)
        return
    typer.echo(describe_page(page))
    if page.next:
        typer.echo(f"There are more: palio list --cursor {page.next}", err=True)


def watch(workflow_id: WorkflowId, url: Url = None, token: Token = None, json: AsJson = False) -> None:
    """Follow a workflow until it is final. Exits 0 only if it succeeded."""
    from palio.surfaces.cli.follow import follow

    with connected(url, token) as client:
        reply = follow(client, client.get(workflow_id))
    _show(reply, json)


def cancel(workflow_id: WorkflowId, url: Url = None, token: Token = None, json: AsJson = False) -> None:
    """Ask for a workflow to be canceled."""
    with connected(url, token) as client:
        client.cancel(workflow_id)
        reply = client.get(workflow_id)
    if json:
        typer.echo(reply)
    else:
        typer.echo(f"Asked to cancel {workflow_id}; it is {read_workflow(reply).status} now.")


def delete(workflow_id: WorkflowId, url: Url = None, token: Token = None, json: AsJson = False) -> None:
    """Cancel what still runs of a workflow, and forget it. With --json nothing is printed."""
    with connected(url, token) as client:
        client.delete(workflow_id)
    if not json:
        typer.echo(f"Deleted {workflow_id}")


def _template(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise SetupError(f"cannot read {file}: {error.strerror}") from None


def _show(reply: bytes, json: bool) -> Workflow:
    """Print a workflow; leaves with 1 if it ended badly."""
    from palio.surfaces.cli.report import describe

    workflow = read_workflow(reply)
    if json:
        typer.echo(reply)
    else:
        typer.echo(describe(workflow))
    if workflow.status in FAILED:
        raise typer.Exit(1)
    return workflow
