"""Files with some of their bytes changed, as bad disks and bad people change them."""

import struct
import zlib
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

ODD = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
"""Numbers at which fields of one, two and four bytes change their meaning."""
KINDS = ("byte", "bit", "little", "big", "cut out", "repeat", "insert", "swap", "end")


@st.composite
def mutated(
    draw: st.DrawFn,
    corpus: Sequence[bytes],
    most: int = 6,
    head: int = 512,
    repair: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """One of the files with up to `most` changes, most of them in its first or last `head` bytes.

    Args:
        repair: makes checksums right again; taken for every other input.
    """
    data = bytearray(draw(st.sampled_from(corpus)))
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3, most)))):
        _change(draw, data, head)
    changed = bytes(data)
    return repair(changed) if repair and draw(st.booleans()) else changed


def _change(draw: st.DrawFn, data: bytearray, head: int) -> None:
    kind = draw(st.sampled_from(KINDS))
    last = max(0, len(data) - 1)
    near = min(head, last)
    first, end = draw(st.sampled_from(((0, near), (0, near), (last - near, last), (0, last))))
    at = draw(st.integers(first, end))
    length = draw(st.sampled_from((1, 2, 4, 7, 16, 100, 1000)))
    if not data or kind == "insert":
        data[at:at] = draw(st.binary(min_size=1, max_size=length))
    elif kind == "byte":
        data[at] = draw(st.integers(0, 255))
    elif kind == "bit":
        data[at] ^= 1 << draw(st.integers(0, 7))
    elif kind in ("little", "big"):
        width = draw(st.sampled_from((1, 2, 4, 8)))
        number = draw(st.sampled_from(ODD)) % 256**width
        data[at : at + width] = number.to_bytes(width, kind)  # type: ignore[arg-type]
    elif kind == "cut out":
        del data[at : at + length]
    elif kind == "repeat":
        data[at:at] = data[at : at + length] * draw(st.sampled_from((1, 2, 50)))
    elif kind == "swap":
        other = draw(st.integers(0, last))
        data[at : at + length], data[other : other + length] = (
            data[other : other + length],
            data[at : at + length],
        )
    else:
        del data[at:]


def with_png_checksums(data: bytes) -> bytes:
    """A PNG whose chunks, as far as they can be walked, have the checksums of what they hold."""
    parts, at = [data[:8]], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        if at + 12 + length > len(data):
            break
        chunk = data[at + 4 : at + 8 + length]
        parts += [data[at : at + 4], chunk, struct.pack(">I", zlib.crc32(chunk))]
        at += 12 + length
    return b"".join([*parts, data[at:]])
