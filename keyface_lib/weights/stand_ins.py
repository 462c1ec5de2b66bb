"""What stands for the globals of a pickle: inert placeholders, and our own functions that make tensors."""

import pickle
import re
from collections.abc import Callable
from typing import Any, ClassVar

import torch

from .storages import tensor_from

_DICTIONARIES = frozenset({"collections.OrderedDict", "collections.Counter", "collections.defaultdict"})
"""Classes that are filled like a dictionary, and become one; so is Lightning's AttributeDict."""

_HARMLESS = frozenset(
    {
        "_codecs.encode",
        "argparse.Namespace",
        "builtins.bool",
        "builtins.bytearray",
        "builtins.complex",
        "builtins.dict",
        "builtins.float",
        "builtins.int",
        "builtins.list",
        "builtins.set",
        "builtins.str",
        "builtins.tuple",
        "deepspeed.utils.tensor_fragment.fragment_address",
        "numpy.core.multiarray._reconstruct",
        "numpy._core.multiarray._reconstruct",
        "numpy.core.multiarray.scalar",
        "numpy._core.multiarray.scalar",
        "numpy.dtype",
        "numpy.ndarray",
        *(
            f"{module}.{system}"
            for module in ("pathlib", "pathlib._local")
            for system in ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")
        ),
        "torch.Size",
        "torch.Tensor",
        "torch.device",
        "torch.nn.parameter.Parameter",
        "torch.serialization._get_layout",
        "torch.torch_version.TorchVersion",
        "typing.Any",
    }
)
"""What training frameworks leave in checkpoints; only names, nothing of it is imported or called."""

_FRAMEWORKS = frozenset({"deepspeed", "lightning", "lightning_fabric", "omegaconf", "pytorch_lightning"})
"""Packages any class of which may appear: a capitalised name straight in one of their modules."""

_CLASS_NAME = re.compile(r"_?[A-Z]\w*")
_STORAGE = re.compile(r"torch(?:\.cuda|\.storage)?\.(\w+)Storage")


class Placeholder:
    """Stands for a global of the file: takes any arguments and state, keeps nothing, does nothing."""

    def __init__(self, *_args: Any):
        pass


class Dictionary(Placeholder):
    """Stands for a class that is filled like a dictionary: becomes one."""


class StorageType(Placeholder):
    """Stands for the class of a storage.

    Attributes:
        dtype: of its elements.
    """

    dtype: ClassVar[torch.dtype]


def standing_for(full_name: str, module: str, name: str) -> Any:
    """What stands for a global of the file."""
    if full_name in FUNCTIONS:
        return FUNCTIONS[full_name]
    if storage := _STORAGE.fullmatch(full_name):
        if storage[1] in _STORAGE_TYPES:
            return type(full_name, (StorageType,), {"dtype": _STORAGE_TYPES[storage[1]]})
    elif full_name in _DICTIONARIES or (name == "AttributeDict" and module.split(".")[0] in _FRAMEWORKS):
        return type(full_name, (Dictionary,), {})
    elif full_name in _HARMLESS or (module.split(".")[0] in _FRAMEWORKS and _CLASS_NAME.fullmatch(name)):
        return type(full_name, (Placeholder,), {})
    elif module == "torch" and isinstance(dtype := vars(torch).get(name), torch.dtype):
        return dtype
    raise asks_for(full_name)


def filled(args: tuple[Any, ...]) -> dict[Any, Any]:
    """A dictionary, with the entries that some are made with: a dictionary, or pairs."""
    entries = next((arg for arg in args if isinstance(arg, dict | list | tuple)), ())
    pairs = entries.items() if isinstance(entries, dict) else entries
    if any(not isinstance(pair, list | tuple) or len(pair) != 2 for pair in pairs):
        raise does_more("fills a dictionary with what are no pairs")
    return {simple(key): value for key, value in pairs}


def simple(key: Any) -> Any:
    """A key whose hash is had at once: that of a tuple in tuples can take for ever."""
    if isinstance(key, tuple) and len(key) < 100:
        return tuple(simple(entry) if not isinstance(entry, tuple) else _no_key(entry) for entry in key)
    if key is None or isinstance(key, str | int | float | type | Placeholder | torch.dtype):
        return key
    return _no_key(key)


def _no_key(key: Any) -> Any:
    raise does_more(f"uses a {type(key).__name__} as a name")


def _rebuilt(storage: Any, offset: Any, size: Any, stride: Any, *_more: Any) -> torch.Tensor:
    return tensor_from(storage, offset, size, stride)


def _rebuilt_as(
    storage: Any, offset: Any, size: Any, stride: Any, _grad: Any, _hooks: Any, dtype: Any, *_more: Any
) -> torch.Tensor:
    if not isinstance(dtype, torch.dtype):
        raise ValueError("a tensor of no type")
    return tensor_from(storage, offset, size, stride, dtype)


def _same(tensor: Any, *_more: Any) -> torch.Tensor:
    if not isinstance(tensor, torch.Tensor):
        raise ValueError("a parameter that is no tensor")
    return tensor


def _rebuilt_by(function: Any, _cls: Any, args: Any, *_more: Any) -> torch.Tensor:
    if not any(function is known for known in (_rebuilt, _rebuilt_as, _same)) or not isinstance(args, tuple):
        raise ValueError("a tensor of no kind that networks have")
    return function(*args)


FUNCTIONS: dict[str, Callable[..., torch.Tensor]] = {
    "torch._utils._rebuild_tensor": _rebuilt,
    "torch._utils._rebuild_tensor_v2": _rebuilt,
    "torch._utils._rebuild_tensor_v3": _rebuilt_as,
    "torch._utils._rebuild_parameter": _same,
    "torch._utils._rebuild_parameter_with_state": _same,
    "torch._tensor._rebuild_from_type_v2": _rebuilt_by,
}
"""What puts tensors together, by the name of torch's function; each is our own."""

_STORAGE_TYPES = {
    "BFloat16": torch.bfloat16,
    "Bool": torch.bool,
    "Byte": torch.uint8,
    "Char": torch.int8,
    "Double": torch.float64,
    "Float": torch.float32,
    "Half": torch.float16,
    "Int": torch.int32,
    "Long": torch.int64,
    "Short": torch.int16,
    "Untyped": torch.uint8,
}


def asks_for(full_name: str) -> pickle.UnpicklingError:
    return pickle.UnpicklingError(f"asks for {full_name!r}")


def does_more(what: str) -> pickle.UnpicklingError:
    return pickle.UnpicklingError(f"does more than make objects ({what})")
