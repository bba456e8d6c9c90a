"""The command line: `palio --help` is the front door.

Scripts depend on its commands, flags and exit codes: 0 done, 1 failed or refused, 2 usage, 3 server not reached,
130 interrupted. Heavy libraries are imported inside the commands that need them, so that each starts quickly.
"""

import sys

from palio.errors import PalioError, SetupError
from palio.surfaces.cli.app import app
from palio.surfaces.cli.client import Interrupted, Unreachable


def main() -> None:
    """Run the command in `sys.argv` and leave with its exit code."""
    try:
        app(prog_name="palio")
    except PalioError as error:
        print(f"palio: {error}", file=sys.stderr)
        sys.exit(_exit_code(error))
    except UnicodeEncodeError as error:
        print(f"palio: an argument is not valid text: {error.object!r}", file=sys.stderr)
        sys.exit(2)


def _exit_code(error: PalioError) -> int:
    match error:
        case SetupError():
            return 2
        case Unreachable():
            return 3
        case Interrupted():
            return 130
        case _:
            return 1
