"""A loaded stage: the UNet with the trained layers of its conditions, under one roof."""

import torch
from torch import nn

from ..method.conditioning import audio_tokens, resized_mask
from ..weights.architecture import LATENT_CHANNELS, LEARNED_MASK, PROJECTION, VAE, standard_name
from ..weights.checkpoint import Checkpoint, require_tensors
from .unet import build_unet, released_names


class Network(nn.Module):
    """The keyframe, interpolation or reduced network.

    Attributes:
        role: "keyframe", "interpolation" or "reduced".
        unet: the `KeyFaceUNet`.
        projection: the linear layer from audio features to tokens; the reduced network has none.
        learned_mask: (4, h, w), the embedding z_m of a missing frame; the keyframe network has none.
    """

    def __init__(self, role: str, sizes: dict, audio_features: int, mask_size: tuple[int, int]):
        super().__init__()
        self.role = role
        self.sizes = sizes
        self.unet = build_unet(sizes)
        self.projection = nn.Linear(audio_features, sizes["context_dim"]) if role in PROJECTION else None
        self.learned_mask = (
            None if role == "keyframe" else nn.Parameter(torch.zeros(LATENT_CHANNELS, *mask_size))
        )

    @property
    def device(self) -> torch.device:
        return self.unet.conv_in.weight.device

    def tokens(self, audio: torch.Tensor) -> torch.Tensor:
        """Audio tokens (sequences, 14, d) of features (sequences, 14, 2, c)."""
        return audio_tokens(audio.to(self.device), self.projection.weight, self.projection.bias)

    def mask_for(self, height: int, width: int) -> torch.Tensor:
        """The learned mask (4, height, width), resized where it was trained at another size."""
        return resized_mask(self.learned_mask, height, width)

    def released_names(self) -> dict[str, str]:
        """{name in this module: name in a released checkpoint}."""
        names = {f"unet.{ours}": name for ours, name in released_names(self.unet, self.sizes).items()}
        if self.projection is not None:
            names |= {f"projection.{p}": f"{PROJECTION[self.role]}.{p}" for p in ("weight", "bias")}
        if self.learned_mask is not None:
            names["learned_mask"] = LEARNED_MASK
        return names

    def released_state(self) -> dict[str, torch.Tensor]:
        """The tensors under their released names."""
        state = self.state_dict()
        return {released: state[ours] for ours, released in self.released_names().items()}


def load_network(checkpoint: Checkpoint, path: str) -> Network:
    """The network in a checkpoint read from `path`, on the CPU in the file's own type.

    Raises:
        KeyFaceError: a tensor is missing, of another shape, or not the network's.
    """
    role = checkpoint.metadata.role
    tensors = {
        standard_name(name, role): tensor
        for name, tensor in checkpoint.state_dict.items()
        if not name.startswith(VAE)
    }
    weight = tensors.get(f"{PROJECTION.get(role)}.weight")
    mask = tensors.get(LEARNED_MASK)
    with torch.device("meta"):
        network = Network(
            role,
            checkpoint.metadata.unet,
            audio_features=0 if weight is None else weight.shape[1],
            mask_size=(0, 0) if mask is None else tuple(mask.shape[-2:]),
        )
    names = network.released_names()
    shapes = network.state_dict()
    require_tensors(tensors, {released: shapes[ours].shape for ours, released in names.items()}, path)
    network.load_state_dict({ours: tensors[released] for ours, released in names.items()}, assign=True)
    return network.eval().requires_grad_(False)
