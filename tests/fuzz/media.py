"""Small pictures, recordings and videos with changed bytes, read as a portrait, a voice and a background."""

import io
import math
import tempfile
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from PIL import Image

from keyface_lib.audio import load_audio
from keyface_lib.media.film import open_film
from keyface_lib.media.image import load_image

from .mutations import mutated, with_png_checksums
from .running import Fuzzer, finite, main

SHOWN = 50
"""Pictures of a film that are looked at."""


def pixels(number: int = 0) -> np.ndarray:
    """(24, 32, 3) uint8 with edges and slopes."""
    y, x = np.mgrid[:24, :32]
    return np.stack([x * 8, y * 10, (x + y + 9 * number) % 7 * 36], -1).astype(np.uint8)


def picture(form: str, mode: str = "RGB", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels()).convert(mode).save(file, form, **options)
    return file.getvalue()


def animated(form: str) -> bytes:
    file, (first, *rest) = io.BytesIO(), [Image.fromarray(pixels(number)) for number in range(3)]
    first.save(file, form, save_all=True, append_images=rest, duration=80)
    return file.getvalue()


def sound(form: str, codec: str, rate: int = 16_000, sample: str = "s16") -> bytes:
    file, time = io.BytesIO(), np.arange(rate // 2) / rate
    wave = (np.sin(2 * math.pi * 300 * time) * 9000).astype(np.int16)
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        size = stream.codec_context.frame_size or 1024
        fitting = av.AudioResampler(stream.format.name, "mono", rate, frame_size=size)
        for part in [*fitting.resample(frame), *fitting.resample(None), None]:
            container.mux(stream.encode(part))
    return file.getvalue()


def video(form: str, codec: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
        for number in range(6):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels(number), format="rgb24")))
        container.mux(stream.encode(None))
    return file.getvalue()


def reading(read: Callable[[Path], None]) -> Callable[[bytes], None]:
    def of(content: bytes) -> None:
        path = Path(FOLDER.name) / "a"
        path.write_bytes(content)
        read(path)

    return of


def look(path: Path) -> None:
    finite(*load_image(path).aminmax())


def watch(path: Path) -> None:
    film = open_film(path)
    if film is None:
        look(path)
        return
    with film:
        for shown, times in islice(film.frames(), SHOWN):
            assert times > 0
            finite(*shown.aminmax())


def listen(path: Path) -> None:
    finite(*load_audio(path).aminmax())


PNG = [picture("PNG"), picture("PNG", "P"), picture("PNG", "I;16"), picture("PNG", "RGBA")]
JPEG = [picture("JPEG"), picture("JPEG", progressive=True), picture("JPEG", "CMYK")]
OTHERS = [
    picture("TIFF"),
    picture("BMP"),
    picture("GIF", "P"),
    picture("WEBP"),
    picture("WEBP", lossless=True),
]
FILMS = [animated("GIF"), animated("WEBP"), video("mp4", "libx264"), video("matroska", "ffv1")]
SOUNDS = [sound("wav", "pcm_s16le"), sound("flac", "flac"), sound("mp4", "aac")]
FOLDER = tempfile.TemporaryDirectory(prefix="keyface-fuzz-")
FUZZERS = {
    "PNG": Fuzzer(mutated(PNG, repair=with_png_checksums), reading(look)),
    "JPEG": Fuzzer(mutated(JPEG), reading(look)),
    "other pictures": Fuzzer(mutated(OTHERS), reading(look)),
    "WAV, FLAC and MP4": Fuzzer(mutated(SOUNDS), reading(listen)),
    "videos": Fuzzer(mutated(FILMS, head=1500), reading(watch)),
}
if __name__ == "__main__":
    main(FUZZERS, __doc__)
