"""What head motion, expression and the silence gate do, on people of the toy world that no model met.

python benchmarks/taste.py --json benchmarks/results/taste.json --chart docs/images/taste.svg
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from taste_chart import chart
from taste_sounds import sounds, with_noise
from taste_whispers import whispers
from toyworld import table
from toyworld_talk import Table, keyframes_again, made_again, portrait, to_compare

from keyface_lib.audio.spans import runs
from keyface_lib.method.timeline import FPS
from keyface_lib.pipeline import KeyFace
from keyface_lib.toyworld import CLASSES, ToyClip, measure
from keyface_lib.toyworld.measure import Measurements
from keyface_lib.toyworld.motion import Motion
from keyface_lib.toyworld.scores import jitter, pearson, settled

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
IN_VIDEOS = (0.0, 0.5, 1.0, 2.0)
"""Strengths of which whole videos are made: seven times the work of their keyframes."""
CLIPS, VIDEOS, SECONDS = 6, 2, 8.0
"""Two windows of keyframes, so that it shows whether they fit."""
SHUT = 0.2
"""Opening of lids below which an eye is shut; at rest it is 0.6."""
SNR_DB = 20.0


def clips_of(keyface: KeyFace, number: int) -> list[ToyClip]:
    return [to_compare(person, SECONDS, keyface.models.image_size) for person in range(number)]


def head_motion(keyface: KeyFace, number: int) -> Table:
    """What keyframes show."""
    clips = clips_of(keyface, number)
    rows, usual = {}, []
    for strength in sorted(STRENGTHS, key=lambda strength: abs(strength - 1)):
        pairs = [keyframes_again(keyface, clip, batch=2, head_motion=strength) for clip in clips]
        seen, frames = [measure(pictures) for pictures, _ in pairs], pairs[0][1]
        truths = [Motion(**{f.name: clip.truth[f.name][frames] for f in fields(Motion)}) for clip in clips]
        usual = usual or seen
        apart = [_apart(m, other) for m, other in zip(seen, usual, strict=True)]
        rows[strength] = [strength, *_moved(seen, truths), mean(apart)]
    header = ["head motion", "x", "y", "tilt", "mouth r", "brow r", "eyes shut", "identity"]
    title = f"Head motion: deviations over the keyframes of {number} clips of {SECONDS:g} s"
    return title, header, [["truth", *_moved(truths, truths), 0.0], *(rows[s] for s in STRENGTHS)]


def _moved(seen: Sequence[Measurements | Motion], truths: list[Motion]) -> list[float]:
    """The head's deviations; how mouths and brows correlate with the truth; the share of shut eyes."""
    moves = [_rms([float(getattr(m, name).double().std()) for m in seen]) for name in ("x", "y", "tilt")]
    follows = [
        mean(pearson(getattr(m, name), getattr(truth, name)) for m, truth in zip(seen, truths, strict=True))
        for name in ("opening", "brow")
    ]
    return [*moves, *follows, float(torch.cat([m.eye < SHUT for m in seen]).float().mean())]


def _apart(one: Measurements, other: Measurements) -> float:
    """How far two clips of a person are from being the same person."""
    return float((one.identity().mean(dim=0) - other.identity().mean(dim=0)).norm())


def videos(keyface: KeyFace, _: int) -> Table:
    """What whole videos show: blinks, shaking and steps of the head from window to window."""
    clips = clips_of(keyface, VIDEOS)
    rows = [["truth", *_seen_in_videos([measure(clip.frames) for clip in clips])]]
    for strength in IN_VIDEOS:
        made = [measure(made_again(keyface, clip, batch=2, head_motion=strength)) for clip in clips]
        rows.append([strength, *_seen_in_videos(made)])
    header = ["head motion", "x", "y", "tilt", "blinks a minute", "jitter of x", "of y"]
    return f"Head motion: whole videos, {VIDEOS} clips of {SECONDS:g} s", header, rows


def _seen_in_videos(seen: list[Measurements]) -> list[float]:
    moves = [_rms([float(getattr(m, name).double().std()) for m in seen]) for name in ("x", "y", "tilt")]
    blinks = sum(len(runs(m.eye < SHUT)) for m in seen) / sum(len(m.eye) for m in seen) * FPS * 60
    shakes = [_rms([jitter(getattr(m, name)) for m in seen]) for name in ("x", "y")]
    return [*moves, blinks, *shakes]


def expression(keyface: KeyFace, number: int) -> Table:
    """Slopes of what shows over what is felt, over the keyframes of all clips; the truth's are in its row."""
    clips = clips_of(keyface, number)
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
    title = f"Expression: slopes over the keyframes of {number} clips of {SECONDS:g} s"
    return title, header, [["truth", *_shown(truth, clips, frames)], *rows]


def _shown(curves: dict[str, torch.Tensor], clips: list[ToyClip], frames: torch.Tensor) -> list[float]:
    valence = torch.cat([clip.valence[frames] for clip in clips])
    arousal = torch.cat([clip.arousal[frames] for clip in clips])
    truth = torch.cat([clip.truth["opening"][frames] for clip in clips])
    felt = (("smile", valence), ("brow", arousal), ("eye", arousal))
    return [*(_slope(curves[name], by) for name, by in felt), pearson(curves["opening"], truth)]


def silence_gate(keyface: KeyFace, _: int) -> Table:
    """Mouths in silence and in speech, with and without noise and the gate."""
    rows = []
    for name, snr_db, gate in (
        ("clean", None, False),
        ("noise", SNR_DB, False),
        ("noise, gate", SNR_DB, True),
    ):
        silent, speaking, follows = [], [], []
        for clip in clips_of(keyface, VIDEOS):
            heard = clip.waveform if snr_db is None else with_noise(clip.performance, "pink", snr_db)
            seen = measure(_of_sound(keyface, clip, heard, gate)).opening
            labels = clip.truth["vocalization"]
            silent.append(seen[settled(labels == CLASSES.index("silence"))])
            speaking.append(seen[labels == CLASSES.index("speech")])
            follows.append(pearson(seen, clip.truth["opening"]))
        rows.append([name, float(torch.cat(silent).mean()), float(torch.cat(speaking).mean()), mean(follows)])
    title = f"Mouths with pink noise {SNR_DB:g} dB below the speech, {VIDEOS} clips of {SECONDS:g} s"
    return title, ["sound", "opening in silence", "opening in speech", "mouth r"], rows


def _of_sound(keyface: KeyFace, clip: ToyClip, heard: torch.Tensor, gate: bool) -> torch.Tensor:
    emotion = clip.performance.emotion
    options = {"batch": 2, "silence_gate": gate}
    return torch.cat(list(keyface.animate(portrait(clip), heard, emotion, **options)))


def _slope(curve: torch.Tensor, by: torch.Tensor) -> float:
    curve, by = curve.double() - curve.double().mean(), by.double() - by.double().mean()
    return float((curve * by).sum() / by.square().sum())


def _rms(values: list[float]) -> float:
    return mean(value**2 for value in values) ** 0.5


PARTS = {
    "head-motion": head_motion,
    "expression": expression,
    "sounds": lambda *_: sounds(),
    "whispers": lambda *_: whispers(),
    "videos": videos,
    "silence-gate": silence_gate,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, help="a model folder; without, the small bundled model")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--clips", type=int, default=CLIPS, help="of which keyframes are compared")
    parser.add_argument("--json", type=Path, help="write the figures there too, beside other parts'")
    parser.add_argument("--chart", type=Path, help="draw both strengths against what was measured")
    options = parser.parse_args()
    keyface = KeyFace.from_pretrained(options.model, "cpu")
    known = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    for part in options.parts:
        started = time.monotonic()
        title, header, rows = PARTS[part](keyface, options.clips)
        print(f"\n{title} ({time.monotonic() - started:.0f} s)\n")
        print(table(header, rows), flush=True)
        known[part] = {"title": title, "rows": [dict(zip(header, row, strict=True)) for row in rows]}
        if options.json:
            options.json.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    if options.chart:
        options.chart.write_text(chart(known), encoding="utf-8")


if __name__ == "__main__":
    main()
