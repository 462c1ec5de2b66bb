"""Every node's edge: what arrives is checked and brought into one form before anything is computed.

A node says so with one line, `@edges.checked`; what it declares in its schema is what is checked. Widgets are
bounded by ComfyUI, but a value that comes over a link is anything the other node made of it.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from numbers import Real

import comfy.model_patcher
import comfy.sd
from comfy_api.latest import io

from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.messages import shown
from ..keyface_lib.method.batching import memory_for
from ..keyface_lib.method.values import choice, real, whole, yes_or_no
from . import faces, media

_CUSTOM: dict[str, tuple[type, str]] = {}
"""What travels over a link of our own types, and the node that makes it."""


def carries(io_type: str, kind: type, source: str) -> None:
    """Says that links of `io_type` carry a `kind`, which the node called `source` puts out."""
    _CUSTOM[io_type] = (kind, source)


def checked(execute: Callable[..., io.NodeOutput]) -> Callable[..., io.NodeOutput]:
    """A node's `execute`, called with checked inputs; memory that runs out is said in words.

    An optional input at which nothing arrives is left to its default.
    """

    @wraps(execute)
    def with_checked_inputs(cls: type[io.ComfyNode], **values: object) -> io.NodeOutput:
        schema = cls.define_schema()
        if not schema.is_input_list:  # lists of values are the node's own to check
            values = _arrived(schema, values)
        with memory_for(f"what {schema.display_name} computes"):
            return execute(cls, **values)

    return with_checked_inputs


def _arrived(schema: io.Schema, values: Mapping[str, object]) -> dict[str, object]:
    """The checked values by input; raises KeyFaceError for the first that does not fit its declaration."""
    given = {declared: values.get(declared.id) for declared in schema.inputs}
    return {
        declared.id: _one(declared, value)
        for declared, value in given.items()
        if value is not None or not declared.optional
    }


def _one(declared: io.Input, value: object) -> object:
    name, io_type = declared.id, declared.get_io_type()
    if io_type == "FLOAT":
        return real(name, value, declared.min, declared.max)
    if io_type == "INT":
        return whole_number(name, value, declared.min, declared.max)
    if io_type == "STRING":
        return text(name, value)
    if io_type == "COMBO":
        return choice(name, value, declared.options)
    if io_type == "BOOLEAN":
        return yes_or_no(name, value)
    check = _BATCHES.get((io_type, name)) or _FORMS.get(io_type) or _custom(io_type)
    return check(name, value)


def whole_number(name: str, value: object, low: int, high: int) -> int:
    """An int in [low, high], perhaps given as a float without a fraction, as nodes that calculate give it."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return whole(name, value, low, high)


def text(name: str, value: object) -> str:
    """Raises KeyFaceError for what is no text."""
    if not isinstance(value, str):
        raise KeyFaceError(f"{name} is {_what(value)}; connect or write a text")
    return value


def model(name: str, value: object) -> comfy.model_patcher.ModelPatcher:
    """Raises KeyFaceError for what is no MODEL; whether it is KeyFace's, `network.trained_of` says."""
    if not isinstance(value, comfy.model_patcher.ModelPatcher):
        raise KeyFaceError(
            f"{name} gets {_what(value)}, which is no model; connect an output of Load KeyFace Models"
        )
    return value


def vae(name: str, value: object) -> comfy.sd.VAE:
    """Raises KeyFaceError for what is no VAE; whether it is KeyFace's, `portrait.require_vae` says."""
    if not isinstance(value, comfy.sd.VAE):
        raise KeyFaceError(
            f"{name} gets {_what(value)}, which is no VAE; connect the vae output of Load KeyFace Models"
        )
    return value


def _custom(io_type: str) -> Callable[[str, object], object]:
    kind, source = _CUSTOM[io_type]

    def check(name: str, value: object) -> object:
        if not isinstance(value, kind):
            raise KeyFaceError(f"{name} gets {_what(value)}; connect the {name} output of {source}")
        return value

    return check


def _what(value: object) -> str:
    """A value as a message shows it: numbers and texts themselves, of others what they are."""
    if value is None:
        return "nothing"
    return shown(value) if isinstance(value, (str, Real)) else f"a {type(value).__name__}"


_FORMS = {
    "AUDIO": media.audio,
    "BOUNDING_BOX": faces.boxes,
    "FACE_LANDMARKS": faces.landmarks,
    "IMAGE": media.picture,
    "LATENT": media.latent,
    "MASK": media.mask,
    "MODEL": model,
    "VAE": vae,
    "VIDEO": media.video,
}
_BATCHES = {("IMAGE", name): media.pictures for name in ("images", "frames", "pictures")}
"""Inputs, by type and name, that take several where others of their type take one."""
