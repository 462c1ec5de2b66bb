"""Bytes that reach ever more of the code, found by atheris: `python -m fuzz.guided pickles --minutes 10`."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["keyface_lib.weights", "keyface_lib.strict_json", "keyface_lib.method"]
):
    from keyface_lib.errors import KeyFaceError

    from . import headers, texts, weights
    from .running import BYTES, SECONDS, require_plain

LONGEST = 8192
"""Bytes of an input."""


def of_text(read: Callable[[str], None]) -> Callable[[bytes], None]:
    return lambda data: read(data.decode(errors="replace"))


TARGETS: dict[str, tuple[Callable[[bytes], None], Sequence[bytes]]] = {
    "pickles": (weights.FUZZERS["pickled files"].read, [*weights.PICKLED, weights.zipped(b"}")]),
    "safetensors": (weights.FUZZERS["safetensors"].read, weights.SAFE[:1]),
    "feelings": (of_text(texts.feeling), [b"0:neutral 2.5:happy*0.5 6:(-0.4,0.9)", b'{"v":1,"valence":[]}']),
    "manifests": (of_text(headers.manifest), [b'{"files": {"keyframe": "sub/a.safetensors"}}']),
}
"""What reads the bytes, and inputs to begin with."""


def tried(read: Callable[[bytes], None]) -> Callable[[bytes], None]:
    def of(data: bytes) -> None:
        try:
            read(data)
        except KeyFaceError as error:
            require_plain(error)

    return of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    read, corpus = TARGETS[options.target]
    with tempfile.TemporaryDirectory(prefix="keyface-fuzz-") as place:
        for number, data in enumerate(corpus):
            (Path(place) / str(number)).write_bytes(data)
        child = os.fork()
        if child == 0:  # atheris ends its process
            limits = {
                "max_total_time": round(60 * options.minutes),
                "max_len": LONGEST,
                "timeout": 2 * SECONDS,
                "rss_limit_mb": 2 * BYTES >> 20,
                "artifact_prefix": f"{place}/",
                "print_final_stats": 1,
            }
            atheris.Setup(
                [sys.argv[0], *(f"-{name}={value}" for name, value in limits.items()), place], tried(read)
            )
            atheris.Fuzz()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for found in Path(place).glob("[a-z]*-*"):  # crash-, timeout-, oom-
            print(f"{found.name}: {found.read_bytes()!r}")
    sys.exit(status)


if __name__ == "__main__":
    main()
