"""Prompts and small files for the real server."""

import json

import torch

from host.server import ROOT

UPSCALER = "RealESRGAN_x4plus.safetensors"
WORKFLOWS = sorted(path.stem for path in (ROOT / "workflows").glob("*.json"))


def read_workflow(name: str, **values) -> dict:
    """A bundled workflow in API format; `values` replace widgets' values wherever they are called so."""
    prompt = json.loads((ROOT / "workflows" / "api" / f"{name}.json").read_text())
    for node in prompt.values():
        widgets = {key for key, value in node["inputs"].items() if not isinstance(value, list)}
        node["inputs"] |= {key: value for key, value in values.items() if key in widgets}
    return prompt


def node_of(prompt: dict, kind: str) -> str:
    """The id of the only node of a type."""
    (node,) = [number for number, entry in prompt.items() if entry["class_type"] == kind]
    return node


def saved_latent(prompt: dict, node: str, slot: int = 0) -> str:
    """Adds a node that writes a LATENT to disk, and returns its id."""
    number = str(max(map(int, prompt)) + 1)
    prompt[number] = {
        "class_type": "SaveLatent",
        "inputs": {"samples": [node, slot], "filename_prefix": "latents/test"},
    }
    return number


def only(prompt: dict, *nodes: str) -> dict:
    """The part of a prompt that some of its nodes need."""
    needed, open_nodes = set(), list(nodes)
    while open_nodes:
        node = open_nodes.pop()
        if node not in needed:
            needed.add(node)
            open_nodes += [value[0] for value in prompt[node]["inputs"].values() if isinstance(value, list)]
    return {number: entry for number, entry in prompt.items() if number in needed}


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
