"""Pickled checkpoints: honest ones are read bit for bit, hostile ones are refused before anything runs."""

import argparse
import collections
import copyreg
import os
import pathlib
import pickle
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from keyface_lib.errors import KeyFaceError
from keyface_lib.weights.pickled import Placeholder, read_pickled

FORMATS = pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before-torch-1.6"])


def string(text: str) -> bytes:
    """Pickle code that pushes a string."""
    return b"X" + len(text.encode()).to_bytes(4, "little") + text.encode()


def call(name: str, argument: str) -> bytes:
    """Pickle code that calls the global `name` ("module attribute") with a string."""
    return b"c" + name.replace(" ", "\n").encode() + b"\n" + string(argument) + b"\x85R"


def torch_file(path: Path, code: bytes, protocol: int = 2) -> Path:
    """A file as torch.save makes it, but with hand-written pickle code."""
    torch.save({}, path)
    with zipfile.ZipFile(path) as written:
        entries = {name: written.read(name) for name in written.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            is_code = name.endswith("/data.pkl")
            archive.writestr(name, bytes([0x80, protocol]) + code + b"." if is_code else data)
    return path


def refusal(path: Path) -> str:
    """The message with which a file is refused."""
    with pytest.raises(KeyFaceError) as error:
        read_pickled(path)
    message = str(error.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.fixture
def framework_class(monkeypatch):
    """Makes classes that are called as those of frameworks which are not installed, to be pickled."""

    def make(full_name: str, base: type = object) -> type:
        module, name = full_name.rsplit(".", 1)
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            package = ".".join(parts[:end])
            if package not in sys.modules:
                monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
        made = type(name, (base,), {"__module__": module})
        monkeypatch.setattr(sys.modules[module], name, made, raising=False)
        return made

    return make


@FORMATS
def test_tensors_of_every_type_are_read_bit_for_bit(tmp_path, zipped):
    bits = torch.arange(-128, 128, dtype=torch.int8)
    dtypes = [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64]
    if zipped:
        dtypes.append(torch.float8_e4m3fn)  # younger than the other format
    state = {str(dtype): bits.repeat(8).view(dtype) for dtype in dtypes}
    torch.save({"module": state, "step": 7}, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    read = read_pickled(tmp_path / "a.pt")
    assert read["step"] == 7
    assert {name: tensor.dtype for name, tensor in read["module"].items()} == {
        name: tensor.dtype for name, tensor in state.items()
    }
    for name, tensor in state.items():
        assert torch.equal(read["module"][name].view(torch.uint8), tensor.view(torch.uint8))


@FORMATS
def test_what_training_frameworks_leave_beside_the_tensors_becomes_inert(
    tmp_path, monkeypatch, framework_class, zipped
):
    config = framework_class("omegaconf.dictconfig.DictConfig")()
    config.__dict__ = {"_metadata": framework_class("omegaconf.base.ContainerMetadata")(), "any": [1, None]}
    state = {
        "module": collections.OrderedDict(w=torch.ones(2)),
        "args": argparse.Namespace(lr=1e-5, out=pathlib.Path("logs")),
        "hyper_parameters": config,
        "scaler": framework_class("deepspeed.runtime.fp16.loss_scaler.LossScaler")(),
        "address": framework_class("deepspeed.utils.tensor_fragment.fragment_address")(),
        "state": framework_class("lightning.fabric.utilities.data.AttributeDict", dict)(epoch=3),
        "callbacks": {framework_class("pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"): 1},
        "cache": collections.defaultdict(dict, {"x": {}}),
        "loss": np.float32(0.5),
        "random": np.arange(3),
        "torch": torch.__version__,
    }
    path = tmp_path / "a.ckpt"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    monkeypatch.undo()

    read = read_pickled(path)

    assert read["module"]["w"].tolist() == [1, 1]
    assert read["state"] == {"epoch": 3}
    assert read["cache"] == {"x": {}}
    for name in ("args", "hyper_parameters", "scaler", "address", "loss", "random", "torch"):
        assert isinstance(read[name], Placeholder), name
    assert not {"omegaconf", "deepspeed", "pytorch_lightning"} & sys.modules.keys()


HOSTILE = [
    "os system",
    "posix system",
    "builtins eval",
    "__builtin__ eval",
    "builtins getattr",
    "subprocess Popen",
    "functools partial",
    "argparse_evil Namespace",
    "argparse os.system",
    "argparse _os.system",
    "argparse._os system",
    "argparse Namespace.__init__",
    "omegaconf OmegaConf.load",
    "omegaconf_evil Config",
    "lightning.fabric.utilities.cloud_io _load",
    "deepspeed.os system",
    "numpy load",
    "numpy.core.multiarray load",
    "typing get_type_hints",
    "pathlib os.system",
    "torch load",
    "torch.hub load",
    "torch._utils _import_dotted_name",
    "torch.utils.cpp_extension load",
]


def runs(name: str, marker: Path) -> str:
    """The argument with which a hostile global would leave its mark."""
    return f"__import__('pathlib').Path({str(marker)!r}).touch()" if "eval" in name else f"touch {marker}"


@pytest.mark.parametrize("name", HOSTILE)
def test_every_other_global_is_refused_by_name_and_never_run(tmp_path, name):
    marker = tmp_path / "ran"
    full_name = name.replace(" ", ".").replace("__builtin__", "builtins")
    code = b"}" + string("module") + call(name, runs(name, marker)) + b"s"
    assert repr(full_name) in refusal(torch_file(tmp_path / "zip.pt", code))
    (tmp_path / "plain.pt").write_bytes(b"\x80\x02" + code + b".")
    message = refusal(tmp_path / "plain.pt")
    assert repr(full_name) in message or "not one of torch.save's" in message
    assert not marker.exists()


@pytest.mark.parametrize("name", ["os system", "builtins eval"])
def test_the_hostile_code_of_these_tests_is_really_hostile(tmp_path, name):
    marker = tmp_path / "ran"
    pickle.loads(b"\x80\x02" + call(name, runs(name, marker)) + b".")
    assert marker.exists()


def system_calls(marker: Path) -> dict[str, bytes]:
    """Ways for pickle code to call os.system."""
    touch = string(f"touch {marker}")
    namespace = b"cargparse\nNamespace\n)R"
    return {
        "INST": b"(" + touch + b"ios\nsystem\n",
        "OBJ": b"(cos\nsystem\n" + touch + b"o",
        "NEWOBJ": b"cos\nsystem\n" + touch + b"\x85\x81",
        "STACK_GLOBAL": string("os") + string("system") + b"\x93" + touch + b"\x85R",
        "STACK_GLOBAL from the memo": string("os") + b"q\x000" + string("system") + b"q\x010h\x00h\x01\x93)R",
        "in an allowed class's state": namespace + b"}" + string("x") + call("os system", "true") + b"sb",
        "as an allowed class's argument": b"cargparse\nNamespace\n" + call("os system", "true") + b"\x85R",
        "as a storage": b"(" + string("storage") + call("os system", "true") + b"tQ",
    }


@pytest.mark.parametrize("way", system_calls(Path()))
def test_no_way_of_writing_a_call_gets_past(tmp_path, way):
    code = system_calls(tmp_path / "ran")[way]
    assert "'os.system'" in refusal(torch_file(tmp_path / "a.pt", code, protocol=4))
    assert not (tmp_path / "ran").exists()


class Runs:
    """Calls `function` when it is unpickled, the way any object can."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


@FORMATS
def test_an_object_that_reduces_to_a_call_is_refused_deep_inside_a_state(tmp_path, zipped):
    marker = tmp_path / "ran"
    hostile = argparse.Namespace(a=[Runs(os.system, f"touch {marker}")])
    state = {"module": {"w": torch.ones(2)}, "args": hostile}
    torch.save(state, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    assert f"'{os.system.__module__}.system'" in refusal(tmp_path / "a.pt")
    assert not marker.exists()


MISUSES = {
    "calls what a class made": b"cargparse\nNamespace\n)R)R",
    "fills it like a dictionary": b"cargparse\nNamespace\n)R" + string("a") + b"K\x01s",
    "fills it like a list": b"cargparse\nNamespace\n)RK\x01a",
    "changes the class itself": b"cargparse\nNamespace\nN}" + string("__new__") + b"K\x01s\x86b",
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_allowed_classes_can_be_made_and_given_a_state_and_nothing_else(tmp_path, misuse):
    assert "does more than make objects" in refusal(torch_file(tmp_path / "a.pt", MISUSES[misuse]))


def test_an_item_is_never_set_on_a_tensor(tmp_path):
    torch.save(torch.zeros(4), tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data[:-1] + b"K\x00K\x01s." if name.endswith("/data.pkl") else data)
    assert "item assignment" in refusal(tmp_path / "a.pt")


def test_extension_codes_are_refused_even_if_the_program_has_registered_them(tmp_path):
    copyreg.add_extension("os", "system", 240)
    try:
        pickle.loads(b"\x80\x02\x82\xf0.")  # from now on the code leads to os.system without any look-up
        code = b"\x82\xf0" + string(f"touch {tmp_path / 'ran'}") + b"\x85R"
        assert "extension 240" in refusal(torch_file(tmp_path / "a.pt", code))
    finally:
        copyreg.remove_extension("os", "system", 240)
    assert not (tmp_path / "ran").exists()


def test_what_the_surrounding_program_lets_torch_load_is_not_let_through_and_is_kept(tmp_path):
    allowed = [(eval, "torch.evaluate"), (argparse.Namespace, "argparse.Namespace")]
    with torch.serialization.safe_globals(allowed):
        message = refusal(torch_file(tmp_path / "a.pt", call("torch evaluate", "1")))
        torch.save(argparse.Namespace(a=1), tmp_path / "b.pt")
        assert isinstance(read_pickled(tmp_path / "b.pt"), Placeholder)
        assert set(torch.serialization.get_safe_globals()) >= set(allowed)
    assert "'torch.evaluate'" in message


@FORMATS
def test_a_truncated_file_is_refused_in_one_line_wherever_it_ends(tmp_path, zipped):
    torch.save({"module": {"w": torch.ones(50)}}, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    data = (tmp_path / "a.pt").read_bytes()
    for end in range(0, len(data), 7):
        (tmp_path / "cut.pt").write_bytes(data[:end])
        refusal(tmp_path / "cut.pt")


def test_a_storage_longer_than_the_file_is_refused(tmp_path):
    torch.save(torch.arange(4.0), tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    assert entries["a/data.pkl"].count(b"K\x04") == 2
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data.replace(b"K\x04", b"J\x00\x00\x00\x10"))
    refusal(tmp_path / "a.pt")


def test_what_torch_did_not_write_is_refused_in_one_line(tmp_path):
    (tmp_path / "text.pt").write_text("<!DOCTYPE html>\n<title>404</title>\n")
    (tmp_path / "empty.pt").write_bytes(b"")
    (tmp_path / "other.pt").write_bytes(pickle.dumps({"w": 1}, protocol=2))
    torch.save({"w": torch.ones(1)}, tmp_path / "new.pt", pickle_protocol=4)
    torch.save({"w": torch.ones(1)}, tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "packed.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    with zipfile.ZipFile(tmp_path / "twice.pt", "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
            archive.writestr("b" + name[1:], data)
    for name in ("text", "empty", "other", "new", "packed", "twice", "missing"):
        refusal(tmp_path / f"{name}.pt")
    refusal(tmp_path)
