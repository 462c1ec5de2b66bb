"""Weight files of the kinds that somebody with bad intentions would write, by what is wrong with them."""

import io
import json
import os
import socket
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from recorded_weights import tiny
from safetensors.torch import save

from keyface_lib.weights.architecture import unet_sizes, vae_sizes
from keyface_lib.weights.checkpoint import read_checkpoint
from keyface_lib.weights.describe import describe

Make = Callable[[Path], None]


def string(text: str) -> bytes:
    return b"X" + len(text.encode()).to_bytes(4, "little") + text.encode()


def zipped(code: bytes, **storages: bytes) -> bytes:
    """A file as torch.save makes it, with hand-written pickle code."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/data.pkl", b"\x80\x02" + code + b".")
        for key, data in storages.items():
            archive.writestr(f"a/data/{key}", data)
    return file.getvalue()


def tensor(count: int, size: bytes, stride: bytes, offset: bytes = b"K\x00", key: str = "s") -> bytes:
    """Code of {"w": a tensor} of float32."""
    storage = (
        b"("
        + string("storage")
        + b"ctorch\nFloatStorage\n"
        + string(key)
        + string("cpu")
        + number(count)
        + b"tQ"
    )
    made = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + size + stride + b"\x89}tR"
    return b"}" + string("w") + made + b"s"


def number(value: int) -> bytes:
    data = value.to_bytes(16, "little", signed=True)
    return b"\x8a\x10" + data


def legacy(code: bytes) -> bytes:
    """The same in the format before torch 1.6."""
    magic = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."
    system = b"\x80\x02}" + string("little_endian") + b"\x88s."
    return magic + system + b"\x80\x02" + code + b".\x80\x02]."


def laughs(levels: int = 40) -> bytes:
    """Code of a list of ten lists of ten lists ..., in `levels` steps."""
    code = b"]q\x00"
    for level in range(1, levels):
        code += b"0](" + (b"h" + bytes([level - 1])) * 10 + b"eq" + bytes([level])
    return b"}" + string("cfg") + code + b"s"


def hashed() -> bytes:
    """Code of a dictionary whose key is a tuple of two tuples of two tuples ..."""
    return b"}" + b")" + b"".join(b"q\x00h\x00\x86" for _ in range(60)) + b"K\x01s"


def million_entries() -> bytes:
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0)
    directory = b"".join(entry + b"%07d" % number for number in range(10**6))
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, 7, 0) + b"0000000"
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(directory), len(local), 0)
    return local + directory + end


def compressed() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"\x80\x02" + b"]" * 40_000_000 + b".")
    return file.getvalue()


def overlapping() -> bytes:
    """An archive in which a hundred entries are the same megabyte."""
    data = bytearray(zipped(b"}", **{f"s{n}": b"" for n in range(100)}, s=bytes(2**20)))
    start = data.rindex(b"a/data/sPK") - 30
    for place in [i for i in range(len(data) - 4) if data[i : i + 4] == b"PK\1\2"][1:]:
        data[place + 20 : place + 28] = struct.pack("<2L", 2**20, 2**20)
        data[place + 42 : place + 46] = struct.pack("<L", start)
    return bytes(data)


def header(text: bytes, length: int | None = None, data: bytes = b"") -> bytes:
    """A safetensors file with a hand-written header."""
    return struct.pack("<Q", len(text) if length is None else length) + text + data


ONE = b'{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
KEYFRAME = {
    "format": 1,
    "role": "keyframe",
    "unet": unet_sizes(tiny("tiny_keyframe"), 16),
    "image_size": 64,
    "encoders": ["wavlm", "beats"],
    "guidance": {"audio": 5.0},
}
VAE = {"format": 1, "role": "vae", "config": vae_sizes(tiny("tiny_vae"))}
BEATS = {"format": 1, "role": "beats", "config": {}}
FACTORS = [[0.0] * 3] * 4


def described(base: dict, **changed) -> Make:
    """A network's, a VAE's or BEATs' tensors, with a header that says something else of them."""
    name = {"keyframe": "tiny_keyframe", "vae": "tiny_vae", "beats": "beats_tiny"}[base["role"]]
    entries = {key: value for key, value in (base | changed).items() if value is not ...}
    return said(json.dumps(entries), name)


def said(text: str, name: str = "tiny_keyframe") -> Make:
    return lambda path: path.write_bytes(save(tiny(name), {"keyface": text})) and None


def unet(**changed) -> Make:
    return described(KEYFRAME, unet=KEYFRAME["unet"] | changed)


def vae(**changed) -> Make:
    return described(VAE, config=VAE["config"] | changed)


def written(data: bytes | Callable[[], bytes]) -> Make:
    return lambda path: path.write_bytes(data() if callable(data) else data) and None


def named(change: Callable[[dict], None], name: str = "tiny_keyframe") -> Make:
    """A released file with its tensors changed."""

    def make(path: Path) -> None:
        state = tiny(name)
        change(state)
        path.write_bytes(save(state))

    return make


def holes(path: Path) -> None:
    """A file that says it is much longer than what the disk has of it."""
    path.write_bytes(legacy(tensor(2**31, number(2**31) + b"\x85", b"K\x01\x85")))
    os.truncate(path, 2**33 + 2**20)


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = os.getcwd()
        os.chdir(path.parent)  # names of sockets are short
        made.bind(path.name)
        os.chdir(here)


PREFIX = "model.diffusion_model."
PICKLES: dict[str, Make] = {
    "billion laughs": written(zipped(laughs())),
    "billion laughs, before 1.6": written(legacy(laughs())),
    "contains itself": written(zipped(b"}q\x00" + string("a") + b"h\x00s")),
    "a list that contains itself": written(zipped(b"}" + string("a") + b"]q\x00h\x00as")),
    "deep": written(lambda: zipped(b"}" + string("a") + b"]" * 100_000 + b"a" * 99_999 + b"s")),
    "a key that takes for ever": written(zipped(hashed())),
    "a set that takes for ever": written(zipped(b"c__builtin__\nset\n]" + hashed()[1:-3] + b"a\x85R")),
    "pairs with keys that take for ever": written(
        zipped(b"ccollections\nOrderedDict\n](](" + hashed()[1:-3] + b"K\x01ee\x85R")
    ),
    "huge memo": written(zipped(b"}r\xff\xff\xff\xff")),
    "many steps": written(lambda: zipped(b"}" + b"}0" * 3_500_000)),
    "many classes": written(
        lambda: zipped(b"}" + b"".join(b"comegaconf\nA%d\n0" % n for n in range(100_000)))
    ),
    "a long pickle": written(lambda: zipped(b"}" + b"0}" * 10_000_000)),
    "a long line": written(lambda: b"\x80\x02c" + b"a" * 20_000_000),
    "a string longer than the file": written(b"\x80\x02X\xff\xff\xff\x7f"),
    "a huge array of bytes": written(
        zipped(b"}" + string("a") + b"c__builtin__\nbytearray\n" + number(10**12) + b"\x85Rs")
    ),
    "bytes over and over": written(
        lambda: zipped(
            b"}0](X"
            + (4_000_000).to_bytes(4, "little")
            + b"a" * 4_000_000
            + b"q\x000"
            + b"c_codecs\nencode\nh\x00\x85R" * 100_000
            + b"e"
        )
    ),
    "a tensor without data": written(zipped(tensor(10**12, number(10**12) + b"\x85", b"K\x01\x85"), s=b"")),
    "one element, many times": written(zipped(tensor(1, number(10**12) + b"\x85", b"K\x00\x85"), s=bytes(4))),
    "overlapping rows": written(zipped(tensor(4, b"K\x04K\x04\x86", b"K\x00K\x01\x86"), s=bytes(16))),
    "an offset outside": written(zipped(tensor(1, b"K\x01\x85", b"K\x01\x85", number(10**9)), s=bytes(4))),
    "a stride outside": written(zipped(tensor(4, b"K\x02\x85", number(10**9) + b"\x85"), s=bytes(16))),
    "negative sizes": written(zipped(tensor(4, number(-4) + b"\x85", b"K\x01\x85"), s=bytes(16))),
    "sizes that overflow": written(
        zipped(tensor(4, (number(2**62) * 2) + b"\x86", b"K\x00K\x00\x86"), s=bytes(16))
    ),
    "a negative storage": written(zipped(tensor(-1, b"K\x01\x85", b"K\x01\x85"), s=bytes(4))),
    "no such storage": written(zipped(tensor(1, b"K\x01\x85", b"K\x01\x85", key="../../x"), s=bytes(4))),
    "a tensor without data, before 1.6": written(
        legacy(tensor(10**12, number(10**12) + b"\x85", b"K\x01\x85"))
    ),
    "eight gigabytes of holes, before 1.6": holes,
    "no storage": written(
        zipped(b"}" + string("w") + b"ctorch._utils\n_rebuild_tensor_v2\n(K\x00K\x00))tRs")
    ),
    "a tensor on no device": written(
        zipped(
            b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n(ctorch\nfloat32\n"
            + number(10**12)
            + b"\x85)\x89tR"
        )
    ),
    "a million entries": written(million_entries),
    "a compressed bomb": written(compressed),
    "entries that overlap": written(overlapping),
    "labels that are no strings": lambda path: torch.save(
        {"cfg": {}, "model": tiny("beats_tiny"), "label_dict": {"a": [1], None: 2}}, path
    ),
    "no end": written(zipped(b"}")[:-30]),
}
HEADERS: dict[str, Make] = {
    "a long header": written(lambda: header(b'{"a":' + b" " * 30_000_000 + ONE + b"}", data=bytes(4))),
    "a header longer than the file": written(header(b"{}", 2**40)),
    "a header shorter than it is": written(header(b'{"a":' + ONE + b"}", 20, bytes(4))),
    "the same name twice": written(header(b'{"a":' + ONE + b',"a":' + ONE + b"}", data=bytes(4))),
    "deep JSON": written(lambda: header(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")),
    "no JSON": written(header(b'{"a":')),
    "a list": written(header(b"[1]   ")),
    "an unknown type": written(
        header(b'{"a":{"dtype":"X9","shape":[1],"data_offsets":[0,4]}}', data=bytes(4))
    ),
    "offsets outside": written(
        header(b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}', data=bytes(4))
    ),
    "many dimensions": written(
        lambda: header(
            b'{"a":{"dtype":"F32","shape":[' + b"1," * 100_000 + b'1],"data_offsets":[0,4]}}', data=bytes(4)
        )
    ),
    "NaN": said('{"format": 1, "role": "vae", "guidance": {"audio": NaN}}'),
    "Infinity": said('{"format": 1, "role": "vae", "guidance": {"audio": 1e999}}'),
    "twice": said('{"format": 1, "role": "vae", "role": "keyframe"}'),
    "deep": said('{"format": 1, "role": "vae", "training": ' + '{"a":' * 100_000 + "1" + "}" * 100_001),
    "long": said('{"format": 1, "note": "' + "a" * 3_000_000 + '"}'),
    "many digits": said('{"format": ' + "9" * 10_000 + "}"),
    "no object": said("[1, 2]"),
    "null": said("null"),
    "no format": described(KEYFRAME, format=...),
    "format of another type": described(KEYFRAME, format="1"),
    "a later format": described(KEYFRAME, format=2),
    "format true": described(KEYFRAME, format=True),
    "no role": said('{"format": 1}'),
    "unknown role": said('{"format": 1, "role": "../../x"}'),
    "another role": said(json.dumps(KEYFRAME), "tiny_vae"),
    "unet null": described(KEYFRAME, unet=None),
    "unet missing": described(KEYFRAME, unet=...),
    "unet a list": described(KEYFRAME, unet=[1]),
    "unet empty": described(KEYFRAME, unet={}),
    "image_size missing": described(KEYFRAME, image_size=...),
    "image_size null": described(KEYFRAME, image_size=None),
    "encoders missing": described(KEYFRAME, encoders=...),
    "encoders empty": described(KEYFRAME, encoders=[]),
    "encoders null": described(KEYFRAME, encoders=None),
    "encoders of numbers": described(KEYFRAME, encoders=[1]),
    "encoders twice": described(KEYFRAME, encoders=["wavlm", "wavlm"]),
    "an encoder of 10,000 letters": described(KEYFRAME, encoders=["a" * 10_000]),
    "guidance of words": described(KEYFRAME, guidance={"audio": "5"}),
    "guidance of truths": described(KEYFRAME, guidance={"audio": True}),
    "huge guidance": described(KEYFRAME, guidance={"audio": 1e300}),
    "guidance that is no float": described(KEYFRAME, guidance={"audio": 10**400}),
    "unknown guidance": described(KEYFRAME, guidance={"audio_scale": 1}),
    "guidance a list": described(KEYFRAME, guidance=[]),
    "labels of a network": described(KEYFRAME, labels=["a"]),
    "training no object": described(KEYFRAME, training=3),
    "labels of numbers": described(BEATS, labels=list(range(527))),
    "too few labels": described(BEATS, labels=["/m/1"]),
    **{
        f"a VAE's preview {value!r}": described(VAE, preview=value)
        for value in (
            [],
            {},
            3,
            {"factors": FACTORS},
            {"factors": FACTORS, "bias": [0.0] * 4},
            {"factors": FACTORS[:3], "bias": [0.0] * 3},
            {"factors": [*FACTORS[:3], [0.0] * 2], "bias": [0.0] * 3},
            {"factors": [*FACTORS[:3], 0.0], "bias": [0.0] * 3},
            {"factors": [*FACTORS[:3], ["1", 0.0, 0.0]], "bias": [0.0] * 3},
            {"factors": FACTORS, "bias": [True, 0.0, 0.0]},
            {"factors": FACTORS, "bias": [1e300, 0.0, 0.0]},
            {"factors": FACTORS, "bias": [0.0] * 3, "reshape": 1},
        )
    },
    **{
        f"a VAE's knows {value!r}": described(VAE, knows=value)
        for value in (
            [],
            {},
            True,
            {"pictures": "faces"},
            {"pictures": "", "at_least_db": 20},
            {"pictures": "a" * 101, "at_least_db": 20},
            {"pictures": "two\nlines", "at_least_db": 20},
            {"pictures": "faces", "at_least_db": "20"},
            {"pictures": "faces", "at_least_db": -1},
            {"pictures": "faces", "at_least_db": 1e9},
            {"pictures": "faces", "at_least_db": 20, "else": 1},
        )
    },
    "preview of a network": described(KEYFRAME, preview={"factors": FACTORS, "bias": [0.0] * 3}),
    "knows of a network": described(KEYFRAME, knows={"pictures": "faces", "at_least_db": 20}),
    "config of a VAE null": described(VAE, config=None),
    "config of a VAE empty": described(VAE, config={}),
    **{
        f"image_size {value!r}": described(KEYFRAME, image_size=value)
        for value in (0, -64, True, 64.0, "64", 10**12, [64])
    },
    **{
        f"unet {name} {value!r}": unet(**{name: value})
        for name in KEYFRAME["unet"]
        for value in (0, -1, True, 1.5, "2", None, 10**7, [10**7], [1] * 1_000, 7, {"a": 1})
    },
    **{
        f"vae {name} {value!r}": vae(**{name: value})
        for name in VAE["config"]
        for value in (-1, 1.5, "2", None, 10**7, [10**7], [1] * 1_000, 7, {"a": 1})
    },
}
TENSORS: dict[str, Make] = {
    "ten million blocks": named(lambda s: s.update({PREFIX + "input_blocks.10000000.0.x": torch.ones(1)})),
    "blocks without a number": named(lambda s: s.update({PREFIX + "input_blocks.x.0": torch.ones(1)})),
    "blocks of 10,000 digits": named(
        lambda s: s.update({PREFIX + f"input_blocks.{'9' * 10_000}.0": torch.ones(1)})
    ),
    "a gap between blocks": named(lambda s: s.update({PREFIX + "input_blocks.99.0.x": torch.ones(1)})),
    "ten million levels": named(lambda s: s.update({"encoder.down.10000000.x": torch.ones(1)}), "tiny_vae"),
    "diffusers' VAE of many levels": written(
        lambda: save({f"encoder.down_blocks.{n}.resnets.0.norm1.weight": torch.ones(1) for n in range(5_000)})
    ),
    **{
        f"{name} of shape {tuple(shape)}": named(
            lambda s, name=name, shape=shape: s.update({PREFIX + name: torch.ones(shape)})
        )
        for name in ("input_blocks.0.0.weight", "time_embed.0.weight", "input_blocks.1.0.out_layers.3.weight")
        for shape in ([], [0], [0, 0], [3], [7, 5])
        if (name, shape) != ("input_blocks.0.0.weight", [7, 5])  # a layer, which the network then refuses
    },
    "a mask of one number": named(
        lambda s: s.update({"model.learned_mask": torch.ones(())}), "tiny_interpolation"
    ),
    "a VAE without width": named(
        lambda s: s.update({"encoder.conv_in.weight": torch.ones(0, 3)}), "tiny_vae"
    ),
    "a VAE of odd width": named(
        lambda s: s.update({"encoder.down.0.block.0.conv1.weight": torch.ones(33, 3)}), "tiny_vae"
    ),
    "tensors of something else": written(save({"lora.up.weight": torch.ones(2, 2)})),
    "no tensors": written(save({})),
}
PLACES: dict[str, Make] = {
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a socket": bound,
    "a link to itself": lambda path: path.symlink_to(path),
    "a page": written(b"<!DOCTYPE html>\n<title>404</title>\n"),
    "an LFS pointer": written(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"),
    "a picture": written(b"\x89PNG\r\n\x1a\n" + bytes(100)),
    "noise": written(bytes(range(256)) * 40),
}


def read_weights(path: Path) -> None:
    """Both doors that a weight file comes through; the second only if the first lets it in."""
    read_checkpoint(path)
    describe(path)


read_pickles = read_headers = read_tensors = read_places = read_weights
TABLES = ("PICKLES", "HEADERS", "TENSORS", "PLACES")
SUFFIXES = {"PICKLES": ".pt", "HEADERS": ".safetensors", "TENSORS": ".safetensors"}
