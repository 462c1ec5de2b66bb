"""What a clip will take, said before it is made."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .terminal import note

if TYPE_CHECKING:
    from ..clip.clip import Clip
    from ..clip.group import Group


def estimate(clip: "Clip | Group", options: argparse.Namespace) -> None:
    """Says what is made of a clip, in what time and memory, and what its work folder has and gets."""
    from ..clip.asked import ask
    from ..clip.cost import measure
    from ..clip.pieces import clips_of
    from ..media.video import SUFFIXES
    from ..method.timeline import FPS, SLOTS

    one = clips_of(clip)[0]
    models, batch = one.animation.models, one.animation.settings.batch or 1
    segments, disk = clip.n_segments, ""
    if clip.work is not None:
        video = Path(options.output).suffix.lower() in SUFFIXES
        outlook = ask(clip, options.lossless, video, options.dry_run)
        for line in outlook.lines(clip.work.path):
            note(line)
        segments = outlook.segments_to_decode
        disk = f", {outlook.bytes / 1e9:.2f} GB more in {clip.work.path}"
    if not clip.calls and not segments:
        return
    cost = one.cost or measure(models, batch, one.n_segments)
    seconds = cost.seconds(clip.calls, segments)
    note(
        f"{clip.n_frames} frames ({clip.n_frames / FPS:.2f} s) at {models.image_size} pixels on "
        f"{models.device} in {models.precision}, batch {batch}: about {_duration(seconds)}, "
        f"{cost.bytes(batch) / 2**30:.1f} GB of memory{disk}"
    )
    if options.dry_run:
        windows, made = (sum(len(own.animation.to_make[kind]) for own in clips_of(clip)) for kind in (0, 1))
        print(
            f"{clip.calls:,} network calls of {SLOTS} frames for {windows} windows and {made} segments; "
            "nothing was made"
        )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
