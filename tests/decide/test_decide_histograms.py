"""Histograms: numpy's counts, the same whether counted at once or in parts."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecycle.decide import histograms
from onecycle.decide.kinds import KINDS

NUMBERS = st.lists(st.floats(-30, 30) | st.just(float("nan")), max_size=40)


@given(NUMBERS)
def test_counts_are_numpy_s_and_beyond_the_edges_nothing_is_lost(values):
    edges = np.arange(-10.0, 11)
    found = histograms.histogram(np.array(values), edges)
    finite = [each for each in values if np.isfinite(each)]
    bins = np.concatenate([[-np.inf], edges, [np.inf]])
    # numpy closes its last bin on the right, which infinity never meets
    assert found["counts"] == np.histogram(finite, bins)[0].tolist()
    assert sum(found["counts"]) == len(finite)


@given(NUMBERS, st.integers(0, 40))
def test_parts_add_up_to_the_whole_in_any_cut(values, cut):
    def counted(some):
        labels = {"labels": {str(each): 1 for each in set(some)}}
        values = histograms.histogram(np.array(some, float), histograms.SHARES)
        return {"rows": len(some), "scores": {"probability": values}, "more": labels}

    parts = [counted(values[:cut]), {}, counted(values[cut:])]
    whole = histograms.merged(parts)
    assert whole["rows"] == len(values)
    expected = histograms.histogram(np.array(values, float), histograms.SHARES)
    assert whole["scores"]["probability"] == expected
    assert parts[0] == counted(values[:cut])  # nothing was added up in place


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_traits_are_the_pixels_means_and_deviation(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, channels), np.uint8)
    width, height, brightness, contrast, *means = histograms.traits(pixels, (90, 70))
    assert (width, height) == (90, 70)
    assert brightness == pytest.approx(pixels.mean()) and contrast == pytest.approx(pixels.std())
    assert means == pytest.approx(pixels.mean((0, 1)).tolist())
    shown = histograms.of_pictures([histograms.traits(pixels, (90, 70))])
    assert {f"channel_{at}" for at in range(channels)} < set(shown)
    assert all(sum(each["counts"]) == 1 for each in shown.values())


@pytest.mark.parametrize("kind", KINDS)
def test_scores_of_every_kind_are_counted_once_each(kind):
    scores = np.random.default_rng(0).normal(0, 2, (50, {"points": 2, "rating": 1}.get(kind, 4)))
    rules = KINDS[kind]
    vocab = ["a", "b", "c", "d"]
    answers = rules.answers(scores, rules.default(), vocab, np.full((50, 2), 100.0))
    found = histograms.of_scores(scores, answers, rules.default(), None)
    labels = found.pop("labels", None)
    assert found and all(sum(each["counts"]) == 50 for each in found.values())
    if kind == "category":
        assert labels == pd.Series(answers["predicted"]).value_counts().sort_index().to_dict()
    if kind == "multicategory":
        given = [label for labels in answers["predicted"] for label in labels or ["none"]]
        assert labels == pd.Series(given).value_counts().sort_index().to_dict()


def test_an_answer_that_is_kept_back_is_counted_as_none():
    answers = pd.DataFrame({"predicted": ["a", "b"], "probability": [0.9, 0.4]})
    scores = np.array([[3.0, 0.0], [0.0, 0.1]])
    held = answers.assign(answer=["a", None])
    found = histograms.of_scores(scores, held, KINDS["category"].default(), None)
    assert found["labels"] == {"a": 1, "none": 1}


def test_the_entropy_of_uniform_scores_is_all_of_it_and_ratings_use_their_range():
    answers = pd.DataFrame({"predicted": ["a"], "probability": [0.25]})
    found = histograms.of_scores(np.zeros((1, 4)), answers, KINDS["category"].default(), None)
    assert sum(found["entropy"]["counts"][-2:]) == 1
    rated = histograms.of_scores(np.array([[9.0]]), answers, KINDS["rating"].default(), [1, 5])
    assert rated["predicted"]["edges"][0] == 1 and rated["predicted"]["counts"][-1] == 1


def test_a_label_may_be_called_as_a_part_of_a_histogram():
    parts = [{"labels": {"edges": 3, "counts": 1}}, {"labels": {"edges": 4}}]
    assert histograms.merged(parts) == {"labels": {"edges": 7, "counts": 1}}
