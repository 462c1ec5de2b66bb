"""Weight files with changed bytes: safetensors, torch's archives and pickles; pickles of any instructions."""

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from hostile_weights import legacy, number, string, tensor, zipped
from hypothesis import strategies as st
from recorded_weights import tiny
from safetensors.torch import save

from keyface_lib.weights.checkpoint import read_checkpoint
from keyface_lib.weights.pickled import read_pickled
from keyface_lib.weights.released import read_weights

from .mutations import mutated
from .running import Fuzzer, main


def saved(content: object, zipped: bool) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


NETWORK = '{"format": 1, "role": "beats", "config": {}}'
SMALL = {"module": {f"_forward_module.w.{n}": torch.arange(6.0).reshape(2, 3) for n in range(3)}, "step": 7}
PICKLED = [
    saved(SMALL, zipped=True),
    saved(SMALL, zipped=False),
    saved({"cfg": {"a": [1, 2.5]}}, zipped=False),
]
SAFE = [
    save(
        {name: tensor for name, tensor in tiny("beats_tiny").items() if tensor.numel() < 2000},
        {"keyface": NETWORK},
    ),
    save(
        {"a": torch.ones(2, 3), "b": torch.zeros(0, 4), "c": torch.ones((), dtype=torch.int64)},
        {"keyface": "{}"},
    ),
    save({name: value for name, value in tiny("tiny_vae").items() if value.numel() < 100}),
]
PIECES = [
    *(bytes([code]) for code in b"(.012NK}])elsutaboRQ\x81\x85\x86\x87\x88\x89q\x00h\x00"),
    b"K\x01", b"q\x00", b"h\x00", b"q\x01", b"h\x01", b"\x80\x02", b"\x93", b"\x82\x01", b"I01\n",
    b"F1e400\n",
    string("a"), string("storage"), string("s"), string("cpu"), number(-1), number(2**62), number(4),
    b"ctorch\nFloatStorage\n", b"ctorch\nfloat16\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"cos\nsystem\n",
    b"ctorch._utils\n_rebuild_parameter\n", b"ccollections\nOrderedDict\n", b"cargparse\nNamespace\n",
    b"c__builtin__\nset\n", b"c_codecs\nencode\n", b"ctorch._tensor\n_rebuild_from_type_v2\n",
    b"ios\nsystem\n",
    b"(" + string("storage") + b"ctorch\nFloatStorage\n" + string("s") + string("cpu") + b"K\x04tQ",
    tensor(4, b"K\x02K\x02\x86", b"K\x02K\x01\x86"), b"K\x00K\x02\x85K\x01\x85\x89}tR",
]  # fmt: skip
CODE = st.lists(st.sampled_from(PIECES), min_size=1, max_size=25).map(b"".join)
PROGRAM = st.one_of(
    CODE.map(lambda code: zipped(b"}" + code, s=bytes(16))),
    CODE.map(lambda code: zipped(tensor(4, b"K\x02K\x02\x86", b"K\x02K\x01\x86") + code, s=bytes(16))),
    CODE.map(lambda code: legacy(b"}" + code)),
)


def reading(suffix: str, read: Callable[[Path], object]) -> Callable[[bytes], None]:
    def of(content: bytes) -> None:
        path = Path(FOLDER.name) / f"a{suffix}"
        path.unlink(missing_ok=True)  # what was mapped from the former one stays as it was
        path.write_bytes(content)
        read(path)

    return of


def touch(content: object) -> None:
    """Reads every byte of the tensors that a file gave, which must lie within it."""
    inside = (
        content.values()
        if isinstance(content, dict)
        else content
        if isinstance(content, list | tuple)
        else ()
    )
    for value in inside:
        touch(value)
    if isinstance(content, torch.Tensor):
        content.clone()


def safetensors(path: Path) -> None:
    """Reads what is there, whatever it is, and then asks what it is."""
    touch(read_weights(path).tensors)
    read_checkpoint(path)


FOLDER = tempfile.TemporaryDirectory(prefix="keyface-fuzz-")
FUZZERS = {
    "safetensors": Fuzzer(mutated(SAFE), reading(".safetensors", safetensors)),
    "pickled files": Fuzzer(
        mutated(PICKLED, head=1500), reading(".pt", lambda path: touch(read_pickled(path)))
    ),
    "pickle programs": Fuzzer(PROGRAM, reading(".pt", lambda path: touch(read_pickled(path)))),
}
if __name__ == "__main__":
    main(FUZZERS, __doc__)
