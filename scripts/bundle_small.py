"""Puts what the box holds into the package: the small model's trained weights, its portrait and its speech.

    python scripts/bundle_small.py [RUNS]     RUNS is the folder of the runs of docs/training.md

Portrait and speech are of people and voices that the training never met. Where they are already, they stay:
eSpeak NG's samples differ in the third decimal from processor to processor.
"""

import shutil
import sys
from pathlib import Path

import av
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from keyface_lib import small
from keyface_lib.method.timeline import SAMPLE_RATE
from keyface_lib.toyworld import at_rest, draw, perform

WEIGHTS = {
    "vae": "small-vae-decoder-more",
    "keyframe": "small-keyframes-more",
    "interpolation": "small-interpolation-more",
    "reduced": "small-interpolation",
}
"""The run that writes each role."""
SEED, SECONDS = 15, 6.4
PORTRAIT_SIZE = 256
LIMIT = 24_000_000
"""Bytes that the whole folder may have."""


def main() -> None:
    runs = Path(sys.argv[1] if len(sys.argv) > 1 else "runs")
    for role, run in WEIGHTS.items():
        shutil.copyfile(runs / run / f"{role}.safetensors", small.FOLDER / f"{role}.safetensors")
    if not (small.PORTRAIT.exists() and small.SPEECH.exists()):
        performance = perform(SEED, SECONDS, "test")
        portrait = draw(performance.identity, at_rest(), PORTRAIT_SIZE)[0]
        Image.fromarray(portrait.numpy()).save(small.PORTRAIT, optimize=True)
        write_flac(small.SPEECH, performance.waveform.numpy())
        print(f"says: {' '.join(performance.sentences)}")
    total = sum(path.stat().st_size for path in small.FOLDER.iterdir() if path.is_file())
    print(f"{small.FOLDER}: {total / 1e6:.1f} MB")
    if total > LIMIT:
        sys.exit(f"more than the {LIMIT / 1e6:.0f} MB that the package may carry")


def write_flac(path: Path, waveform: np.ndarray) -> None:
    """Writes (samples,) float32 in [-1, 1], mono at 16 kHz, with 16 bits."""
    samples = np.round(waveform * 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE, layout="mono", format="s16")
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
