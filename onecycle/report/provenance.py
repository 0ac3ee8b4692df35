"""Lineage: what the model came from, by hashes, versions and the commit."""

from collections.abc import Iterator
from typing import Any

from onecycle.report.parts import Section, Table
from onecycle.report.words import place

SHORT = 16  # hexadecimal digits that the page shows


def section(lineage: dict[str, Any]) -> list[Section]:
    """Data, split, code, machine and packages; nothing where there is no lineage."""
    if not lineage:
        return []
    says = [
        "Whoever has the same data, parameters, code and packages can make this model again; "
        "models/…/lineage.json has the whole hashes."
    ]
    packages = [[name, version] for name, version in sorted(lineage.get("packages", {}).items())]
    tables = [Table(["Made from", "What"], list(_rows(lineage)), text=2)]
    tables += [Table(["Package", "Version"], packages, text=2)] if packages else []
    return [Section("Lineage", says, tables=tables)]


def _rows(lineage: dict[str, Any]) -> Iterator[list[str]]:
    data, split, code = (lineage.get(key, {}) for key in ("data", "split", "code"))
    for name, sha256 in data.get("sha256", {}).items():
        yield [f"Data: {place(name)}", f"sha256 {_short(sha256)}"]
    if "items" in data:
        yield [f"Items table, {data['items']:,} rows", f"sha256 {_short(data['items_sha256'])}"]
    if split:
        yield [f"Split by {split['by']}", f"sha256 {_short(split['sha256'])}"]
    if code:
        changed = ", with changes that are not committed" if code["changed"] else ""
        yield ["Code", f"commit {_short(code['commit'])}{changed}" if code["commit"] else "no git"]
    if "seed" in lineage:
        yield ["Seed", str(lineage["seed"])]
    if trained := lineage.get("trained_on"):
        yield ["Trained on", ", ".join(f"{key} {value}" for key, value in trained.items())]


def _short(sha256: str) -> str:
    return f"{sha256[:SHORT]}…" if len(sha256) > SHORT else sha256
