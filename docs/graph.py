"""Draws docs/graph.svg from dvc.yaml: `python docs/graph.py`. A test compares the two."""

from pathlib import Path
from typing import Any

import jinja2
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
STEP, BOX, TOP = 128, 108, 96  # pixels between stages, of a stage's width, above the stages
NOTE = 13  # pixels of a line
SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{ width }} {{ height }}" role="img"
 aria-label="The stages of the graph, what each writes, and who reads it">
<style>
  text { font: 11px system-ui, sans-serif; fill: #4a5058 }
  .stage { font-weight: 600; font-size: 13px; fill: #fff }
  rect { fill: #1f5fa8 }
  path { fill: none; stroke: #8d939b; stroke-width: 1.2 }
  path.next { stroke: #1f5fa8; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #b9bec5 } rect { fill: #2d6cb3 } path.next { stroke: #7db4ec } }
</style>
{% for arc in arcs %}
<path class="{{ arc.kind }}" d="M{{ arc.x1 }} {{ top }} A{{ arc.r }} {{ arc.h }} 0 0 1 \
{{ arc.x2 }} {{ top }}"><title>{{ arc.title }}</title></path>
{% endfor %}
{% for stage in stages %}
<rect x="{{ stage.x }}" y="{{ top }}" width="{{ box }}" height="28" rx="6"/>
<text class="stage" x="{{ stage.x + box / 2 }}" y="{{ top + 19 }}" text-anchor="middle">\
{{ stage.name }}</text>
{% for line in stage.lines %}
<text x="{{ stage.x + 4 }}" y="{{ top + 46 + note * loop.index0 }}">{{ line }}</text>
{% endfor %}
{% endfor %}
</svg>
"""


def draw() -> str:
    """The picture: a box for each stage, its outputs below, an arc to each that reads them."""
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    outs = {name: paths(stage["do"]) for name, stage in stages.items()}
    names = list(stages)
    boxes = [
        {"name": name, "x": 6 + STEP * at, "lines": [Path(out).name for out in outs[name]]}
        for at, name in enumerate(names)
    ]
    arcs = [
        arc(names.index(writer), names.index(reader), read)
        for reader in names
        for writer in names
        if (read := [out for out in outs[writer] if out in stages[reader]["do"]["deps"]])
    ]
    height = TOP + 46 + NOTE * max(len(box["lines"]) for box in boxes)
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, autoescape=True)
    return environment.from_string(SVG).render(
        width=STEP * len(names) - 8,
        height=height,
        stages=boxes,
        arcs=arcs,
        top=TOP,
        box=BOX,
        note=NOTE,
    )


def paths(stage: dict[str, Any]) -> list[str]:
    """What a stage writes."""
    found = [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]
    return [next(iter(out)) if isinstance(out, dict) else out for out in found]


def arc(writer: int, reader: int, read: list[str]) -> dict[str, Any]:
    """An arc above the boxes, the higher the farther it goes."""
    span = reader - writer
    x1, x2 = (6 + STEP * at + BOX / 2 + shift for at, shift in ((writer, 10), (reader, -10)))
    return {
        "kind": "next" if span == 1 else "far",
        "x1": x1,
        "x2": x2,
        "r": (x2 - x1) / 2,
        "h": 14 * span,
        "title": ", ".join(Path(each).name for each in read),
    }


if __name__ == "__main__":
    (ROOT / "docs" / "graph.svg").write_text(draw(), encoding="utf-8")
