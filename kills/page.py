"""docs/reliability.md, from what was tried."""

import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from kills import points as places
from kills.chance import VICTIMS
from kills.cost import LONG
from kills.ground import PROBLEMS, cores
from kills.results import Results, Row, held_up
from kills.soak import verdicts
from onecycle.faults import POINTS
from onecycle.learn.checkpoint import EVERY_S, SHARE
from onecycle.learn.device import choose, made_with
from onecycle.paths import write_whole

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "reliability.md"


def write(folder: Path, page: Path = PAGE) -> Path:
    """Writes the page.

    Args:
        folder: the results of one version of the code; what is not there is left out.
        page: where to.
    """
    faults = folder.parent / "faults.md"
    environment = jinja2.Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    text = environment.from_string((HERE / "page.md").read_text(encoding="utf-8")).render(
        machine=machine(),
        version=folder.name,
        every_s=f"{EVERY_S:.0f}",
        share=100 // SHARE,
        points=points(rows(folder, "points"), len(places.found(rows(folder, "places")))),
        chance=chance(rows(folder, "random")),
        cost=cost(rows(folder, "cost")),
        soak=soak(rows(folder, "soak")),
        faults=faults.read_text(encoding="utf-8").replace("## ", "### ").strip()
        if faults.exists()
        else "",
    )
    write_whole(page, text.rstrip() + "\n")
    return page


def rows(folder: Path, name: str) -> list[Row]:
    """Of a file of results."""
    return Results(folder / f"{name}.jsonl").rows()


def machine() -> str:
    """Of what kind this one is."""
    made = made_with(choose("fp32"))
    return f"{made['kind']}, {cores()} cores, torch {made['packages']['torch']}"


def counts(found: Sequence[Row]) -> dict[str, int]:
    """How many were tried, and held in each way."""
    return {
        "tried": len(found),
        "held": sum(held_up(row) for row in found),
        "survived": sum(not row["wrong"]["survived"] for row in found),
        "equal": sum(not row["wrong"]["differs"] for row in found),
        "clean": sum(not row["wrong"]["left"] for row in found),
    }


def points(found: Sequence[Row], known: int) -> dict[str, Any] | None:
    """The table of places, of which so many are known."""
    if not found:
        return None
    of_kind = {kind: [row for row in found if row["kind"] == kind] for kind in POINTS}
    table = [
        {"kind": kind, "what": POINTS[kind], **counts(these)}
        for kind, these in of_kind.items()
        if these
    ]
    works = Counter(row["work"] for row in found)
    said = ", ".join(f"{name} {count}" for name, count in works.items())
    return {"rows": table, "total": counts(found), "works": said, "known": known}


def chance(found: Sequence[Row]) -> dict[str, Any] | None:
    """The tables of random kills."""
    if not found:
        return None

    def cell(problem: str | None = None, victim: str | None = None) -> str:
        """How many of how many held, of a problem and a victim; null: of all."""
        these = [row for row in found if problem in (None, row["problem"])]
        told = counts([row for row in these if victim in (None, row["victim"])])
        return f"{told['held']} of {told['tried']}" if told["tried"] else "–"

    named = [name for name in PROBLEMS if any(row["problem"] == name for row in found)]
    table = [
        {
            "victim": victim,
            "cells": [cell(name, victim) for name in named],
            "all": cell(victim=victim),
        }
        for victim in VICTIMS
    ]
    sums = [cell(name) for name in named]
    table.append({"victim": "**all**", "cells": sums, "all": f"**{cell()}**"})
    kills = [each | {"row": row} for row in found for each in row["kills"]]
    total = counts(found)
    return {
        "trials": len(found),
        "held": total["held"],
        "survived": total["survived"],
        "equal": total["equal"],
        "twice": sum(len(row["kills"]) > 1 for row in found),
        "kills": len(kills),
        "in_training": sum(each["stage"] == ["train"] for each in kills),
        "problems": named,
        "rows": table,
        "costs": costs([each for each in kills if "lost" in each]),
    }


def costs(kills: Sequence[Row]) -> list[Row]:
    """What kills cost: steps and seconds."""
    rate = [each["row"]["unbroken"] for each in kills]
    lost = [each["lost"] for each in kills]
    seconds = [
        each["lost"] * it["training"] / it["steps"] for each, it in zip(kills, rate, strict=True)
    ]
    share = [100 * each["lost"] / it["steps"] for each, it in zip(kills, rate, strict=True)]
    recovered = [each["recovered_s"] for each in kills if each["recovered_s"] is not None]
    first = [it["first"] for it in rate]
    told = [
        ("steps that are done again", lost, "{:,.0f}"),
        ("– as a share of the training's", share, "{:.1f} %"),
        ("– as seconds of training", seconds, "{:.1f} s"),
        ("from the next run's start to the first new step", recovered, "{:.1f} s"),
        ("– an unbroken run's first step, for comparison", first, "{:.1f} s"),
    ]
    return [
        {
            "what": what,
            "median": form.format(statistics.median(values)),
            "worst": form.format(max(values)),
        }
        for what, values, form in told
        if values
    ]


def cost(found: Sequence[Row]) -> dict[str, Any] | None:
    """What checkpoints cost."""
    if not found:
        return None
    pairs = [row for row in found if "with_s" in row]
    made = [row for row in found if "bytes" in row]
    table = [
        {
            "arch": row["arch"],
            "size": megabytes(row["bytes"]),
            "ms": f"{1000 * row['seconds']:,.0f} ms",
            "every": f"{max(EVERY_S, SHARE * row['seconds']):.0f} s",
        }
        for row in made
    ]
    told: dict[str, Any] = {"sizes": table, "pairs": len(pairs)}
    if pairs:
        with_s = statistics.median(row["with_s"] for row in pairs)
        without = statistics.median(row["without_s"] for row in pairs)
        inside = statistics.median(row["inside_s"] for row in pairs)
        told |= {
            "minutes": f"{with_s / 60:.1f}",
            "recipe": f"{LONG['arch']} on sample_pets at {LONG['size']} px",
            "count": round(statistics.median(row["count"] for row in pairs)),
            "inside": f"{inside:.2f} s",
            "whole": f"{with_s:.0f} s",
            "without": f"{without:.0f} s",
            "share": f"{100 * inside / with_s:.2f}",
            "differences": ", ".join(
                f"{100 * (row['with_s'] / row['without_s'] - 1):+.1f} %" for row in pairs
            ),
        }
    return told


def soak(found: Sequence[Row]) -> dict[str, Any] | None:
    """The table of the soak."""
    table = verdicts(found)
    if not table:
        return None
    kills = [each for row in found for each in row["kills"]]
    failed = sum(row["status"] != 0 for row in found)
    grew = [row["name"].removesuffix(", bytes") for row in table if not row["constant"]]
    verdict = (
        f"All {len(found)} cycles completed" if not failed else f"**{failed} did not complete**"
    )
    verdict += f"; {', '.join(grew)} grew." if grew else "; nothing grew."
    return {
        "version": found[-1]["version"],
        "cycles": len(found),
        "minutes": f"{sum(row['seconds'] for row in found) / 60:.0f}",
        "runs": len(kills) + len(found),
        "kills": sum(each != "nobody" for each in kills),
        "verdict": verdict,
        "rows": [
            {
                "name": row["name"].removesuffix(", bytes"),
                "begin": amount(row["name"], row["begin"]),
                "third": amount(row["name"], row["third"]),
                "last": amount(row["name"], row["last"]),
                "says": "constant"
                if row["constant"]
                else f"+{amount(row['name'], row['growth'])} a cycle",
            }
            for row in table
        ],
    }


def amount(name: str, value: float) -> str:
    """A number of things, or bytes."""
    return megabytes(value) if name.endswith("bytes") else f"{value:,.1f}".removesuffix(".0")


def megabytes(value: float) -> str:
    """Bytes, to read."""
    return f"{value / 1e6:,.1f} MB" if value >= 1e5 else f"{value / 1e3:,.1f} kB"
