"""How well sampled keyframes fit to those that are held, with the bundled model's own portrait and speech.

python benchmarks/pinned_keyframes.py --json benchmarks/results/pinned_keyframes.json
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from toyworld import table
from toyworld_talk import portrait, to_compare

from keyface_lib import KeyFace, small
from keyface_lib.clip import keyframes as stage_one
from keyface_lib.clip.animate import Animation
from keyface_lib.clip.emotion_file import parse_emotion
from keyface_lib.method.holding import noised
from keyface_lib.method.merging import to_bytes
from keyface_lib.method.timeline import KEYFRAME_STEP
from keyface_lib.toyworld import ToyClip, measure
from keyface_lib.toyworld.scores import pearson

PINNED = (3, 7, 11)
"""Keyframes of the first window, each with two neighbours that are sampled."""
PAIRS = [(a, a + 1) for number in PINNED for a in (number - 1, number)]
OTHERS = [(a, a + 1) for a in range(12) if (a, a + 1) not in PAIRS]
OTHER_SEEDS = 1000
FEELING, STRANGER = "happy", 7
"""The feeling of foreign keyframes in a neutral clip, and the toy world's person of others."""


class Clips:
    """Keyframes of one recording, by seed, kept as they are made."""

    def __init__(self, keyface: KeyFace):
        self.keyface = keyface
        planned = keyface.animate(small.PORTRAIT, small.SPEECH, "neutral", batch=2).animation
        self.features, self.settings, self.identity = planned.features, planned.settings, planned.identity
        self.stranger = keyface.encode_portrait(
            portrait(to_compare(STRANGER, 1.0, keyface.models.image_size))
        )

    def animation(self, seed: int, held=None, feeling: str = "neutral", stranger: bool = False) -> Animation:
        settings = replace(self.settings, seed=seed)
        identity = self.stranger if stranger else self.identity
        curve = parse_emotion(feeling)
        return Animation(self.keyface.models, identity, self.features, curve, settings, held=held)

    def keyframes(self, seed: int, held=None, **of) -> torch.Tensor:
        return torch.cat(list(self.animation(seed, held, **of).keyframes()))

    def pictures(self, latents: torch.Tensor) -> torch.Tensor:
        """(k, 3, H, W) in levels from 0 to 255."""
        return self.keyface.models.vae.decode_frames(latents).clamp(-1, 1).add(1).mul(127.5)


def apart(pictures: torch.Tensor, pairs: Sequence[tuple[int, int]]) -> torch.Tensor:
    """Root mean square difference, in levels of 255, between the pictures of each pair."""
    return torch.stack([(pictures[a] - pictures[b]).square().mean().sqrt() for a, b in pairs])


def replaced_alone(denoise, latents, free, noise):
    """As a noise mask in ComfyUI: nothing is fitted."""

    def held(x: torch.Tensor, sigma: float) -> torch.Tensor:
        known = noised(latents, sigma, noise)
        return torch.where(free, denoise(torch.where(free, x, known), sigma), latents)

    return held


def new_noise(denoise, latents, free, noise):
    """Replaced alone with noise that is drawn at every step, as in RePaint."""
    drawn = torch.Generator().manual_seed(0)

    def held(x: torch.Tensor, sigma: float) -> torch.Tensor:
        again = noised(latents, sigma, torch.randn(noise.shape, generator=drawn))
        return torch.where(free, denoise(torch.where(free, x, again), sigma), latents)

    return held


@contextmanager
def method(holding: Callable) -> Iterator[None]:
    """Holds keyframes by another method."""
    usual = stage_one.holding
    stage_one.holding = holding
    try:
        yield
    finally:
        stage_one.holding = usual


class Distances:
    """Distances between neighbouring keyframes, by what was done."""

    def __init__(self, clips: Clips):
        self.clips = clips
        self.found: dict[str, list[list[float]]] = {}
        self.exact: dict[str, bool] = {}

    def note(self, name: str, latents: torch.Tensor, held: dict[int, torch.Tensor]) -> None:
        pictures = self.clips.pictures(latents)
        at, between = apart(pictures, PAIRS), apart(pictures, OTHERS)
        figures = [float(f) for f in (at.mean(), at.max(), between.mean(), between.max())]
        self.found.setdefault(name, []).append(figures)
        same = all(torch.equal(latents[number], latent) for number, latent in held.items())
        self.exact[name] = same and self.exact.get(name, True)

    def rows(self) -> list[list]:
        """Mean and worst at the pinned keyframes and between others, and whether those stayed bit for bit."""
        lines = []
        for name, figures in self.found.items():
            at, at_worst, between, between_worst = zip(*figures, strict=True)
            measured = mean(at), max(at_worst), mean(between), max(between_worst)
            lines.append([name, *measured, "yes" if self.exact[name] else "NO"])
        return lines


def neighbours(clips: Clips, seeds: int) -> list[list]:
    distances = Distances(clips)
    for seed in range(seeds):
        free, before = clips.keyframes(seed), clips.keyframes(OTHER_SEEDS + seed)
        distances.note("nothing pinned", free, {})
        sources = {
            "of another seed": before,
            f"of a {FEELING} clip": clips.keyframes(seed, feeling=FEELING),
            "of another person": clips.keyframes(seed, stranger=True),
        }
        for what, source in sources.items():
            held = {number: source[number] for number in PINNED}
            pasted = free.clone()
            pasted[list(PINNED)] = source[list(PINNED)]
            distances.note(f"{what}, pasted in", pasted, held)
            distances.note(f"{what}, pinned", clips.keyframes(seed, held), held)
            for name, way in {"replaced alone": replaced_alone, "new noise": new_noise}.items():
                with method(way):
                    distances.note(f"{what}, {name}", clips.keyframes(seed, held), held)
        kept = {number: latent for number, latent in enumerate(before) if number not in PINNED}
        distances.note("those three rolled again", clips.keyframes(seed, kept), kept)
    return distances.rows()


def mouths(keyface: KeyFace, people: int) -> list[list]:
    """How the mouths of sampled keyframes follow the truth of held-out people, r over all of them."""
    rest = [number for number in range(13) if number not in PINNED]
    near = [number for pinned in PINNED for number in (pinned - 1, pinned + 1)]
    found: dict[str, list[torch.Tensor]] = {}
    for person in range(people):
        clip = to_compare(person, 6.7, keyface.models.image_size)

        def make(name: str, seed: int, held=None, clip: ToyClip = clip) -> torch.Tensor:
            emotion = clip.performance.emotion
            options = {"batch": 2, "seed": seed, "held": held}
            animation = keyface.animate(portrait(clip), clip.waveform, emotion, **options).animation
            latents = torch.cat(list(animation.keyframes()))
            seen = measure(to_bytes(keyface.models.vae.decode_frames(latents))).opening
            truth = clip.truth["opening"][animation.timeline.keyframe_frames()]
            found.setdefault(name, []).append(torch.stack([seen[:13], truth[:13]]))
            return latents

        make("nothing pinned", 0)
        before = make("nothing pinned, another seed", OTHER_SEEDS)
        held = {number: before[number] for number in PINNED}
        make("of another seed, pinned", 0, held)
        with method(replaced_alone):
            make("of another seed, replaced alone", 0, held)
    lines = []
    for name, curves in found.items():
        seen, truth = torch.stack(curves, dim=1)
        lines.append([name, *(pearson(seen[:, k].flatten(), truth[:, k].flatten()) for k in (rest, near))])
    return lines


def shown(clips: Clips, seeds: int) -> list[list]:
    """How far the finished video is from the keyframes themselves, at pinned ones and at others."""
    at, between = [], []
    for seed in range(seeds):
        before = clips.keyframes(OTHER_SEEDS + seed)
        animation = clips.animation(seed, {number: before[number] for number in PINNED})
        latents = torch.cat(list(animation.keyframes()))
        frames = torch.cat(list(animation)).movedim(-1, 1).float()
        pictures = clips.pictures(latents)
        for number in range(1, 12):
            rms = (frames[KEYFRAME_STEP * number] - pictures[number]).square().mean().sqrt()
            (at if number in PINNED else between).append(rms)
    return [
        [name, float(torch.stack(d).mean()), float(torch.stack(d).max())]
        for name, d in (("pinned", at), ("sampled", between))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args()
    clips = Clips(KeyFace.from_pretrained(device="cpu"))
    parts = {
        "neighbours": (
            "Neighbouring keyframes, RMS of 255 levels",
            ["keyframes 3, 7 and 11", "at them", "worst", "elsewhere", "worst there", "exact"],
            neighbours(clips, options.seeds),
        ),
        "mouths": (
            "Mouths of sampled keyframes against the truth, Pearson r",
            ["keyframes 3, 7 and 11", "all others", "those beside them"],
            mouths(clips.keyface, options.seeds),
        ),
        "shown": (
            "Frames of the video from their keyframes",
            ["keyframes", "mean", "worst"],
            shown(clips, 2),
        ),
    }
    for title, header, lines in parts.values():
        print(f"\n{title}\n")
        print(table(header, lines), flush=True)
    if options.json:
        results = {
            name: {"title": title, "rows": [dict(zip(header, line, strict=True)) for line in lines]}
            for name, (title, header, lines) in parts.items()
        }
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
