"""Reading torch's pickled checkpoints (.pt, .ckpt, .pth, .bin) without running anything that is in them.

A pickle is a small program; its only way to code is a *global*, a `module.name` it asks for. Here no global
is ever looked up: each must be on a list of classes that checkpoints are known to carry beside their tensors,
and stands for an inert `Placeholder`. The few functions that put tensors together are our own, which compare
what they are told with the file: tensors are made of bytes that are there, and no byte becomes many.

What a pickle may cost is bounded: its bytes, its steps, how deep it lies in itself, and what it would be
written out in full. torch's own reader is not used: neither its code nor its errors (CVE-2026-24747) matter.
"""

import pickle
import re
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, ClassVar

import torch

from ..errors import KeyFaceError
from ..files import open_file
from ..messages import one_line
from .stand_ins import (
    FUNCTIONS,
    Dictionary,
    Placeholder,
    StorageType,
    asks_for,
    does_more,
    filled,
    simple,
    standing_for,
)
from .storages import LegacyStorages, Storages, ZipStorages, require_honest

PICKLE_BYTES = 8 * 2**20
STEPS = 3_000_000
"""Reads of a pickle: about two an instruction, and a tensor takes about 40 of them."""
GLOBALS = 1_000
DEPTH = 100
WRITTEN_OUT = 1_000_000
"""Values in a file where each is counted as often as it is referred to."""

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 2  # torch.save's
_LINE = 2**16
_NOT_FETCHED = b"version https://git-lfs"
_OPCODES = """
    MARK STOP POP POP_MARK DUP FLOAT INT BININT BININT1 LONG BININT2 NONE BINPERSID REDUCE STRING BINSTRING
    SHORT_BINSTRING UNICODE BINUNICODE APPEND BUILD GLOBAL DICT EMPTY_DICT APPENDS GET BINGET INST
    LONG_BINGET LIST EMPTY_LIST OBJ PUT BINPUT LONG_BINPUT SETITEM TUPLE EMPTY_TUPLE SETITEMS BINFLOAT PROTO
    NEWOBJ EXT1 EXT2 EXT4 TUPLE1 TUPLE2 TUPLE3 NEWTRUE NEWFALSE LONG1 STACK_GLOBAL
"""
"""The instructions of protocols 0 to 2, and a later one that asks for a global, to name what it asks for."""


def read_pickled(path: str | Path) -> Any:
    """What `torch.save` wrote to `path`, with placeholders where it is neither tensor nor plain Python data.

    Tensors of today's zip format are mapped from the file: memory is used as they are read. Files in the
    format before torch 1.6 are read into memory. Dictionaries of every kind are plain ones.

    Raises:
        KeyFaceError: the file is missing, damaged, not torch's, would cost more than its size, or its pickle
            asks for anything but tensors, plain data and known harmless classes; the message names the file
            and what it asks for.
    """
    name = one_line(path)
    try:
        with open_file(path, "weight file") as file:
            is_zip = file.read(2) == b"PK"
            file.seek(0)
            if (start := file.read(50)).startswith(_NOT_FETCHED):
                raise ValueError("the file itself was never fetched: this is a Git LFS pointer")
            if start.lstrip()[:1] == b"<":
                raise ValueError("this is a web page")
            file.seek(0)
            content = _read_zip(file, path) if is_zip else _read_legacy(file)
            require_honest(_tensors_in(content), file.seek(0, 2))
            return content
    except KeyFaceError:
        raise
    except pickle.UnpicklingError as error:
        raise KeyFaceError(
            f"{name} is refused because its pickle {_reason(error)}: no checkpoint needs that, so it may be "
            "hostile; use a file from a source you trust"
        ) from error
    except Exception as error:  # damage shows as errors of nearly every type
        raise KeyFaceError(
            f"{name} is no torch checkpoint or is damaged ({_reason(error)}); download it again"
        ) from error


def _read_zip(file: IO[bytes], path: str | Path) -> Any:
    storages = ZipStorages(file, path)
    file.seek(storages.pickle_start)
    if storages.pickle_bytes > PICKLE_BYTES:
        raise pickle.UnpicklingError(f"has {storages.pickle_bytes:,} bytes beside its tensors")
    return _Unpickler(file, storages).load()


def _read_legacy(file: IO[bytes]) -> Any:
    if _Unpickler(file, None).load() != _LEGACY_MAGIC:
        raise ValueError("a pickle, but not one of torch.save's")
    _Unpickler(file, None).load()  # the format's version
    system = _Unpickler(file, None).load()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ValueError("saved on a big-endian machine")
    storages = LegacyStorages(file)
    content = _Unpickler(file, storages).load()
    storages.fill(_Unpickler(file, None).load())
    return content


def _tensors_in(content: Any) -> list[torch.Tensor]:
    """The tensors in lists and dictionaries, each as often as it is there.

    Raises:
        pickle.UnpicklingError: something contains itself, lies too deep, or would be too much in full.
    """
    sizes: dict[int, int] = {}
    tensors: list[torch.Tensor] = []

    def size(value: Any, inside: frozenset[int]) -> int:
        if isinstance(value, torch.Tensor):
            tensors.append(value)
            return 1
        if not isinstance(value, dict | list | tuple):
            return 1
        if id(value) in inside:
            raise pickle.UnpicklingError("holds a list that contains itself")
        if len(inside) == DEPTH:
            raise pickle.UnpicklingError(f"lies more than {DEPTH} levels deep in itself")
        if id(value) not in sizes:
            entries = value.values() if isinstance(value, dict) else value
            sizes[id(value)] = 1 + sum(size(entry, inside | {id(value)}) for entry in entries)
            if sizes[id(value)] > WRITTEN_OUT:
                raise pickle.UnpicklingError(f"would hold more than {WRITTEN_OUT:,} values in full")
        return sizes[id(value)]

    size(content, frozenset())
    return tensors


class _Stream:
    """The part of a file that a pickle may take, counted."""

    def __init__(self, file: IO[bytes]):
        self._file, self._bytes, self._steps = file, PICKLE_BYTES, STEPS

    def read(self, size: int) -> bytes:
        return self._counted(self._file.read(size) if size <= self._bytes else b"", size)

    def readline(self) -> bytes:
        line = self._file.readline(_LINE)
        if len(line) == _LINE:
            raise ValueError("not a pickle")
        return self._counted(line, len(line))

    def _counted(self, data: bytes, size: int) -> bytes:
        self._bytes -= size
        self._steps -= 1
        if self._bytes < 0 or self._steps < 0:
            raise pickle.UnpicklingError("takes more room and steps than any network's")
        return data


class _Unpickler(pickle._Unpickler):
    """Runs a pickle whose globals are placeholders; the steps that could do more are our own."""

    stack: list[Any]
    metastack: list[list[Any]]
    proto: int
    readline: Callable[[], bytes]
    pop_mark: Callable[[], list[Any]]
    dispatch: ClassVar[dict[int, Callable[..., Any]]] = {
        getattr(pickle, name)[0]: pickle._Unpickler.dispatch[getattr(pickle, name)[0]]
        for name in _OPCODES.split()
    }

    def __init__(self, file: IO[bytes], storages: Storages | None):
        super().__init__(_Stream(file), encoding="utf-8", errors="replace")  # type: ignore[arg-type]
        self.storages = storages
        self.globals: dict[str, Any] = {}
        self.proto = 0

    def load(self) -> Any:
        result = super().load()
        if self.proto > _PROTOCOL:
            raise ValueError(f"pickle protocol {self.proto}, not torch.save's default {_PROTOCOL}")
        return result

    def find_class(self, module: str, name: str) -> Any:
        # Protocol 2 has the names of Python 2.
        module, name = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
        full_name = f"{module}.{name}"
        if full_name not in self.globals:
            if len(self.globals) == GLOBALS or not re.fullmatch(r"[\w.]{1,200}", full_name):
                raise ValueError("not a pickle")
            self.globals[full_name] = standing_for(full_name, module, name)
        return self.globals[full_name]

    def get_extension(self, code: int) -> None:
        raise asks_for(f"extension {code}")

    def persistent_load(self, storage: Any) -> Any:
        if self.storages is None or not isinstance(storage, tuple) or len(storage) not in (5, 6):
            raise ValueError("a storage of no kind that torch.save writes")
        kind, cls, key, _device, count, *view = storage
        is_type = isinstance(cls, type) and issubclass(cls, StorageType)
        if (
            kind != "storage"
            or not is_type
            or not isinstance(key, str)
            or type(count) is not int
            or any(view)
        ):
            raise ValueError("a storage of no kind that torch.save writes")
        return self.storages.get(key, cls.dtype, count)

    def _made(self, cls: Any, args: Any) -> Any:
        """What calling a global with arguments gives."""
        if not isinstance(args, tuple):
            raise does_more(f"calls with a {type(args).__name__}")
        if isinstance(cls, type) and issubclass(cls, Dictionary):
            return filled(args)
        if isinstance(cls, type) and issubclass(cls, Placeholder):
            return cls()
        if any(cls is function for function in FUNCTIONS.values()):
            return cls(*args)
        raise does_more(f"calls a {type(cls).__name__}")

    def load_reduce(self) -> None:
        args = self.stack.pop()
        self.stack[-1] = self._made(self.stack[-1], args)

    def load_inst(self) -> None:
        module, name = (self.readline()[:-1].decode("ascii") for _ in range(2))
        args = tuple(self.pop_mark())
        self.stack.append(self._made(self.find_class(module, name), args))

    def load_obj(self) -> None:
        cls, *args = self.pop_mark()
        self.stack.append(self._made(cls, tuple(args)))

    def load_build(self) -> None:
        self.stack.pop()
        if not isinstance(self.stack[-1], Placeholder | dict):
            raise does_more(f"sets the state of a {type(self.stack[-1]).__name__}")

    def load_append(self) -> None:
        value = self.stack.pop()
        self._extend([value])

    def load_appends(self) -> None:
        self._extend(self.pop_mark())

    def load_setitem(self) -> None:
        pair = [self.stack.pop(), self.stack.pop()]
        self._set(pair[::-1])

    def load_setitems(self) -> None:
        self._set(self.pop_mark())

    def load_dict(self) -> None:
        entries = self.pop_mark()
        self.stack.append({})
        self._set(entries)

    def _extend(self, values: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise does_more(f"appends to a {type(self.stack[-1]).__name__}")
        self.stack[-1].extend(values)

    def _set(self, entries: list[Any]) -> None:
        if type(self.stack[-1]) is not dict:
            raise does_more(f"{type(self.stack[-1]).__name__} does not support item assignment")
        for key, value in zip(entries[::2], entries[1::2], strict=True):
            self.stack[-1][simple(key)] = value


for _name in ("REDUCE", "INST", "OBJ", "BUILD", "APPEND", "APPENDS", "SETITEM", "SETITEMS", "DICT"):
    _Unpickler.dispatch[getattr(pickle, _name)[0]] = getattr(_Unpickler, f"load_{_name.lower()}")
_Unpickler.dispatch[pickle.NEWOBJ[0]] = _Unpickler.load_reduce


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError | IndexError | EOFError):
        return "no whole pickle"
    return one_line((str(error).strip().splitlines() or [type(error).__name__])[0])
