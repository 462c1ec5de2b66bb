"""From the portrait to the latent that tells the network whose face it is."""

import comfy.sd
import torch
from einops import rearrange

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.media.image import square
from ..keyface_lib.method.tensors import check_finite
from ..keyface_lib.weights.knowing import said_of_strange
from .autoencoder import KeyFaceVAE
from .node_text import remark


def encode_portrait(vae: comfy.sd.VAE, portrait: torch.Tensor, image_size: int) -> torch.Tensor:
    """The unscaled latent (1, 4, h, w) of a checked IMAGE (`media.picture`), of its central square.

    Where the VAE does not know such pictures, the node says so.

    Raises:
        KeyFaceError: the VAE is not KeyFace's, has no encoder, or makes no numbers of the picture.
    """
    require_vae(vae)
    picture = square(rearrange(portrait, "1 h w rgb -> rgb h w") * 2 - 1, image_size)
    latent = vae.encode((rearrange(picture, "rgb h w -> 1 h w rgb") + 1) / 2).cpu()
    check_finite(latent, "the portrait's latent", "start ComfyUI with --fp32-vae")
    if vae.knows is not None:
        _remark_if_strange(vae, picture, latent)
    return latent


def _remark_if_strange(vae: KeyFaceVAE, picture: torch.Tensor, latent: torch.Tensor) -> None:
    again = rearrange(vae.decode(latent).cpu(), "1 h w rgb -> 1 rgb h w") * 2 - 1
    if said := said_of_strange(vae.knows, picture[None], again):
        remark(said)


def require_vae(vae: comfy.sd.VAE) -> None:
    """Raises KeyFaceError for any VAE whose latents KeyFace's networks do not know."""
    if not isinstance(vae, KeyFaceVAE):
        raise KeyFaceError("this VAE is not KeyFace's; connect the vae output of Load KeyFace Models")
