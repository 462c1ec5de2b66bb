"""Scores a model on people, voices and sentences of the toy world that it never met.

python benchmarks/toyworld.py                          all parts that need no variants, with the bundled model
python benchmarks/toyworld.py --parts scores --model FOLDER --json FILE
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from toyworld_ablations import audio_injection, autoregression, emotion_labels, keyframe_autoguidance
from toyworld_findings import autoguidance, split_guidance
from toyworld_scores import scores

from keyface_lib.pipeline import KeyFace

PARTS = {"scores": scores, "split-guidance": split_guidance, "autoguidance": autoguidance}
OF_VARIANTS = {
    "audio-injection": audio_injection,
    "emotion-labels": emotion_labels,
    "autoregression": autoregression,
    "keyframe-autoguidance": keyframe_autoguidance,
}
"""Parts that compare networks which `toyworld_variants.py` has trained."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, help="a model folder; without, the small bundled model")
    parser.add_argument("--parts", nargs="+", choices=PARTS | OF_VARIANTS, default=list(PARTS))
    parser.add_argument("--device")
    parser.add_argument("--json", type=Path, help="write the figures there too, beside other parts'")
    options = parser.parse_args()
    keyface = KeyFace.from_pretrained(options.model, options.device)
    results = {}
    for part in options.parts:
        started = time.monotonic()
        title, header, rows = (PARTS | OF_VARIANTS)[part](keyface)
        print(f"\n{title} ({time.monotonic() - started:.0f} s)\n")
        print(table(header, rows), flush=True)
        results[part] = {"title": title, "rows": [dict(zip(header, row, strict=True)) for row in rows]}
    if options.json:
        known = json.loads(options.json.read_text(encoding="utf-8")) if options.json.exists() else {}
        options.json.write_text(json.dumps(known | results, indent=1) + "\n", encoding="utf-8")


def table(header: list[str], rows: list[list]) -> str:
    """A table in Markdown, numbers with three digits."""
    cells = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    lines = [header, ["---"] * len(header), *cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
