"""A model's way into production and back, in a tree in which the graph has really run."""

import json
import shutil
from pathlib import Path

import pytest
from trees import EPOCHS, LAST, commit, rows, shell

from flows import predict, verify
from flows.versions import challenge, registry, revisions
from flows.versions.decision import Decision
from onecycle.errors import UserError

pytestmark = pytest.mark.slow
P = "sample_movielens"


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory, ran_tree: Path) -> Path:
    """A tree with a committed run, of two epochs, and an experiment `longer`, of five."""
    tree = tmp_path_factory.mktemp("promote") / "tree"
    shutil.copytree(ran_tree, tree, symlinks=True)
    for key in ("user.name", "user.email"):
        shell(tree, "git", "config", key, "x")
    commit(tree)
    shell(tree, "dvc", "exp", "run", "-q", "-n", "longer", "-S", f"{EPOCHS}=5")
    shell(tree, "git", "checkout", "-q", ".")
    shell(tree, "dvc", "checkout", "-q", "--force")
    return tree


@pytest.fixture
def tree(grown: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """It, as the current folder, with nothing promoted."""
    monkeypatch.chdir(grown)
    tags = shell(grown, "git", "tag").split()
    if tags:
        shell(grown, "git", "tag", "-d", *tags)
    shutil.rmtree(grown / ".onecycle" / "promotions", ignore_errors=True)
    shutil.rmtree(grown / ".onecycle" / "bundles", ignore_errors=True)
    return grown


def on(stage: str = "production") -> str | None:
    return next(reversed(registry.Registry.read(P).line(stage)), None)


def test_an_experiment_is_promoted_stays_and_is_rolled_back(tree):
    first = challenge.promote(P)
    assert first.outcome == "promoted" and first.champion is None
    longer = revisions.commit_of("longer")
    second = challenge.promote(P, "longer")
    assert second.outcome == "promoted" and "the challenger is better" in second.why[0]
    assert second.challenger == {"commit": longer, "version": "v1.1.0", "rev": "longer"}
    assert on() == longer
    weights = (registry.named(f"{P}@production") / "model.safetensors").read_bytes()
    shutil.rmtree(tree / ".onecycle" / "bundles")
    experiments = shell(tree, "git", "for-each-ref", "refs/exps")
    name = next(each for each in experiments.split() if each.endswith("/longer"))
    try:  # as `dvc exp remove` does it, and git then forgets what no ref holds
        shell(tree, "git", "update-ref", "-d", name)
        shell(tree, "git", "gc", "-q", "--prune=now")
        assert (registry.named(f"{P}@v1.1.0") / "model.safetensors").read_bytes() == weights
    finally:
        shell(tree, "git", "update-ref", name, longer)
    assert challenge.promote(P, rollback=True, dry=True).outcome == "would be rolled back"
    assert on() == longer
    assert challenge.promote(P, rollback=True).outcome == "rolled back"
    assert on() == first.challenger["commit"]
    with pytest.raises(UserError, match="nobody can be put back"):
        challenge.promote(P, rollback=True)


def test_what_is_worse_is_refused_unless_somebody_says_why(tree):
    challenge.promote(P, "longer")
    refused = challenge.promote(P)
    assert refused.outcome == "refused" and "the challenger is worse" in refused.why[0]
    assert on() == revisions.commit_of("longer")
    forced = challenge.promote(P, despite="the press waits")
    assert forced.outcome == "promoted" and on() == revisions.commit_of("HEAD")
    assert "the press waits" in shell(tree, "git", "tag", "-n9", "-l", forced.tags[0])
    assert refused.write() != forced.write()
    assert challenge.promote(P, "longer", dry=True).before == 2


def test_data_that_are_gone_refuse_and_what_is_not_committed_has_no_commit(tree):
    challenge.promote(P)
    cache = tree / ".dvc" / "cache"
    cache.rename(tree / ".dvc" / "elsewhere")
    try:
        refused = challenge.promote(P, "longer")
        assert refused.outcome == "refused" and not refused.tags
        assert "neither DVC's cache nor its remote has it" in refused.why[0]
    finally:
        shutil.rmtree(cache, ignore_errors=True)
        (tree / ".dvc" / "elsewhere").rename(cache)
    lock = tree / "dvc.lock"
    before = lock.read_text()
    lock.write_text(before.replace("size: ", "size: 1", 1))
    with pytest.raises(UserError, match="another run of sample_movielens than HEAD's"):
        challenge.promote(P)
    lock.write_text(before)


def test_two_at_once_one_is_told(tree, monkeypatch):
    challenge.promote(P)
    decide = challenge.gate.decide

    def beside(*args, **kwargs):
        monkeypatch.setattr(challenge.gate, "decide", decide)
        assert challenge.promote(P, "longer").outcome == "promoted"  # another, quicker one
        return decide(*args, **kwargs)

    monkeypatch.setattr(challenge.gate, "decide", beside)
    late = challenge.promote(P, "longer")
    assert (late.outcome, late.tags, late.challenger["version"]) == ("lost", [], None)
    assert "somebody else has promoted" in late.why[0]
    assert len(registry.Registry.read(P).line("production")) == 2


def test_the_command_decides_under_prefect_and_predict_finds_production(tree, empty_database):
    shutil.copytree(empty_database, tree / ".onecycle" / "prefect", dirs_exist_ok=True)
    said = shell(tree, "python", "-m", "flows.promote", P, "--challenger", "longer")
    assert f"promoted: {P} on production: v1.0.0 (longer) in place of nobody" in said
    decision = json.loads((tree / f".onecycle/promotions/{P}/1.json").read_text())
    assert decision["tags"] == [f"{P}#production#1", f"{P}@v1.0.0"]
    ((key, data),) = rows(tree, f"select key, data from artifact where flow_run_id = {LAST}")
    assert key == "promotion-sample-movielens" and "there is no champion" in data
    assert rows(tree, f"select state_name from flow_run where id = {LAST}") == [("Promoted",)]

    name = f"{P}@production"
    folder = shell(tree, "python", "-m", "flows.versions.registry", name).strip()
    given = [name, "pairs.csv", "-o", "a.csv"]
    assert predict.with_bundle(predict.parser().parse_args(given), given) == [folder, *given[1:]]
    told = shell(tree, "python", "-m", "tasks", "predict", *given, status=1)
    assert "`python -m flows.predict` takes such a name" in told


def test_trained_again_from_its_lineage_it_is_equal_to_the_byte(tree, capsys):
    challenge.promote(P)
    bundle = registry.named(f"{P}@production")
    copy = tree / "copy"
    shutil.copytree(bundle, copy)
    (copy / "decision.json").chmod(0o644)
    (copy / "decision.json").write_text((copy / "decision.json").read_text().replace("0.9", "0.8"))
    assert not verify.verify(copy)
    said = capsys.readouterr().out
    assert "decision.json: differs at coverage" in said and "NOT verified: 1 of 7" in said
    assert shell(tree, "git", "worktree", "list").count("\n") == 1
    assert not list((tree / ".onecycle" / "trees").iterdir())


def test_a_decision_never_takes_another_s_place(tree):
    paths = [Decision(P, "production").write() for _ in range(3)]
    assert [path.name for path in paths] == ["1.json", "2.json", "3.json"]
