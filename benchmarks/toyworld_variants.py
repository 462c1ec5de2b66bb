"""Trains the variants that the paper compares with, each with the same small budget.

    python benchmarks/toyworld_variants.py [NAME ...]      into runs/variants; a killed run goes on

They differ from the small model's own configurations in the number and size of updates and in what their name
says. Needs the clips of docs/training.md below data/toyworld.
"""

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from keyface_lib import small
from keyface_lib.data.shards import Clip, ClipIndex
from keyface_lib.method.conditioning import Conditioning, sinusoid
from keyface_lib.method.denoiser import LATENT_SCALE, denoise
from keyface_lib.method.emotion import NAMED_STATES
from keyface_lib.method.timeline import SLOTS
from keyface_lib.networks.network import Network
from keyface_lib.train.config import Config
from keyface_lib.train.config_file import read_config
from keyface_lib.train.examples import Example, SequenceExamples
from keyface_lib.train.loop import train
from keyface_lib.train.losses import latent_losses
from keyface_lib.train.networks import data_facts, export_network, network_sizes, network_task
from keyface_lib.train.noise import integer, noise_level
from keyface_lib.train.task import Task

ROOT = Path(__file__).resolve().parents[1]
BUDGET, BATCH = 800, 4
"""Updates of every network, and sequences in one; the autoregressive one, which is both stages, has twice as
many updates."""
FOLDER = Path("runs/variants")
TRAINED = str(small.FOLDER / "keyframe.safetensors")
LABELS = ("angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
"""MEAD's eight emotions."""


def main() -> None:
    for name in sys.argv[1:] or VARIANTS:
        stage, make_task, updates, start = VARIANTS[name]
        train(stage, budgeted(stage, name, updates, start), resume=True, make_task=make_task)


def budgeted(stage: str, name: str, updates: int, start: str) -> Config:
    """The small model's configuration of a stage with small updates, the last half of them slowing down.

    Args:
        start: weights to start from; empty: random ones.
    """
    config = read_config(ROOT / f"configs/train/small-{stage}.toml", stage)
    return replace(
        config,
        run=replace(config.run, folder=str(FOLDER / name), steps=updates, sample_every=0),
        network=replace(config.network, start=start),
        optimizer=replace(config.optimizer, batch=BATCH, decay_last=updates // 2),
    )


def silence_context(network: Network) -> None:
    """From now on the network hears by its timestep embedding alone."""

    def without(_unet, seen):
        sample, c_noise, context, vector = seen
        return sample, c_noise, torch.zeros_like(context), vector

    network.unet.register_forward_pre_hook(without)


def silence_timestep(network: Network) -> None:
    """From now on the network hears by cross-attention alone."""
    width = network.sizes["context_dim"]

    def without(_unet, seen):
        sample, c_noise, context, vector = seen
        return (
            sample,
            c_noise,
            context,
            torch.cat([vector[..., :-width], torch.zeros_like(vector[..., -width:])], -1),
        )

    network.unet.register_forward_pre_hook(without)


def labelled(valence: torch.Tensor, arousal: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Feelings (...) as the nearest of `LABELS` has them."""
    states = torch.tensor([NAMED_STATES[name] for name in LABELS])
    distance = (torch.stack([valence, arousal], dim=-1)[..., None, :] - states).norm(dim=-1)
    return states[distance.argmin(dim=-1)].unbind(-1)


def hearing_less(silence, config: Config, clips: ClipIndex) -> Task:
    """Keyframes whose network was changed by `silence`."""
    task = network_task("keyframes", config, clips)
    silence(task.step.network)
    return task


def with_labels(config: Config, clips: ClipIndex) -> Task:
    """Keyframes that are told one of eight emotions instead of valence and arousal."""
    task = network_task("keyframes", config, clips)

    def make(clip: Clip, g: torch.Generator) -> Example:
        example = task.make(clip, g)
        example["valence"], example["arousal"] = labelled(example["valence"], example["arousal"])
        return example

    return replace(task, make=make)


def autoregression(config: Config, clips: ClipIndex) -> Task:
    """One network that makes every frame from the one before it, the portrait, its audio and emotion."""
    facts = data_facts(clips, config.network.encoders)
    # Beside the noise it sees two latents, the portrait's and the former frame's.
    sizes = network_sizes("keyframe", config.network) | {"in_channels": 12}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.run.seed)
        network = Network("keyframe", sizes, facts.audio_features, facts.latent_size).requires_grad_(True)

    def export(folder: Path, training: dict) -> Path:
        return export_network(folder, network, facts, config.network, training)

    return Task(
        step=NextFrameStep(network, config.loss.lambda_lower),
        trained=dict(network.named_parameters()),
        make=NextFrameExamples("keyframes", config.network.encoders, config.noise, config.dropping),
        export=export,
    )


class NextFrameExamples(SequenceExamples):
    """14 unrelated frames of a clip, each with the frame before it and a noise level of its own."""

    def __call__(self, clip: Clip, g: torch.Generator) -> Example:
        example = super().__call__(clip, g)
        frames = np.array([1 + integer(clip.n_frames - 1, g) for _ in range(SLOTS)])
        latents = clip.array("latents")
        example["latents"], example["former"] = _floats(latents[frames]), _floats(latents[frames - 1])
        example["audio"] = torch.cat([_floats(clip.array(name)[frames]) for name in self.encoders], dim=-1)
        example["valence"], example["arousal"] = _floats(clip.array("emotion")[frames]).unbind(-1)
        example["sigma"] = noise_level(torch.randn(SLOTS, generator=g), self.noise.mean, self.noise.std)
        return example


class NextFrameStep(nn.Module):
    """The latent loss of eq. 3 of single frames."""

    def __init__(self, network: Network, lambda_lower: float):
        super().__init__()
        self.network, self.lambda_lower = network, lambda_lower

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        target, sigma = (batch["latents"] * LATENT_SCALE).flatten(0, 1)[:, None], batch["sigma"].flatten()
        x = target + sigma[:, None, None, None, None] * batch["noise"].flatten(0, 1)[:, None]
        tokens = self.network.tokens(batch["audio"]) * batch["keep_audio"][:, None, None]
        identity = (batch["identity"] * batch["keep_identity"][:, None, None, None])[:, None]
        seen = next_frame_conditioning(
            identity.expand_as(batch["former"]), batch["former"], tokens, batch["valence"], batch["arousal"]
        )
        denoised = denoise(self.network.unet, x, sigma, seen)
        loss = latent_losses(denoised, target, sigma, self.lambda_lower).mean()
        return {"loss": loss, "latent": loss}


def next_frame_conditioning(
    identity: torch.Tensor,
    former: torch.Tensor,
    tokens: torch.Tensor,
    valence: torch.Tensor,
    arousal: torch.Tensor,
) -> Conditioning:
    """Conditions of frames that are sequences of one.

    Args:
        identity, former: (n, k, 4, h, w) unscaled latents.
        tokens: (n, k, d)
        valence, arousal: (n, k)

    Returns:
        Those of n * k sequences.
    """
    emotion = torch.cat([sinusoid(valence), sinusoid(arousal)], dim=-1)
    tokens = tokens.flatten(0, 1)[:, None]
    return Conditioning(
        concat=torch.cat([identity, former], dim=2).flatten(0, 1)[:, None],
        context=tokens,
        vector=torch.cat([emotion.to(tokens).flatten(0, 1)[:, None], tokens], dim=-1),
    )


def _floats(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.float32))


VARIANTS = {
    "keyframes": ("keyframes", None, BUDGET, ""),
    "interpolation": ("interpolation", None, BUDGET, ""),
    "autoregression": ("keyframes", autoregression, 2 * BUDGET, ""),
    "unchanged": ("keyframes", None, BUDGET, TRAINED),
    "cross-attention": ("keyframes", partial(hearing_less, silence_timestep), BUDGET, TRAINED),
    "timestep": ("keyframes", partial(hearing_less, silence_context), BUDGET, TRAINED),
    "labels": ("keyframes", with_labels, BUDGET, TRAINED),
}
"""{name: (stage, what is trained instead of it, updates, where it starts)}.

From random weights the budget forms faces whose mouths hardly follow yet: what compares mouths and feelings
goes on from the small model.
"""

if __name__ == "__main__":
    main()
