"""`palio mcp` and `palio skill`: Palio for agents."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from palio.surfaces.cli.client import Unreachable, address, is_local
from palio.surfaces.cli.options import Token, Url

app = typer.Typer(no_args_is_help=True, help="Teach an agent with a shell to use Palio.")


def mcp(url: Url = None, token: Token = None) -> None:
    """Offer the tools of a running server to an MCP client, on standard input and output.

    For clients that start a command. Those that speak HTTP need no command: the server is at /mcp, port 9090.
    """
    import asyncio

    from palio.surfaces.mcp.stdio import bridge

    server, known = address(url, token)
    headers = {"Authorization": f"Bearer {known}"} if known else {}
    try:
        asyncio.run(bridge(f"{server}/mcp", headers, trust_env=not is_local(server)))
    except* KeyboardInterrupt:
        sys.exit(130)
    except* Exception as group:
        reason = "; ".join(dict.fromkeys(str(error) or type(error).__name__ for error in _leaves(group)))
        raise Unreachable(
            f"cannot speak to {server}/mcp: {reason}\n"
            "Is the server running, and the token right? Start it with `palio serve`, or name another with --url."
        ) from None


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the folder `palio` is to be written.")],
) -> None:
    """Write the skill: SKILL.md, its references and a script that needs only Python.

    Agents look for skills in folders of their own, such as .claude/skills.
    """
    from palio.surfaces.skill.folder import export as write

    for file in write(folder):
        typer.echo(file)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
