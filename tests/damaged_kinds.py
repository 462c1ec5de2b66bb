"""Every kind of file that the project opens: a sound one, and one of each kind of hostile content."""

import hashlib
import io
import json
import math
import os
import tarfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest.mock import patch

import numpy as np
import torch
from drawn_video import plain, write_video
from hostile_media import mp4_of, png
from hostile_training import FACTS, GOOD, RUN, array, read_shards, sized
from hostile_weights import header, number, tensor, zipped
from PIL import Image
from recorded_weights import tiny
from safetensors.torch import save
from tiny_models import recorded

from keyface_lib.affect import hsemotion
from keyface_lib.audio import load_audio
from keyface_lib.clip.emotion_file import parse_emotion
from keyface_lib.clip.models import find_files
from keyface_lib.media.film import open_film
from keyface_lib.media.image import load_image
from keyface_lib.media.sound import Sound
from keyface_lib.portrait import yunet
from keyface_lib.train.config_file import read_config
from keyface_lib.train.state import read_state
from keyface_lib.weights.checkpoint import read_checkpoint
from keyface_lib.work.folder import MANIFEST, WorkFolder

Content = bytes | Callable[[], bytes]


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        place: of the file that is damaged, in a folder.
        whole: writes a sound one, and what belongs to it, into the folder.
        read: opens and reads all of it, given the folder.
        huge: content that claims far more than it has.
        not_numbers: content with NaN or infinity.
    """

    place: str
    whole: Callable[[Path], object]
    read: Callable[[Path], object]
    huge: Content | None = None
    not_numbers: Content | None = None


def content(given: Content) -> bytes:
    return given() if callable(given) else given


def holding(place: str, given: Content) -> Callable[[Path], object]:
    return lambda folder: (folder / place).write_bytes(content(given))


def hear(folder: Path) -> None:
    load_audio(folder / "a.wav")
    sound = Sound(folder / "a.wav", 0)
    sound.read(100_000)
    sound.close()


def watch(folder: Path) -> None:
    film = open_film(folder / "a.mp4")
    assert film is not None
    with film:
        assert sum(times for _, times in film.frames()) > 0


def floats(kind: str) -> bytes:
    """A picture or recording of floating point that has a NaN."""
    values = np.full((8, 8), 0.25, np.float32)
    values[4, 4] = math.nan
    file = io.BytesIO()
    if kind == "picture":
        Image.fromarray(values).save(file, "TIFF")
        return file.getvalue()
    form = np.array([3, 1], np.uint16).tobytes() + np.array([16_000, 64_000], np.uint32).tobytes()
    body = b"fmt " + (16).to_bytes(4, "little") + form + np.array([4, 32], np.uint16).tobytes()
    data = values.tobytes() * 100
    body = b"WAVE" + body + b"data" + len(data).to_bytes(4, "little") + data
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def saved(state: object) -> bytes:
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


def shard(latents: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in (("c.json", json.dumps(FACTS).encode()), ("c.latents.npy", latents)):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return file.getvalue()


def model_folder(folder: Path) -> None:
    (folder / "m").mkdir()
    for role in ("keyframe", "interpolation"):
        (folder / "m" / f"{role}.safetensors").touch()
    (folder / "m" / "config.json").write_text('{"files": {"keyframe": "keyframe.safetensors"}}')


def encoder_folder(folder: Path) -> None:
    (folder / "w").mkdir()
    (folder / "w" / "model.safetensors").write_bytes(save(tiny("wav2vec2_tiny")))
    (folder / "w" / "config.json").write_text('{"model_type": "wav2vec2", "hidden_size": 64}')


def run_folder(folder: Path) -> None:
    place = folder / "run" / "state-00000002"
    place.mkdir(parents=True)
    (place / "state.json").write_text(json.dumps(GOOD))
    (place / "part-00000.safetensors").write_bytes(save({"weights.a": torch.ones(9)}))


ASKED = {"version": 1, "settings": {}, "batch": 4, "redos": [], "wanted": {}}
RESULT = b"a finished piece " * 99
RESULT_KEY = "a" * 40
RESULT_NAME = f"000003.{RESULT_KEY}.{hashlib.sha256(RESULT).hexdigest()[:20]}.bin"


def work_folder(folder: Path) -> None:
    (folder / "work" / "pieces").mkdir(parents=True)
    (folder / "work" / MANIFEST).write_text(json.dumps(ASKED))
    (folder / "work" / "pieces" / RESULT_NAME).write_bytes(RESULT)


def open_work(folder: Path) -> None:
    """What is damaged is known by its checksum, and made again."""
    with WorkFolder(folder / "work") as work:
        assert RESULT_KEY not in work.store or work.store.path(RESULT_KEY).read_bytes() == RESULT


ONNX = b"\x08\x06 a model " * 100


class NoModelError(Exception):
    """What a package raises for another file than `ONNX`."""

    err = "not a model"


def created(*given: object) -> object:
    """A network that runs nothing, of a whole model file among the arguments."""
    if bytes(next(value for value in given if isinstance(value, bytes | np.ndarray))) != ONNX:
        raise NoModelError("not a model")
    return object()


OPENCV = SimpleNamespace(error=NoModelError, FaceDetectorYN=SimpleNamespace(create=created))
RUNTIME = SimpleNamespace(
    SessionOptions=SimpleNamespace, InferenceSession=lambda data, *_, **__: created(data)
)


def model(module: ModuleType, package: str, stand_in: object, load: Callable) -> Callable[[Path], object]:
    """Reads a model file as if the package were there that runs it."""

    def read(folder: Path) -> None:
        with patch.object(module, package, lambda: stand_in), suppress(AttributeError):  # once it is to run
            load(folder / "a.onnx")

    return read


TOO_LONG = b'{"a": "' + b"x" * 3_000_000 + b'"}'
NAN = b'{"files": {}, "format": 1, "a": NaN}'
POINTS = range(150_000)
METADATA = json.dumps({"format": 1, "role": "beats", "config": {}})

KINDS: dict[str, Kind] = {
    "picture": Kind(
        "a.png",
        holding("a.png", lambda: png(width=64, height=64, rows=None)),
        lambda folder: load_image(folder / "a.png"),
        png(width=2**16, height=2**16, rows=b""),
        lambda: floats("picture"),
    ),
    "recording": Kind(
        "a.wav",
        lambda folder: recorded(folder / "a.wav", 1),
        hear,
        lambda: mp4_of(2**27),
        lambda: floats("sound"),
    ),
    "video": Kind(
        "a.mp4",
        lambda folder: write_video(folder / "a.mp4", [plain(9 * n) for n in range(20)], codec="libx264"),
        watch,
        lambda: mp4_of(2**27),
    ),
    "curve, JSON": Kind(
        "a.json",
        holding(
            "a.json", b'{"v":1,"valence":[[0,0.5,"smooth"],[1,0.25,"hold"]],"arousal":[[0,0.5,"linear"]]}'
        ),
        lambda folder: parse_emotion(folder / "a.json"),
        lambda: b'{"v":1,"valence":[' + b",".join(b'[%d,0,"hold"]' % n for n in POINTS) + b"]}",
        b'{"v":1,"valence":[[0,NaN,"hold"]]}',
    ),
    "curve, table": Kind(
        "a.csv",
        holding("a.csv", b"seconds,valence,arousal\n0,0.125,0.25\n1,0.5,0.125\n2,0.625,0.75\n"),
        lambda folder: parse_emotion(folder / "a.csv"),
        lambda: b"seconds,valence,arousal\n" + b"".join(b"%d,0,0\n" % n for n in POINTS),
        b"seconds,valence,arousal\n0,nan,0\n",
    ),
    "curve, text": Kind(
        "a.txt",
        holding("a.txt", b"0:neutral 2:happy 4:sad"),
        lambda folder: parse_emotion(folder / "a.txt"),
        lambda: b" ".join(b"%d:sad" % n for n in POINTS),
        b"0:(nan,0)",
    ),
    "weights, safetensors": Kind(
        "a.safetensors",
        holding("a.safetensors", lambda: save(tiny("beats_tiny"), {"keyface": METADATA})),
        lambda folder: read_checkpoint(folder / "a.safetensors"),
        header(b"{}", 2**40),
        lambda: save(tiny("beats_tiny"), {"keyface": METADATA[:-1] + ', "guidance": {"audio": NaN}}'}),
    ),
    "weights, .pt and .ckpt": Kind(
        "a.pt",
        holding("a.pt", lambda: saved({"module": tiny("tiny_vae")})),
        lambda folder: read_checkpoint(folder / "a.pt"),
        zipped(tensor(10**12, number(10**12) + b"\x85", b"K\x01\x85"), s=b""),
    ),
    "model folder's config.json": Kind(
        "m/config.json", model_folder, lambda folder: find_files(folder / "m"), TOO_LONG, NAN
    ),
    "encoder's config.json": Kind(
        "w/config.json",
        encoder_folder,
        lambda folder: read_checkpoint(folder / "w/model.safetensors"),
        TOO_LONG,
        NAN,
    ),
    "training config, TOML": Kind(
        "a.toml",
        holding("a.toml", RUN.encode()),
        lambda folder: read_config(folder / "a.toml", "keyframes"),
        b"# " + b"x" * 3_000_000,
        (RUN + "[noise]\nmean = nan\n").encode(),
    ),
    "training shard, tar": Kind(
        "a.tar",
        holding("a.tar", lambda: shard(array((20, 4, 8, 8)))),
        lambda folder: read_shards(folder / "a.tar"),
        lambda: sized(10**12).tobuf(tarfile.GNU_FORMAT) + bytes(1024),
    ),
    "resume state, facts": Kind(
        "run/state-00000002/state.json",
        run_folder,
        lambda folder: read_state(folder / "run"),
        json.dumps(GOOD | {"parts": 10**12}).encode(),
        json.dumps(GOOD | {"seconds": math.inf}).encode(),
    ),
    "resume state, tensors": Kind(
        "run/state-00000002/part-00000.safetensors",
        run_folder,
        lambda folder: read_state(folder / "run"),
        header(b"{}", 2**40),
        lambda: save({"weights.a": torch.tensor([1, math.nan])}),
    ),
    "work folder, manifest": Kind(
        f"work/{MANIFEST}",
        work_folder,
        open_work,
        json.dumps(ASKED | {"batch": 10**12}).encode(),
        json.dumps(ASKED | {"batch": math.nan}).encode(),
    ),
    "work folder, results": Kind(
        f"work/pieces/{RESULT_NAME}",
        work_folder,
        open_work,
        header(b"{}", 2**40),
        lambda: save({"results": torch.tensor([1, math.nan])}),
    ),
    "face detector, ONNX": Kind(
        "a.onnx",
        holding("a.onnx", ONNX),
        model(yunet, "opencv", OPENCV, yunet.YuNet),
        lambda: bytes(yunet.LARGEST_FILE + 1),
    ),
    "emotion model, ONNX": Kind(
        "a.onnx",
        holding("a.onnx", ONNX),
        model(hsemotion, "onnxruntime", RUNTIME, hsemotion.HSEmotion),
        lambda: bytes(hsemotion.LARGEST_FILE + 1),
    ),
}


def code(marker: Path) -> bytes:
    """A pickle that touches a file when it is loaded in the usual way."""
    command = f"touch {os.fspath(marker)}".encode()
    return b"\x80\x02cos\nsystem\nX" + len(command).to_bytes(4, "little") + command + b"\x85R."
