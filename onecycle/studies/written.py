"""A study's files: what it found as JSON, and its picture for light and dark pages."""

from pathlib import Path
from typing import Any

from onecycle.paths import Paths, write_json, write_whole
from onecycle.report.figures import DARK, LIGHT, WIDTH, png
from onecycle.studies import pictures
from onecycle.studies.finding import Finding

THEMES = {"light": LIGHT, "dark": DARK}


def write(paths: Paths, told: dict[str, Any], found: Finding) -> Path:
    """Writes `NAME.json`, `NAME.light.png` and `NAME.dark.png` under `reports/<p>/studies/`.

    Args:
        paths: the problem's files.
        told: of `finding.to_json`.
        found: whose picture is drawn.

    Returns:
        The JSON file; it is written last.
    """
    folder, picture = paths.report("studies"), found.picture or pictures.arms(told)
    for name, theme in THEMES.items():
        drawn = png(picture.draw, theme, (WIDTH, picture.height))
        write_whole(folder / f"{told['study']}.{name}.png", drawn)
    file = folder / f"{told['study']}.json"
    shown = {"alt": picture.alt, "caption": picture.caption, "height": picture.height}
    write_json(file, told | {"picture": shown})
    return file
