"""The schedule over random graphs: what is handed out, when, and what is to be done."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.schedule import Schedule, Stage

STAGES_MOST = 9


@st.composite
def graphs(draw) -> list[Stage]:
    """Stages in some order, each with needs among those that are before it in another order."""
    count = draw(st.integers(0, STAGES_MOST))
    stages = []
    for at in range(count):
        needs = draw(st.sets(st.integers(0, at - 1), max_size=3)) if at else set()
        names = tuple(f"s{need}" for need in sorted(needs))
        stages.append(Stage(f"s{at}", names, clean=draw(st.booleans())))
    return draw(st.permutations(stages))


@dataclass
class Course:
    """All that happened while a schedule was followed to its end."""

    stages: dict[str, Stage]
    work: dict[str, str] = field(default_factory=dict)
    completed: dict[str, bool] = field(default_factory=dict)
    looks: dict[str, bool] = field(default_factory=dict)

    def ancestors(self, name: str) -> set[str]:
        needs = self.stages[name].needs
        return set(needs).union(*(self.ancestors(need) for need in needs))

    def one_before_ran(self, name: str) -> bool:
        return any(self.work[each] == "run" for each in self.ancestors(name))


def follow(stages: list[Stage], slots: int, data: st.DataObject) -> Course:
    """Follows a schedule; ends of stages, failures and looks are drawn; checks each moment."""
    course = Course({stage.name: stage for stage in stages})

    def look(name: str) -> bool:
        assert name not in course.looks, "one look is enough"
        assert set(course.stages[name].needs) <= set(course.completed)
        course.looks[name] = data.draw(st.booleans(), label=f"look {name}")
        return course.looks[name]

    schedule = Schedule(stages, slots, look)
    out: list[str] = []
    while not schedule.over:
        for stage, work in schedule.ready():
            assert stage.name not in course.work, "handed out twice"
            assert set(stage.needs) <= set(course.completed)
            course.work[stage.name] = work
            out.append(stage.name)
            assert sum(course.work[name] == "run" for name in out) <= slots
        assert not list(schedule.ready()), "nothing more is ready until a stage ends"
        may = [
            stage
            for stage in stages
            if stage.name not in course.work and set(stage.needs) <= set(course.completed)
        ]
        busy = sum(course.work[name] == "run" for name in out)
        assert not may or busy == slots, "a stage waits though a slot is free"
        assert out, "it is not over, yet nothing is under way"
        name = data.draw(st.sampled_from(out), label="ends")
        out.remove(name)
        completed = course.work[name] != "skipped" and data.draw(st.booleans(), label="completes")
        course.completed[name] = completed
        schedule.end(name, completed=completed)
    assert not out
    assert set(course.completed) == set(course.stages)
    return course


@settings(max_examples=100, deadline=None)
@given(graphs(), st.integers(1, 3), st.data())
def test_every_stage_is_handed_out_once_in_its_turn_within_the_slots(stages, slots, data):
    follow(stages, slots, data)


@settings(max_examples=100, deadline=None)
@given(graphs(), st.integers(1, 3), st.data())
def test_a_stage_is_skipped_if_and_only_if_one_that_it_needs_did_not_complete(stages, slots, data):
    course = follow(stages, slots, data)
    for stage in stages:
        all_completed = all(course.completed[need] for need in stage.needs)
        assert (course.work[stage.name] == "skipped") == (not all_completed)
        if not all_completed:
            assert stage.name not in course.looks


@settings(max_examples=100, deadline=None)
@given(graphs(), st.integers(1, 3), st.data())
def test_what_is_clean_is_looked_at_again_only_after_a_stage_that_ran(stages, slots, data):
    course = follow(stages, slots, data)
    for stage in stages:
        work, looked = course.work[stage.name], stage.name in course.looks
        if work == "skipped":
            continue
        if not stage.clean:
            assert (work, looked) == ("run", False)
        elif course.one_before_ran(stage.name):
            assert looked
            assert work == ("cached" if course.looks[stage.name] else "run")
        else:
            assert (work, looked) == ("cached", False)


@settings(max_examples=50, deadline=None)
@given(graphs(), st.integers(1, 3))
def test_of_stages_that_could_be_next_those_named_first_are_handed_out_first(stages, slots):
    schedule = Schedule(stages, slots, lambda _: False)
    while not schedule.over:
        got = [stage for stage, _ in schedule.ready()]
        assert got == [stage for stage in stages if stage in got]
        if got:
            waits = [stages.index(each) for each in schedule.waiting if done(schedule, each)]
            runs = [stages.index(each) for each in got if each.name in schedule.running]
            assert not waits or not runs or max(runs) < min(waits)
        schedule.end(min(schedule.running | schedule.pending), completed=True)


def done(schedule: Schedule, stage: Stage) -> bool:
    """Whether all that it needs has ended: it is neither waiting nor under way."""
    not_ended = {each.name for each in schedule.waiting} | schedule.running | schedule.pending
    return not_ended.isdisjoint(stage.needs)


def test_without_stages_it_is_over():
    assert Schedule([], 1, bool).over


def test_what_has_nothing_to_do_needs_no_slot():
    stages = [Stage("a"), Stage("b", clean=True), Stage("c", clean=True), Stage("d")]
    schedule = Schedule(stages, 1, bool)
    handed = [(stage.name, work) for stage, work in schedule.ready()]
    assert handed == [("a", "run"), ("b", "cached"), ("c", "cached")]


@pytest.mark.parametrize("clean", [True, False])
def test_a_change_passes_through_a_stage_that_turned_out_clean(clean):
    """A ran and wrote other bytes; B is clean all the same; C reads A's through no other way."""
    stages = [Stage("a"), Stage("b", ("a",), clean=True), Stage("c", ("b",), clean=True)]
    looks = {"b": True, "c": clean}
    schedule = Schedule(stages, 1, looks.__getitem__)
    works = []
    while not schedule.over:
        for stage, work in schedule.ready():
            works.append(work)
            schedule.end(stage.name, completed=True)
    assert works == ["run", "cached", "cached" if clean else "run"]
