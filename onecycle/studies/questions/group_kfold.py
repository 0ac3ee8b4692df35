"""What does the recipe score over all groups, each judged whole and once, and do they differ?

Whole groups in `--folds` folds; figures are `folding.read`'s.
"""

from onecycle.studies.arm import ASKED, Arm, Asked
from onecycle.studies.finding import Done, Finding
from onecycle.studies.questions import folding
from onecycle.studies.questions.folded import FOLDS


def arms(asked: Asked, done: Done) -> list[Arm]:
    """The asked split, and the folds.

    Raises:
        UserError: there are fewer groups than folds.
    """
    folding.check_groups(asked, "group_kfold", "kfold")
    split = folding.split(asked, "group_kfold")
    return [Arm(ASKED), Arm(FOLDS, {"split": split}, folds=asked.folds)]


def read(asked: Asked, done: Done) -> Finding:
    """The pooled score beside each fold's and the asked split's."""
    return folding.read(asked, done, whole_groups=True)
