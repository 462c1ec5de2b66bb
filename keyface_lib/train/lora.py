"""Low-rank additions to a trained network, in the file that ComfyUI's own LoRA loader applies."""

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from ..errors import KeyFaceError
from ..files import whole_file
from ..networks.network import Network
from ..weights.architecture import UNET
from .config import LoRA

_COMFYUI_PREFIX = "diffusion_model."
_ADAPTER = "default"


def add_lora(network: Network, settings: LoRA, seed: int) -> dict[str, nn.Parameter]:
    """Adds low-rank matrices to layers of the UNet and freezes everything else.

    Args:
        seed: of their first weights.

    Returns:
        The matrices, by name in the network.

    Raises:
        KeyFaceError: peft is not installed, or no layer has one of the targets' names.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise KeyFaceError("lora.rank needs peft; pip install '.[train]' in a clone of KeyFace") from error
    network.requires_grad_(False)
    config = LoraConfig(
        r=settings.rank, lora_alpha=_alpha(settings), target_modules=list(settings.targets), bias="none"
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            inject_adapter_in_model(config, network.unet, _ADAPTER)
        except ValueError as error:
            raise KeyFaceError(
                f"lora.targets: no layer's name ends in {', '.join(settings.targets)}; "
                "name layers of diffusers' UNet, such as to_q"
            ) from error
    return {name: p for name, p in network.named_parameters() if p.requires_grad}


def lora_tensors(network: Network, settings: LoRA) -> dict[str, torch.Tensor]:
    """The additions as ComfyUI reads them: up, down and alpha of `diffusion_model.<released name>`."""
    tensors = {}
    for name, layer in _adapted(network):
        prefix = _COMFYUI_PREFIX + name.removeprefix(UNET)
        tensors[f"{prefix}.lora_down.weight"] = layer.lora_A[_ADAPTER].weight.detach().float().cpu()
        tensors[f"{prefix}.lora_up.weight"] = layer.lora_B[_ADAPTER].weight.detach().float().cpu()
        tensors[f"{prefix}.alpha"] = torch.tensor(_alpha(settings))
    return tensors


def write_lora(path: Path, network: Network, settings: LoRA, training: dict) -> Path:
    """Writes the additions in half precision.

    Raises:
        KeyFaceError: the folder cannot be written to.
    """
    tensors = {name: t.half().contiguous() for name, t in lora_tensors(network, settings).items()}
    metadata = {"keyface": json.dumps({"format": 1, "role": f"{network.role} lora", "training": training})}
    with whole_file(path) as unfinished:
        save_file(tensors, unfinished, metadata=metadata)
    return path


def _adapted(network: Network) -> Iterator[tuple[str, nn.Module]]:
    """Layers with additions, by the released name of the layer."""
    released = network.released_names()
    for name, module in network.named_modules():
        if hasattr(module, "lora_A") and _ADAPTER in module.lora_A:
            yield released[f"{name}.base_layer.weight"].removesuffix(".base_layer.weight"), module


def _alpha(settings: LoRA) -> float:
    return settings.alpha or float(settings.rank)
