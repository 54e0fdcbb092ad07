"""What a model's confidence is worth: calibration, and telling right from wrong."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1chat.evaluation.calibration import BINS, Judged, calibrate


def judged(chances):
    """Samples that are right as often as `chances` say, of the confidence beside it."""
    rng = Random(7)
    return [
        Judged(f"q{number}", confidence, rng.random() < chance)
        for number, (confidence, chance) in enumerate(chances)
    ]


@settings(max_examples=40)
@given(
    st.lists(
        st.builds(
            Judged,
            st.sampled_from("abcde"),
            st.integers(0, 20).map(lambda n: n / 20),
            st.booleans(),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_the_figures_are_those_of_their_definitions(samples):
    found = calibrate(samples)
    rights = [each.confidence for each in samples if each.right]
    wrongs = [each.confidence for each in samples if not each.right]
    pairs = [(r > w) + (r == w) / 2 for r, w in product(rights, wrongs)]
    if pairs:
        assert found.auroc.value == pytest.approx(sum(pairs) / len(pairs))
        assert found.auroc.low <= found.auroc.value <= found.auroc.high
    else:
        assert found.auroc is None
    gaps = 0.0
    for number in range(BINS):
        inside = [s for s in samples if min(BINS - 1, int(s.confidence * BINS)) == number]
        gaps += abs(sum(s.confidence - s.right for s in inside))
    assert found.ece.value == pytest.approx(gaps / len(samples))
    assert found.ece.low <= found.ece.value <= found.ece.high
    assert sum(each.samples for each in found.bins) == found.samples == len(samples)
    for each in found.bins:
        assert each.low <= each.confidence <= each.high
        assert each.right.low <= each.right.value <= each.right.high
    assert calibrate(samples) == found


def test_a_confidence_that_says_the_truth_is_calibrated_and_tells_right_from_wrong():
    true = calibrate(judged([(at / 400, at / 400) for at in range(401)]))
    boasting = calibrate(judged([(0.95, 0.3)] * 400))
    blind = calibrate(judged([(Random(at).random(), 0.5) for at in range(400)]))
    assert true.ece.value < 0.08
    assert boasting.ece.value == pytest.approx(0.95 - boasting.right)
    assert boasting.ece.low > 0.5
    assert true.auroc.low > 0.7
    assert blind.auroc.low < 0.5 < blind.auroc.high
    assert boasting.auroc.value == 0.5
    assert calibrate([]) is None


def test_many_samples_of_few_questions_are_no_surer_than_the_questions():
    chances = [(at / 400, at / 400) for at in range(401)]
    rng = Random(3)
    few = [Judged(f"q{n % 8}", c, rng.random() < (n % 8) / 7) for n, (c, _) in enumerate(chances)]
    many = [Judged(f"q{n}", each.confidence, each.right) for n, each in enumerate(few)]
    wide, narrow = calibrate(few).ece, calibrate(many).ece
    assert wide.high - wide.low > narrow.high - narrow.low
