"""What differs between the versions of ComfyUI this pack runs on: the only place that asks."""

import inspect
from dataclasses import fields

from comfy_api.latest import io

_SCHEMA_FIELDS = {field.name for field in fields(io.Schema)}
_INPUT_FIELDS = inspect.signature(io.Combo.Input.__init__).parameters


def where_known(**options: object) -> dict:
    """The `io.Schema` options this version of ComfyUI knows: an unknown one would lose the whole pack."""
    return {name: value for name, value in options.items() if name in _SCHEMA_FIELDS}


def where_inputs_know(**options: object) -> dict:
    """The options of a widget's `io.Input` this version of ComfyUI knows."""
    return {name: value for name, value in options.items() if name in _INPUT_FIELDS}
