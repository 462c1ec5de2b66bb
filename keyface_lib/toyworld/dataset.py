"""Clips of the toy world as training shards."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch

from ..audio import encode_audio, load_encoder
from ..data.shard_writer import ShardWriter
from ..errors import KeyFaceError
from ..messages import shown
from .clip import ToyClip, check_clip, make_clip
from .sentences import Split

ENCODER = "logmel"
ENCODED_AT_ONCE = 32
MOST_CLIPS = 10**6


def write_clips(
    folder: str | Path,
    seeds: Iterable[int],
    seconds: float = 10.0,
    size: int = 64,
    split: Split = "train",
    vae=None,
    frames: bool = True,
    progress: Callable[[int], None] | None = None,
) -> list[Path]:
    """Makes clips and writes them with their audio features and emotion.

    Args:
        folder: for the shards.
        seeds: one clip each.
        seconds, size, split: see `clip.make_clip`.
        vae: the `KeyFaceVAE` whose latents are written; without it there are none.
        frames: write the pixels too.
        progress: called with the clips written so far.

    Returns:
        The shards.

    Raises:
        KeyFaceError: as `make_clip` and `ShardWriter`.
    """
    seeds = check_request(seeds, seconds, size, split)
    encoders = {ENCODER: load_encoder(ENCODER)}
    with ShardWriter(folder, split) as writer:
        for done, seed in enumerate(seeds, start=1):
            clip = make_clip(seed, seconds, split, size)
            heard = encode_audio(clip.waveform, encoders).by_encoder[ENCODER]
            arrays = {
                "emotion": torch.stack([clip.valence, clip.arousal], dim=1).numpy(),
                ENCODER: heard.half().numpy(),
            }
            if vae is not None:
                arrays["latents"] = latents_of(clip, vae).half().numpy()
            if frames:
                arrays["frames"] = clip.frames.numpy()
            writer.write(f"{split}-{seed:06}", arrays, size, seed=seed)
            if progress is not None:
                progress(done)
    return writer.paths


def check_request(seeds: Iterable[int], seconds: float, size: int, split: str) -> Sequence[int]:
    """Checks the arguments of `write_clips` before anything is made or loaded; returns the seeds.

    Raises:
        KeyFaceError: there are no seeds or too many, or as `make_clip`.
    """
    if not isinstance(seeds, range):
        seeds = tuple(seeds)
    if not seeds or seeds[-1] - seeds[0] >= MOST_CLIPS:
        raise KeyFaceError(
            f"the seeds {shown(seeds)} are none, or too many; ask for 1 to {MOST_CLIPS:,} clips"
        )
    for seed in {seeds[0], seeds[-1]} if isinstance(seeds, range) else seeds:
        check_clip(seed, seconds, split, size)
    return seeds


@torch.inference_mode()
def latents_of(clip: ToyClip, vae) -> torch.Tensor:
    """Unscaled latents (frames, 4, h, w) of a clip, on the CPU."""
    parts = clip.frames.movedim(-1, 1).split(ENCODED_AT_ONCE)
    return torch.cat([vae.encode_image(part.float() / 127.5 - 1).cpu() for part in parts])
