"""Adds to a small autoencoder's file what trainings write there now: its preview colours and what it knows.

    python scripts/measure_autoencoder.py [FILE]     FILE is keyface_lib/small/vae.safetensors by default

Measured on drawn people of the training's split while they speak, at the size that the file was trained for.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from keyface_lib import small
from keyface_lib.method.denoiser import LATENT_SCALE
from keyface_lib.networks.vae import load_vae
from keyface_lib.toyworld import draw, perform
from keyface_lib.train.measuring import measured
from keyface_lib.weights.checkpoint import read_checkpoint, write_checkpoint
from keyface_lib.weights.vae_parts import bare_vae

PEOPLE, SECONDS = 64, 2.0
PICTURES = "drawn faces of its own toy world"


def people(size: int) -> torch.Tensor:
    """A moment of each of so many people's speech: (64, 3, size, size) in [-1, 1]."""
    rng = np.random.default_rng(0)
    pictures = []
    for seed in range(PEOPLE):
        performance = perform(seed, SECONDS, "train")
        moment = int(rng.integers(len(performance.motion)))
        pictures.append(draw(performance.identity, performance.motion[moment : moment + 1], size))
    return torch.cat(pictures).movedim(-1, 1) / 127.5 - 1


def main() -> None:
    path = Path(sys.argv[1] if len(sys.argv) > 1 else small.FOLDER / "vae.safetensors")
    checkpoint = read_checkpoint(path)
    vae = load_vae(bare_vae(checkpoint.state_dict), str(path)).float()
    seen = measured(vae, people(checkpoint.metadata.image_size).split(8), decode=True)
    preview, knows = seen.preview(torch.tensor([LATENT_SCALE])), seen.knows(PICTURES)
    print(f"{preview}\n{knows}, from {seen.db.min():.1f} to {seen.db.max():.1f} dB")
    tensors = {
        name: tensor.clone() for name, tensor in checkpoint.state_dict.items()
    }  # no longer of the file
    write_checkpoint(path, tensors, replace(checkpoint.metadata, preview=preview, knows=knows))


if __name__ == "__main__":
    main()
