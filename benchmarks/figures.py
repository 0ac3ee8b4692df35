"""docs/benchmarks.md: the rows that were measured, the machine, the versions, the command."""

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import whole
from benchmarks.rows import Setup
from onecycle.paths import read_json

FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "sve")
PACKAGES = {
    "own": ("torch", "torchvision", "numpy", "opencv-python-headless", "pillow"),
    "fastai": ("fastai", "torch", "torchvision", "pillow"),
    "ratings": ("cornac", "scikit-surprise", "lenskit", "numpy"),
}
RATES = {"items": ("", 1.0), "gflop": ("GFLOP", 1.0), "mib": ("GiB", 1024.0)}
HEAD = """# Benchmarks

What `make bench` measured. A ratio is the peer's seconds over onecycle's for the same work, repeat
by repeat: the median, and the least and the most of them in brackets. The sides are processes that
wait for each other: set up first, warmed up once (not for growth, where each repeat is a fresh
process), then measured in turn. Their own figures are medians; *met* is told of the median.
"""
QUICK = "\n**From `--quick`: tiny sizes, one try of everything. These are no measurements.**\n"
Kept = dict[str, Any]
Line = tuple[str, ...]


def page(setup: Setup, pythons: dict[str, Path], names: Sequence[str]) -> str:
    """The whole page, from the results folder."""
    kept = {
        name: read_json(setup.out / f"{name}.json")
        for name in names
        if (setup.out / f"{name}.json").exists()
    }
    lines = [line for name in kept if name not in whole.PROBLEMS for line in of(kept[name])]
    head = ("what", "onecycle", "peer", "ratio, median [least, most]", "target", "met")
    parts = [HEAD + (QUICK if setup.quick else ""), machine(setup, pythons), table(head, lines)]
    if any(name in kept for name in whole.PROBLEMS):
        parts.append(ends(setup, [kept[name] for name in whole.PROBLEMS if name in kept]))
    if "overhead" in kept:
        parts.append("## Overhead of the graph\n\n" + costs(kept["overhead"]))
    return "\n".join(part.rstrip() + "\n" for part in parts)


def machine(setup: Setup, pythons: dict[str, Path]) -> str:
    """Machine, versions and command, as a list."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    lines = [
        f"- Machine: {cpu()}, {setup.threads} threads; {gpu}; {platform.system()}",
        f"- onecycle: Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in PACKAGES["own"]),
    ]
    for name in ("fastai", "ratings"):
        python = pythons.get(name)
        found = versions(python, PACKAGES[name]) if python and python.exists() else "not here"
        lines.append(f"- .venv-{name}: {found}")
    lines[2] += f"; {setup.workers} loader workers"
    command = "`make peers`, `make bench`: `python -m benchmarks.bench`"
    return "\n".join([*lines, f"- Command: {command}{' --quick' if setup.quick else ''}"])


def cpu() -> str:
    """The processor's name, cores and what of its instructions matters here."""
    name, flags = platform.processor() or platform.machine(), set[str]()
    file = Path("/proc/cpuinfo")
    if file.exists():
        told = [line.partition(":") for line in file.read_text(encoding="utf-8").splitlines()]
        known = {key.strip(): value.strip() for key, _, value in told}
        name = known.get("model name", name)
        flags = set((known.get("flags") or known.get("Features") or "").split())
    has = [flag for flag in FLAGS if flag in flags]
    lacks = [flag for flag in FLAGS[:3] if flag not in flags]
    lack = f", without {', '.join(lacks)}" if lacks else ""
    return f"{name}, {os.cpu_count()} cores, {', '.join(has)}{lack}"


def versions(python: Path, names: Sequence[str]) -> str:
    """Versions of packages in another environment."""
    code = "from importlib.metadata import version as v; import sys; "
    code += "print(', '.join(f'{n} {v(n)}' for n in sys.argv[1:]))"
    told = subprocess.run([python, "-c", code, *names], capture_output=True, text=True)
    return told.stdout.strip() or "incomplete"


def of(kept: Kept) -> list[Line]:
    """The lines of a row: each side of onecycle's with each peer."""
    if "rows" in kept or kept["title"] == "overhead":
        return []
    if "not_here" in kept or "failed" in kept:
        said = kept.get("not_here") or f"failed: {kept['failed']}"
        return [(kept["title"], "–", "–", said, "–", "–")]
    found, unit, lines = kept["measured"], kept["unit"], []
    for side in kept["ours"]:
        mine = found[side["name"]]
        named = f"{side['name']} {figure(mine, unit, fresh=kept['fresh'])}"
        limit, held = limits(side["most"], mine)
        for peer in kept["peers"]:
            theirs = found.get(peer["name"])
            least = side["least"].get(peer["name"])
            if theirs is None:
                wanted = f"≥ {least:g}" if least else limit
                said = "no environment: `make peers`"
                lines.append((kept["title"], named, peer["name"], said, wanted or "–", held or "–"))
                continue
            times = ratios(mine, theirs, unit)
            beside = f"{peer['name']} {figure(theirs, unit, fresh=kept['fresh'])}"
            wanted = f"≥ {least:g}" if least else limit
            met = yes(float(np.median(times)) >= least) if least else held
            lines.append((kept["title"], named, beside, spread(times), wanted or "–", met or "–"))
    return lines[:1] + [("", *line[1:]) for line in lines[1:]]


def ratios(mine: list[Kept], theirs: list[Kept], unit: str) -> list[float]:
    """The peer's seconds for one unit over onecycle's, repeat by repeat."""
    return [
        (b["seconds"] / b[unit]) / (a["seconds"] / a[unit])
        for a, b in zip(mine, theirs, strict=True)
    ]


def figure(measured: list[Kept], unit: str, *, fresh: bool) -> str:
    """Medians: the rate; seconds, score and memory where there are such."""
    word, scale = RATES[unit]
    rate = np.median([each[unit] / each["seconds"] for each in measured]) / scale
    seconds = np.median([each["seconds"] for each in measured])
    told = [f"{short(rate)} {word}".strip() + "/s", f"{short(seconds)} s"]
    if "score" in measured[0]:
        told = [f"{short(seconds)} s", f"MSE {np.median([each['score'] for each in measured]):.4f}"]
    if fresh:
        told = [told[-1], f"{np.median([each['peak_mib'] for each in measured]):,.0f} MiB"]
    return ", ".join(told)


def limits(most: dict[str, float], measured: list[Kept]) -> tuple[str, str]:
    """What shall not be exceeded, and whether the medians keep to it."""
    if not most:
        return "", ""
    words = {"seconds": "{:g} s", "score": "MSE {:g}"}
    told = ", ".join(f"≤ {words[name].format(limit)}" for name, limit in most.items())
    kept = all(np.median([m[name] for m in measured]) <= limit for name, limit in most.items())
    return told, yes(kept)


def ends(setup: Setup, rows: list[Kept]) -> str:
    """The problems end to end: seconds, ratios, scores."""
    lines = []
    for kept in rows:
        said = kept.get("not_here") or (f"failed: {kept['failed']}" if "failed" in kept else "")
        mine, theirs, least = (kept.get(name) for name in ("onecycle", "fastai", "least"))
        if said or not theirs:
            lines.append(
                (kept["title"], "–", "–", said or "no environment: `make peers`", "–", "–")
            )
            continue
        for title, each in ((kept["title"], mine), ("by its own recipe", kept["own"])):
            if each:
                times = [b / a for a, b in zip(each, theirs, strict=True)]
                met = yes(float(np.median(times)) >= least) if least else "–"
                seconds = [f"{short(np.median(took))} s" for took in (each, theirs)]
                wanted = f"≥ {least:g}" if least else "–"
                lines.append((title, *seconds, spread(times), wanted, met))
    head = ("what", "onecycle", "fastai", "ratio, median [least, most]", "target", "met")
    told = "\n".join(f"- {name}: {whole.settings(name)}" for name in whole.PROBLEMS)
    text = f"""## End to end

Range test, training, threshold and measures of the same job by both, a repeat a seed; onecycle's
with decoding all photographs into the store. Both train at the job's rates:

{told}

{table(head, lines)}
"""
    scores = whole.table(setup)
    return text + (f"\nTheir scores on the test part:\n\n{scores}" if scores else "")


def costs(kept: Kept) -> str:
    """What the graph costs beside its stages."""
    if "rows" not in kept:
        return str(kept.get("not_here"))
    lines = []
    for each in kept["rows"]:
        seconds, target = np.atleast_1d(each["seconds"]), each.get("target")
        met = yes(float(np.median(seconds)) <= target) if target else "–"
        wanted = f"≤ {target:g} s" if target else "–"
        lines.append((each["name"], f"{spread(seconds)} s", wanted, met))
    return table(("what", "seconds, median [least, most]", "target", "met"), lines)


def table(head: Line, lines: Sequence[Line]) -> str:
    """A markdown table."""
    rows = [head, ("---",) * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def spread(values: Sequence[float] | np.ndarray[Any, Any]) -> str:
    """Median, least and most."""
    return f"**{short(np.median(values))}** [{short(min(values))}, {short(max(values))}]"


def yes(it: bool) -> str:
    """In a word."""
    return "yes" if it else "**no**"


def short(value: float | np.floating[Any]) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{float(f'{value:.3g}'):g}"
