"""The vocabulary of labels: what train has, sorted."""

from collections.abc import Iterable

from onecycle.errors import UserError


def positions(labels: Iterable[str], vocab: list[str]) -> list[int]:
    """The place of each label in the vocabulary.

    Raises:
        UserError: a label that train does not have; no model could have learnt it.
    """
    place = {label: at for at, label in enumerate(vocab)}
    labels = list(labels)
    unknown = sorted(set(labels) - set(place))
    if unknown:
        raise UserError(
            f"labels {unknown[:5]} occur in valid or test, but in no item of train: "
            "split by: stratified, or leave their items out"
        )
    return [place[label] for label in labels]
