"""What is wrong with capability files, each thing with its place."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from palio.errors import SetupError


@dataclass(frozen=True, order=True)
class Finding:
    """One thing in one place: `path` is that of a member, as in `capability.exposes[0].port`."""

    file: str
    path: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.path, self.message) if part)


class CapabilityError(SetupError):
    """Capability files that cannot be run; the message has a line for each thing that is wrong."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


@dataclass
class Findings:
    """What was found in one file so far."""

    file: str
    errors: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    def error(self, path: str, message: str) -> None:
        """Something with which the file cannot be run."""
        self.errors.append(Finding(self.file, path, message))

    def warn(self, path: str, message: str) -> None:
        """Something its author may want to know."""
        self.warnings.append(Finding(self.file, path, message))
