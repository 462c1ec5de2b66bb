"""What an autoencoder's file says of it, measured: the scale and colours of its latents, what it knows."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange

from ..networks.vae import KeyFaceVAE
from ..weights.knowing import psnr

MARGIN_DB = 5.0
"""How much worse than the worst measured picture one may come back that is still known: of people never met
the worst came back 4 dB worse, and the best of other pictures 9 dB worse (docs/toyworld.md)."""
RIDGE = 1e-3
"""Of the fit to scaled latents, whose squares are about 1: it bounds the factors of a channel hardly used."""


@dataclass(frozen=True)
class Measured:
    """What an autoencoder makes of some pictures.

    Attributes:
        latents: (n, 4, h, w), unscaled, float32 on the CPU.
        colours: (n, 3, h, w), the pictures as small as the latents, in [-1, 1].
        db: (n,), how well each comes back; none where that was not measured.
    """

    latents: torch.Tensor
    colours: torch.Tensor
    db: torch.Tensor

    @property
    def rms(self) -> torch.Tensor:
        """Root mean square of each latent channel, (4,)."""
        return self.latents.square().mean(dim=(0, 2, 3)).sqrt()

    def preview(self, scale: torch.Tensor) -> dict[str, Any]:
        """The entry "preview" of the metadata, for latents times `scale`, (4,) or one number."""
        return preview_of(self.latents * scale.view(-1, 1, 1), self.colours)

    def knows(self, pictures: str) -> dict[str, Any]:
        """The entry "knows" of the metadata, where the measured pictures are `pictures`, in words."""
        return {"pictures": pictures, "at_least_db": round(max(0.0, float(self.db.min()) - MARGIN_DB), 1)}


@torch.inference_mode()
def measured(vae: KeyFaceVAE, batches: Iterable[torch.Tensor], decode: bool) -> Measured:
    """Measures batches of pictures (n, 3, H, W) in [-1, 1], how they come back only with `decode`."""
    latents, colours, db = [], [], []
    for pictures in batches:
        encoded = vae.encode_image(pictures)
        latents.append(encoded.cpu())
        colours.append(F.interpolate(pictures.float().cpu(), encoded.shape[-2:], mode="area"))
        if decode:
            db.append(psnr(pictures.float().cpu(), vae.decode_frames(encoded).cpu()))
    return Measured(torch.cat(latents), torch.cat(colours), torch.cat(db) if decode else torch.empty(0))


def preview_of(latents: torch.Tensor, colours: torch.Tensor) -> dict[str, Any]:
    """The linear map from scaled latents (n, 4, h, w) to colours (n, 3, h, w) with the least squared error.

    Returns:
        {"factors": 4 lists of red, green and blue, "bias": one}.
    """
    x, y = (rearrange(t.double(), "n c h w -> (n h w) c") for t in (latents, colours))
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    x, y = x - x_mean, y - y_mean
    within = x.T @ x / len(x) + RIDGE * torch.eye(x.shape[1], dtype=x.dtype)
    factors = torch.linalg.solve(within, x.T @ y / len(x))
    bias = y_mean - x_mean @ factors
    return {
        "factors": [[round(value, 4) for value in row] for row in factors.tolist()],
        "bias": [round(value, 4) for value in bias.tolist()],
    }
