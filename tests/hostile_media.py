"""Pictures and recordings that mean harm, by what they are; those that take a while to make are functions."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


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
