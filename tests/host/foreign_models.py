"""Small files of random numbers in place of models that are not KeyFace's, as ComfyUI recognises them."""

from pathlib import Path

import torch
from safetensors.torch import save_file

UPSCALER, INTERPOLATOR = "RealESRGAN_x4plus.safetensors", "rife_v4.26.safetensors"


def fill_with_foreign_models(models: Path) -> None:
    for folder, name, weights in (
        ("upscale_models", UPSCALER, tiny_upscaler()),
        ("frame_interpolation", INTERPOLATOR, tiny_interpolator()),
    ):
        (models / folder).mkdir()
        save_file(weights, models / folder / name)


def tiny_upscaler(factor: int = 2, channels: int = 4) -> dict[str, torch.Tensor]:
    """A random super-resolution network of the "compact" kind, which ComfyUI recognises by its tensors."""
    generator = torch.Generator().manual_seed(0)

    def convolution(out: int, into: int) -> torch.Tensor:
        return torch.randn(out, into, 3, 3, generator=generator) * 0.1

    weights = {"body.0.weight": convolution(channels, 3), "body.2.weight": convolution(channels, channels)}
    weights["body.4.weight"] = convolution(3 * factor**2, channels)
    biases = {name.replace("weight", "bias"): torch.zeros(len(w)) for name, w in weights.items()}
    slopes = {f"body.{index}.weight": torch.full((channels,), 0.2) for index in (1, 3)}
    return weights | biases | slopes


def tiny_interpolator(channels: int = 2, head: int = 1) -> dict[str, torch.Tensor]:
    """A random network of RIFE's fourth kind: five blocks, the later ones with what the one before found."""
    generator = torch.Generator().manual_seed(0)
    weights: dict[str, torch.Tensor] = {}

    def convolution(name: str, out: int, into: int, side: int = 3, biases: int | None = None) -> None:
        weights[f"{name}.weight"] = torch.randn(out, into, side, side, generator=generator) * 0.05
        weights[f"{name}.bias"] = torch.zeros(out if biases is None else biases)

    for index, into in enumerate((3, 16, 16)):
        convolution(f"encode.cnn{index}", 16, into)
    convolution("encode.cnn3", 16, head, 4, head)  # transposed: in, out
    for block in range(5):
        name = f"blocks.{block}"
        convolution(f"{name}.conv0.0.0", channels // 2, (7 if block == 0 else 20) + 2 * head)
        convolution(f"{name}.conv0.1.0", channels, channels // 2)
        for index in range(8):
            convolution(f"{name}.convblock.{index}.conv", channels, channels)
            weights[f"{name}.convblock.{index}.beta"] = torch.ones(1, channels, 1, 1)
        convolution(f"{name}.lastconv.0", channels, 52, 4, 52)
    return weights
