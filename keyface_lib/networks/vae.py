"""KeyFace's autoencoder: SVD's VAE with the temporal decoder, used one frame at a time."""

from collections.abc import Mapping

import torch
from diffusers.models.autoencoders.autoencoder_kl_temporal_decoder import (
    AutoencoderKLTemporalDecoder,
    TemporalDecoder,
)
from diffusers.models.unets.unet_3d_blocks import MidBlockTemporalDecoder

from ..errors import KeyFaceError
from ..weights.architecture import LATENT_CHANNELS, VAE, decoder_blocks, vae_sizes
from ..weights.checkpoint import require_tensors
from ..weights.keymap import vae_key_map
from ..weights.vae_parts import with_quant_conv
from .residual_blocks import slim_residual_blocks
from .time_convolution import flatten_time_convolutions


class KeyFaceVAE(AutoencoderKLTemporalDecoder):
    """Encodes to the mode of the posterior; decodes every frame as a clip of its own, as released.

    Attributes:
        factor: pixels per latent along each side.
    """

    def __init__(
        self, channels: list[int], layers: int, in_decoder: int, latent_channels: int, has_encoder: bool
    ):
        super().__init__(
            down_block_types=("DownEncoderBlock2D",) * len(channels),
            block_out_channels=tuple(channels),
            layers_per_block=layers,
            latent_channels=latent_channels,
        )
        self.factor = 2 ** (len(channels) - 1)
        if in_decoder != layers + 1:
            self.decoder = TemporalDecoder(latent_channels, 3, tuple(channels), in_decoder - 1)
        # SVD's middle block has two residual blocks whatever the others have; diffusers ties it to `layers`.
        self.decoder.mid_block = MidBlockTemporalDecoder(
            in_channels=channels[-1],
            out_channels=channels[-1],
            attention_head_dim=channels[-1],
            num_layers=2,
        )
        flatten_time_convolutions(self)
        slim_residual_blocks(self)
        if not has_encoder:
            self.encoder = self.quant_conv = None

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        """Unscaled latents (n, 4, h, w) of images (n, 3, H, W) in [-1, 1]; float32.

        Raises:
            KeyFaceError: the model files hold only the decoder.
        """
        if self.encoder is None:
            raise KeyFaceError(
                "the VAE has no encoder: network files carry only the decoder; put SVD's or any "
                "Stable Diffusion 1.x VAE into the model folder as vae.safetensors"
            )
        return self.encode(images.to(self.device, self.dtype)).latent_dist.mode().float()

    def decode_frames(self, latents: torch.Tensor) -> torch.Tensor:
        """Images (n, 3, H, W), about [-1, 1], of unscaled latents (n, 4, h, w); float32."""
        return self.decode(latents.to(self.device, self.dtype), num_frames=1).sample.float()


def build_vae(sizes: dict) -> KeyFaceVAE:
    """A VAE of the given sizes (see `architecture.vae_sizes`), its weights not yet loaded."""
    return KeyFaceVAE(
        channels=[sizes["ch"] * m for m in sizes["ch_mult"]],
        layers=sizes["num_res_blocks"],
        in_decoder=decoder_blocks(sizes),
        latent_channels=sizes["z_channels"],
        has_encoder=sizes["has_encoder"],
    )


def load_vae(tensors: Mapping[str, torch.Tensor], path: str) -> KeyFaceVAE:
    """The VAE whose tensors, with released names below `first_stage_model.`, came from `path`.

    Without an encoder among them it only decodes. SVD's encoder has no `quant_conv`, Stable Diffusion 1.x's
    has one; where it is missing it is the identity.

    Raises:
        KeyFaceError: a tensor is missing, of another shape, or not the VAE's.
    """
    tensors = with_quant_conv({name.removeprefix(VAE): tensor for name, tensor in tensors.items()})
    try:
        sizes = vae_sizes(tensors)
    except KeyFaceError as error:
        raise KeyFaceError(f"{path}: {error}") from error
    if sizes["z_channels"] != LATENT_CHANNELS:
        raise KeyFaceError(
            f"{path}: its latents have {sizes['z_channels']} channels, KeyFace's have {LATENT_CHANNELS}; use "
            "SVD's or any Stable Diffusion 1.x VAE"
        )
    with torch.device("meta"):
        vae = build_vae(sizes)
    shapes = {name: parameter.shape for name, parameter in vae.state_dict().items()}
    names = vae_key_map(list(shapes), sizes)
    # The attention's projections are 1x1 convolutions in the released file and linear layers in diffusers.
    tensors = {name: t.flatten(1) if ".attn_1." in name and t.ndim == 4 else t for name, t in tensors.items()}
    require_tensors(tensors, {names[name]: shape for name, shape in shapes.items()}, path)
    vae.load_state_dict({ours: tensors[released] for ours, released in names.items()}, assign=True)
    return vae.eval().requires_grad_(False)


def released_vae_state(vae: KeyFaceVAE, sizes: dict) -> dict[str, torch.Tensor]:
    """The VAE's tensors under their released names and shapes, without prefix."""
    state = vae.state_dict()
    names = vae_key_map(list(state), sizes)
    return {
        names[ours]: t[..., None, None] if ".attn_1." in names[ours] and t.ndim == 2 else t
        for ours, t in state.items()
    }
