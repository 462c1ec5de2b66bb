"""The named states and the lists of values the released code makes of them, where it is right.

It is right in its lists (one state; several states with a straight transition between each two). They may
end before the audio does, and what its pipeline then makes of them is only right where the clip ends on a
keyframe and nothing is accentuated, which it does twice.
"""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import torch

from keyface_lib.method.emotion import NAMED_STATES, EmotionCurve, Point, named, state
from keyface_lib.method.timeline import FPS, KEYFRAME_STEP, Timeline

from .case import Case, relative_error

ACCENTUATED = 1.5
"""The intensity that the released code calls accentuated."""


def cases(folder: Path) -> Iterator[Case]:
    """The table, and for every recorded list valence and arousal at its frames and its keyframe slots."""
    recorded = json.loads((folder / "emotions.json").read_text())
    table = {name: (row["valence"], row["arousal"]) for name, row in recorded["table"].items()}
    yield Case("emotion names", len(table.keys() ^ NAMED_STATES.keys()), 0)
    yield Case("emotion table", sum(NAMED_STATES.get(name) != values for name, values in table.items()), 0)
    for name, row in recorded["table"].items():
        error = _distance(torch.tensor(state(name, ACCENTUATED)), row["accentuated"])
        yield Case(f"emotion {name} accentuated", error, 1e-6)

    for case in recorded["cases"]:
        frames, states = case["total_frames"], case["states"]
        curve = _curve(states, frames, ACCENTUATED if case["accentuate"] else 1.0)
        label = f"emotion {'-'.join(states)} {frames}{' accentuated' if case['accentuate'] else ''}"
        lanes = dict(zip(("valence", "arousal"), curve.at_frames(case["length"]), strict=True))
        for lane, ours in lanes.items():
            yield Case(f"{label} {lane}", _distance(ours, case[lane]), 1e-6)
            if f"pipeline_slots_{lane}" in case and frames % KEYFRAME_STEP == 1 and not case["accentuate"]:
                slots = ours[Timeline(frames).window_frames()].flatten()
                yield Case(f"{label} {lane} slots", _distance(slots, case[f"pipeline_slots_{lane}"]), 1e-6)


def _curve(states: list[str], frames: int, intensity: float) -> EmotionCurve:
    """The released lists as a curve: every transition has frames // (states - 1) frames, ends included."""
    if len(states) == 1:
        return named(states[0], intensity)
    length = frames // (len(states) - 1)
    lanes = ([], [])
    for transition, pair in enumerate(pairwise(states)):
        for name, offset in zip(pair, (0, length - 1), strict=True):
            for lane, value in zip(lanes, state(name, intensity), strict=True):
                lane.append(Point((transition * length + offset) / FPS, value, "linear"))
    return EmotionCurve(*map(tuple, lanes))


def _distance(ours: torch.Tensor, recorded: list[float]) -> float:
    return relative_error(ours, torch.tensor(recorded, dtype=torch.float64))
