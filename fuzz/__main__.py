"""Fuzzes one target, led by coverage: `python -m fuzz TARGET [RUNS]`. It needs atheris.

It ends at the first uncaught exception and writes the bytes to `.fuzz/TARGET/crash-…`, from where
`python -m fuzz TARGET FILE` tries them again. What raised coverage is kept in `.fuzz/TARGET/seeds`.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import atheris

# What parses; the packages around it are left alone, for speed.
PARSERS = ["onecycle.items", "onecycle.sources", "tarfile", "zipfile", "defusedxml", "xml.etree"]
LONGEST = 8192  # bytes of an input
FOLDER = Path(".fuzz")


def main(name: str, runs: str = "1000000") -> None:
    """Fuzzes a target.

    Args:
        name: of a target.
        runs: how many executions; or a file, to be tried once.
    """
    with atheris.instrument_imports(include=PARSERS):
        from fuzz.targets import TARGETS

    target = TARGETS[name]
    seeds = FOLDER / name / "seeds"
    seeds.mkdir(parents=True, exist_ok=True)
    for at, seed in enumerate(target.seeds()):
        (seeds / f"seed-{at}").write_bytes(seed)
    words = FOLDER / name / "words"
    quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in target.words)
    words.write_text("".join(f'"{word}"\n' for word in quoted))
    memory = Path("/dev/shm")
    work = tempfile.mkdtemp(prefix="fuzz-", dir=memory if memory.is_dir() else None)
    file = Path(work, "input")

    def once(data: bytes) -> None:
        target.run(data, file)

    once_only = Path(runs).is_file()
    options = [runs] if once_only else [f"-runs={runs}", f"-dict={words}", str(seeds)]
    options += [f"-max_len={LONGEST}", "-timeout=10", "-rss_limit_mb=2048", "-seed=1"]
    options += [f"-artifact_prefix={FOLDER / name}/", "-print_final_stats=1", "-close_fd_mask=0"]
    child = os.fork()
    if not child:
        atheris.Setup([sys.argv[0], *options], once)
        atheris.Fuzz()  # ends the process
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    shutil.rmtree(work)
    sys.exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
