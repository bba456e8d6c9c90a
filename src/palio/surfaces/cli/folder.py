"""The folder that a command puts its files in."""

from pathlib import Path

from palio.errors import SetupError


def make_folder(folder: Path) -> None:
    """Make it, unless it is there. Raises SetupError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"cannot make the folder {folder}: {error.strerror}") from None
