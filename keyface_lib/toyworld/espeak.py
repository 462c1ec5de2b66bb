"""Spoken sentences with the time of every phoneme, from the eSpeak NG library."""

import base64
import ctypes.util
import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..errors import KeyFaceError

LIBRARIES = ("espeak-ng", "libespeak-ng")
WORKER = Path(__file__).with_name("espeak_worker.py")
TIMEOUT_S = 60
STRESS = "',"
"""Marks that eSpeak NG 1.52 puts before a stressed phoneme and 1.51 does not."""


@dataclass(frozen=True)
class Voice:
    """A speaker: an eSpeak voice, words a minute, and pitch and its liveliness, each in [0, 100]."""

    name: str
    rate: int
    pitch: int
    pitch_range: int


@dataclass(frozen=True)
class Utterance:
    """A spoken sentence.

    Attributes:
        samples: (samples,) int16, mono.
        rate: samples a second.
        phonemes: (first sample, eSpeak mnemonic) in order; "_" and "_:" are silence.
    """

    samples: np.ndarray
    rate: int
    phonemes: tuple[tuple[int, str], ...]


def available() -> bool:
    """Whether eSpeak NG can be found on this machine."""
    return _library()[0] is not None


def speak(sentences: Sequence[str], voice: Voice) -> list[Utterance]:
    """Speaks the sentences one after the other; the same call gives the same samples.

    The library keeps state between sentences and cannot be started twice in a process, so every call has a
    process of its own (about 0.1 s).

    Raises:
        KeyFaceError: eSpeak NG is not installed, does not know the voice or fails.
    """
    library, data = _library()
    if library is None:
        raise KeyFaceError(
            "eSpeak NG is not on this machine and the toy world speaks with it; install it: "
            "apt install espeak-ng, brew install espeak-ng, or pip install espeakng-loader"
        )
    job = {"library": library, "data": data, "voice": asdict(voice), "sentences": list(sentences)}
    try:
        worker = subprocess.run(
            [sys.executable, "-I", str(WORKER)],
            input=json.dumps(job).encode(),
            capture_output=True,
            check=True,
            timeout=TIMEOUT_S,
        )
    except subprocess.SubprocessError as error:
        said = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip()
        reason = said.splitlines()[-1] if said else str(error)
        raise KeyFaceError(
            f"eSpeak NG cannot speak as {voice.name!r} ({reason}); choose one of `espeak-ng --voices=en`, "
            "or install eSpeak NG 1.51 or later"
        ) from error
    answer = json.loads(worker.stdout)
    return [
        Utterance(
            np.frombuffer(base64.b64decode(sentence["samples"]), "<i2"),
            answer["rate"],
            tuple((first, mnemonic.lstrip(STRESS)) for first, mnemonic in sentence["phonemes"]),
        )
        for sentence in answer["sentences"]
    ]


def _library() -> tuple[str | None, str | None]:
    """The shared library and the folder of its data (None: its own): the pip package's, or the system's."""
    if importlib.util.find_spec("espeakng_loader"):
        import espeakng_loader

        return espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
    return next(filter(None, map(ctypes.util.find_library, LIBRARIES)), None), None
