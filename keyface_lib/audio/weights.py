"""Released encoder weights into modules: nothing missing, nothing left over, nothing of another shape."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ..errors import KeyFaceError
from ..messages import one_line, shown
from ..weights.schema import Rule, check, whole

_LAYER = re.compile(r"(?:wav2vec2\.)?encoder\.layers\.(\d+)\.")


LAYERS, WIDTH, HEADS, KERNEL = whole(1, 64), whole(8, 8192), whole(1, 128), whole(1, 4096)
"""Bounds of an encoder's sizes; the largest released ones stay far below them."""


def check_config(
    config: Any,
    rules: Mapping[str, Rule],
    fixed: Mapping[str, Any],
    path: str,
    divided: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Checks a configuration before anything is built by it.

    Args:
        config: what the file says; anything.
        rules: what each setting must be.
        fixed: settings of which no other value was ever released.
        divided: {a width: settings that must divide it}.

    Raises:
        KeyFaceError: a setting is missing, is not what it must be, or does not divide what it must.
    """
    what = f"{path}: the encoder's config"
    check(config, {**rules, **dict.fromkeys(fixed, _anything)}, what, "use the config of the released file")
    for name, value in fixed.items():
        if type(config[name]) is not type(value) or config[name] != value:
            raise KeyFaceError(
                f"{path}: {name} is {shown(config[name])}, this kind of encoder is built only with "
                f"{value!r}; use the released encoder"
            )
    for width, names in (divided or {}).items():
        for name in names:
            if config[width] % config[name]:
                raise KeyFaceError(
                    f"{what}: {name} ({config[name]}) does not divide {width} ({config[width]}); use the "
                    "config of the released file"
                )


def require_layers(tensors: Mapping[str, torch.Tensor], layers: int, path: str) -> None:
    """Checks that the tensors have as many transformer layers as the config says, before they are built.

    Raises:
        KeyFaceError: they have more or fewer.
    """
    found = {match[1] for match in map(_LAYER.match, tensors) if match}
    if len(found) != layers:
        raise KeyFaceError(
            f"{path}: the config has {layers} layers and the tensors have {len(found)}; use weights and "
            "config of the same encoder"
        )


def load_released(
    module: nn.Module,
    names: Mapping[str, str],
    tensors: Mapping[str, torch.Tensor],
    unneeded: str,
    path: str,
) -> None:
    """Puts tensors with released names into `module` (built on the meta device), as float32.

    Args:
        names: {the module's name: released name} of every tensor of the module.
        unneeded: a regular expression of released names that are left out.

    Raises:
        KeyFaceError: a tensor is missing, unknown, or of another shape than the config says.
    """
    shapes = {released: module.state_dict()[ours].shape for ours, released in names.items()}
    _refuse(path, "lacks", [name for name in shapes if name not in tensors])
    unknown = [name for name in tensors if name not in shapes and not re.fullmatch(unneeded, name)]
    _refuse(path, "has unknown", unknown)
    for name, shape in shapes.items():
        if tensors[name].is_complex() or tensors[name].dtype == torch.bool:
            raise KeyFaceError(
                f"{path}: {name} is {tensors[name].dtype}, no number; use the released file as it is"
            )
        if tensors[name].shape != shape:
            raise KeyFaceError(
                f"{path}: {name} is {tuple(tensors[name].shape)}, the config makes it {tuple(shape)}; "
                "use weights and config of the same encoder"
            )
    state = {ours: tensors[released].float() for ours, released in names.items()}
    module.load_state_dict(state, assign=True)
    module.eval().requires_grad_(False)


def _refuse(path: str, complaint: str, names: list[str]) -> None:
    if names:
        first = ", ".join(map(one_line, names[:3])) + (", ..." if len(names) > 3 else "")
        raise KeyFaceError(
            f"{path}: the encoder {complaint} {len(names)} tensors ({first}); use the released file as it is"
        )


def _anything(_value: Any) -> None:
    return None
