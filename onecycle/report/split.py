"""The split, and what a score on it is worth: what it says, and what it does not."""

from typing import Any

from onecycle.report import leaks
from onecycle.report.facts import Facts
from onecycle.report.parts import Section, Table
from onecycle.report.words import count

FEW = 5  # groups: so many tell how groups differ, as intervals.json has it
RANDOM = "Items were drawn at random"
GROUPS = "Whole groups lie on one side each"
CHOSEN = "Somebody chose the parts"
HOW = {
    "random": RANDOM,
    "stratified": f"{RANDOM}, with every label in proportion",
    "kfold": f"{RANDOM}, as one of several folds",
    "group": GROUPS,
    "group_kfold": f"{GROUPS}, as one of several folds",
    "leave_one_group_out": f"{GROUPS}: one is judged, the others are learnt from",
    "time": "The past is learnt from, the latest is judged",
    "column": f"{CHOSEN}: they come with the data",
    "lists": f"{CHOSEN}: params.yaml lists them",
    "files": f"{CHOSEN}: files in the data list them",
}


def section(facts: Facts) -> Section:
    """Parts, what a score says, who chose by what; leaks, accepted ones as warnings."""
    split = facts.split
    total = sum(split["counts"].values()) + split["left_out"]
    left_out = f"; {split['left_out']:,} of them in no part" if split["left_out"] else ""
    return Section(
        "The split",
        [
            f"{count(total, 'item')}{left_out}, split by {split['by']}. {how(facts)}.",
            worth(facts),
            chosen(facts),
            *leaks.says(facts),
        ],
        tables=[_parts(split), *leaks.table(facts), *leaks.examples(facts)],
        twins=leaks.twins(facts),
        warnings=leaks.warnings(facts),
    )


def how(facts: Facts) -> str:
    """How the parts were made."""
    return HOW.get(facts.split["by"], "The parts were made by a splitter of its own")


def worth(facts: Facts) -> str:
    """What a score on this split says, and what it does not."""
    split, where = facts.split, facts.judged
    if split["by"] == "time":
        return (
            f"So a score on {where} says how the model does on what comes later, as far ahead as "
            f"{where} reaches, and nothing of what comes after."
        )
    if split["leaks"]["shared_groups"]:
        return (
            f"So a score on {where} says how the model does on new items of groups that it knows. "
            "It does not say how it does on a new group: `split.by: group` would."
        )
    groups = split["groups"].get(where, 0)
    if groups:
        few = "" if groups >= FEW else ": too few to say how much groups differ"
        return (
            f"So a score on {where} says how the model does on groups that it has never seen, by "
            f"the {count(groups, 'group')} there{few}."
        )
    if facts.blocks.x.kind == "pair":
        return (
            f"So a score on {where} says how the model rates further pairs of users and items that "
            "it mostly knows. It does not say how it does on new users or items, nor on what is "
            "rated later: `split.by: time` would."
        )
    return (
        f"So a score on {where} says how the model does on new items from where these came from. "
        "It does not say how it does on other sources, nor, if items belong together (of one "
        "person, place or day), on new such groups: `prepare.group` and `split.by: group` would."
    )


def chosen(facts: Facts) -> str:
    """Which part chose what, so that it can't judge it."""
    counts, fitted = facts.split["counts"], facts.decision.get("fitted_on", {}).get("part", "valid")
    train = f"Train ({count(counts['train'], 'item')}) is what was learnt from"
    if fitted == "calib":
        watched = f"valid ({counts['valid']:,}) watched it, and may have chosen rates and epochs"
        decided = f"calib ({counts['calib']:,}), that nothing else saw, fitted the decision"
        return f"{train}, {watched}, {decided}{_judge(facts)}"
    watched = f"valid ({counts['valid']:,}) watched it and fitted the decision"
    flatters = (
        "Whoever also chooses rates and epochs by valid makes what the decision promises of itself "
        "flatter a little: `split.calib` sets a part aside for it."
    )
    return f"{train}, {watched}{_judge(facts)} {flatters}"


def _judge(facts: Facts) -> str:
    if facts.judged != "test":
        return "; there is no test, so valid judges what it chose, and flatters."
    return f"; test ({facts.split['counts']['test']:,}) took part in nothing, and judges."


def _parts(split: dict[str, Any]) -> Table:
    """Items and, where there are any, groups of each part."""
    groups = split["groups"]
    columns = ["Part", "Items", "Groups"] if groups else ["Part", "Items"]
    rows = [
        [part, f"{items:,}"] + ([f"{groups.get(part, 0):,}"] if groups else [])
        for part, items in split["counts"].items()
    ]
    return Table(columns, rows)
