"""Laughter, sighs, coughs and the like, found in a sound with BEATs' AudioSet classes."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..errors import KeyFaceError
from ..method.batching import BatchSize
from ..method.timeline import SAMPLE_RATE
from .beats import BEATsEncoder
from .spans import runs
from .windows import Scaling, Window, overlapping, scaled_samples

WINDOW_S = 2.0
"""Seconds that are classified at once."""
HOP_S = 0.5
"""Seconds from one classified window to the next, and the resolution of the times found."""
THRESHOLD = 0.3
"""Class probability from which a sound counts as found. Not tuned on data: lower it to miss less."""
BATCH = 16

VOCALIZATIONS = {
    "/m/01j3sz": "laughter",
    "/t/dd00001": "baby laughter",
    "/m/07r660_": "giggle",
    "/m/07s04w4": "snicker",
    "/m/07sq110": "belly laugh",
    "/m/07rgt08": "chuckle",
    "/m/0463cq4": "crying",
    "/m/07qz6j3": "whimper",
    "/m/07plz5l": "sigh",
    "/m/07s2xch": "groan",
    "/m/07r4k75": "grunt",
    "/m/01j423": "yawn",
    "/m/07s0dtb": "gasp",
    "/m/07pyy8b": "pant",
    "/m/07q0yl5": "snort",
    "/m/01b_21": "cough",
    "/m/0dl9sf8": "throat clearing",
    "/m/01hsr_": "sneeze",
    "/m/07ppn3j": "sniff",
    "/m/02p3nc": "hiccup",
}
"""{mid: name} of the non-speech vocalizations in AudioSet's ontology; a model knows those in its labels."""


@dataclass(frozen=True)
class Vocalization:
    """A sound the voice makes that is not speech.

    Attributes:
        start_s, end_s: where it lies, in seconds, to about `HOP_S`.
        label: one of the names in `VOCALIZATIONS`.
        score: its highest class probability.
    """

    start_s: float
    end_s: float
    label: str
    score: float


def find_vocalizations(
    waveform: torch.Tensor,
    beats: BEATsEncoder,
    threshold: float = THRESHOLD,
    progress: Callable[[int, int], None] | None = None,
) -> list[Vocalization]:
    """The non-speech vocalizations of a sound, by start; different ones may overlap.

    The sound is classified in windows of `WINDOW_S`, each of which speaks for the `HOP_S` in its middle;
    neighbouring hits of one label become one.

    Args:
        waveform: (samples,) mono at 16 kHz, full scale [-1, 1].
        beats: a fine-tuned BEATs with labels.
        threshold: class probability from which a sound counts.
        progress: called with (windows done, windows in all); may raise to interrupt.

    Raises:
        KeyFaceError: the waveform is not one channel or has no samples, or this BEATs has no label table, no
            classes, or none of these sounds among them, or memory does not suffice.
    """
    if waveform.ndim != 1 or len(waveform) == 0:
        raise KeyFaceError(
            f"audio of shape {tuple(waveform.shape)} cannot be searched; give mono (samples,), at least one"
        )
    if beats.labels is None:
        raise KeyFaceError(
            "this BEATs file carries no label table; use the released file fine-tuned on AudioSet (cpt2)"
        )
    classes = [index for index, mid in enumerate(beats.labels) if mid in VOCALIZATIONS]
    if not classes:
        raise KeyFaceError(
            "this BEATs' labels name no laughter, sigh or cough; use the label table of the released file"
        )
    length, hop = int(WINDOW_S * SAMPLE_RATE), int(HOP_S * SAMPLE_RATE)
    windows = overlapping(len(waveform), length, margin=(length - hop) // 2)
    scores = []
    done = 0
    score = lambda part: _scores(waveform, beats, windows[part.start : part.stop])[:, classes]  # noqa: E731
    for part in BatchSize(BATCH).run(score, range(len(windows)), "two seconds of sound for beats"):
        scores.append(part)
        done += len(part)
        if progress is not None:
            progress(done, len(windows))
    by_class = torch.cat(scores).T
    found = [
        Vocalization(
            start_s=windows[first].keep_start / SAMPLE_RATE,
            end_s=windows[last].keep_stop / SAMPLE_RATE,
            label=VOCALIZATIONS[beats.labels[index]],
            score=float(probability[first : last + 1].max()),
        )
        for index, probability in zip(classes, by_class, strict=True)
        for first, last in runs(probability >= threshold)
    ]
    return sorted(found, key=lambda vocalization: (vocalization.start_s, -vocalization.score))


@torch.inference_mode()
def _scores(waveform: torch.Tensor, beats: BEATsEncoder, windows: list[Window]) -> torch.Tensor:
    """Class probabilities (windows, classes) of windows of equal length, on the CPU."""
    length = max(windows[0].stop - windows[0].start, beats.grid.field)
    heard = [scaled_samples(waveform, window.start, window.start + length, Scaling()) for window in windows]
    return beats.logits(torch.stack(heard)).sigmoid().cpu()
