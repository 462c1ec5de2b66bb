"""What a weight file holds, in words: `keyface info`."""

from collections import Counter
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from ..messages import one_line, shown
from .architecture import VAE
from .checkpoint import metadata_of
from .metadata import FORMAT, KEY
from .released import read_weights

MOST_PARTS = 30


def describe(path: str | Path) -> str:
    """What a weight file holds, in lines of text; raises as `checkpoint.read_checkpoint`."""
    path = Path(path)
    weights = read_weights(path)
    metadata = metadata_of(weights, path)
    parts: Counter[str] = Counter()
    types: Counter[str] = Counter()
    for name, tensor in weights.tensors.items():
        parts[_part(name)] += tensor.numel()
        types[str(tensor.dtype).removeprefix("torch.")] += tensor.numel()
    own, foreign = f"KeyFace {FORMAT}", "not KeyFace's own; 'keyface convert' makes it so"
    rows: dict[str, object] = {
        "file": f"{one_line(path)}, {path.stat().st_size / 1e9:.3g} GB",
        "format": own if KEY in weights.header else foreign,
        "role": metadata.role,
        "parameters": f"{parts.total():,} ({', '.join(types)})",
        **{f"  {one_line(part, 60)}": f"{count:,}" for part, count in islice(parts.items(), MOST_PARTS)},
        "image size": metadata.image_size,
        "encoders": ", ".join(metadata.encoders),
        "guidance": _listed(metadata.guidance),
        "unet": _listed(metadata.unet),
        "config": _listed(metadata.config),
        "labels": metadata.labels and f"{len(metadata.labels)} classes",
        "preview": metadata.preview and "colours of its own latents",
        "knows": _listed(metadata.knows),
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
    return ", ".join(f"{one_line(name, 60)} {_value(value)}" for name, value in (entries or {}).items())


def _value(value: object) -> str:
    return one_line(value, 200) if isinstance(value, str) else shown(value, 200)
