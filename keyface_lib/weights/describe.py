"""What a weight file holds, in words: `keyface info`."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from .architecture import VAE
from .checkpoint import metadata_of
from .metadata import FORMAT, KEY
from .released import read_weights


def describe(path: str | Path) -> str:
    """What a weight file holds, in lines of text."""
    path = Path(path)
    weights = read_weights(path)
    metadata = metadata_of(weights, path)
    parts, types = Counter(), Counter()
    for name, tensor in weights.tensors.items():
        parts[_part(name)] += tensor.numel()
        types[str(tensor.dtype).removeprefix("torch.")] += tensor.numel()
    own, foreign = f"KeyFace {FORMAT}", "not KeyFace's own; 'keyface convert' makes it so"
    rows = {
        "file": f"{path}, {path.stat().st_size / 1e9:.3g} GB",
        "format": own if KEY in weights.header else foreign,
        "role": metadata.role,
        "parameters": f"{parts.total():,} ({', '.join(types)})",
        **{f"  {part}": f"{count:,}" for part, count in parts.items()},
        "image size": metadata.image_size,
        "encoders": ", ".join(metadata.encoders),
        "guidance": _listed(metadata.guidance),
        "unet": _listed(metadata.unet),
        "config": _listed(metadata.config),
        "labels": metadata.labels and f"{len(metadata.labels)} classes",
        "training": _listed(metadata.training),
    }
    rows = {name: value for name, value in rows.items() if value}
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())


def _part(name: str) -> str:
    """The part of a model that a tensor belongs to."""
    levels = 2 if name.startswith(("model.", "conditioner.", VAE)) else 1
    return ".".join(name.split(".")[:levels])


def _listed(entries: Mapping | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in (entries or {}).items())
