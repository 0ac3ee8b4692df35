"""A process that is measured again and again, and the handle on it; the standard library alone.

    python -m benchmarks.worker        (from the project's root, in any environment)

It reads lines of JSON from stdin and answers each with one. {"task": "module:function", "args": …}
calls the function, which sets up and gives another function; the answer is its number. {"again": 0}
lets it call that one, which measures once, and answers what that gave: `seconds` for so many
`items`, and what else there is; `peak_mib` is added, the process's highest resident memory so far,
mapped files included.
"""

import importlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
Measured = dict[str, Any]
Measure = Callable[[], Measured]


class Failed(Exception):
    """A worker ended; the text is the last line that it wrote."""


class Worker:
    """A process that sets up tasks and measures them.

    Args:
        python: the interpreter of an environment.
        threads: of OpenMP and the like.
        log: a file for what it prints.
    """

    def __init__(self, python: Path, threads: int, log: Path) -> None:
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                [python, "-m", "benchmarks.worker"],
                cwd=ROOT,
                env={**os.environ, **dict.fromkeys(THREADS, str(threads))},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
            )

    def set_up(self, task: str, args: dict[str, Any]) -> Measure:
        """Sets up `module:function`; gives what measures it once.

        Raises:
            Failed: it could not be set up; likewise where it can't be measured.
        """
        number = self._ask({"task": task, "args": args})["number"]
        return lambda: self._ask({"again": number})

    def _ask(self, question: dict[str, Any]) -> Measured:
        assert self.process.stdin is not None and self.process.stdout is not None  # pipes
        try:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise Failed(said[-1] if said else "ended without a word")
        found: Measured = json.loads(answer)
        return found

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def main() -> None:
    """Serves until stdin closes; what libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    tasks: list[Measure] = []
    for line in sys.stdin:
        question = json.loads(line)
        if "task" in question:
            module, _, function = question["task"].partition(":")
            found: Measured = {"number": len(tasks)}
            tasks.append(getattr(importlib.import_module(module), function)(**question["args"]))
        else:
            found = tasks[question["again"]]()
            kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
            found["peak_mib"] = kib / (1024**2 if sys.platform == "darwin" else 1024)
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
