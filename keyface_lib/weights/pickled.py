"""Reading torch's pickled checkpoints (.pt, .ckpt, .pth, .bin) without running anything that is in them.

A pickle is a small program; its only way to code is a *global*, a `module.name` it asks for. Here no global
is ever looked up: each must be on a list of classes that checkpoints are known to carry beside their tensors,
and stands for an inert `Placeholder`. A file is read twice. The first pass runs the pickle with placeholders
only and names whatever it asks for beyond that. The second is `torch.load(weights_only=True)` with the same
placeholders, which makes the tensors, mapped from the file, not copied. The first pass is more than a clearer
error message: it also keeps from torch before 2.10 the operations on things other than dictionaries that
CVE-2026-24747 is about.
"""

import pickle
import re
import threading
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import torch

from ..errors import KeyFaceError

_TORCH_MODULES = frozenset(
    {
        "torch",
        "torch._tensor",
        "torch._utils",
        "torch.cuda",
        "torch.nn.parameter",
        "torch.serialization",
        "torch.storage",
    }
)
"""Where tensors, storages and types come from; of what is in there `weights_only` takes only those."""

_TORCH_KNOWS = frozenset({"_codecs.encode", "builtins.bytearray", "builtins.complex", "builtins.set"})

_DICTIONARIES = frozenset({"collections.OrderedDict", "collections.Counter"})
"""Dictionaries that `weights_only` knows itself."""

_HARMLESS = frozenset(
    {
        "argparse.Namespace",
        "builtins.bool",
        "builtins.dict",
        "builtins.float",
        "builtins.int",
        "builtins.list",
        "builtins.str",
        "builtins.tuple",
        "collections.defaultdict",
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
        "torch.torch_version.TorchVersion",
        "typing.Any",
    }
)
"""What training frameworks leave in checkpoints; only names, nothing of it is imported or called."""

_FRAMEWORKS = frozenset({"deepspeed", "lightning", "lightning_fabric", "omegaconf", "pytorch_lightning"})
"""Packages any class of which may appear: a capitalised name straight in one of their modules."""

_CLASS_NAME = re.compile(r"_?[A-Z]\w*")
_LEGACY_PICKLES = 5  # magic number, protocol, system, the object, storage keys
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 2  # torch.save's, and all that `weights_only` reads
_LOCK = threading.Lock()


class Placeholder:
    """Stands for a global of the file: takes any arguments and state, keeps nothing, does nothing."""

    def __init__(self, *_args, **_kwargs):
        pass

    def __setstate__(self, _state):
        pass


class _PlainDict(Placeholder):
    """Stands for a class that is filled like a dictionary: becomes one."""

    def __new__(cls, *_args):
        return {}


class _FirstPassDict(dict):
    def __init__(self, *_args):
        super().__init__()

    def __setstate__(self, _state):
        pass


class _FirstPass(pickle._Unpickler):
    """Runs a pickle in which every global is a placeholder."""

    def __init__(self, stream: IO[bytes], placeholders: dict[str, type]):
        super().__init__(stream, encoding="bytes")
        self.placeholders = placeholders

    def find_class(self, module: str, name: str) -> type:
        # Protocol 2 has the names of Python 2.
        module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
        full_name = f"{module}.{name}"
        if not re.fullmatch(r"[\w.]+", full_name):
            raise ValueError("not a pickle")
        if full_name in _DICTIONARIES:
            return _FirstPassDict
        if full_name in _HARMLESS or _is_framework_class(module, name):
            placeholder = self.placeholders.setdefault(full_name, _placeholder(full_name))
            return _FirstPassDict if placeholder is _PlainDict else placeholder
        if full_name in _TORCH_KNOWS or module in _TORCH_MODULES:
            return _placeholder(full_name)
        raise _asks_for(full_name)

    def get_extension(self, code: int):
        raise _asks_for(f"extension {code}")

    def persistent_load(self, _storage: Any) -> Placeholder:
        return Placeholder()


def read_pickled(path: str | Path) -> Any:
    """What `torch.save` wrote to `path`, with placeholders where it is neither tensor nor plain Python data.

    Tensors of today's zip format are mapped from the file: memory is used as they are read. Files in the
    format before torch 1.6 are read into memory.

    Raises:
        KeyFaceError: the file is missing, damaged, not torch's, or its pickle asks for anything but tensors,
            plain data and known harmless classes; the message names the file and what it asks for.
    """
    placeholders: dict[str, type] = {}
    try:
        with open(path, "rb") as file:
            is_zip = file.read(2) == b"PK"
            file.seek(0)
            for stream in _zip_pickle(file) if is_zip else _legacy_pickles(file, placeholders):
                _first_pass(stream, placeholders)
        with _safe_globals(placeholders):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except OSError as error:
        raise KeyFaceError(f"{path} cannot be read: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        raise KeyFaceError(
            f"{path} is refused because its pickle {_reason(error)}: no checkpoint needs that, so it may be "
            "hostile; use a file from a source you trust"
        ) from error
    except Exception as error:  # damage shows as errors of nearly every type
        raise KeyFaceError(
            f"{path} is no torch checkpoint or is damaged ({_reason(error)}); download it again"
        ) from error


def _is_framework_class(module: str, name: str) -> bool:
    return module.split(".")[0] in _FRAMEWORKS and _CLASS_NAME.fullmatch(name) is not None


def _placeholder(full_name: str) -> type:
    name = full_name.rsplit(".", 1)[-1]
    return _PlainDict if name in ("AttributeDict", "defaultdict") else type(full_name, (Placeholder,), {})


def _asks_for(full_name: str) -> pickle.UnpicklingError:
    return pickle.UnpicklingError(f"asks for {full_name!r}")


def _first_pass(stream: IO[bytes], placeholders: dict[str, type]) -> Any:
    unpickler = _FirstPass(stream, placeholders)
    try:
        result = unpickler.load()
    except (TypeError, AttributeError) as error:  # placeholders do nothing beyond being made
        raise pickle.UnpicklingError(f"does more than make objects ({error})") from error
    if unpickler.proto > _PROTOCOL:
        raise ValueError(f"pickle protocol {unpickler.proto}, not torch.save's default {_PROTOCOL}")
    return result


def _zip_pickle(file: IO[bytes]) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        pickles = [entry for entry in entries if entry.filename.split("/", 1)[-1] == "data.pkl"]
        if len(pickles) != 1 or len({entry.filename for entry in entries}) != len(entries):
            raise ValueError("a zip archive, but not one of torch.save's")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("compressed, which torch.save's never are")
        yield BytesIO(archive.read(pickles[0]))


def _legacy_pickles(file: IO[bytes], placeholders: dict[str, type]) -> Iterator[IO[bytes]]:
    if _first_pass(file, placeholders) != _LEGACY_MAGIC:
        raise ValueError("a pickle, but not one of torch.save's")
    for _ in range(_LEGACY_PICKLES - 1):
        yield file


@contextmanager
def _safe_globals(placeholders: dict[str, type]) -> Iterator[None]:
    """`weights_only` accepts these and no other: not what the surrounding program may have made it accept."""
    with _LOCK:
        others = torch.serialization.get_safe_globals()
        torch.serialization.clear_safe_globals()
        try:
            torch.serialization.add_safe_globals([(cls, name) for name, cls in placeholders.items()])
            yield
        finally:
            torch.serialization.clear_safe_globals()
            torch.serialization.add_safe_globals(others)


def _reason(error: Exception) -> str:
    """The first line of what went wrong, of torch's long advice only the part about the file."""
    text = str(error).split("WeightsUnpickler error: ")[-1]
    if asked := re.match(r"(?:Unsupported global: GLOBAL|Trying to load unsupported GLOBAL) (\S+)", text):
        return str(_asks_for(asked[1]))
    return (text.strip().splitlines() or [type(error).__name__])[0].split(". ")[0][:300]
