"""Model folders, encoders' configurations and what training reads, written with bad intentions."""

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from recorded_weights import GOLDEN, tiny
from safetensors.torch import save_file

from keyface_lib.audio import load_encoder
from keyface_lib.clip.models import find_files
from keyface_lib.data.shards import BrokenClipError, index_clips
from keyface_lib.errors import KeyFaceError
from keyface_lib.train.config_file import read_config
from keyface_lib.train.state import read_state

Make = Callable[[Path], None]
DEEP = b"[" * 100_000 + b"]" * 100_000
LONG = b" " * 3_000_000
NOT_JSON = {
    "deep": DEEP,
    "long": LONG,
    "no JSON": b"{",
    "no text": b"\xff\xfe\x00",
    "null": b"null",
    "a list": b"[]",
    "a number": b"3",
    "NaN": b'{"files": {"keyframe": NaN}, "a": NaN}',
    "twice": b'{"files": {}, "files": {}}',
}


def written(data: bytes) -> Make:
    return lambda path: path.write_bytes(data) and None


def folder(config: bytes | dict | Make) -> Make:
    """A model folder whose networks are there, and a config.json."""

    def make(path: Path) -> None:
        path.mkdir()
        for role in ("keyframe", "interpolation"):
            (path / f"{role}.safetensors").touch()
        if callable(config):
            config(path / "config.json")
        else:
            content = json.dumps(config).encode() if isinstance(config, dict) else config
            (path / "config.json").write_bytes(content)

    return make


FOLDERS: dict[str, Make] = {
    **{name: folder(data) for name, data in NOT_JSON.items()},
    **{
        f"files {value!r}": folder({"files": value})
        for value in (
            [],
            None,
            3,
            "x",
            {"keyframe": 3},
            {"keyframe": None},
            {"keyframe": ["a"]},
            {"keyframe": ""},
        )
    },
    **{
        f"named {name!r}": folder({"files": {"keyframe": name}})
        for name in (
            "/etc/passwd",
            "../keyframe.safetensors",
            "a/../../x",
            "..\\x",
            "C:\\x",
            "none.safetensors",
            ".",
            "a\0b",
            "a" * 300,
        )
    },
    "a pipe": folder(os.mkfifo),
    "a device": folder(lambda path: path.symlink_to("/dev/zero")),
    "no folder": lambda path: None,
    "a file": written(b"x"),
    "nothing in it": Path.mkdir,
}


def read_folders(path: Path) -> None:
    find_files(path)


CFGS = json.loads((GOLDEN / "audio_cfgs.json").read_text())


def encoder(role: str, **changed) -> Make:
    """A released file of an encoder whose configuration says something else."""

    def make(path: Path) -> None:
        state, config = tiny(f"{role}_tiny"), CFGS[role] | changed
        content = {"cfg": config, "model": state, "role": role}
        torch.save(content, path)

    return make


ODD = (0, True, "2", None, 10**9, [1], float("nan"))
FLAGS = {
    "layer_norm_first",
    "conv_bias",
    "normalize",
    "relative_position_embedding",
    "gru_rel_pos",
    "deep_norm",
}
FLAGS |= {"finetuned_model", "do_stable_layer_norm"}
FREE = {"feature_grad_mult", "layer_wise_gradient_decay_ratio", "vocab_size", "layer_norm_eps"}
ENCODERS: dict[str, Make] = {
    f"{role} {name} {value!r}": encoder(role, **{name: value})
    for role in ("wavlm", "beats", "wav2vec2")
    for name in CFGS[role]
    if "dropout" not in name and "layerdrop" not in name and name not in FREE
    for value in ODD
    if not (name in FLAGS and value is True)
} | {
    "wavlm many layers": encoder("wavlm", encoder_layers=64),
    "wavlm more layers than tensors": encoder("wavlm", encoder_layers=3),
    "wavlm heads that do not divide": encoder("wavlm", encoder_attention_heads=5),
    "wavlm convolutions without end": encoder("wavlm", conv_feature_layers="+".join(["[(64,3,2)]*99"] * 30)),
    "wavlm convolutions of code": encoder("wavlm", conv_feature_layers="__import__('os').abort()"),
    "wavlm distances": encoder("wavlm", max_distance=10),
    "beats groups that do not divide": encoder("beats", conv_pos_groups=7),
    "wav2vec2 lists of other lengths": encoder("wav2vec2", conv_dim=[32] * 6),
    "wav2vec2 strides": encoder("wav2vec2", conv_stride=[9] * 7),
    "wav2vec2 activation": encoder("wav2vec2", hidden_act="os.system"),
}


def read_encoders(path: Path) -> None:
    content = torch.load(path, weights_only=True)
    load_encoder(content["role"], content["model"], content["cfg"], None, str(path))


def array(shape: tuple, kind: str = "float16") -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(shape, kind))
    return file.getvalue()


def claimed(header: str, version: bytes = b"\1\0") -> bytes:
    text = header.encode()
    return b"\x93NUMPY" + version + len(text).to_bytes(2 if version == b"\1\0" else 4, "little") + text


FACTS = {"n_frames": 20, "fps": 25, "image_size": 64}
LATENTS = array((20, 4, 8, 8))


def shard(
    latents: bytes = LATENTS, facts: bytes | dict = FACTS, change: Callable | None = None, more=()
) -> Make:
    def make(path: Path) -> None:
        members = {
            "c.json": facts if isinstance(facts, bytes) else json.dumps(facts).encode(),
            "c.latents.npy": latents,
        }
        with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
            for name, content in (*members.items(), *more):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                if change:
                    change(member)
                tar.addfile(member, io.BytesIO(content))

    return make


def retyped(kind: bytes) -> Callable:
    return lambda member: setattr(member, "type", kind)


def tar_of(member: tarfile.TarInfo, times: int = 1) -> Make:
    return written(member.tobuf(tarfile.GNU_FORMAT) * times + bytes(1024))


def sized(size: int, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo("c.json")
    member.size, member.type = size, kind
    return member


SHAPE = "{'descr': '<f2', 'fortran_order': False, 'shape': %s}\n"
SHARDS: dict[str, Make] = {
    **{f"facts {name}": shard(facts=data) for name, data in NOT_JSON.items()},
    **{
        f"{name} {value!r}": shard(facts=FACTS | {name: value})
        for name in FACTS
        for value in (0, -1, True, "25", None, 1e300, 10**20, [1], 7)
        if (name, value) != ("image_size", 7)
    },
    **{
        f"shape {shape}": shard(claimed(SHAPE % shape))
        for shape in (
            "(20, 4, 10000000000, 10000000000)",
            "(-20, 4, -8, 8)",
            "(20,)",
            "20",
            "(True, 4, 8, 8)",
            "(20, 4, 0, 8)",
            "(20, 5, 8, 8)",
            "(" * 4_000,
            "(9223372036854775807, 4, 8, 8)",
        )
    },
    "objects": shard(claimed("{'descr': '|O', 'fortran_order': False, 'shape': (20, 4, 8, 8)}\n")),
    "another type": shard(array((20, 4, 8, 8), "float64")),
    "Fortran order": shard(claimed(SHAPE.replace("False", "True") % "(20, 4, 8, 8)") + bytes(20_000)),
    "a header longer than the file": shard(b"\x93NUMPY\2\0\xff\xff\xff\xff"),
    "an unknown version": shard(claimed(SHAPE % "(20, 4, 8, 8)", b"\7\0")),
    "code as a header": shard(claimed("__import__('os').abort()\n")),
    "no array": shard(b"x"),
    "links": shard(change=retyped(tarfile.SYMTYPE)),
    "hard links": shard(change=retyped(tarfile.LNKTYPE)),
    "pipes": shard(change=retyped(tarfile.FIFOTYPE)),
    "devices": shard(change=retyped(tarfile.CHRTYPE)),
    "the same member twice": shard(more=[("c.latents.npy", LATENTS)]),
    "many members in a clip": shard(more=[(f"c.e{n}.npy", array((20, 2, 1))) for n in range(100)]),
    "a size beyond the file": tar_of(sized(10**12)),
    "a negative size": tar_of(sized(-1024)),
    "a long name beyond the file": tar_of(sized(10**12, tarfile.GNUTYPE_LONGNAME)),
    "names upon names": tar_of(sized(0, tarfile.GNUTYPE_LONGNAME), 50_000),
    "settings upon settings": tar_of(sized(0, tarfile.XHDTYPE), 50_000),
    "a sparse file": tar_of(sized(512, tarfile.GNUTYPE_SPARSE)),
    "a million members": tar_of(sized(0), 110_000),
    "no tar": written(b"hello" * 1000),
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


def read_shards(path: Path) -> None:
    """Every clip; a broken one is what training skips and names."""
    clips = index_clips([str(path)])
    broken = []
    for number in range(min(len(clips), 100)):
        try:
            clips.read(number)
        except BrokenClipError as error:
            broken.append(str(error))
    if broken or clips.damaged:
        raise KeyFaceError("; ".join([*broken[:1], *(f"{n}: {why}" for n, why in clips.damaged.items())]))


RUN = '[run]\nfolder = "x"\n[data]\nshards = ["x.tar"]\n[loss]\npixel_l2 = 0\npixel_lpips = 0\n'
CONFIGS: dict[str, Make] = {
    "deep": written(b"a = " + DEEP),
    "long": written(LONG),
    "no text": written(b"\xff\xfe"),
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    **{
        line: written((RUN + line.replace(" ", "\n", 1)).encode())
        for line in (
            "[noise] mean = nan",
            "[noise] std = inf",
            f"[noise] mean = {'9' * 400}",
            "[network] guidance_audio = nan",
            "[network] model_channels = 33",
            "[network] model_channels = 1000000000000",
            "[network] channel_mult = [1000]",
            "[network] channel_mult = []",
            "[network] channel_mult = [1, 1, 1, 1, 1, 1, 1, 1, 1]",
            "[network] num_res_blocks = 10000000",
            "[network] num_head_channels = 7",
            "[network] context_dim = 10000000",
            '[network] encoders = ["../x"]',
            '[network] encoders = ["frames"]',
            "[network] encoders = []",
            "[optimizer] learning_rate = inf",
            "[optimizer] learning_rate = 1e999",
            "[optimizer] betas = [1.0, 1.0]",
            "[optimizer] batch = 1000000000",
            "[optimizer] batch = 99999999999999999999999999",
            "[lora] rank = 100000",
            "[lora] alpha = nan",
            "[reduced] step = 99999999999999999999999999",
        )
    },
    "a folder with a zero": written(RUN.replace('"x"', '"\\u0000"').encode()),
    "a folder of 10,000 letters": written(RUN.replace('"x"', '"' + "a" * 10_000 + '"').encode()),
    "many shards": written(RUN.replace('["x.tar"]', "[" + '"a",' * 5_000 + "]").encode()),
    "a key of 10,000 letters": written((RUN + "[lora]\n" + "a" * 10_000 + " = 1").encode()),
}


def read_configs(path: Path) -> None:
    read_config(path, "keyframes")


GOOD = {
    "format": 1,
    "step": 2,
    "parts": 1,
    "stage": "keyframes",
    "seconds": 1.0,
    "clips": 3,
    "skipped": [],
    "config": {},
}


def state(facts: bytes | dict | Make, part: bytes | None = None) -> Make:
    def make(path: Path) -> None:
        place = path / "state-00000002"
        place.mkdir(parents=True)
        save_file({"weights.a": torch.ones(1)}, place / "part-00000.safetensors")
        if part is not None:
            (place / "part-00000.safetensors").write_bytes(part)
        if callable(facts):
            facts(place / "state.json")
        else:
            (place / "state.json").write_bytes(
                json.dumps(facts).encode() if isinstance(facts, dict) else facts
            )

    return make


STATES: dict[str, Make] = {
    **{name: state(data) for name, data in NOT_JSON.items()},
    **{
        f"{name} {value!r}": state(GOOD | {name: value})
        for name in GOOD
        for value in (None, -1, True, [[1]], "", 10**30)
    },
    "no parts": state(GOOD, b"x"),
    "more parts": state(GOOD | {"parts": 100_000}),
    "another step": state(GOOD | {"step": 3}),
    "a pipe": state(os.mkfifo),
    "a device": state(lambda path: path.symlink_to("/dev/zero")),
}


def read_states(path: Path) -> None:
    read_state(path)


TABLES = ("FOLDERS", "ENCODERS", "SHARDS", "CONFIGS", "STATES")
SUFFIXES = {"SHARDS": ".tar", "CONFIGS": ".toml", "ENCODERS": ".pt"}
