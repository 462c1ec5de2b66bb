"""Tiny data sets and configurations for training runs."""

from pathlib import Path

import numpy as np

from keyface_lib.data.shard_writer import ShardWriter

LATENT, PIXELS, FEATURES = 8, 64, 6
NETWORK = {
    "encoders": ["voice", "noises"],
    "model_channels": 32,
    "channel_mult": [1, 2],
    "num_res_blocks": 1,
    "attention_resolutions": [2],
    "num_head_channels": 16,
    "context_dim": 16,
}
NO_PIXELS = {"pixel_l2": 0.0, "pixel_lpips": 0.0}


def clip_arrays(n_frames: int, seed: int, frames: bool = False) -> dict[str, np.ndarray]:
    """Random arrays of one clip; every row of the voice's features is the number of its frame."""
    g = np.random.default_rng(seed)
    arrays = {
        "latents": g.normal(0, 5, (n_frames, 4, LATENT, LATENT)).astype(np.float16),
        "emotion": g.uniform(-1, 1, (n_frames, 2)).astype(np.float32),
        "voice": np.tile(np.arange(n_frames)[:, None, None], (1, 2, FEATURES)).astype(np.float16),
        "noises": g.normal(size=(n_frames, 2, FEATURES)).astype(np.float16),
    }
    if frames:
        colours = g.integers(0, 255, (n_frames, 1, 1, 3))
        ramp = np.linspace(0, 1, PIXELS)[None, :, None, None]
        arrays["frames"] = np.broadcast_to(colours * ramp, (n_frames, PIXELS, PIXELS, 3)).astype(np.uint8)
    return arrays


def write_clips(folder: Path, clips: int = 6, n_frames: int = 40, frames: bool = False) -> str:
    """Writes shards of several clips; returns their pattern."""
    with ShardWriter(folder, shard_bytes=80_000) as writer:
        for number in range(clips):
            arrays = clip_arrays(n_frames + number, seed=number, frames=frames)
            writer.write(f"clip{number}", arrays, image_size=PIXELS, voice_seed=number)
    return f"{folder}/*.tar"


def entries(shards: str, folder: Path, **sections) -> dict:
    """A configuration as TOML reads it, single keys changed."""
    base = {
        "run": {"folder": str(folder), "steps": 4, "save_every": 2, "sample_every": 0, "log_every": 2},
        "data": {"shards": [shards], "workers": 0},
        "network": dict(NETWORK),
        "loss": dict(NO_PIXELS),
        "optimizer": {"batch": 2, "warm_up": 2, "learning_rate": 1e-3},
    }
    return base | {name: base.get(name, {}) | changed for name, changed in sections.items()}


def toml(sections: dict) -> str:
    """The entries as a TOML file says them."""
    lines = []
    for name, section in sections.items():
        lines.append(f"[{name}]")
        for key, value in section.items():
            text = str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')
            lines.append(f"{key} = {text}")
    return "\n".join(lines) + "\n"
