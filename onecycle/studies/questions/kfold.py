"""What does the recipe score over all items, each judged once, and how much do folds differ?

Items in `--folds` folds, every label in proportion; figures are `folding.read`'s.
"""

from onecycle.errors import UserError
from onecycle.studies.arm import ASKED, Arm, Asked
from onecycle.studies.finding import Done, Finding
from onecycle.studies.questions import folding
from onecycle.studies.questions.folded import FOLDS


def arms(asked: Asked, done: Done) -> list[Arm]:
    """The asked split, and the folds.

    Raises:
        UserError: items of a group would be on both sides, and may not.
    """
    groups = folding.items(asked)["group"].dropna()
    if groups.duplicated().any() and asked.of("split.leaks.group") == 0:
        raise UserError(
            f"kfold: {asked.problem} has {groups.nunique():,} groups of items, and folds of items "
            f"would put a group on both sides: `python -m tasks study group_kfold {asked.problem}` "
            f"keeps them whole; or --set {asked.setting('split.leaks.group', None)} knowingly"
        )
    split = folding.split(asked, "kfold", stratified=True)
    return [Arm(ASKED), Arm(FOLDS, {"split": split}, folds=asked.folds)]


def read(asked: Asked, done: Done) -> Finding:
    """The pooled score beside each fold's and the asked split's."""
    return folding.read(asked, done, whole_groups=False)
