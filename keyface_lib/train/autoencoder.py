"""The task of training an autoencoder of the released class from pictures."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from einops import rearrange
from torch import nn

from ..data.shards import BrokenClipError, Clip, ClipIndex
from ..errors import KeyFaceError
from ..method.denoiser import LATENT_SCALE
from ..networks.vae import KeyFaceVAE, build_vae, load_vae, released_vae_state
from ..weights.architecture import LATENT_CHANNELS, VAE, vae_sizes
from ..weights.checkpoint import read_checkpoint, write_checkpoint
from ..weights.metadata import Metadata
from ..weights.vae_parts import bare_vae
from .config import Autoencoder, Config
from .examples import Example, Examples, collate, picture_example
from .growing import grown, grown_sizes
from .losses import Perceptual
from .measuring import measured
from .networks import first_clip
from .perceptual import load_perceptual
from .preview import autoencoder_preview
from .task import Task

MEASURED_PICTURES = 256
"""Pictures on which what an exported file says of itself is measured."""
SHOWN_PICTURES = 8
REGION = 8
"""Side in pixels of what `drift` sees as one colour."""


class AutoencoderStep(nn.Module):
    """An autoencoder with its losses; the perceptual distance is not trained and no submodule."""

    def __init__(self, vae: KeyFaceVAE, settings: Autoencoder, perceptual: Perceptual | None = None):
        super().__init__()
        self.vae = vae
        self.settings = settings
        self.judges = (perceptual,)

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Losses of a batch.

        Args:
            batch: pixels (n, k, 3, H, W) in [-1, 1], consecutive frames, the last one being any other of the
                clip where `drift` has a weight, and unit noise like their latents.

        Returns:
            {"loss": what is minimised; "l1", "kl", ...: its terms}, scalars; those of weight 0 are left out.
        """
        settings = self.settings
        pixels = rearrange(batch["pixels"], "clip frame c h w -> (clip frame) c h w")
        with torch.set_grad_enabled(torch.is_grad_enabled() and not settings.decoder_only):
            posterior = self.vae.encode(pixels).latent_dist
        spread = settings.latent_noise * posterior.mean.detach().square().mean().sqrt()
        deviation = (posterior.var + spread**2).sqrt() if settings.latent_noise else posterior.std
        latents = posterior.mean + deviation * rearrange(
            batch["noise"], "clip frame c h w -> (clip frame) c h w"
        )
        decoded = self.vae.decode(latents, num_frames=1).sample.to(pixels)
        difference = decoded - pixels
        frames = rearrange(difference, "(clip frame) c h w -> clip frame c h w", clip=len(batch["pixels"]))
        neighbours = frames[:, :-1] if settings.drift else frames
        divergence = 0.5 * (posterior.mean**2 + posterior.var - 1 - posterior.logvar)
        terms = {
            "l1": (settings.l1, lambda: difference.abs().mean()),
            "l2": (settings.l2, lambda: (difference**2).mean()),
            "edges": (settings.edges, lambda: edge_distance(difference)),
            "motion": (settings.motion, lambda: neighbours.diff(dim=1).abs().mean()),
            "drift": (settings.drift, lambda: region_means(frames[:, -1] - frames[:, 0]).abs().mean()),
            "lpips": (settings.lpips, lambda: self.judges[0](decoded, pixels).mean()),
            "kl": (settings.kl, lambda: divergence.mean()),
        }
        losses = {name: weight * term() for name, (weight, term) in terms.items() if weight}
        return {"loss": sum(losses.values()), **losses}


def edge_distance(difference: torch.Tensor) -> torch.Tensor:
    """Mean absolute difference of the gradients of two pictures, given their difference (n, 3, H, W)."""
    return difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()


def region_means(pictures: torch.Tensor) -> torch.Tensor:
    """Mean colours of squares of 8 x 8 pixels of pictures (n, 3, H, W)."""
    return nn.functional.avg_pool2d(pictures, REGION)


def autoencoder_task(config: Config, clips: ClipIndex) -> Task:
    """Everything a run of the autoencoder trains and trains with.

    Raises:
        KeyFaceError: the clips have no frames, or a size that the autoencoder does not divide, or the one to
            start from is not whole.
    """
    clip = first_clip(clips)
    vae, sizes = initial_autoencoder(config)
    make = _picture_maker(clip, vae.factor, 2 if config.vae.motion else 1, 1 if config.vae.drift else 0)
    if config.optimizer.checkpointing:
        vae.enable_gradient_checkpointing()
    perceptual = load_perceptual(config.vae.lpips_weights) if config.vae.lpips else None
    examples = Examples(clips, make, config.run.seed)
    shown = collate([examples[position] for position in range(SHOWN_PICTURES)])["pixels"][:, 0]

    decoder_only = config.vae.decoder_only

    def export(folder: Path, training: dict) -> Path:
        state = released_vae_state(vae, sizes)
        pictures = first_pictures(examples, config.optimizer.batch)
        seen = measured(vae, pictures, decode=bool(config.vae.knows))
        scale = torch.tensor([LATENT_SCALE])
        if not decoder_only:
            scale = 1 / seen.rms
            state = scaled_latents(state, scale / LATENT_SCALE)
            training = {**training, "latent_rms": [round(x, 4) for x in seen.rms.tolist()]}
        state = {VAE + name: tensor.detach().half().cpu() for name, tensor in state.items()}
        metadata = Metadata(
            "vae",
            config=sizes,
            image_size=clip.facts["image_size"],
            training=training,
            preview=seen.preview(scale),
            knows=seen.knows(config.vae.knows) if config.vae.knows else None,
        )
        write_checkpoint(folder / "vae.safetensors", state, metadata)
        return folder / "vae.safetensors"

    return Task(
        step=AutoencoderStep(vae, config.vae, perceptual),
        trained=dict(vae.decoder.named_parameters("decoder") if decoder_only else vae.named_parameters()),
        make=make,
        export=export,
        frozen=() if perceptual is None else (perceptual,),
        preview=autoencoder_preview(vae, shown),
    )


def initial_autoencoder(config: Config) -> tuple[KeyFaceVAE, dict]:
    """The autoencoder before its first update, and its sizes: random by the run's seed, or `vae.start`.

    Raises:
        KeyFaceError: the file to start from has no encoder, no decoder, or another decoder than SVD's.
    """
    path = config.vae.start
    if path:
        tensors = bare_vae(read_checkpoint(path).state_dict)
        sizes = vae_sizes(tensors)
        if not (sizes["has_encoder"] and sizes["has_decoder"] and sizes["temporal"]):
            raise KeyFaceError(
                f"vae.start: {path} lacks an encoder or a temporal decoder; name an autoencoder trained here"
            )
        if config.vae.added_levels:
            with _seeded(config):
                tensors = grown(tensors, sizes, config.vae.added_levels)
            sizes = grown_sizes(sizes, config.vae.added_levels)
        vae = load_vae(tensors, path).float().requires_grad_(True)
        if config.vae.decoder_only:
            vae.encoder.requires_grad_(False)
            vae.quant_conv.requires_grad_(False)
        return vae, sizes
    sizes = {
        "ch": config.vae.ch,
        "ch_mult": list(config.vae.ch_mult),
        "num_res_blocks": config.vae.num_res_blocks,
        "z_channels": LATENT_CHANNELS,
        "has_encoder": True,
        "has_decoder": True,
        "temporal": True,
    }
    if config.vae.decoder_blocks not in (0, config.vae.num_res_blocks + 1):
        sizes["decoder_blocks"] = config.vae.decoder_blocks
    with _seeded(config):
        return build_vae(sizes), sizes


@contextmanager
def _seeded(config: Config) -> Iterator[None]:
    """Random weights are the run's seed's in here."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.run.seed)
        yield


def first_pictures(examples: Examples, batch: int) -> Iterator[torch.Tensor]:
    """The run's first pictures, which are measured: (up to `batch`, 3, H, W) at a time."""
    for first in range(0, MEASURED_PICTURES, batch):
        positions = range(first, min(first + batch, MEASURED_PICTURES))
        yield collate([examples[position] for position in positions])["pixels"][:, 0]


def scaled_latents(state: dict[str, torch.Tensor], gain: torch.Tensor) -> dict[str, torch.Tensor]:
    """The same autoencoder with latents `gain` times as large, channel by channel.

    Args:
        state: tensors by released name.
        gain: (4,)
    """
    gain = gain.to(state["quant_conv.weight"])
    mean_gain = torch.cat([gain, torch.ones_like(gain)])
    shift = torch.cat([torch.zeros_like(gain), 2 * gain.log()])  # of the posterior's logarithmic variance
    weight, bias = state["quant_conv.weight"], state["quant_conv.bias"]
    return {
        **state,
        "quant_conv.weight": weight * mean_gain.view(-1, 1, 1, 1),
        "quant_conv.bias": bias * mean_gain + shift,
        "decoder.conv_in.weight": state["decoder.conv_in.weight"] / gain.view(1, -1, 1, 1),
    }


def _picture_maker(
    clip: Clip, factor: int, pictures: int, others: int
) -> Callable[[Clip, torch.Generator], Example]:
    try:
        _, height, width, _ = clip.array("frames").shape
    except BrokenClipError as broken:
        raise KeyFaceError(
            f"data.shards: clip '{clip.key}' {broken}, but an autoencoder needs frames; write them too"
        ) from broken
    if height % factor or width % factor:
        raise KeyFaceError(
            f"data.shards: frames are {height}x{width}, vae.ch_mult has {factor} pixels to a latent; "
            "use frames it divides, or other levels"
        )
    noise_shape = (pictures + others, LATENT_CHANNELS, height // factor, width // factor)

    def make(clip: Clip, g: torch.Generator) -> Example:
        example = picture_example(clip, g, pictures, others)
        if example["pixels"].shape[2:] != (height, width):
            raise BrokenClipError(f"has frames of {tuple(example['pixels'].shape[2:])}, not {height}x{width}")
        return {**example, "noise": torch.randn(noise_shape, generator=g)}

    return make
