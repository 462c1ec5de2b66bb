"""Files that mean harm, of every kind that is read: one line within seconds, never a traceback or a blow-up.

Every case runs in a child that may use ten seconds and a gigabyte more than it starts with.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from bounded import BYTES, NEEDS, POSSIBLE, outcome
from hostile_media import PICTURES, RECORDINGS

from keyface_lib import files

pytestmark = pytest.mark.skipif(not POSSIBLE, reason=NEEDS)


def picture(path: Path) -> None:
    from keyface_lib.media.image import load_image, square

    square(load_image(path), 64)


def recording(path: Path) -> None:
    from keyface_lib.audio import load_audio

    load_audio(path)


def heard(path: Path) -> None:
    from keyface_lib.media.sound import Sound

    sound = Sound(path, 0)
    for _ in range(200):
        sound.read(48_000)
    sound.close()


def curve(path: Path | str) -> None:
    from keyface_lib.clip.emotion_file import parse_emotion

    parse_emotion(path)


def output(path: Path) -> None:
    from keyface_lib.media.video import VideoWriter

    with VideoWriter(path, 48, 64):
        pass


def pipe(path: Path) -> None:
    os.mkfifo(path)


def silent_writer(path: Path) -> None:
    os.mkfifo(path)
    threading.Thread(target=lambda: (os.open(path, os.O_WRONLY), time.sleep(12)), daemon=True).start()


def endless_writer(path: Path) -> None:
    os.mkfifo(path)

    def write():
        with open(path, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"RIFF" * 4096)
            except OSError:
                pass

    threading.Thread(target=write, daemon=True).start()


def trickling_writer(path: Path) -> None:
    os.mkfifo(path)

    def write():
        with open(path, "wb", buffering=0) as file:
            try:
                for _ in range(60):
                    file.write(b"RIFF")
                    time.sleep(0.2)
            except OSError:
                pass

    threading.Thread(target=write, daemon=True).start()


def at_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


def to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def holding(content: bytes | Callable[[], bytes]) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content() if callable(content) else content) and None


PLACES = {
    "pipe that nobody writes": pipe,
    "pipe whose writer is silent": silent_writer,
    "pipe that never ends": endless_writer,
    "pipe that trickles": trickling_writer,
    "socket": at_socket,
    "folder": Path.mkdir,
    "link to /dev/zero": to("/dev/zero"),
    "link to /dev/random": to("/dev/urandom"),
    "link to /dev/full": to("/dev/full"),
    "link to itself": lambda path: path.symlink_to(path),
    "link to nothing": to("nothing/at/all"),
}
READERS = {"a.png": picture, "a.wav": recording, "b.wav": heard, "a.json": curve, "a.csv": curve}
WRITTEN = (
    "socket",
    "pipe that nobody writes",
    "link to /dev/zero",
    "link to itself",
    "link to nothing",
    "folder",
)
"""What else may lie where something is written; where it is read, tests/test_robustness.py has a folder."""


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", READERS)
def test_a_place_that_is_no_file_is_refused(tmp_path, monkeypatch, name, place):
    if (name, place) != ("a.wav", "pipe that nobody writes"):  # one waits as long as it really takes
        monkeypatch.setattr(files, "PIPE_SECONDS", 0.5)
    PLACES[place](tmp_path / name)
    assert f"{name}: " in outcome(READERS[name], tmp_path / name)


@pytest.mark.parametrize("place", WRITTEN)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
def test_no_video_is_written_to_a_place_that_is_no_file(tmp_path, name, place):
    PLACES[place](tmp_path / name)
    assert f"{name}: " in outcome(output, tmp_path / name)


NAMES = {"long": "x" * 300, "with NUL": "a\0b", "long and with NUL": "\0" + "y" * 5000, "deep": "d/" * 3000}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("reader", "suffix"),
    [(picture, ".png"), (recording, ".wav"), (heard, ".wav"), (curve, ".csv"), (output, ".mp4")],
)
def test_names_that_no_file_can_have_are_refused(tmp_path, reader, suffix, name):
    assert outcome(reader, Path(f"{tmp_path}/{NAMES[name]}{suffix}")) != "read"
    assert outcome(reader, f"{tmp_path}/{NAMES[name]}{suffix}") != "read"


@pytest.mark.parametrize("kind", PICTURES)
def test_a_hostile_picture_is_read_or_refused(tmp_path, kind):
    for suffix in ("png", "jpg"):
        holding(PICTURES[kind])(tmp_path / f"a.{suffix}")
        told = outcome(picture, tmp_path / f"a.{suffix}")
        assert told == "read" or f"a.{suffix}: " in told
        if callable(PICTURES[kind]):  # these take a while to make
            break


def test_no_program_is_called_for_a_picture(tmp_path, monkeypatch):
    """Whether Ghostscript is installed does not matter: nothing is started, whatever the picture is."""
    import subprocess

    from PIL import EpsImagePlugin

    from keyface_lib.errors import KeyFaceError
    from keyface_lib.media import image

    called = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: called.append("gs"))
    for name in ("run", "Popen", "call", "check_call", "check_output"):
        monkeypatch.setattr(subprocess, name, lambda *_, **__: called.append("program"))
    monkeypatch.setattr(os, "system", called.append)
    for kind in ("EPS", "EPS with a preview for DOS", "PDF", "WMF", "SVG"):
        for suffix in ("png", "eps", "jpg"):
            (tmp_path / f"a.{suffix}").write_bytes(PICTURES[kind])
            with pytest.raises(KeyFaceError, match="give a PNG"):
                image.load_image(tmp_path / f"a.{suffix}")
    assert not called
    assert not set(image.FORMATS) & {
        "EPS",
        "PDF",
        "WMF",
        "EMF",
        "IPTC",
        "HDF5",
        "BUFR",
        "GRIB",
        "MPEG",
        "FITS",
    }


@pytest.mark.parametrize("kind", RECORDINGS)
@pytest.mark.parametrize("reader", [recording, heard])
def test_a_hostile_recording_is_read_or_refused(tmp_path, kind, reader):
    holding(RECORDINGS[kind])(tmp_path / "a.m3u8")
    told = outcome(reader, tmp_path / "a.m3u8")
    assert told == "read" or "a.m3u8: " in told
    if not kind.startswith(("WAV that", "MPEG", "FLAC", "WAV of 5", "ID3", "MP4", "CAF", "AIFF", "WAV of 3")):
        assert told != "read"


CURVES = {
    "50 MB of states": lambda: "0:happy " * 6_500_000,
    "490 kB of states": lambda: " ".join(f"{i}:sad" for i in range(50_000)),
    "490 kB of one word": lambda: "h" * 490_000,
    "490 kB of brackets": lambda: "(" * 490_000,
    "490 kB of closing brackets": lambda: "0:" + ")" * 490_000,
    "490 kB of pairs": lambda: "0:(0,0)" * 68_000,
    "490 kB of colons": lambda: ":" * 490_000,
    "490 kB of stars": lambda: "happy" + "*" * 490_000,
    "490 kB of blanks": lambda: " " * 490_000 + "x",
    "490 kB of digits": lambda: "1" * 490_000 + ":happy",
    "490 kB of nines after the point": lambda: "0." + "9" * 490_000 + ":happy",
    "deep JSON": lambda: '{"v":1,"valence":' + "[" * 7_000_000,
    "deep objects": lambda: '{"v":' * 1_500_000,
    "JSON with a long number": lambda: '{"v":1,"valence":[[0,' + "9" * 7_000_000 + ',"hold"]]}',
    "JSON of half a million points": lambda: (
        '{"v":1,"valence":[' + ",".join(f'[{i},0,""]' for i in range(500_000)) + "]}"
    ),
    "JSON of two million lists": lambda: '{"v":1,"valence":[' + "[]," * 2_500_000 + "[]]}",
    "JSON of half a million keys": lambda: "{" + ",".join(f'"{i}":1' for i in range(500_000)) + "}",
    "JSON with odd characters": '{"v":1,"valence":[[0,0,"\ud800"]]}',
    "table of half a million points": lambda: (
        "seconds,valence,arousal\n" + "".join(f"{i},0,0\n" for i in range(500_000))
    ),
    "table with a long cell": lambda: "seconds,valence,arousal\n" + "1" * 1_000_000 + ",0,0",
    "table with a quote that stays open": lambda: 'seconds,valence,arousal\n"' + "1,0,0\n" * 1_200_000,
    "table of one long line": lambda: "," * 7_900_000,
    "table with NUL": "seconds,valence,arousal\n\0,\0,\0\n",
}


HARMLESS = ("490 kB of states", "490 kB of nines after the point")


def curves() -> list[tuple[str, str | None]]:
    """(kind, ending of the file; None for text given as it is)."""
    rows = []
    for kind in CURVES:
        table, json = kind.startswith("table"), "JSON" in kind or "deep" in kind
        rows += [(kind, suffix) for suffix in (None, ".csv" if table else ".json" if json else ".txt")]
    return rows


@pytest.mark.parametrize(("kind", "suffix"), curves())
def test_a_hostile_curve_is_refused(tmp_path, kind, suffix):
    text = CURVES[kind]() if callable(CURVES[kind]) else CURVES[kind]
    if suffix is None:
        assert outcome(curve, text) != "read" or kind in HARMLESS
        return
    (tmp_path / f"a{suffix}").write_bytes(text.encode("utf-8", errors="surrogatepass"))
    assert f"a{suffix}: " in outcome(curve, tmp_path / f"a{suffix}") or kind in HARMLESS


def test_the_limits_notice_a_blow_up_and_a_hang():
    with pytest.raises(AssertionError, match="MemoryError"):
        outcome(lambda path: bytes(2 * BYTES), "")
    with pytest.raises(AssertionError, match="TRACEBACK"):
        outcome(lambda path: 1 // 0, "")
