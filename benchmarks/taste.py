"""What head motion, expression and the silence gate do, on people of the toy world that no model met.

python benchmarks/taste.py --json benchmarks/results/taste.json --chart docs/images/taste.svg
"""

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from taste_chart import chart
from taste_sounds import sounds, with_noise
from toyworld import table
from toyworld_talk import Table, keyframes_again, made_again, to_compare

from keyface_lib.audio.spans import runs
from keyface_lib.method.timeline import FPS
from keyface_lib.pipeline import KeyFace
from keyface_lib.toyworld import CLASSES, ToyClip, measure
from keyface_lib.toyworld.measure import Measurements
from keyface_lib.toyworld.scores import jitter, pearson, settled

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
CLIPS, SECONDS = 3, 8.0
"""Of whole videos; two windows of keyframes, so that it shows whether they fit."""
FEELING_CLIPS = 6
"""Of keyframes alone."""
SHUT = 0.2
"""Opening of lids below which an eye is shut; at rest it is 0.6."""
SNR_DB = 20.0


def head_motion(keyface: KeyFace) -> Table:
    clips = [to_compare(number, SECONDS, keyface.models.image_size) for number in range(CLIPS)]
    truths = [measure(clip.frames) for clip in clips]
    lines, usual = {}, []
    for strength in sorted(STRENGTHS, key=lambda strength: abs(strength - 1)):
        seen = [measure(made_again(keyface, clip, batch=2, head_motion=strength)) for clip in clips]
        usual = usual or seen
        lines[strength] = [strength, *_moved(seen, clips, usual)]
    header = [
        "head motion",
        "x",
        "y",
        "tilt",
        "mouth r",
        "brow r",
        "blinks a minute",
        "jitter of x",
        "identity",
    ]
    rows = [lines[strength] for strength in STRENGTHS]
    title = f"Head motion: standard deviations over {CLIPS} clips of {SECONDS:g} s"
    return title, header, [["truth", *_moved(truths, clips, truths)], *rows]


def _moved(seen: list[Measurements], clips: list[ToyClip], usual: list[Measurements]) -> list[float]:
    """The head; mouths and brows against the truth; blinks; shaking; distance from the usual self."""
    moves = [_rms([float(getattr(m, name).double().std()) for m in seen]) for name in ("x", "y", "tilt")]
    follows = [
        mean(pearson(getattr(m, name), clip.truth[name]) for m, clip in zip(seen, clips, strict=True))
        for name in ("opening", "brow")
    ]
    blinks = sum(len(runs(m.eye < SHUT)) for m in seen) / sum(len(m.eye) for m in seen) * FPS * 60
    apart = mean(
        float((a.identity().mean(0) - b.identity().mean(0)).norm()) for a, b in zip(seen, usual, strict=True)
    )
    return [*moves, *follows, blinks, _rms([jitter(m.x) for m in seen]), apart]


def expression(keyface: KeyFace) -> Table:
    """Slopes of what shows over what is felt, over the keyframes of all clips; the truth's are in its row."""
    clips = [to_compare(number, SECONDS, keyface.models.image_size) for number in range(FEELING_CLIPS)]
    rows = []
    for strength in STRENGTHS:
        seen, frames = [], None
        for clip in clips:
            pictures, frames = keyframes_again(keyface, clip, batch=2, expression=strength)
            seen.append(measure(pictures))
        curves = {
            name: torch.cat([getattr(m, name) for m in seen]) for name in ("smile", "brow", "eye", "opening")
        }
        rows.append([strength, *_shown(curves, clips, frames)])
    truth = {name: torch.cat([clip.truth[name][frames] for clip in clips]) for name in curves}
    header = ["expression", "smile / valence", "brow / arousal", "eye / arousal", "mouth r"]
    title = f"Expression: slopes over the keyframes of {FEELING_CLIPS} clips of {SECONDS:g} s"
    return title, header, [["truth", *_shown(truth, clips, frames)], *rows]


def _shown(curves: dict[str, torch.Tensor], clips: list[ToyClip], frames: torch.Tensor) -> list[float]:
    valence = torch.cat([clip.valence[frames] for clip in clips])
    arousal = torch.cat([clip.arousal[frames] for clip in clips])
    truth = torch.cat([clip.truth["opening"][frames] for clip in clips])
    felt = (("smile", valence), ("brow", arousal), ("eye", arousal))
    return [*(_slope(curves[name], by) for name, by in felt), pearson(curves["opening"], truth)]


def silence_gate(keyface: KeyFace) -> Table:
    """Mouths in silence and in speech, with and without noise and the gate."""
    rows = []
    for name, snr_db, gate in (
        ("clean", None, False),
        ("noise", SNR_DB, False),
        ("noise, gate", SNR_DB, True),
    ):
        silent, speaking, follows = [], [], []
        for number in range(CLIPS):
            clip = to_compare(number, SECONDS, keyface.models.image_size)
            heard = clip.waveform if snr_db is None else with_noise(clip.performance, "pink", snr_db)
            seen = measure(_of_sound(keyface, clip, heard, gate)).opening
            labels = clip.truth["vocalization"]
            silent.append(seen[settled(labels == CLASSES.index("silence"))])
            speaking.append(seen[labels == CLASSES.index("speech")])
            follows.append(pearson(seen, clip.truth["opening"]))
        rows.append([name, float(torch.cat(silent).mean()), float(torch.cat(speaking).mean()), mean(follows)])
    title = f"Mouths with pink noise {SNR_DB:g} dB below the speech, {CLIPS} clips of {SECONDS:g} s"
    return title, ["sound", "opening in silence", "opening in speech", "mouth r"], rows


def _of_sound(keyface: KeyFace, clip: ToyClip, heard: torch.Tensor, gate: bool) -> torch.Tensor:
    from toyworld_talk import portrait

    emotion = clip.performance.emotion
    options = {"batch": 2, "silence_gate": gate}
    return torch.cat(list(keyface.animate(portrait(clip), heard, emotion, **options)))


def _slope(curve: torch.Tensor, by: torch.Tensor) -> float:
    curve, by = curve.double() - curve.double().mean(), by.double() - by.double().mean()
    return float((curve * by).sum() / by.square().sum())


def _rms(values: list[float]) -> float:
    return mean(value**2 for value in values) ** 0.5


PARTS = {
    "sounds": lambda _: sounds(),
    "expression": expression,
    "silence-gate": silence_gate,
    "head-motion": head_motion,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, help="a model folder; without, the small bundled model")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--json", type=Path, help="write the figures there too, beside other parts'")
    parser.add_argument("--chart", type=Path, help="draw both strengths against what was measured")
    options = parser.parse_args()
    keyface = KeyFace.from_pretrained(options.model, "cpu")
    known = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    for part in options.parts:
        started = time.monotonic()
        title, header, rows = PARTS[part](keyface)
        print(f"\n{title} ({time.monotonic() - started:.0f} s)\n")
        print(table(header, rows), flush=True)
        known[part] = {"title": title, "rows": [dict(zip(header, row, strict=True)) for row in rows]}
        if options.json:
            options.json.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    if options.chart:
        options.chart.write_text(chart(known), encoding="utf-8")


if __name__ == "__main__":
    main()
