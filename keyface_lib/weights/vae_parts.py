"""The VAE parts that weight files carry, found and put together."""

from collections.abc import Mapping

import torch

from .architecture import VAE, role_of


def bare_vae(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The VAE among the tensors of any file, its names without `first_stage_model.`."""
    if role_of(tensors) == "vae" and not any(name.startswith(VAE) for name in tensors):
        return dict(tensors)
    return {n.removeprefix(VAE): tensor for n, tensor in tensors.items() if n.startswith(VAE)}


def joined_vae(vaes: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The first temporal decoder and the first encoder among several VAEs' tensors."""
    decoder = next((vae for vae in vaes if any(".time_stack." in name for name in vae)), {})
    encoder = next((vae for vae in vaes if any(name.startswith("encoder.") for name in vae)), {})
    parts = ((decoder, ("decoder.",)), (encoder, ("encoder.", "quant_conv.")))
    return {n: tensor for vae, prefixes in parts for n, tensor in vae.items() if n.startswith(prefixes)}


def with_quant_conv(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A VAE's tensors, bare names, with the `quant_conv` that SVD's encoder lacks: the identity."""
    if "encoder.conv_out.weight" not in tensors or "quant_conv.weight" in tensors:
        return dict(tensors)
    like = tensors["encoder.conv_out.weight"]
    width = len(like)
    identity = {
        "quant_conv.weight": torch.eye(width).view(width, width, 1, 1).to(like),
        "quant_conv.bias": torch.zeros(width).to(like),
    }
    return {**tensors, **identity}
