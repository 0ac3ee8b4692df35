"""How many epochs: where does the metric, rather than the loss, stop improving?

The last phase that has epochs is trained long: three times as many, or `--values [N]`. Its number
of epochs is the first after which no later one is better by the metric, on valid, beyond luck:
intervals of the later epochs' gains hold all at once (`Judge.gains`), so that of many looks at
noise one in forty lengthens training, not one in six. One seed can't tell the wiggle of a training
from progress, and two tell little: take three. In the long training's midst the rate is high, so
its scores there are no one's final ones: a fresh cycle of that length is trained, which ends
annealed.

Figures, epochs counted within the phase: `phase`, `asked epochs`, `long epochs`, `chosen epochs`,
`least loss epoch` (of valid, mean over seeds), `best metric epoch`; `loss at the end over least`, a
factor; gains on valid, in the metric: `later epoch over least loss epoch` (of the best from there
on, holding for all of them at once, as it is picked among them; 0 where it is that one), `end over
least loss epoch`, `end over chosen epoch`, and `end over phase before`; by part, such as `fresh
over long, test`: of the fresh cycle over the long one and over the asked one, and `long over as
asked`.
"""

from collections.abc import Mapping

from onecycle.errors import UserError
from onecycle.report.parts import Table
from onecycle.report.words import count
from onecycle.studies import grid
from onecycle.studies.arm import ASKED, Arm, Asked
from onecycle.studies.compare import Estimate, Judge
from onecycle.studies.finding import Done, Finding, Picture, judged
from onecycle.studies.questions.course import Course, draw
from onecycle.studies.words import luck, score, signed, told

LONG, FRESH = "long", "fresh"
TIMES = 3
FEW = (
    "",
    "One seed can't tell the wiggle of a training from progress: take three.",
    "Two seeds leave an interval so wide that training may look settled too soon: take three.",
)
"""Said where there are so few seeds."""


def arms(asked: Asked, done: Done) -> list[Arm]:
    """The asked training, the long one, and once that is done a fresh one as long as it needs."""
    key, own = key_of(asked), asked.of(key_of(asked))
    long = TIMES * own
    if asked.values:
        long = asked.values[0]
        if len(asked.values) > 1 or not isinstance(long, int) or long < 2:
            raise UserError(f"--values: expected one number of epochs, such as [{TIMES * own}]")
    found = [Arm(ASKED), Arm(LONG, {key: long})]
    if LONG in done and not done[LONG].failed:
        found.append(Arm(FRESH, {key: Course.of(asked, done[LONG]).chosen}))
    return found


def key_of(asked: Asked) -> str:
    """Of the epochs that are lengthened."""
    return f"train.{asked.phases[-1]}.epochs"


def read(asked: Asked, done: Done) -> Finding:
    """Chooses the length on valid, and tells on test what a fresh cycle of it is worth."""
    judges, own = judged(asked, done), asked.of(key_of(asked))
    lost = grid.failures(done)
    base = next(name for name in (ASKED, LONG, FRESH) if name in judges["valid"])
    if FRESH not in judges["valid"]:
        return Finding(lost, judges, base)
    course = Course.of(asked, done[LONG])
    gains = {
        f"{arm} over {other}, {part}": judge.gain(arm, other)
        for part, judge in judges.items()
        for arm, other in ((FRESH, LONG), (FRESH, ASKED), (LONG, ASKED))
        if arm in judge and other in judge
    }
    valid, known = judges["valid"], {"phase": asked.phases[-1], "asked epochs": own}
    adopt, why = _adopt(asked, course, valid)
    says = [_first(course), *_worth(judges, course, own), why, *_loss(course)]
    if course.before:
        says.append(
            f"Over the phase before, the long {asked.phases[-1]} one gains "
            f"{signed(course.judge.gain(course.last[-1], str(course.before)))} in all, on valid."
        )
    if course.seeds < len(FEW):
        says.append(FEW[course.seeds])
    lengths = {ASKED: own, FRESH: course.chosen}
    ends = [(name, n, valid.value(name)) for name, n in lengths.items() if name in valid]
    picture = Picture(
        lambda figure, theme: draw(figure, theme, course, ends),
        f"{valid.metric} of valid after each of {len(course.loss)} epochs, and its loss below: "
        f"the metric settles after epoch {course.chosen}, the loss is least after "
        f"{course.within(course.least_loss)}",
        f"The long training's {valid.metric} on valid with 95 % intervals, and its losses below. "
        f"The line is where no later epoch is better beyond luck; points are where whole cycles "
        "end." + (" Shaded: the frozen phase." if course.before else ""),
        5.0,
    )
    figures = {**known, **_figures(course), **gains}
    return Finding([*says, *lost], judges, base, adopt, figures, [_table(course)], picture)


def _figures(course: Course) -> dict[str, Estimate | float | str]:
    judge, end, least = course.judge, course.last[-1], course.least_loss
    found: dict[str, Estimate | float | str] = {
        "long epochs": len(course.last),
        "chosen epochs": course.chosen,
        "least loss epoch": course.within(least),
        "best metric epoch": course.within(course.best),
        "loss at the end over least": course.loss_rise,
        "later epoch over least loss epoch": _later(course),
        "end over least loss epoch": judge.gain(end, least),
        "end over chosen epoch": judge.gain(end, course.settled),
    }
    if course.before:
        found["end over phase before"] = judge.gain(end, str(course.before))
    return found


def _later(course: Course) -> Estimate:
    """The gain of the best epoch from that of the least loss on, in an interval that holds for all.

    An epoch before it would not say that the metric goes on where the loss does not.
    """
    judge, least = course.judge, course.least_loss
    later = [epoch for epoch in course.last if int(epoch) >= int(least)]
    return judge.gains(later, least)[judge.best(later)]


def _first(course: Course) -> str:
    judge, long, of = course.judge, len(course.last), luck(course.judge, course.seeds)
    if course.settled == course.last[-1]:
        return (
            f"{judge.metric} on valid improves, beyond luck, up to the last of {long} epochs "
            f"({of}): a longer training may gain still."
        )
    rest = "and none is better at all."
    if course.best != course.settled:
        gain = judge.gains(course.last, course.settled)[course.best]
        rest = f"the best, {course.within(course.best)}, is better by {signed(gain)}."
    return (
        f"After epoch {course.chosen} of {long} no later one has a better {judge.metric} on valid, "
        f"beyond luck ({of}); {rest}"
    )


def _worth(judges: Mapping[str, Judge], course: Course, own: int) -> list[str]:
    """What the fresh cycle is worth beside the others."""
    lengths = {LONG: len(course.last), ASKED: own}
    said = []
    for part, judge in judges.items():
        beside = [
            f"{signed(judge.gain(FRESH, arm))} over the {epochs} of '{arm}'"
            for arm, epochs in lengths.items()
            if arm in judge and epochs != course.chosen
        ]
        fresh = f"a fresh cycle of {count(course.chosen, 'epoch')}"
        said.append(
            f"On {part}, {fresh} comes to {judge.metric} {told(judge.value(FRESH))}"
            + (f", a gain of {', of '.join(beside)}." if beside else ".")
        )
    return said


def _adopt(asked: Asked, course: Course, valid: Judge) -> tuple[list[str], str]:
    """More epochs where valid tells them better, fewer where they can't lose what counts.

    Not to be told worse is too little for the latter: with few seeds little is told.
    """
    key, chosen = key_of(asked), course.chosen
    own, lines = asked.of(key), [asked.setting(key, chosen)]
    if ASKED not in valid:
        return lines, "The asked training gave no model: the fresh cycle is to be had in its place."
    gains = valid.gains([name for name in (FRESH, LONG) if name in valid], ASKED)
    gain, longer = gains[FRESH], gains.get(LONG)
    if longer and longer.low > 0 and not (gain.low > 0 and valid.spares(FRESH, LONG)):
        return [asked.setting(key, len(course.last))], (
            f"Valid tells the long training itself better than the {own} asked, by "
            f"{signed(longer)}: the length found is too short, for want of items or seeds."
        )
    if chosen == own:
        return [], f"The asked {count(own, 'epoch')} are as many as that."
    if gain.low > 0:
        return lines, "Valid tells the fresh cycle better than the asked one."
    if chosen > own:
        return [], f"Valid does not tell them better than the {own} asked: nothing changes."
    if gain.high < 0:
        return [], f"Valid tells them worse than the {own} asked: nothing changes."
    lost = score(valid.may_lose(FRESH, ASKED))
    if not valid.spares(FRESH, ASKED):
        return [], (
            f"Valid does not tell them worse than the {own} asked, but as far as it tells they may "
            f"lose {lost}, more than a hundredth: nothing changes. More items or seeds would tell."
        )
    return lines, f"They are cheaper than the {own} asked, and lose {lost} at most, by valid."


def _loss(course: Course) -> list[str]:
    """Whether the loss would have stopped training too soon."""
    judge, least, end = course.judge, course.least_loss, course.last[-1]
    at = f"Valid's loss is least after epoch {course.within(least)}"
    if least == end:
        return [f"{at}, the last: by the loss nothing is overfitted."]
    gain, rise = judge.gain(end, least), course.loss_rise
    high = f"{rise:.3g} times as high" if rise >= 1.005 else "hardly higher"
    first = f"{at} and {high} at the end"
    between = f"{judge.metric} gains {signed(gain)} from there to the end"
    if gain.low > 0:
        return [f"{first}, yet {between}: to stop by the loss would lose that."]
    if gain.high < 0:
        return [f"{first}, and {between}: metric and loss both say that it overfits."]
    return [f"{first}; {between}, which is not told from nothing."]


def _table(course: Course) -> Table:
    """Every epoch, and what speaks for going on."""
    rows = []
    for epoch in map(str, range(1, len(course.loss) + 1)):
        lead = course.leads.get(epoch)
        loss, train = course.loss[int(epoch) - 1], course.train_loss[int(epoch) - 1]
        number = course.within(epoch)
        rows.append(
            [
                str(number) if number > 0 else f"before, {epoch}",
                told(course.judge.value(epoch)),
                signed(lead) if lead else "–",
                score(float(loss)),
                score(float(train)),
            ]
        )
    metric = course.judge.metric
    columns = ["epoch", metric, "surest gain of a later one", "valid loss", "train loss"]
    return Table(columns, rows)
