"""What differs between the versions of ComfyUI this pack runs on: the only place that asks."""

from dataclasses import fields

from comfy_api.latest import io

_SCHEMA_FIELDS = {field.name for field in fields(io.Schema)}


def where_known(**options) -> dict:
    """The `io.Schema` options this version of ComfyUI knows: an unknown one would lose the whole pack."""
    return {name: value for name, value in options.items() if name in _SCHEMA_FIELDS}
