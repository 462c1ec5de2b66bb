"""Files that mean harm, of every kind that is read: one line within seconds, never a traceback or a blow-up.

Every case runs in a child that may use ten seconds and a gigabyte more than it starts with.
"""

import io
import multiprocessing
import os
import socket
import struct
import threading
import time
import traceback
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keyface_lib import files

SECONDS = 10
"""Of a processor's time: other tests run beside these."""
PATIENCE = 60
BYTES = 2**30

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs fork and /proc")


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


def _run(reader: Callable, path: Path | str, sender) -> None:
    import resource
    import warnings

    from keyface_lib.errors import KeyFaceError

    warnings.simplefilter("ignore")
    with open("/proc/self/statm") as status:
        now = int(status.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (now + BYTES, now + BYTES))
    started = time.process_time()
    try:
        reader(path)
        told = "read"
    except KeyFaceError as error:
        told = str(error)
    except BaseException:
        told = "TRACEBACK " + traceback.format_exc()
    sender.send((told, time.process_time() - started))


def outcome(reader: Callable, path: Path | str) -> str:
    """What a child says that reads a file: "read", or the line of its error."""
    for warm in ("keyface_lib.media.video", "keyface_lib.audio", "keyface_lib.clip.emotion_file"):
        __import__(warm)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(reader, path, sender))
    child.start()
    sender.close()
    try:
        assert receiver.poll(PATIENCE), f"still busy after {PATIENCE} s"
        told, seconds = receiver.recv()
    except EOFError:
        raise AssertionError(f"the child died ({child.exitcode})") from None
    finally:
        child.kill()
        child.join()
    assert "TRACEBACK" not in told, told
    assert "\n" not in told
    assert len(told) < 1000
    assert seconds < SECONDS
    return told


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


def unreadable(path: Path) -> None:
    path.write_bytes(b"RIFF")
    path.chmod(0)


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
    "nothing": lambda path: None,
    "empty": Path.touch,
    "no right to read": unreadable,
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


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", READERS)
def test_a_place_that_is_no_file_is_refused(tmp_path, monkeypatch, name, place):
    if (name, place) != ("a.wav", "pipe that nobody writes"):  # one waits as long as it really takes
        monkeypatch.setattr(files, "PIPE_SECONDS", 0.5)
    PLACES[place](tmp_path / name)
    told = outcome(READERS[name], tmp_path / name)
    if place != "no right to read" or os.getuid():
        assert told != "read"
    assert name in told or told == "read"


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


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*chunks: tuple[bytes, bytes], width: int = 8, height: int = 8, rows: bytes | None = None) -> bytes:
    rows = zlib.compress(bytes(height * (1 + 3 * width)), 9) if rows is None else rows
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def saved(mode: str, size: tuple[int, int], form: str, **options) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, form, **options)
    return file.getvalue()


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) (w) file\n{ } loop\n%%EOF\n"
PICTURES = {
    "EPS": EPS,
    "EPS with a preview for DOS": b"\xc5\xd0\xd3\xc6"
    + struct.pack("<IIIIII", 32, len(EPS), 0, 0, 0, 0)
    + b"  "
    + EPS,
    "PDF": b"%PDF-1.4\n1 0 obj <</Type /Page>> endobj",
    "WMF": b"\xd7\xcd\xc6\x9a" + bytes(60),
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
    "Photoshop": b"8BPS" + bytes(60),
    "FITS": b"SIMPLE  =                    T" + bytes(2850),
    "XPM": b"/* XPM */\nstatic char *a[] = {};",
    "a palm file": b"\0\x04\0\x04" + bytes(60),
    "HTML": b"<!DOCTYPE html><html></html>",
    "LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "90 million pixels": lambda: png(width=10_000, height=9_000),
    "95 million pixels of CMYK": lambda: saved("CMYK", (9_700, 9_700), "TIFF", compression="tiff_deflate"),
    "99 million pixels of a palette": lambda: saved("P", (9_900, 9_999), "GIF"),
    "four thousand million pixels": png(width=2**16, height=2**16, rows=b""),
    "a side of 2^31": png(width=2**31 - 1, height=1, rows=b""),
    "no pixels": png(width=0, height=0, rows=b""),
    "a text that unpacks to 128 MB": lambda: png((b"zTXt", b"a\0\0" + zlib.compress(bytes(2**27), 9))),
    "a profile that unpacks to 128 MB": lambda: png((b"iCCP", b"a\0\0" + zlib.compress(bytes(2**27), 9))),
    "200,000 chunks": lambda: png(*[(b"teXt", b"")] * 200_000),
    "a chunk of 2 GB that is not there": b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**31 - 1) + b"IHDR",
    "TIFF whose directory is its own next": b"II*\0\x08\0\0\0\0\0\x08\0\0\0",
    "TIFF with 65535 entries": b"II*\0\x08\0\0\0\xff\xff" + b"\0\1\4\0\xff\xff\xff\xff\x08\0\0\0" * 65_535,
    "BMP of two thousand million rows": b"BM"
    + struct.pack("<IIIIiiHH", 70, 0, 54, 40, 1, -(2**31), 1, 24)
    + bytes(40),
    "GIF without an end": b"GIF89a\x10\0\x10\0\0\0\0" + b"!\xfe\xff" * 100_000,
    "WebP that claims 4 GB": b"RIFF\xf0\xff\xff\xffWEBPVP8L" + bytes(100),
    "AVIF with nothing in it": b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1B" + bytes(100),
    "HEIC with nothing in it": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
    "JPEG of 65535 x 65535": b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\3\1\x22\0\2\x11\1\3\x11\1\xff\xd9",
    "JPEG 2000 of 2^31 pixels": bytes.fromhex("ff4fff51002f0000")
    + struct.pack(">8I", 2**31 - 1, 1, 0, 0, 1, 1, 0, 0)
    + b"\0\3"
    + b"\7\1\1" * 3,
}


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


def wav(
    rate: int, channels: int = 1, bits: int = 16, data: bytes = bytes(4000), claimed: int | None = None
) -> bytes:
    step = channels * bits // 8
    form = struct.pack("<HHIIHH", 1, channels % 2**16, rate, rate * step % 2**32, step % 2**16, bits)
    size = len(data) if claimed is None else claimed
    body = b"WAVEfmt \x10\0\0\0" + form + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", min(len(body), 2**32 - 1)) + body


def flac_of_silence(frames: int) -> bytes:
    """FLAC whose frames of 65,535 samples and eight channels take some thirty bytes each."""
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=1000, layout="7.1")
        for index in range(frames):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 8 * 4608), np.int16), format="s16", layout="7.1")
            frame.sample_rate, frame.pts = 1000, index * 4608
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def mp4_of(samples: int) -> bytes:
    """An MP4 of a kilobyte whose tables claim any number of samples of one byte."""
    full = bytes(4)
    entry = box(b"mp4a", bytes(6), b"\0\1", bytes(8), struct.pack(">4HI", 2, 16, 0, 0, 48_000 << 16))
    tables = box(
        b"stbl",
        box(b"stsd", full, struct.pack(">I", 1), entry),
        box(b"stts", full, struct.pack(">3I", 1, samples, 1024)),
        box(b"stsc", full, struct.pack(">4I", 1, 1, samples, 1)),
        box(b"stsz", full, struct.pack(">2I", 1, samples)),
        box(b"stco", full, struct.pack(">2I", 1, 40)),
    )
    media = box(
        b"mdia",
        box(b"mdhd", full, struct.pack(">4I2H", 0, 0, 48_000, 4_000_000_000, 0x55C4, 0)),
        box(b"hdlr", full, bytes(4), b"soun", bytes(13)),
        box(b"minf", box(b"smhd", full, bytes(4)), tables),
    )
    track = box(b"trak", box(b"tkhd", full, struct.pack(">4I", 0, 0, 1, 0), bytes(60)), media)
    movie = box(b"moov", box(b"mvhd", full, struct.pack(">4I", 0, 0, 1000, 1000), bytes(80)), track)
    return box(b"ftyp", b"isom\0\0\0\0isommp42") + movie + box(b"mdat", bytes(1000))


RECORDINGS = {
    "live HLS": b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:5,\nb.ts\n",
    "HLS of a device": b"#EXTM3U\n#EXTINF:5,\n/dev/zero\n#EXT-X-ENDLIST\n",
    "DASH": b"<?xml version='1.0'?><MPD type='dynamic' xmlns='urn:mpeg:dash:schema:mpd:2011'></MPD>",
    "ffconcat": b"ffconcat version 1.0\n" + b"file 'a.wav'\nduration 1\n" * 100_000,
    "SBG": b"-S\nx: 200+10/50\n0:00 x\n"
    + b"".join(b"%02d:%02d x\n" % (i // 60 % 24, i % 60) for i in range(9_999)),
    "SDP": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    "subtitles": b"1\n00:00:00,000 --> 99:00:00,000\nhello\n" * 1000,
    "a pattern of pictures": b"%d.png",
    "a lavfi graph": b"aevalsrc=0:d=100000",
    "tracker music": b"Extended Module: " + bytes(300),
    "text": b"hello\n" * 1000,
    "a picture": lambda: saved("RGB", (64, 64), "PNG"),
    "a moving picture": lambda: saved("RGB", (64, 64), "GIF"),
    "WAV of 1 Hz": lambda: wav(1, data=bytes(2_000_000)),
    "WAV of 2 GHz": wav(2_000_000_000),
    "WAV of 0 Hz": wav(0),
    "WAV of 65535 channels": wav(16_000, channels=65_535),
    "WAV of no channels": wav(16_000, channels=0),
    "WAV of 3 bits": wav(16_000, bits=3),
    "WAV that claims 4 GB": wav(16_000, claimed=2**32 - 1),
    "WAV of 5 hours": lambda: wav(1000, bits=8, data=b"\x80" * 18_000_000),
    "AIFF of an endless rate": b"FORM\0\0\0\x2eAIFFCOMM\0\0\0\x12\0\1\0\0\0\1\0\x10\x7f\xff"
    + b"\xff" * 8
    + b"SSND\0\0\0\4\0\0\0\0",
    "AU of 4 GHz": b".snd" + struct.pack(">5I", 24, 2**32 - 1, 3, 2**32 - 1, 1) + bytes(1000),
    "CAF of 1e300 Hz": b"caff\0\1\0\0desc"
    + struct.pack(">QdIIIIII", 32, 1e300, 0x6C70636D, 0, 2, 1, 1, 16)
    + b"data"
    + struct.pack(">QI", 2004, 0)
    + bytes(2000),
    "FLAC of next to nothing": lambda: flac_of_silence(400),
    "MP4 with a box of 2^63": b"\0\0\0\x18ftypisom\0\0\0\0isommp42\0\0\0\1moov"
    + struct.pack(">Q", 2**63 - 1)
    + bytes(64),
    "MP4 with boxes in boxes": lambda: (
        b"\0\0\0\x18ftypisom\0\0\0\0isommp42"
        + b"".join(struct.pack(">I4s", 8 * (5000 - i), b"moov") for i in range(5000))
    ),
    "MP4 that claims 2^27 samples": lambda: mp4_of(2**27),
    "Matroska of nothing": b"\x1a\x45\xdf\xa3\x01\xff\xff\xff\xff\xff\xff\xff" + bytes(1000),
    "ID3 that claims 256 MB": b"ID3\4\0\0\x7f\x7f\x7f\x7f" + bytes(1000),
    "Ogg without pages": b"OggS" * 10_000,
    "MPEG-TS of zeros": lambda: (b"\x47" + bytes(187)) * 20_000,
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
