"""From clips to training examples: each is a function of the run's seed and its position, nothing else."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from einops import rearrange
from torch.utils.data import DataLoader, Dataset, Sampler, default_collate

from ..data.shards import MOST_BROKEN, BrokenClipError, Clip, ClipIndex
from ..errors import KeyFaceError
from ..method.denoiser import LATENT_SCALE
from ..method.timeline import KEYFRAME_STEP, SLOTS
from .config import Dropping, Noise
from .noise import generator, integer, noise_level

Example = dict[str, torch.Tensor]
MakeExample = Callable[[Clip, torch.Generator], Example]
SKIPPED = "skipped"
"""The entry of an example that names the broken clips found on the way to it."""


@dataclass(frozen=True)
class SequenceExamples:
    """Makes examples for the two networks.

    Attributes:
        stage: "keyframes" or "interpolation".
        encoders: audio features, in the order they are joined.
        pixel_frames: slots chosen for the pixel losses; 0: none.
        anchor: see `keyframe_frames`.
        cut_short: how often a sequence is `cut`, see `keyframe_frames` and `consecutive_frames`.
        rows: shapes that single frames of arrays must have, by array, so that clips fit each other.
    """

    stage: str
    encoders: tuple[str, ...]
    noise: Noise = field(default_factory=Noise)
    dropping: Dropping = field(default_factory=Dropping)
    pixel_frames: int = 0
    anchor: bool = False
    cut_short: float = 0.0
    rows: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def __call__(self, clip: Clip, g: torch.Generator) -> Example:
        """An example.

        Returns:
            latents (14, 4, h, w) unscaled, audio (14, 2, c), noise like latents, sigma (), keep_identity and
            keep_audio (), 0 or 1; for keyframes identity (4, h, w), valence and arousal (14,), for the
            interpolation ends (2, 4, h, w); with pixel losses pixel_slots (k,) and, where the clip has
            frames, pixels (k, 3, H, W) in [-1, 1].

        Raises:
            BrokenClipError: the clip is too short, lacks an array, or has values that are no numbers.
        """
        for name, row in self.rows.items():
            if name in clip.arrays and clip.array(name).shape[1:] != row:
                raise BrokenClipError(
                    f"has {name} of {clip.array(name).shape[1:]}, not {row} as the first clip"
                )
        latents = clip.array("latents")
        # Without cuts nothing is drawn for them, so that runs of former versions see the same examples.
        cut = bool(self.cut_short) and float(torch.rand((), generator=g)) < self.cut_short
        if self.stage == "keyframes":
            frames = keyframe_frames(clip.n_frames, g, self.anchor, cut)
        else:
            frames = consecutive_frames(clip.n_frames, g, cut)
        features = [clip.array(name)[frames] for name in self.encoders]
        example = {
            "latents": _tensor(latents[frames]),
            "audio": _tensor(np.concatenate(features, axis=-1)),
            "sigma": noise_level(torch.randn((), generator=g), self.noise.mean, self.noise.std),
            "keep_identity": _kept(self.dropping.identity, g),
            "keep_audio": _kept(self.dropping.audio, g),
        }
        example["noise"] = torch.randn(example["latents"].shape, generator=g)
        if self.stage == "keyframes":
            emotion = _tensor(clip.array("emotion")[frames])
            example["identity"] = _tensor(latents[integer(clip.n_frames, g)])
            example["valence"], example["arousal"] = emotion.unbind(-1)
        else:
            example["ends"] = example["latents"][[0, -1]]
            if self.noise.ends:
                level = self.noise.ends * torch.rand((), generator=g) / LATENT_SCALE
                example["ends"] = example["ends"] + level * torch.randn(example["ends"].shape, generator=g)
        if self.pixel_frames:
            slots = torch.randperm(SLOTS, generator=g)[: self.pixel_frames]
            example["pixel_slots"] = slots
            if "frames" in clip.arrays:
                example["pixels"] = _pixels(clip.array("frames")[frames[slots.numpy()]])
        broken = [name for name, tensor in example.items() if not tensor.isfinite().all()]
        if broken:
            raise BrokenClipError(f"has values in {broken[0]} that are no numbers")
        return example


def picture_example(clip: Clip, g: torch.Generator, pictures: int = 1, others: int = 0) -> Example:
    """An example for the autoencoder: {"pixels": (pictures + others, 3, H, W)}, frames in [-1, 1].

    First come consecutive ones, then any others of the clip.

    Raises:
        BrokenClipError: the clip has no frames, or fewer.
    """
    frames = clip.array("frames")
    if len(frames) < pictures:
        raise BrokenClipError(f"has {len(frames)} frames, not {pictures}")
    first = integer(len(frames) - pictures + 1, g)
    numbers = [*range(first, first + pictures), *(integer(len(frames), g) for _ in range(others))]
    return {"pixels": _pixels(frames[numbers])}


def keyframe_frames(n_frames: int, g: torch.Generator, anchor: bool = False, cut: bool = False) -> np.ndarray:
    """Frames of 14 slots 13 apart from a random first one on: (14,) int64.

    With an `anchor`, slot 0 is any frame and these slots are the other 13.

    A clip too short for all of them repeats its last frame, as the last window of a clip does
    (`timeline.Timeline.window_frames`). So does one that is `cut`: its first slot may be any frame.
    """
    spaced = SLOTS - anchor
    first = integer(n_frames if cut else max(1, n_frames - KEYFRAME_STEP * (spaced - 1)), g)
    frames = np.minimum(first + KEYFRAME_STEP * np.arange(spaced), n_frames - 1)
    return np.insert(frames, 0, integer(n_frames, g)) if anchor else frames


def consecutive_frames(n_frames: int, g: torch.Generator, cut: bool = False) -> np.ndarray:
    """14 consecutive frames from a random first one on: (14,) int64.

    A sequence that is `cut` may begin anywhere and repeats the clip's last frame, as the last segment of a
    clip does (`timeline.Timeline.segment_frames`).

    Raises:
        BrokenClipError: the clip has fewer.
    """
    if n_frames < SLOTS:
        raise BrokenClipError(f"has {n_frames} frames; a sequence has {SLOTS}")
    first = integer(n_frames if cut else n_frames - SLOTS + 1, g)
    return np.minimum(first + np.arange(SLOTS), n_frames - 1)


class Examples(Dataset):
    """The endless sequence of examples, by position."""

    def __init__(self, clips: ClipIndex, make: MakeExample, seed: int):
        self.clips, self.make, self.seed = clips, make, seed
        self._order: tuple[int, torch.Tensor] | None = None

    def __getitem__(self, position: int) -> dict:
        """The example at a position; a broken clip's place is taken by the next one in the epoch's order.

        Raises:
            KeyFaceError: every clip is broken, or very many in a row are.
        """
        epoch, place = divmod(position, len(self.clips))
        skipped = []
        for attempt in range(min(len(self.clips), MOST_BROKEN)):
            index = int(self._order_of(epoch)[(place + attempt) % len(self.clips)])
            try:
                clip = self.clips.read(index)
            except BrokenClipError as broken:
                skipped.append(str(broken))
                continue
            try:
                return {**self.make(clip, generator(self.seed, "example", position)), SKIPPED: skipped}
            except BrokenClipError as broken:
                skipped.append(f"clip '{clip.key}' {broken}")
        which = "every clip is" if len(self.clips) <= MOST_BROKEN else f"{MOST_BROKEN:,} clips in a row are"
        raise KeyFaceError(f"data.shards: {which} unusable, the first because: {skipped[0]}")

    def _order_of(self, epoch: int) -> torch.Tensor:
        if self._order is None or self._order[0] != epoch:
            g = generator(self.seed, "epoch", epoch)
            self._order = epoch, torch.randperm(len(self.clips), generator=g)
        return self._order[1]


class Positions(Sampler):
    """The positions one process works off, a list for every call of the network, without end."""

    def __init__(self, first_step: int, batch: int, pieces: int, rank: int = 0, processes: int = 1):
        """Shares out the `batch` positions of every update from `first_step` on.

        Args:
            pieces: calls of the network in one update.
            rank, processes: which of how many processes this is.

        Raises:
            KeyFaceError: the batch cannot be shared out evenly.
        """
        if batch % (pieces * processes):
            raise KeyFaceError(
                f"optimizer.batch is {batch}; it must be a multiple of optimizer.accumulation "
                f"({pieces}) times the processes ({processes})"
            )
        self.first_step, self.batch, self.pieces = first_step, batch, pieces
        self.rank, self.processes = rank, processes

    @property
    def size(self) -> int:
        """Examples in one call."""
        return self.batch // (self.pieces * self.processes)

    def __iter__(self) -> Iterator[list[int]]:
        first = self.first_step * self.batch + self.rank * self.size
        while True:
            yield list(range(first, first + self.size))
            first += self.processes * self.size


def load(examples: Examples, positions: Positions, workers: int, pinned: bool) -> DataLoader:
    """Batches of examples, read ahead by worker processes."""
    return DataLoader(
        examples,
        batch_sampler=positions,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=pinned,
        persistent_workers=workers > 0,
    )


def collate(examples: list[dict]) -> dict:
    """Stacks examples; entries that some of them lack are left out."""
    skipped = [name for example in examples for name in example[SKIPPED]]
    shared = set.intersection(*map(set, examples)) - {SKIPPED}
    batch = default_collate([{name: example[name] for name in sorted(shared)} for example in examples])
    return {**batch, SKIPPED: skipped}


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32))


def _pixels(frames: np.ndarray) -> torch.Tensor:
    """(n, H, W, 3) uint8 as (n, 3, H, W) in [-1, 1]."""
    return rearrange(_tensor(frames), "n h w c -> n c h w").div(127.5).sub(1).contiguous()


def _kept(drop_rate: float, g: torch.Generator) -> torch.Tensor:
    return (torch.rand((), generator=g) >= drop_rate).float()
