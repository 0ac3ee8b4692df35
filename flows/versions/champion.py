"""A problem's champion: what the registry has in production, and files as its run wrote them."""

import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PRODUCTION = "production"


@dataclass(frozen=True)
class Champion:
    """Who is in production.

    Attributes:
        commit: its sha.
        name: its version, such as `pets@v1.2.0`, else the commit in short.
    """

    commit: str
    name: str

    @classmethod
    def of(cls, problem: str) -> "Champion | None":
        """A problem's, if it has one.

        Raises:
            UserError: git refuses.
        """
        if not _tagged(problem):
            return None
        from flows.versions.registry import Registry  # with DVC and GTO, which few runs need

        registry = Registry.read(problem)
        line = registry.line(PRODUCTION)
        if not line:
            return None
        version = registry.versions.get(line[-1])
        return cls(line[-1], f"{problem}@{version}" if version else line[-1][:7])

    def read(self, files: Sequence[Path]) -> list[str]:
        """Outputs of stages as they were, from DVC's cache, or the remote where one is set.

        Raises:
            UserError: one is in neither.
        """
        from flows.versions.revisions import fetch

        with tempfile.TemporaryDirectory() as folder:
            fetch(self.commit, [str(file) for file in files], Path(folder))
            return [(Path(folder) / file).read_text() for file in files]


def _tagged(problem: str) -> bool:
    """Whether anything ever was in production."""
    command = ["git", "for-each-ref", "--count=1", f"refs/tags/{problem}#{PRODUCTION}*"]
    done = subprocess.run(command, capture_output=True, check=False)
    return bool(done.stdout)
