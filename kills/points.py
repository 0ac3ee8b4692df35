"""Every point once: a run is killed where it can be, run again, and compared.

The places are those that unbroken runs pass, whoever passes them: so the list is complete. A place
that several samples pass is tried with one of them, in turn.
"""

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from flows.stage import Outcome
from kills.chance import resumed
from kills.ground import STAGES, Ground, emptied, run, tail
from kills.results import Row
from onecycle.faults import BREAK, PASSED, POINTS
from onecycle.paths import remove

LAST = "sample_movielens"  # whose commands besides the graph are tried: it is the quickest
NUMBERED = re.compile(r"(\d{6})-[0-9a-f]{64}")  # a checkpoint's name
KEYED = re.compile(r"\b[0-9a-f]{20}\b")  # a study's training, a training's checkpoints


@dataclass(frozen=True)
class Work:
    """A command that is broken.

    Attributes:
        name: of a stage, or what it is.
        command: for a problem.
        stages: that are put back to never having run, before.
        files: that are removed before, besides.
    """

    name: str
    command: Callable[[str], Sequence[str]]
    stages: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def prepare(self, ground: Ground) -> None:
        """Puts the tree back to where this has not run."""
        ground.forget(*self.stages)
        for file in self.files:
            remove(ground.tree / file.format(problem=ground.problem))


@dataclass(frozen=True)
class Point:
    """A place where a run is killed.

    Attributes:
        work: the command's name.
        problem: the sample.
        place: as the page tells it.
        where: the value of ONECYCLE_FAULT without `=kill`, and another if that is not reached.
    """

    work: str
    problem: str
    place: str
    where: tuple[str, ...]

    @property
    def kind(self) -> str:
        """What of `POINTS` it is."""
        return max((each for each in POINTS if self.place.startswith(each)), key=len)


def stage(name: str) -> Work:
    """A stage, as the flow runs it."""
    return Work(name, lambda it: ["python", "-m", "flows.repro", f"{name}@{it}"], (name,))


def python(text: str) -> Callable[[str], Sequence[str]]:
    """A command of the library."""
    return lambda it: ["python", "-m", *text.format(problem=it).split()]


ITEMS = "models/{problem} data/{problem}/items.parquet"
EXTRA = (
    Work("predict", python(f"tasks predict {ITEMS} -o made/out.csv"), files=("made/out.csv",)),
    Work("export", python(f"tasks export {ITEMS} -o made/it.onnx"), files=("made/it.onnx",)),
    Work(
        "study",
        python("tasks study weight_decay {problem} --seeds 1 --values [0.1,0.01]"),
        files=("reports/{problem}/studies", ".onecycle/studies"),
    ),
)
FLOW = Work(
    "flow",
    python("flows.pipeline --set problems.{problem}.evaluate.draws=100"),
    ("evaluate",),
    (".onecycle/prefect/login", "reports/index.html"),
)


def works(problem: str) -> list[Work]:
    """What is broken of a problem."""
    own = [stage(name) for name in STAGES]
    return [*own, *EXTRA, FLOW] if problem == LAST else own


WORKS = {each.name: each for each in works(LAST)}


def extra(problem: str) -> list[Sequence[str]]:
    """The commands besides the graph."""
    return [each.command(problem) for each in EXTRA] if problem == LAST else []


def record(work: Work, ground: Ground) -> list[Point]:
    """The points of a command, in the order in which a run that is not broken passes them."""
    work.prepare(ground)
    with tempfile.TemporaryDirectory() as folder:
        passed = Path(folder, "passed")
        done = run(ground.tree, work.command(ground.problem), {PASSED: str(passed)})
        lines = passed.read_text().splitlines() if passed.exists() else []
    assert done.status == 0, done.said
    emptied(ground.tree)
    wrong = ground.wrong()
    assert not wrong["differs"], f"{work.name} gives other bytes: {wrong['differs']}"
    counts = Counter(lines)
    by_place: dict[str, list[str]] = {}
    for line in counts:
        by_place.setdefault(told(line, ground.problem), []).append(NUMBERED.sub(r"\1-*", line))
    points = []
    for place, names in by_place.items():
        middle = names[len(names) // 2]
        passes = counts[middle]
        first = [f"{middle}#{1 + passes // 2}"] if passes > 1 else []
        wheres = dict.fromkeys([*first, middle, names[0]])
        points.append(Point(work.name, ground.problem, place, tuple(wheres)))
    return points


def told(place: str, problem: str) -> str:
    """A place, the same for all problems and runs."""
    place = KEYED.sub("*", NUMBERED.sub("*", place))
    return place.replace(problem, "PROBLEM")


def chosen(recorded: Sequence[Point]) -> list[Point]:
    """Each place once, of the sample that has had the fewest; of the flow what is its own."""
    having: dict[tuple[str, str], list[Point]] = {}
    for point in recorded:
        having.setdefault((point.work, point.place), []).append(point)
    of_stages = {place for work, place in having if work in STAGES}
    count: Counter[str] = Counter()
    kept = []
    for (work, place), points in having.items():
        if work == FLOW.name and place in of_stages:
            continue
        point = min(points, key=lambda it: count[it.problem])
        count[point.problem] += 1
        kept.append(point)
    return kept


def found(places: Sequence[Row]) -> list[Point]:
    """The points to be tried, of the rows that `record` has led to."""
    told = [each for row in places for each in row["points"]]
    return chosen([Point(**{**each, "where": tuple(each["where"])}) for each in told])


def attempt(point: Point, ground: Ground) -> Row:
    """Kills a run at a point, runs it again, and compares."""
    work = WORKS[point.work]
    command = work.command(ground.problem)
    for where in point.where:
        work.prepare(ground)
        with tempfile.TemporaryDirectory() as folder:
            passed = Path(folder, "passed")
            asked = {BREAK: f"{where}=kill", PASSED: str(passed)}
            broken = run(ground.tree, command, asked)
            lines = passed.read_text().splitlines() if passed.exists() else []
        reached = any(fnmatchcase(line, where.partition("#")[0]) for line in lines)
        if broken.status or (reached and "#" not in where):
            break
    stay = emptied(ground.tree)
    again = run(ground.tree, command)
    stay += emptied(ground.tree)
    wrong = ground.wrong()
    wrong["left"] += stay
    wrong["said"] = [] if reached else ["the place was not reached"]
    wrong["said"] += [] if broken.status else ["the broken run says that it completed"]
    well = set(Outcome) - {Outcome.FAILED}  # it may have been recorded before it was killed
    wrong["survived"] = [] if again.status in well else [tail(again.said)]
    if any(wrong.values()):
        ground.fresh()
    return {
        "what": f"{point.work}: {point.place} ({ground.problem})",
        "work": point.work,
        "problem": ground.problem,
        "place": point.place,
        "kind": point.kind,
        "where": where,
        "status": broken.status,
        "seconds": again.seconds,
        "resumed": resumed(again.said),
        "wrong": wrong,
        "broken": tail(broken.said),
    }
