"""The scores of a generated face, on curves whose answers are known."""

import pytest
import torch

from keyface_lib.errors import KeyFaceError
from keyface_lib.toyworld.scores import (
    identity_drift,
    jitter,
    pearson,
    settled,
    shifted_pearson,
    silence_ratio,
    spearman,
)

TIME = torch.arange(200.0)


def test_pearson_sees_straight_lines_only():
    assert pearson(TIME, 3 * TIME + 1) == pytest.approx(1)
    assert pearson(TIME, -TIME) == pytest.approx(-1)
    assert pearson(TIME - 99.5, (TIME - 99.5) ** 2) == pytest.approx(0, abs=1e-9)
    assert pearson(TIME, torch.ones(200)) == 0


def test_spearman_sees_every_rise_and_shares_ranks():
    assert spearman(TIME, TIME**5) == pytest.approx(1)
    scipy_says = 0.8660254
    assert spearman(torch.tensor([1.0, 2, 3]), torch.tensor([1.0, 1, 2])) == pytest.approx(scipy_says)


def test_a_curve_that_comes_later_correlates_at_its_shift():
    wave = torch.sin(TIME / 3) + torch.sin(TIME / 7.3)
    late, early = wave[:-10], wave[10:]
    assert shifted_pearson(late, early, 0.4) == pytest.approx(1)
    assert shifted_pearson(early, late, -0.4) == pytest.approx(1)
    assert shifted_pearson(late, early, -0.4) < 0.9


def test_jitter_ignores_steady_movement():
    assert jitter(0.3 * TIME) == pytest.approx(0, abs=1e-5)
    shaking = torch.tensor([0.0, 1.0]).repeat(50)
    assert jitter(shaking) == pytest.approx(2)


def test_silence_is_compared_with_speech():
    opening = torch.tensor([0.1, 0.1, 0.5, 0.5, 9.0])
    silent = torch.tensor([True, True, False, False, False])
    speaking = torch.tensor([False, False, True, True, False])
    assert silence_ratio(opening, silent, speaking) == pytest.approx(0.2)
    with pytest.raises(KeyFaceError, match="no silent"):
        silence_ratio(opening, silent & speaking, speaking)


def test_silence_settles_away_from_its_neighbours():
    silent = torch.tensor([True] * 4 + [False] + [True] * 5)
    assert settled(silent, margin=2).tolist() == [True] * 2 + [False] * 5 + [True] * 3


def test_drift_is_told_from_flicker():
    flicker = torch.randn(25 * 20, 2, generator=torch.Generator().manual_seed(0)) * 0.01
    seconds = torch.arange(500)[:, None] / 25
    drift = identity_drift(flicker + seconds * torch.tensor([0.0, 0.01]))
    assert drift.trend.tolist() == pytest.approx([0, 0.01], abs=5e-4)
    assert drift.difference.tolist() == pytest.approx([0, 0.19], abs=0.01)
    assert drift.has_trend(20.0).tolist() == [False, True]


@pytest.mark.parametrize(
    "score",
    [
        lambda: pearson(TIME, TIME[1:]),
        lambda: jitter(TIME[:2]),
        lambda: shifted_pearson(TIME[:10], TIME[:10], 0.4),
        lambda: identity_drift(torch.zeros(30, 3)),
    ],
)
def test_curves_that_cannot_be_scored_are_refused(score):
    with pytest.raises(KeyFaceError):
        score()
