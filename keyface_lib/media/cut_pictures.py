"""Picture files that end too early: what is missing is filled up, so that any decoder reads the rest.

Pillow can read such files only by a switch for the whole program, which other threads would see.
"""

import io
import struct
import zlib

import numpy as np
from PIL import Image

MAX_MISSING = 0.2
"""Part of a picture that may be missing: its last rows, but not the face."""
MAX_BYTES = 256 * 2**20
_GREY = 128
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column, first row and both steps of the passes of an interlaced PNG."""


def completed(data: bytes) -> tuple[bytes, float] | None:
    """A cut file made whole, and the part of its content that is missing, as far as that can be told already.

    Returns:
        (bytes, part that is missing); None where it cannot be done.
    """
    complete = next((complete for magic, complete in _COMPLETED.items() if data.startswith(magic)), None)
    if complete is None:
        return None
    try:
        return complete(data)
    except (struct.error, ValueError, KeyError, IndexError, zlib.error):
        return None


def missing_rows(image: Image.Image) -> int:
    """Rows of a completed JPEG or GIF that its decoder has not filled."""
    if image.format not in ("JPEG", "MPO", "GIF"):
        return 0
    pixels = np.asarray(image)
    if image.format == "GIF":  # whose rows may come in another order
        return int((pixels == pixels[-1, -1]).reshape(image.height, -1).all(axis=1).sum())
    empty = np.abs(pixels.astype(np.int16) - _GREY) <= 1  # libjpeg leaves blocks without data grey
    filled = np.flatnonzero(~empty.reshape(image.height, -1).all(axis=1))
    return image.height - 1 - int(filled[-1]) if len(filled) else image.height


def _jpeg(data: bytes) -> tuple[bytes, float] | None:
    """Ended by its end marker: libjpeg then gives up waiting for more."""
    scans = data.count(b"\xff\xda")
    if b"\xff\xc2" in data and scans < 6:  # a progressive one that is still coarse throughout
        return None
    return data.rstrip(b"\xff") + b"\xff\xd9", 0.0


def _gif(data: bytes) -> tuple[bytes, float]:
    """With pixels of the first colour for those that are missing in the first frame."""
    at = 13 + _gif_palette(data[10])
    while data[at] != 0x2C:  # extensions
        at = _after_gif_blocks(data, at + 2)
    width, height = struct.unpack_from("<HH", data, at + 5)
    at += 10 + _gif_palette(data[at + 9])
    end = _after_gif_blocks(data, at + 1)
    pixels = b"\xff" + b"\0" * 255
    if width * height > MAX_BYTES:
        raise ValueError("too large to be filled up")
    return data.ljust(end, b"\0") + pixels * (width * height // 150 + 2) + b"\0;", 0.0


def _gif_palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_gif_blocks(data: bytes, at: int) -> int:
    """Where a row of blocks ends, or the last one should that the file still begins."""
    while at < len(data):
        if not data[at]:
            return at + 1
        at += 1 + data[at]
    return at


def _webp(data: bytes) -> tuple[bytes, float]:
    if data[8:12] != b"WEBP":
        raise ValueError("no picture")
    return _filled(data, struct.unpack_from("<I", data, 4)[0] + 8)


def _bmp(data: bytes) -> tuple[bytes, float]:
    start, _, width, height, _, bits = struct.unpack_from("<IIiiHH", data, 10)
    return _filled(data, start + (width * bits + 31) // 32 * 4 * abs(height))


def _filled(data: bytes, whole: int) -> tuple[bytes, float]:
    if not len(data) < whole <= MAX_BYTES:
        raise ValueError("nothing is missing at the end")
    return data.ljust(whole, b"\0"), 1 - len(data) / whole


def _png(data: bytes) -> tuple[bytes, float]:
    """Packed anew with rows of zeros for those that are missing."""
    chunks, packed, at = [], [], 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + 8 + length]
        if kind == b"IDAT":
            packed.append(content)
        elif len(content) == length and kind not in (b"IEND", b"acTL", b"fcTL", b"fdAT") and not packed:
            chunks.append((kind, content))
        at += 12 + length
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[0][1])
    whole = _png_bytes(width, height, bits * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour], interlaced)
    if whole > MAX_BYTES:
        raise ValueError("too large to be packed anew")
    rows = zlib.decompressobj().decompress(b"".join(packed), whole)
    content = zlib.compress(rows.ljust(whole, b"\0"), 1)
    out = io.BytesIO()
    out.write(data[:8])
    for kind, body in [*chunks, (b"IDAT", content), (b"IEND", b"")]:
        out.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
    return out.getvalue(), 1 - len(rows) / whole


def _png_bytes(width: int, height: int, bits: int, interlaced: int) -> int:
    """Bytes of all rows, each with the number of its filter in front."""
    if not interlaced:
        return height * (1 + (width * bits + 7) // 8)
    total = 0
    for left, top, across, down in _PASSES:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _tiff(data: bytes) -> tuple[bytes, float]:
    """With the last strip that is whole in place of those that are not."""
    order = {b"II": "<", b"MM": ">"}[data[:2]]
    fields = _tiff_fields(data, order)
    offsets, counts = (_tiff_values(data, order, fields[tag]) for tag in (273, 279))
    ends = [offset + count for offset, count in zip(offsets, counts, strict=True)]
    lost = [i for i, end in enumerate(ends) if end > len(data)]
    if not lost:  # at most the place of the next directory is missing
        return data + b"\0" * 8, 0.0
    if _tiff_values(data, order, fields[259])[0] == 1:  # not compressed
        return _filled(data, max(ends))
    whole = [i for i in range(len(ends)) if i not in set(lost)]
    patched = bytearray(data)
    for i in lost:
        source = min(whole, key=lambda j: abs(j - i))
        for tag, values in ((273, offsets), (279, counts)):
            _write_tiff_value(patched, order, fields[tag], i, values[source])
    return bytes(patched), len(lost) / len(ends)


def _tiff_fields(data: bytes, order: str) -> dict[int, tuple[int, int, int]]:
    """{tag: (type, values, place of the values)} of the first directory; types of 2 and 4 bytes only."""
    (start,) = struct.unpack_from(order + "I", data, 4)
    (entries,) = struct.unpack_from(order + "H", data, start)
    fields = {}
    for entry in range(entries):
        at = start + 2 + 12 * entry
        tag, kind, values = struct.unpack_from(order + "HHI", data, at)
        size = {3: 2, 4: 4}.get(kind, 0) * values
        place = at + 8 if size <= 4 else struct.unpack_from(order + "I", data, at + 8)[0]
        if size and place + size <= len(data):
            fields[tag] = (kind, values, place)
    return fields


def _tiff_values(data: bytes, order: str, field: tuple[int, int, int]) -> tuple[int, ...]:
    kind, values, place = field
    return struct.unpack_from(f"{order}{values}{'H' if kind == 3 else 'I'}", data, place)


def _write_tiff_value(
    data: bytearray, order: str, field: tuple[int, int, int], index: int, value: int
) -> None:
    kind, _, place = field
    code, size = ("H", 2) if kind == 3 else ("I", 4)
    struct.pack_into(order + code, data, place + size * index, value)


_COMPLETED = {
    b"\xff\xd8\xff": _jpeg,
    b"\x89PNG\r\n\x1a\n": _png,
    b"RIFF": _webp,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
    b"BM": _bmp,
    b"GIF8": _gif,
}
