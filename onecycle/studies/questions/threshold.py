"""Is the sweep's curve smooth, and does a threshold that is chosen on valid overfit?

The asked recipe is trained as it is; the scores of valid and test tell the rest. AIM is each of the
asked aim, accuracy_multi and f1_macro; what is told is the aim's worth, higher is better (a cost
counts negative). CHOICE is `half` (.5, which nobody chose), `sweep` (the best of the lesson's 29),
`exact` (the best of all) or `per_class` (each label's own, drawn towards the one for all).
Intervals are over items and seeds, differences paired.

Figures:

- smooth: `bumps_AIM`, the mean number of dips in the curve of valid, of any depth; `dip_AIM`, the
  deepest fall on the way to the top or rise after it, `range_AIM` the highest less the lowest of
  the curve; `bumpy_AIM`, in how many seeds a dip is told from none, their number accounted for;
- flat: `flat_from_AIM` and `flat_to_AIM`, the thresholds about the best that are not told from it;
- overfit: `chosen_AIM`, the mean threshold chosen on valid; what it reaches there, `fit_AIM`, and
  on test, `test_AIM`; `gap_AIM`, one less the other; `choosing_AIM`, of that what .5 does not have
  too; `regret_AIM`, what the best threshold of test has more (itself chosen by luck: at most);
- the same without the luck of one split: valid and test together are halved 60 times, chosen on
  one half and judged on the other; in place of an interval these have the middle 95 % of partings.
  `optimism_CHOICE_AIM` is fit less judged, less that of .5; `parted_gain_CHOICE_AIM` judged over
  .5; `parted_regret_AIM` what the threshold that is best on all items has more than the sweep's;
- finer choices: `PART_CHOICE_AIM` is reached on test, and on valid where each fifth is judged by
  what the others fitted; `PART_gain_CHOICE_AIM` is that over the sweep's. PART: valid, test.
"""

from collections.abc import Mapping

from onecycle.decide import multicategory
from onecycle.decide.labelling import Aim, Goal
from onecycle.errors import UserError
from onecycle.studies.arm import ASKED, Arm, Asked
from onecycle.studies.compare import Estimate
from onecycle.studies.finding import Done, Finding, judged
from onecycle.studies.measured import estimates
from onecycle.studies.questions import sweeping
from onecycle.studies.questions.choosing import EXACT, PER_CLASS, SWEEP, Chooser
from onecycle.studies.questions.sweeping import Sweep
from onecycle.studies.words import luck, score, signed, told
from onecycle.tables import read_frame

ALWAYS: tuple[Aim, ...] = ("accuracy_multi", "f1_macro")
Figures = Mapping[str, Estimate | float]
SETTINGS = {
    SWEEP: {"exact": False, "per_class": False},
    EXACT: {"exact": True, "per_class": False},
    PER_CLASS: {"per_class": True},
}


def arms(asked: Asked, done: Done) -> list[Arm]:
    """The asked recipe.

    Raises:
        UserError: the target is not of many labels, or there is no test part.
    """
    if asked.kind != "multicategory":
        raise UserError(
            f"threshold: {asked.problem} gives no labels by a threshold (prepare.y: {asked.kind}); "
            "the study is for a problem of y: multicategory, such as sample_pascal"
        )
    parts = read_frame(asked.paths.data("split.parquet"), ["split"])["split"]
    if not (parts == "test").any():
        raise UserError(
            "threshold: there is no test part, so nothing tells what a choice on valid is worth; "
            "set split.test, or name test's items where the data have their own split"
        )
    return [Arm(ASKED)]


def read(asked: Asked, done: Done) -> Finding:
    """Tells of each aim whether its curve is smooth and what choosing costs."""
    judges = judged(asked, done)
    params = multicategory.Params.model_validate(asked.sections["calibrate"])
    valid, test = (done[ASKED].parts(name) or [] for name in ("valid", "test"))
    aims = dict.fromkeys((params.aim, *ALWAYS) if params.aim != "precision" else ALWAYS)
    sweeps = [
        Sweep(Chooser(Goal(aim, params.cost), params.exact, params.shrink), valid, test)
        for aim in aims
    ]
    found = {each.aim: each.figures() for each in sweeps}
    over = luck(judges["test"], len(asked.seeds))
    says = [line for each in sweeps for line in _says(each, found[each.aim], len(asked.seeds))]
    if params.aim == "precision":
        says.append("The asked aim, precision, is reached or not: no curve that could be smooth.")
    named = {f"{key}_{aim}": each for aim, of in found.items() for key, each in of.items()}
    return Finding(
        [f"{says[0]} ({over})", *says[1:]],
        judges,
        ASKED,
        _adopt(asked, params, sweeps[0]) if params.aim in found else [],
        named,
        picture=sweeping.picture(sweeps),
    )


def _says(sweep: Sweep, found: Figures, seeds: int) -> list[str]:
    """What an aim's figures come to in words."""
    of = estimates(found)
    aim, dip = sweep.aim, f"{score(of['dip'].value)} of a range of {score(of['range'].value)}"
    bumpy = sweep.bumpy
    how = "is smooth, no dip is told from luck" if not bumpy else "is bumpy beyond luck"
    if 0 < bumpy < seeds:
        how += f" with {bumpy} of {seeds} seeds"
    chosen = ", ".join(f"{each:.2f}" for each in sorted(set(sweep.thresholds)))
    luck = "beyond luck" if of["choosing"].low > 0 else "which is not told from none"
    return [
        f"{aim}: the sweep's curve on valid {how}; the deepest is {dip}. Thresholds from "
        f"{found['flat_from']:.2f} to {found['flat_to']:.2f} are not told from the best.",
        f"{aim}: chosen on valid, {chosen} reaches {told(of['fit'])} there and "
        f"{told(of['test'])} on test. Of the gap of {signed(of['gap'])}, "
        f"{signed(of['choosing'])} is due to choosing, {luck}.",
        f"{aim}: chosen on half of valid's and test's items, the sweep's looks better there than "
        f"it is on the other half by {of['optimism_sweep'].value:+.2g}, the mean of partings, the "
        f"best of all by {of['optimism_exact'].value:+.2g}, one for each label by "
        f"{of['optimism_per_class'].value:+.2g}. On the other half the sweep's brings "
        f"{of['parted_gain_sweep'].value:+.2g} over .5, and lacks "
        f"{of['parted_regret'].value:.2g} of the best.",
        f"{aim}: beside the sweep's, the best of all brings {signed(of['test_gain_exact'])} on "
        f"test, one for each label {signed(of['test_gain_per_class'])}.",
    ]


def _adopt(asked: Asked, params: multicategory.Params, sweep: Sweep) -> list[str]:
    """What makes the best choice the asked one, where valid tells it from that."""
    used = PER_CLASS if params.per_class else EXACT if params.exact else SWEEP
    gains = {name: sweep.crossed.more(name, used) for name in SETTINGS if name != used}
    best = max(gains, key=lambda name: gains[name].value)
    if gains[best].low <= 0:
        return []
    asks = params.model_dump()
    wanted = {key: value for key, value in SETTINGS[best].items() if asks[key] != value}
    return [asked.setting(f"calibrate.{key}", value) for key, value in wanted.items()]
