"""From the portrait to the latent that tells the network whose face it is."""

import torch

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.media.image import square
from .autoencoder import KeyFaceVAE


def encode_portrait(vae, portrait: torch.Tensor, image_size: int) -> torch.Tensor:
    """The unscaled latent (1, 4, h, w) of an IMAGE, cropped to its central square.

    Raises:
        KeyFaceError: several pictures, or a VAE that is not KeyFace's or has no encoder.
    """
    if len(portrait) != 1:
        raise KeyFaceError(
            f"the portrait is a batch of {len(portrait)} pictures; one face is animated: choose one of them"
        )
    require_vae(vae)
    picture = square(portrait[0, ..., :3].movedim(-1, 0).float() * 2 - 1, image_size)
    return vae.encode((picture.movedim(0, -1)[None] + 1) / 2).cpu()


def require_vae(vae) -> None:
    """Raises KeyFaceError for any VAE whose latents KeyFace's networks do not know."""
    if not isinstance(vae, KeyFaceVAE):
        raise KeyFaceError("this VAE is not KeyFace's; connect the vae output of Load KeyFace Models")
