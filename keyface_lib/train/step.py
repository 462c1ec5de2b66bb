"""One training step of a network: from a batch of examples to the losses of eq. 3."""

import torch
from einops import rearrange
from torch import nn

from ..errors import KeyFaceError
from ..method.conditioning import Conditioning, interpolation_conditioning, keyframe_conditioning
from ..method.denoiser import LATENT_SCALE, denoise
from ..networks.network import Network
from ..networks.vae import KeyFaceVAE
from .config import Loss
from .losses import Perceptual, decoded_slots, latent_losses, pixel_losses


class NetworkStep(nn.Module):
    """A network with its losses; what several processes train together.

    The autoencoder and the perceptual distance are not trained and no submodules.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        vae: KeyFaceVAE | None = None,
        perceptual: Perceptual | None = None,
    ):
        super().__init__()
        self.network = network
        self.loss = loss
        self.judges = (vae, perceptual)

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Losses of a batch.

        Args:
            batch: as `examples.SequenceExamples` makes it, with a first dimension of sequences.

        Returns:
            {"loss": what is minimised; "latent", "pixel_l2", ...: its terms}, scalars.
        """
        vae, perceptual = self.judges
        target, sigma = batch["latents"] * LATENT_SCALE, batch["sigma"]
        denoised = denoise_batch(self.network, batch)
        terms = {
            "latent": latent_losses(denoised, target, sigma, self.loss.lambda_lower, self.loss.latent).mean()
        }
        if self.loss.on_pixels:
            slots = batch["pixel_slots"]
            decoded = decoded_slots(vae.decode_frames, denoised, slots)
            pixels = batch.get("pixels")
            if pixels is None:
                with torch.no_grad():
                    pixels = decoded_slots(vae.decode_frames, target, slots)
            terms |= pixel_losses(decoded, pixels, sigma, self.loss, perceptual)
        return {"loss": sum(terms.values()), **terms}


def denoise_batch(network: Network, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """D(x; sigma) of a batch's noised latents: (sequences, 14, 4, h, w), scaled."""
    sigma = batch["sigma"]
    s = rearrange(sigma, "sequence -> sequence 1 1 1 1")
    x = batch["latents"] * LATENT_SCALE + s * batch["noise"]
    return denoise(network.unet, x, sigma, batch_conditioning(network, batch))


def batch_conditioning(network: Network, batch: dict[str, torch.Tensor]) -> Conditioning:
    """What the network sees beside the noise; dropped conditions are zero, as in guidance."""
    tokens = network.tokens(batch["audio"]) * rearrange(batch["keep_audio"], "sequence -> sequence 1 1")
    keep = batch["keep_identity"]
    if network.role == "keyframe":
        identity = batch["identity"] * rearrange(keep, "sequence -> sequence 1 1 1")
        return keyframe_conditioning(identity, tokens, batch["valence"], batch["arousal"])
    ends = batch["ends"] * rearrange(keep, "sequence -> sequence 1 1 1 1")
    return interpolation_conditioning(ends, network.mask_for(*ends.shape[-2:]), tokens)


def is_temporal(released_name: str) -> bool:
    """Whether the released recipe freezes the tensor: layers that mix frames, and their blending."""
    return "time_" in released_name and "time_embed" not in released_name


def start_from(network: Network, tensors: dict[str, torch.Tensor], path: str) -> list[str]:
    """Loads the tensors that fit; the input and label layers may differ in shape, or be missing.

    Args:
        tensors: by released name, from `path`.

    Returns:
        The released names of what keeps its random weights.

    Raises:
        KeyFaceError: other tensors are missing or of another shape.
    """
    names, shapes = network.released_names(), network.state_dict()
    fits = {
        ours: name
        for ours, name in names.items()
        if name in tensors and tensors[name].shape == shapes[ours].shape
    }
    kept = [name for ours, name in names.items() if ours not in fits]
    wrong = [name for name in kept if not _may_differ(name)]
    if wrong:
        name = wrong[0]
        found = f"is {tuple(tensors[name].shape)} there" if name in tensors else "is missing there"
        raise KeyFaceError(
            f"{path} does not fit the network: {name} {found}; "
            "give network.* the sizes of the weights that network.start names"
        )
    network.load_state_dict({ours: tensors[name].float() for ours, name in fits.items()}, strict=False)
    return kept


def _may_differ(released_name: str) -> bool:
    return (
        ".input_blocks.0.0." in released_name
        or ".label_emb." in released_name
        or not released_name.startswith("model.diffusion_model.")
    )
