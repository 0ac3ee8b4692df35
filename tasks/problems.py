"""The whole of params.yaml as one model, made of every stage's own."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError, WithJsonSchema, model_validator

from onecycle.decide.kinds import KINDS
from onecycle.errors import UserError
from onecycle.learn import recipe
from onecycle.params import PARAMS_FILE, Section, Yaml, apply, explain, nearest, read_yaml
from tasks import download, evaluate, lr_find, prepare, split, train

SCHEMA_FILE = Path("params.schema.json")
Calibrate = Annotated[
    dict[str, Any],
    WithJsonSchema({"anyOf": [kind.Params.model_json_schema() for kind in KINDS.values()]}),
]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


class Problem(Section):
    """One problem: a section for each stage, and `learner`, which lr_find and train share."""

    download: download.Params
    prepare: prepare.Params
    split: split.Params
    learner: recipe.Learner
    lr_find: lr_find.Params
    train: train.Params
    calibrate: Calibrate
    evaluate: evaluate.Params

    @property
    def decision(self) -> Any:  # noqa: ANN401 - the Params of a kind
        """The calibrate section, as its target's model."""
        return KINDS[self.prepare.y].Params.model_validate(self.calibrate)

    @model_validator(mode="after")
    def _sections_agree(self) -> "Problem":
        learner, pictures = self.learner, self.prepare.x == "image"
        if pictures != isinstance(learner, recipe.VisionLearner):
            wanted = "a backbone such as resnet34" if pictures else "dot_bias or implicit"
            raise ValueError(
                f"prepare.x is {self.prepare.x}, so learner.arch is expected to be {wanted}"
            )
        if self.prepare.y == "points" and getattr(learner, "fit", "squish") != "squish":
            raise ValueError(
                "points need learner.fit: squish, for a crop may lose the point it is asked for"
            )
        if self.prepare.y != "points" and getattr(learner, "head", "") == "heatmap":
            raise ValueError("learner.head: heatmap finds points; use concat_pool")
        ranged = pictures and getattr(learner, "y_range", None) is not None
        if ranged and self.prepare.y in ("category", "multicategory"):
            raise ValueError("learner.y_range: labels have scores without bounds; leave it out")
        augment = getattr(learner, "augment", None)
        if self.prepare.y == "points" and augment and augment.min_scale < 1:
            raise ValueError("points need learner.augment.min_scale: 1, as they need squish")
        if self.train.beside_scratch and getattr(learner, "weights", None) is None:
            raise ValueError("train.beside_scratch: the model starts from scratch anyway")
        by = self.split.by
        if getattr(self.prepare, "group", "known") is None and "group" in by:
            raise ValueError(f"split.by: {by}, but prepare.group is null: set it, or use random")
        return self


class Params(Section):
    """All of params.yaml.

    Attributes:
        run: the problems that run.
        threads: of torch, for each stage; they decide bytes and speed.
        problems: by name: lower-case letters, digits and underscores.
    """

    run: list[str]
    threads: int = Field(1, ge=1)
    problems: dict[Name, Problem]


def load() -> Params:
    """Reads and checks params.yaml.

    Raises:
        UserError: it is missing or wrong.
    """
    return check(read_yaml(PARAMS_FILE))


def change(settings: Iterable[str], *, write: bool = True) -> list[str]:
    """Writes settings into params.yaml, unless it would be wrong with them.

    Args:
        settings: as `onecycle.params.apply` takes them.
        write: false to look only.

    Returns:
        A line for each value written, for people to read.

    Raises:
        UserError: a setting can't be read, or params.yaml would be wrong with it.
    """
    return apply(settings, check, write=write)


def with_changes(settings: Iterable[str]) -> Params:
    """Params.yaml as it would be with settings, which are not written; as `change`.

    Raises:
        UserError: as `change`.
    """
    found: list[Params] = []
    apply(settings, lambda raw: found.append(check(raw)), write=False)
    return found[0]


def check(raw: Yaml) -> Params:
    """Checks all of params.yaml.

    Raises:
        UserError: one line for each fault: the key's full path, what was expected, the remedy.
    """
    try:
        params = Params.model_validate(raw)
    except ValidationError as error:
        raise _refusal(explain(error, raw)) from None
    faults = []
    for name, problem in params.problems.items():
        try:
            _ = problem.decision
        except ValidationError as error:
            faults += explain(error, problem.calibrate, f"problems.{name}.calibrate")
    for name in sorted({name for name in params.run if params.run.count(name) > 1}):
        faults.append(f"run: '{name}' is named twice")
    for name in params.run:
        if name not in params.problems:
            faults.append(f"run: no problem '{name}'; {nearest(name, params.problems)}")
    if faults:
        raise _refusal(faults)
    return params


def _refusal(faults: list[str]) -> UserError:
    return UserError("params.yaml can't be used:\n" + "\n".join(f"  {each}" for each in faults))


def schema() -> dict[str, Any]:
    """The JSON schema of params.yaml."""
    return Params.model_json_schema()
