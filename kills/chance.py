"""Kills at random: any process of a run, at any moment; then it is run again till it completes."""

import random
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from kills.ground import PROBLEMS, Ended, Ground, emptied, run, tail
from kills.results import Row
from onecycle.faults import PASSED
from onecycle.paths import read_json, write_json
from tests import trees

STAGES = ("train", "calibrate", "evaluate")  # that run in a trial; those before are done
FLOW = ("python", "-m", "flows.pipeline")
DVC = ("python", "-m", "dvc", "repro")
AGAIN = 0.3  # of the trials kill the second run too
ANY = 0.2  # of the moments are of the whole run, the others of its training
FINAL = "('COMPLETED', 'FAILED', 'CRASHED', 'CANCELLED')"
RUNNING = f"select count(*) from flow_run where state_type not in {FINAL}"
RESUMED = re.compile(r"going on from epoch .*\((\d[\d,]*) steps done in all\)")

Find = Callable[[Path, psutil.Popen], psutil.Process | None]


def named(words: str, *others: str) -> Find:
    """Finds the tree's innermost process that has some words in its command line, not others."""

    def find(tree: Path, _: psutil.Popen) -> psutil.Process | None:
        found = []
        for process in trees.processes(tree):
            try:
                line = " ".join(process.cmdline())
            except psutil.Error:
                continue
            if words in line and not any(each in line for each in others):
                found.append(process)
        return max(found, key=lambda it: it.create_time(), default=None)

    return find


def itself(_: Path, process: psutil.Popen) -> psutil.Process:
    """The process that was started."""
    return psutil.Process(process.pid)


VICTIMS: dict[str, tuple[Sequence[str], Find]] = {
    "training": (FLOW, named("tasks train")),
    "supervisor": (FLOW, named("supervisor.py", "flows.server")),
    "flow": (FLOW, itself),
    "DVC, in the flow": (FLOW, named("flows.repro", "supervisor.py")),
    "dvc repro": (DVC, itself),
    "server": (FLOW, named("flows.server", "supervisor.py")),
}
"""Whom a trial kills: the command that is run, and how the process is found."""


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        number: of the plan.
        victim: of `VICTIMS`.
        problem: a sample.
        moments: of each kill: whether it is of the whole run, and where in it, 0 to 1.
    """

    number: int
    victim: str
    problem: str
    moments: tuple[tuple[bool, float], ...]


def plan(count: int, seed: int, problems: Sequence[str] = PROBLEMS) -> list[Trial]:
    """So many trials, spread evenly over victims and samples; the same for the same seed."""
    draw = random.Random(seed)
    found = []
    for number in range(count):
        kills = 2 if draw.random() < AGAIN else 1
        moments = tuple((draw.random() < ANY, draw.random()) for _ in range(kills))
        turn, at = divmod(number, len(VICTIMS))
        found.append(Trial(number, list(VICTIMS)[at], problems[turn % len(problems)], moments))
    return found


@dataclass
class Watch:
    """Follows a run by the places that it passes, and kills at a moment.

    Attributes:
        tree: where it runs.
        passed: the file of places that are passed.
        find: finds the victim; null: nobody is killed.
        due: the moment, from `Times`.
        stages: seconds from the run's start to each stage's begin.
        steps: seconds to each step of the training.
        killed: when the victim was killed, and in which stage.
        begun: the steps that it went on from.
    """

    tree: Path
    passed: Path
    find: Find | None = None
    due: Callable[["Watch", float], bool] = lambda *_: False
    stages: dict[str, float] = field(default_factory=dict)
    steps: list[float] = field(default_factory=list)
    killed: dict[str, Any] = field(default_factory=dict)
    begun: int = 0
    _read: int = 0

    @property
    def done(self) -> int:
        """The steps that have led to where it is."""
        return self.begun + len(self.steps)

    def __call__(self, process: psutil.Popen, seconds: float) -> None:
        """A look, `seconds` after the start."""
        self.follow(seconds)
        if self.find and not self.killed and self.due(self, seconds):
            victim = self.find(self.tree, process)
            if victim:
                victim.kill()
                self.killed = {"at_s": seconds, "stage": list(self.stages)[-1:]}

    def follow(self, seconds: float) -> None:
        """Reads the places that were passed since the last look."""
        if not self.passed.exists():
            return
        with self.passed.open() as file:
            file.seek(self._read)
            text = file.read()
        text = text[: text.rfind("\n") + 1]
        self._read += len(text.encode())
        for line in text.splitlines():
            if line.startswith("stage begins"):
                self.stages[line.split()[-1]] = seconds
            elif line == "stepped" and list(self.stages)[-1:] == ["train"]:
                self.steps.append(seconds)


@dataclass(frozen=True)
class Times:
    """Seconds of an unbroken run.

    Attributes:
        training: from its process's begin of work to the next stage's.
        first: from the start to the first step.
        whole: to the end.
        steps: of the training, in all.
    """

    training: float
    first: float
    whole: float
    steps: int

    def moment(self, whole: bool, at: float) -> Callable[[Watch, float], bool]:
        """When to kill: `at` of the whole run, or of its training."""
        if whole:
            return lambda _, seconds: seconds >= at * self.whole
        return lambda watch, seconds: (
            "train" in watch.stages and seconds >= watch.stages["train"] + at * self.training
        )


def unbroken(ground: Ground, command: Sequence[str], kept: Path) -> Times:
    """Times a run that is not broken, unless that was done before."""
    if not kept.exists():
        ground.forget(*STAGES)
        with tempfile.TemporaryDirectory() as folder:
            watch = Watch(ground.tree, Path(folder, "passed"))
            done = run(ground.tree, command, {PASSED: str(watch.passed)}, watch)
            watch.follow(done.seconds)
        assert done.status == 0, done.said
        training = watch.stages["calibrate"] - watch.stages["train"]
        found = Times(training, watch.steps[0], done.seconds, len(watch.steps))
        write_json(kept, vars(found))
    return Times(**read_json(kept))


class Attempt:
    """One trial, while it goes on.

    Args:
        trial: what to do.
        ground: where.
        times: of an unbroken run.
        folder: a temporary one, for the places that are passed.
    """

    def __init__(self, trial: Trial, ground: Ground, times: Times, folder: Path) -> None:
        self.trial, self.ground, self.times, self.folder = trial, ground, times, folder
        self.command, self.find = VICTIMS[trial.victim]
        self.kills: list[Row] = []
        self.wrong: dict[str, list[str]] = {"said": [], "survived": [], "left": []}
        self.before: Watch | None = None  # the last run that trained
        self.runs = 0

    def run(self, moment: tuple[bool, float] | None) -> Ended:
        """Runs once, and kills at a moment, if one is given."""
        self.runs += 1
        watch = Watch(self.ground.tree, self.folder / f"passed-{self.runs}")
        if moment:
            watch.find, watch.due = self.find, self.times.moment(*moment)
        completed = finished(self.ground.tree)
        ended = run(self.ground.tree, self.command, {PASSED: str(watch.passed)}, watch)
        self.wrong["left"] += emptied(self.ground.tree)
        watch.follow(ended.seconds)
        watch.begun = resumed(ended.said)
        if watch.steps and self.kills and self.before:
            self.before.follow(ended.seconds)  # what outlived a kill has gone on meanwhile
            lost = max(0, self.before.done - watch.begun)
            beyond = watch.steps[lost : lost + 1]
            self.kills[-1] |= {"steps": self.before.done, "lost": lost}
            self.kills[-1] |= {"recovered_s": beyond[0] if beyond else None}
        if watch.steps:
            self.before = watch
        if watch.killed:
            self.kills.append(watch.killed | {"status": ended.status})
            says = ended.status == 0 or finished(self.ground.tree) > completed
            if says and self.ground.wrong()["differs"]:
                self.wrong["said"].append("a broken run says that it completed")
        return ended


def finished(tree: Path) -> int:
    """How many runs Prefect knows as completed."""
    query = "select count(*) from flow_run where state_type = 'COMPLETED'"
    return int(trees.rows(tree, query)[0][0])


def attempt(trial: Trial, ground: Ground, folder: Path) -> Row:
    """Runs, kills, runs again until nobody is killed any more, and compares."""
    command, _ = VICTIMS[trial.victim]
    times = unbroken(ground, command, folder / f"{trial.problem}-{command[2]}.json")
    moments, early = list(trial.moments), 1.0
    # Where all kills are of the training, what comes before it need not be made again.
    forgotten = STAGES if any(whole for whole, _ in moments) else STAGES[STAGES.index("train") :]
    ground.forget(*forgotten)
    with tempfile.TemporaryDirectory() as passed:
        it = Attempt(trial, ground, times, Path(passed))
        while moments:
            whole, at = moments[0]
            it.run((whole, at * early))
            if it.kills or early < 0.01:
                moments = moments[1:]
            else:  # it came too late: all was done
                early /= 2
                ground.forget(*forgotten)
        completed = finished(ground.tree)
        last = it.run(None)
    if last.status:
        it.wrong["survived"].append(tail(last.said))
    if command == FLOW and finished(ground.tree) == completed:
        it.wrong["said"].append("Prefect does not know that the last run completed")
    if command == FLOW and trees.rows(ground.tree, RUNNING)[0][0]:
        it.wrong["said"].append("Prefect has a run that was killed for one that runs")
    found = ground.wrong()
    wrong = it.wrong | {"differs": found["differs"], "left": it.wrong["left"] + found["left"]}
    if any(wrong.values()):
        ground.fresh()
    return {
        "what": f"{trial.victim}, {trial.problem}, kills: {len(it.kills)}",
        "number": trial.number,
        "victim": trial.victim,
        "problem": trial.problem,
        "kills": it.kills,
        "seconds": last.seconds,
        "unbroken": vars(times),
        "wrong": wrong,
    }


def resumed(said: str) -> int:
    """The steps that a run went on from."""
    found = RESUMED.search(said)
    return int(found.group(1).replace(",", "")) if found else 0
