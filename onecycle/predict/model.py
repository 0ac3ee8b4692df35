"""A bundle that predicts: `models/<problem>/` alone, from inputs to answers."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from onecycle.decide import histograms
from onecycle.decide.histograms import Histograms
from onecycle.decide.kinds import KINDS
from onecycle.errors import COPY, DamagedError, UserError
from onecycle.learn import device, saved
from onecycle.learn.identity import sha256
from onecycle.learn.learner import Learner
from onecycle.paths import read_json
from onecycle.predict.pictures import Pictures
from onecycle.predict.ratings import Ratings
from onecycle.predict.takes import Inputs, Scored, Takes

FILES = ("model.json", "model.safetensors", "decision.json")  # what decides an answer
TAKES: dict[str, Callable[[Learner], Takes]] = {"image": Pictures, "pair": Ratings}


def load_model(folder: Path | str, threads: int | None = None) -> Model:
    """Reads a bundle.

    Args:
        folder: `models/<problem>/`, or a copy of it elsewhere.
        threads: of torch, for this process; they decide speed and last digits. Null: as they are.

    Raises:
        UserError: a file is missing, damaged, or does not belong to the others.
    """
    folder = Path(folder)
    for name in FILES:
        if not (folder / name).is_file():
            raise UserError(
                f"{folder / name}: no such file; name a folder models/<problem>, of a problem "
                "that has passed calibrate"
            )
    if threads is not None:
        device.use_threads(threads)
    hashes = {name: sha256(folder / name) for name in FILES}
    if (folder / "lineage.json").is_file():
        told = _read(folder / "lineage.json").get("model", {}).get("sha256")
        if told not in (None, hashes["model.safetensors"]):
            raise UserError(
                f"{folder / 'model.safetensors'}: is not the one that lineage.json tells of: it is "
                "damaged, or was trained since; run evaluate, or fetch it again"
            )
    return Model(saved.load(folder), _read(folder / "decision.json"), hashes, folder)


def code_sha256() -> str:
    """A sha256 of this package's modules: another version may answer otherwise."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _read(file: Path) -> dict[str, Any]:
    try:
        found = read_json(file)
    except DamagedError as error:
        raise DamagedError(file, error.why, COPY) from None
    if not isinstance(found, dict):
        raise DamagedError(file, "expected a JSON object", COPY)
    return found


class Model:
    """A bundle, ready to predict.

    Args:
        learner: model, blocks and where to compute.
        decision: what turns scores into answers.
        sha256: of the files that decide an answer, by name.
        folder: where they were read.

    Attributes:
        vocab: the labels, where there are any.
        made_with: packages, device, threads and precision of its training; empty if not told.
        schema: the columns of answers; they are null where there is an error.

    Raises:
        UserError: the decision is not of this model.
    """

    def __init__(
        self, learner: Learner, decision: dict[str, Any], sha256: dict[str, str], folder: Path
    ) -> None:
        self.learner, self.decision, self.sha256, self.folder = learner, decision, sha256, folder
        target = learner.data.blocks.y
        self.vocab: list[str] = getattr(target, "vocab", [])
        self.made_with: dict[str, Any] = _read(folder / "model.json").get("made_with", {})
        file = folder / "decision.json"
        if decision.get("kind") != target.state()["kind"]:
            raise UserError(
                f"{file}: is of kind {decision.get('kind')}, the model of "
                f"{target.state()['kind']}; run calibrate"
            )
        self.kind = KINDS[decision["kind"]]
        try:
            self.schema = self._schema()
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            raise DamagedError(file, said, "run calibrate") from None
        self.takes = TAKES[learner.data.blocks.x.kind](learner)

    @property
    def taken(self) -> set[str]:
        """Names of the columns that an answer has."""
        return {*self.schema.names, *self.takes.columns, "scores", "error"}

    def predict(self, inputs: Any, *, scores: bool = False) -> pd.DataFrame:  # noqa: ANN401
        """Answers, a row for each input, in their order.

        Args:
            inputs: of pictures paths, Pillow's images or arrays uint8 [H, W, C], or a DataFrame
                with a column `path`, `file` or `x`; of ratings (user, item) after (user, item), or
                a DataFrame with columns `user` and `item`. Or one folder, glob or file that names
                them, as on the command line.
            scores: whether the raw scores are told too.

        Returns:
            What names the input, the kind's answers, and `error`: why there is none, else null.

        Raises:
            UserError: there are no inputs, or they are of another kind.
        """
        one = isinstance(inputs, str | Path)
        given = (
            self.takes.named([str(inputs)], None, self.taken)
            if one
            else self.takes.given(inputs, self.taken)
        )
        starts = range(0, len(given.table), self.takes.chunk)
        parts = [table for table, _ in self.parts(given, starts, scores=scores)]
        if not parts:
            raise UserError("expected at least one input, got none")
        frame: pd.DataFrame = pa.concat_tables(parts).to_pandas()
        return frame

    def parts(
        self, inputs: Inputs, starts: Sequence[int], *, scores: bool = False
    ) -> Iterator[tuple[pa.Table, Histograms]]:
        """Chunks of inputs with their answers, and what is counted of them.

        Args:
            inputs: all.
            starts: the first row of each chunk that is wanted.
            scores: whether the raw scores are told too.
        """
        size = self.takes.chunk
        chunks = [inputs.sources[start : start + size] for start in starts]
        for start, scored in zip(starts, self.takes.scored(chunks), strict=True):
            answers = self.answers(scored)
            table = inputs.table.slice(start, size)
            for name, column in self.columns(scored, answers, scores=scores).items():
                table = table.append_column(name, column)
            yield table, self.counted(scored, answers)

    def answers(self, scored: Scored) -> pd.DataFrame:
        """The kind's answers to good rows."""
        if len(scored.scores) == 0:
            return pd.DataFrame({name: [] for name in self.schema.names}, dtype=object)
        return self.kind.answers(scored.scores, self.decision, self.vocab, scored.size_px)

    def columns(
        self, scored: Scored, answers: pd.DataFrame, *, scores: bool = False
    ) -> dict[str, pa.Array]:
        """The answers as columns of all rows, null where there is an error."""
        table = pa.Table.from_pandas(answers, schema=self.schema, preserve_index=False)
        if scores:
            raw = pa.array(list(scored.scores), pa.list_(pa.float32()))
            table = table.append_column("scores", raw)
        good = np.array([error is None for error in scored.errors])
        places = pa.array(np.cumsum(good) - 1, mask=~good)
        spread = {name: table[name].take(places) for name in table.column_names}
        return spread | scored.columns | {"error": pa.array(scored.errors, pa.string())}

    def counted(self, scored: Scored, answers: pd.DataFrame) -> Histograms:
        """Rows, errors and histograms of a chunk."""
        y_range = getattr(self.learner.recipe, "y_range", None)
        of_scores = histograms.of_scores(scored.scores, answers, self.decision, y_range)
        reasons = dict(sorted(Counter(filter(None, scored.errors)).items()))
        rows = {"rows": len(scored.errors), "errors": len(scored.errors) - len(scored.scores)}
        return {**rows, "reasons": reasons, "inputs": scored.inputs, "scores": of_scores}

    def _schema(self) -> pa.Schema:
        """The columns of answers and their types, from an answer to a sure score.

        A column that is null even then holds text; one of empty lists, probabilities.
        """
        sure = np.zeros((1, self.learner.data.blocks.y.outputs))
        sure[0, 0] = 30.0
        frame = self.kind.answers(sure, self.decision, self.vocab, np.full((1, 2), 100.0))
        schema = pa.Schema.from_pandas(frame, preserve_index=False).remove_metadata()
        lists = {"predicted": pa.list_(pa.string())}
        for at, each in enumerate(schema):
            if pa.types.is_null(each.type):
                schema = schema.set(at, pa.field(each.name, pa.string()))
            elif each.type == pa.list_(pa.null()):
                kind = lists.get(each.name, pa.list_(pa.float64()))
                schema = schema.set(at, pa.field(each.name, kind))
        return schema

    @property
    def texts(self) -> list[str]:
        """The columns of answers that hold words, in which no answer may be told as `none`."""
        labels = (pa.string(), pa.list_(pa.string()))
        return [each.name for each in self.schema if each.type in labels]

    @property
    def described(self) -> str:
        """Everything beside the inputs that decides an answer, as JSON."""
        made = self.learner.made_with
        told = {"bundle": self.sha256, "made_with": made, "code": code_sha256()}
        return json.dumps(told, sort_keys=True)
