"""Released encoder weights into modules: nothing missing, nothing left over, nothing of another shape."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ..errors import KeyFaceError


def check_config(
    config: Mapping[str, Any], needed: tuple[str, ...], fixed: Mapping[str, Any], path: str
) -> None:
    """Raises a KeyFaceError unless `config` has all `needed` settings, the `fixed` ones with their value."""
    missing = [name for name in (*needed, *fixed) if name not in config]
    if missing:
        raise KeyFaceError(
            f"{path}: the encoder's config lacks {', '.join(missing)}; use the config of the released file"
        )
    for name, value in fixed.items():
        if config[name] != value:
            raise KeyFaceError(
                f"{path}: {name} is {config[name]!r}, this kind of encoder is built only with {value!r}; "
                "use the released encoder"
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
        first = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        raise KeyFaceError(
            f"{path}: the encoder {complaint} {len(names)} tensors ({first}); use the released file as it is"
        )
