"""KeyFace's VAE as ComfyUI's: at any size, every frame a clip of its own, with or without an encoder."""

from collections.abc import Mapping
from typing import Any

import comfy.ldm.models.autoencoder
import comfy.ops
import comfy.sd
import torch

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.weights.architecture import decoder_blocks, vae_sizes
from ..keyface_lib.weights.checkpoint import require_tensors
from ..keyface_lib.weights.vae_parts import with_quant_conv
from . import compat

_LDM = "comfy.ldm.modules.diffusionmodules.model"


class FrameAutoencoder(comfy.ldm.models.autoencoder.AutoencodingEngine):
    """Stable Video Diffusion's autoencoder, built from ComfyUI's own blocks."""

    def __init__(self, sizes: dict):
        shared = {
            **{name: sizes[name] for name in ("ch", "num_res_blocks", "z_channels")},
            "ch_mult": list(sizes["ch_mult"]),
            "resolution": 256,
            "in_channels": 3,
            "out_ch": 3,
            "attn_resolutions": [],
            "dropout": 0.0,
        }
        temporal = {"video_kernel_size": [3, 1, 1], "alpha": 0.0}
        super().__init__(
            encoder_config={"target": f"{_LDM}.Encoder", "params": shared | {"double_z": True}},
            decoder_config={
                "target": "comfy.ldm.modules.temporal_ae.VideoDecoder",
                # VideoDecoder builds one block more in each level than it is told.
                "params": shared | temporal | {"num_res_blocks": decoder_blocks(sizes) - 1},
            },
            regularizer_config={"target": "comfy.ldm.models.autoencoder.DiagonalGaussianRegularizer"},
        )
        moments = 2 * sizes["z_channels"]
        self.quant_conv = comfy.ops.disable_weight_init.Conv2d(moments, moments, 1)
        if not sizes["has_encoder"]:
            self.encoder = self.quant_conv = None
        # ComfyUI's partial loading passes over this layer, as another one lies in it; it always casts.
        self.decoder.conv_out.comfy_cast_weights = True

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Unscaled latents (n, 4, h, w), the mode of the posterior, of images (n, 3, H, W) in [-1, 1]."""
        return self.regularization(self.quant_conv(self.encoder(images)))[0]

    def decode(self, latents: torch.Tensor, **options) -> torch.Tensor:
        """Images (n, 3, H, W) of latents (n, 4, h, w), one by one: in a batch, frames would mix."""
        return torch.cat(
            [super(FrameAutoencoder, self).decode(latent, **options) for latent in latents.split(1)]
        )


class KeyFaceVAE(comfy.sd.VAE):
    """What ComfyUI's VAE nodes get."""

    def __init__(
        self,
        tensors: Mapping[str, torch.Tensor],
        path: str,
        knows: Mapping[str, Any] | None = None,
        preview: Mapping[str, Any] | None = None,
    ):
        """Builds the autoencoder of tensors with released names, without prefix.

        Args:
            tensors: of the decoder, and of the encoder if there is one, see `checkpoint.joined_vae`.
            path: where they came from.
            knows: which pictures it knows, where it knows no others (`Metadata.knows`).
            preview: the colours of its latents, see `network.OwnColours`; None for Stable Diffusion's.

        Raises:
            KeyFaceError: a tensor is missing, of another shape, or not the VAE's.
        """
        sizes = _sizes(tensors, path)
        super().__init__(**compat.plain_vae_arguments())
        compat.replace_autoencoder(self, FrameAutoencoder(sizes))
        compat.load_weights(
            self.first_stage_model, self.patcher, _fitting(self.first_stage_model, tensors, path)
        )
        self.downscale_ratio = self.upscale_ratio = 2 ** (len(sizes["ch_mult"]) - 1)
        self.latent_channels = sizes["z_channels"]
        self.has_encoder = sizes["has_encoder"]
        self.path = path
        self.knows = knows
        self.preview = preview

    def encode(self, *args, **kwargs):
        self._require_encoder()
        return super().encode(*args, **kwargs)

    def encode_tiled(self, *args, **kwargs):
        self._require_encoder()
        return super().encode_tiled(*args, **kwargs)

    def _require_encoder(self) -> None:
        if not self.has_encoder:
            raise KeyFaceError(
                f"{self.path} holds only the VAE's decoder, so pictures cannot be encoded; choose a VAE file "
                "with an encoder in Load KeyFace Models (SVD's, or any Stable Diffusion 1.x VAE)"
            )


def _sizes(tensors: Mapping[str, torch.Tensor], path: str) -> dict:
    sizes = vae_sizes(tensors) if tensors else {"temporal": False}
    if not (sizes["temporal"] and sizes["has_decoder"]):
        raise KeyFaceError(
            f"{path} has no Stable Video Diffusion decoder; a network file of KeyFace's brings it along, or "
            "choose SVD's own VAE"
        )
    return sizes


def _fitting(
    model: FrameAutoencoder, tensors: Mapping[str, torch.Tensor], path: str
) -> dict[str, torch.Tensor]:
    """The tensors of the model, as it takes them."""
    shapes = compat.shapes_of(model)
    # The attention's projections are convolutions here and may be stored as matrices.
    tensors = {
        name: tensor[..., None, None] if len(shapes.get(name, ())) == 4 and tensor.ndim == 2 else tensor
        for name, tensor in with_quant_conv(tensors).items()
    }
    require_tensors(tensors, shapes, path)
    return {name: tensors[name] for name in shapes}
