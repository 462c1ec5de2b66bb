"""The scores that the shipped model must reach."""

from statistics import mean

import torch
from toyworld_talk import Table, held_out, made_again

from keyface_lib.clip.emotion_file import parse_emotion
from keyface_lib.method.emotion import constant, named
from keyface_lib.pipeline import KeyFace
from keyface_lib.toyworld import CLASSES, measure
from keyface_lib.toyworld.scores import (
    identity_drift,
    jitter,
    pearson,
    settled,
    shifted_pearson,
    silence_ratio,
    spearman,
)

CLIPS, SECONDS = 20, 8.0
SHIFT_S = 0.4
GRID = (-0.8, -0.4, 0.0, 0.4, 0.8)
GRID_PEOPLE, GRID_SECONDS = 3, 1.08
CURVE, CURVE_CLIPS = "0:neutral 1.5:neutral 2.5:happy 4.5:happy 5.5:sad 8:sad", 5
LONG_CLIPS, LONG_SECONDS = 2, 60.0
LEVEL = 1 / 255
DRIFT_TIMES = 1.2
TREMBLING = ("opening", "smile", "brow", "x", "y")
"""Curves whose jitter is compared; lids and width are coarse at 64 pixels."""
PICTURE = "whole picture"


def scores(keyface: KeyFace) -> Table:
    """All scores, each with what is asked of it."""
    rows = [*_mouths(keyface), *_grid(keyface), *_curve(keyface), *_identity(keyface)]
    title = f"Scores on {CLIPS} held-out clips of {SECONDS:g} s"
    return title, ["score", "measured", "asked", "met"], [[*row, _met(*row[1:])] for row in rows]


def _met(measured: float, asked: str) -> str:
    bound = float(asked.split()[-1])
    return "yes" if (measured >= bound if asked.startswith(">=") else measured <= bound) else "no"


def _mouths(keyface: KeyFace) -> list[list]:
    follows, later, truth_later, silence, truth_silence = [], [], [], [], []
    trembles, truth_trembles = ({name: [] for name in (PICTURE, *TREMBLING)} for _ in range(2))
    for number in range(CLIPS):
        clip = held_out(number, SECONDS, keyface.models.image_size)
        made = made_again(keyface, clip)
        seen, shown, truth = measure(made), measure(clip.frames), clip.truth
        follows.append(pearson(seen.opening, truth["opening"]))
        later.append(shifted_pearson(seen.opening, truth["opening"], SHIFT_S))
        truth_later.append(shifted_pearson(truth["opening"], truth["opening"], SHIFT_S))
        silent = settled(truth["vocalization"] == CLASSES.index("silence"))
        speaking = truth["vocalization"] == CLASSES.index("speech")
        if silent.any() and speaking.any():
            silence.append(silence_ratio(seen.opening, silent, speaking))
            truth_silence.append(silence_ratio(shown.opening, silent, speaking))
        for name in TREMBLING:
            trembles[name].append(jitter(getattr(seen, name)))
            truth_trembles[name].append(jitter(getattr(shown, name)))
        trembles[PICTURE].append(_picture_jitter(made))
        truth_trembles[PICTURE].append(_picture_jitter(clip.frames))
    return [
        ["mouth opening against the truth, Pearson r", mean(follows), ">= 0.75"],
        [
            f"the same {SHIFT_S:g} s late",
            mean(later),
            f"<= truth's own + 0.1 = {mean(truth_later) + 0.1:.3f}",
        ],
        [f"opening in silence / in speech (truth {mean(truth_silence):.3f})", mean(silence), "<= 0.1"],
        *(
            [f"jitter / truth's, {name}", _rms(trembles[name]) / _rms(truth_trembles[name]), "<= 1.5"]
            for name in (PICTURE, *TREMBLING)
        ),
    ]


def _picture_jitter(frames: torch.Tensor) -> float:
    """`jitter` of every pixel together, of 255."""
    return float(frames.float().diff(n=2, dim=0).square().mean().sqrt())


def _rms(values: list[float]) -> float:
    return mean(value**2 for value in values) ** 0.5


def _grid(keyface: KeyFace) -> list[list]:
    feelings = [(valence, arousal) for valence in GRID for arousal in GRID]
    valences, arousals = torch.tensor(feelings).T
    found = {"smile": [], "brow": [], "eye": []}
    for person in range(GRID_PEOPLE):
        means = {name: [] for name in found}
        for feeling in feelings:
            clip = held_out(person, GRID_SECONDS, keyface.models.image_size, constant(*feeling))
            seen = measure(made_again(keyface, clip))
            for name, values in means.items():
                values.append(getattr(seen, name).median())
        for name, values in means.items():
            found[name].append(spearman(torch.stack(values), valences if name == "smile" else arousals))
    return [
        ["valence -> smile over 25 emotions, Spearman rho", mean(found["smile"]), ">= 0.8"],
        ["arousal -> brow", mean(found["brow"]), ">= 0.8"],
        ["arousal -> eye opening", mean(found["eye"]), ">= 0.8"],
    ]


def _curve(keyface: KeyFace) -> list[list]:
    curve = parse_emotion(CURVE)
    found = []
    for number in range(CURVE_CLIPS):
        clip = held_out(number, SECONDS, keyface.models.image_size, curve)
        found.append(spearman(measure(made_again(keyface, clip)).smile, clip.valence))
    return [["neutral, happy, sad in one clip: valence -> smile", mean(found), ">= 0.7"]]


def _identity(keyface: KeyFace) -> list[list]:
    """Root mean squares over clips: a single pair of seconds may agree by chance."""
    made, true = [], []
    for number in range(LONG_CLIPS):
        clip = held_out(number, LONG_SECONDS, keyface.models.image_size, named("neutral"))
        made.append(identity_drift(measure(made_again(keyface, clip)).identity()))
        true.append(identity_drift(measure(clip.frames).identity()))
    differences, truths = (torch.stack([d.difference for d in drifts]) for drifts in (made, true))
    differs, allowed = (d.square().mean(dim=0).sqrt() for d in (differences, truths))
    allowed = DRIFT_TIMES * allowed + LEVEL
    trends = sum(int(drift.has_trend(LONG_SECONDS).sum()) for drift in made)
    expected = sum(int(drift.has_trend(LONG_SECONDS).sum()) for drift in true)
    of = made[0].difference.numel() * LONG_CLIPS
    return [
        [
            f"identity after {LONG_SECONDS:g} s: worst difference / allowed",
            float((differs / allowed).max()),
            "<= 1",
        ],
        [f"identity: numbers of {of} with a trend (truth {expected})", float(trends), f"<= {expected}"],
    ]
