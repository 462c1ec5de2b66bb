"""What is asked of a work folder, in words, and how much of it is there."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..errors import KeyFaceError
from ..method.redo import Redo, parse_passage
from ..method.timeline import FPS, SLOTS
from ..method.values import LARGEST_SEED
from ..work.folder import Manifest, WorkFolder
from ..work.keys import fingerprint, key_of
from .pieces import PIECE_SEGMENTS, clips_of, pieces_of

if TYPE_CHECKING:
    from .clip import Clip
    from .group import Group

NONE = "none"
"""Instead of passages to redo: those of former runs are forgotten."""


@dataclass(frozen=True)
class Outlook:
    """What a run will find and make, each as (to make, in all).

    Attributes:
        changed: how it differs from the run before, in words.
        damaged: files that were not what they should be, and are made again where they are needed.
        bytes: of latents that it will add to the folder.
    """

    windows: tuple[int, int]
    segments: tuple[int, int]
    pieces: tuple[int, int]
    changed: tuple[str, ...]
    damaged: tuple[Path, ...]
    bytes: int

    @property
    def segments_to_decode(self) -> int:
        """At most."""
        to_make, pieces = self.pieces
        return min(self.segments[1], PIECE_SEGMENTS * to_make) if pieces else self.segments[1]

    def lines(self, folder: Path) -> list[str]:
        """It in words."""
        lines = [f"{path}: is damaged and made again" for path in self.damaged]
        if self.changed:
            lines.append(f"changed since the last run in {folder}: {'; '.join(self.changed)}")
        kinds = ("window", "segment", "piece")
        counts = (self.windows, self.segments, self.pieces)
        left = [_counted(number, kind) for kind, (number, _) in zip(kinds, counts, strict=True) if number]
        if not self.changed and all(number == total for number, total in counts if total):
            lines.append(f"{folder} keeps what is finished; the same command goes on from there")
        elif left:
            lines.append(
                f"of {_counted(self.segments[1], 'segment')}, still to make in {folder}: {', '.join(left)}"
            )
        else:
            lines.append(f"everything is in {folder} already")
        return lines


def redos_of(work: WorkFolder | None, passages: Sequence[str], seconds: float, seed: int) -> list[Redo]:
    """The passages that are made again: those of former runs in a folder, and new ones.

    Args:
        passages: such as "12.0-15.5"; `NONE` forgets the former ones.
        seconds: how long the clip is.
        seed: of the clip; every passage gets another one.

    Raises:
        KeyFaceError: a passage is none of this clip, or there is no folder to keep it.
    """
    if isinstance(passages, str):
        passages = (passages,)
    if passages and work is None:
        raise KeyFaceError("redo makes a passage of an earlier run again: name its folder with work")
    redos = [] if work is None else [*work.manifest.redos]
    for passage in passages:
        if passage == NONE:
            redos = []
            continue
        start, end = parse_passage(passage, seconds)
        number = 1 + max((redo.seed - seed for redo in redos), default=0)
        redos.append(Redo(start, end, (seed + number) % (LARGEST_SEED + 1)))
    return redos


def ask(clip: "Clip | Group", lossless: bool, video: bool = True, dry: bool = False) -> Outlook:
    """Writes into a clip's work folder what is asked, and says what is there.

    Args:
        video: whether there will be pieces of video; pictures are made anew every time.
        dry: write nothing.
    """
    work, clips = clip.work, clips_of(clip)
    assert work is not None
    first = clips[0].animation
    pieces = pieces_of(clip, lossless) if video else []
    keys = [own.animation.keys for own in clips if own.animation.keys is not None]
    wanted = {
        "features": sorted(work.store.touched),  # nothing else was, so far
        "windows": [key for own in keys for takes in own.windows for key in takes],
        "segments": [key for own in keys for key in own.segments],
        "pieces": [piece.key for piece in pieces],
    }
    asked = Manifest(_settings(clip), first.settings.batch or 1, first.redos, wanted)
    changed = work.changes(asked)
    if not dry:
        work.write(asked)
    missing = sum(piece.key not in work.store for piece in pieces)
    windows, segments = (sum(len(own.animation.to_make[kind]) for own in clips) for kind in (0, 1))
    frame = first.identity.numel() * first.identity.element_size()
    return Outlook(
        (windows, sum(own.animation.timeline.n_windows for own in clips)),
        (segments, clip.n_segments),
        (missing, len(pieces)),
        tuple(changed),
        tuple(work.damaged),
        SLOTS * frame * (segments + windows),
    )


def _settings(clip: "Clip | Group") -> dict[str, str]:
    clips = clips_of(clip)
    models, settings = clips[0].animation.models, clips[0].animation.settings
    networks: dict[str, torch.nn.Module | None] = {
        "keyframe network": models.keyframe,
        "interpolation network": models.interpolation,
        "reduced network": models.reduced,
        "autoencoder": models.vae,
        **models.encoders,
    }
    named = {
        name: "none" if module is None else fingerprint(module.state_dict())
        for name, module in networks.items()
    }
    for number, own in enumerate(clips, 1):
        person = f" of person {number}" if len(clips) > 1 else ""
        named[f"portrait{person}"] = key_of(own.animation.identity)
        named[f"recording{person}"] = key_of(own.audio)
        named[f"emotion{person}"] = key_of(own.animation.valence, own.animation.arousal)
        named[f"held keyframes{person}"] = key_of(own.animation.held)
        if own.pasting is not None:
            named[f"place in the picture{person}"] = key_of(*own.pasting.essence)
    named["seed"] = str(settings.seed)
    named["interpolation seed"] = str(
        settings.seed if settings.interpolation_seed is None else settings.interpolation_seed
    )
    for stage in ("keyframes", "interpolation"):
        values = asdict(getattr(settings, stage)).items()
        named |= {f"{name} of the {stage}": str(value) for name, value in values}
    named["length"] = f"{clip.n_frames / FPS:g} s"
    return named


def _counted(number: int, kind: str) -> str:
    return f"{number:,} {kind}{'s' * (number != 1)}"
