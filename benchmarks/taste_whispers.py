"""What the silence gate keeps of whispered speech, alone and amid speech aloud, by how noisy it is."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from taste_sounds import kept, noise_of
from toyworld_talk import FIRST_SEED_TO_COMPARE, Table

from keyface_lib.method.timeline import SAMPLE_RATE, SAMPLES_PER_FRAME
from keyface_lib.toyworld.espeak import Voice
from keyface_lib.toyworld.sentences import draw_sentence
from keyface_lib.toyworld.speech import ACCENTS, SPEAKERS, say

CLIPS, SECONDS = 6, 30.0
WHISPERERS = ("whisper", "whisperf")
"""eSpeak's voices without a voice; their breath is of random numbers, so last digits are others each time."""
BELOW_DB = (15.0, 20.0, 25.0)
"""People whisper about 20 dB below their speech."""
LEVELS_DB = (30, 20, 15, 10, 5)
KINDS = ("silence", "aloud", "whispered")


@dataclass(frozen=True)
class Talk:
    """Sentences with pauses between them, and what every frame holds: a number of `KINDS`, (frames,)."""

    waveform: torch.Tensor
    vocalization: torch.Tensor


def whispers() -> Table:
    rows = []
    for name, aloud, below_db in (
        ("whispered only", False, 0.0),
        *(
            (f"every second sentence, {below_db:g} dB below the others", True, below_db)
            for below_db in BELOW_DB
        ),
    ):
        talks = [_talk(FIRST_SEED_TO_COMPARE + number, aloud, below_db) for number in range(CLIPS)]
        rows.append([name, "none", *_kept(talks, [talk.waveform for talk in talks])])
        for kind in ("white", "pink"):
            for level in LEVELS_DB:
                heard = [_with_noise(talk, kind, level) for talk in talks]
                rows.append([name, f"{kind}, {level} dB below the whispers", *_kept(talks, heard)])
    title = f"Share of frames that the silence gate keeps of whispers, {CLIPS} recordings of {SECONDS:g} s"
    return title, ["speech", "noise", *KINDS], rows


def _kept(talks: list[Talk], heard: list[torch.Tensor]) -> list[float | str]:
    """The shares; a dash where nobody spoke aloud."""
    return ["-" if math.isnan(share) else share for share in kept(talks, heard, KINDS)]


def _talk(seed: int, aloud: bool, below_db: float) -> Talk:
    """Whispered sentences; with `aloud` every other one is spoken, and they are so many dB below."""
    rng = np.random.default_rng(seed)
    accent, rate = rng.choice(ACCENTS), int(rng.integers(130, 186))
    voices = [f"{accent}+{rng.choice(names)}" for names in (WHISPERERS, SPEAKERS["test"])]
    sentences = [[draw_sentence(rng, "test") for _ in range(16)] for _ in voices]
    spoken = [say(texts, Voice(name, rate, 50, 50)) for texts, name in zip(sentences, voices, strict=True)]
    sound = torch.zeros(round(SECONDS * SAMPLE_RATE))
    labels = torch.zeros(len(sound), dtype=torch.int64)
    at = round(0.4 * SAMPLE_RATE)
    for number in range(16):
        loud = aloud and number % 2 == 0
        heard = torch.from_numpy(spoken[loud][number].waveform).float()
        heard = heard / heard.square().mean().sqrt() * 0.08 * (1.0 if loud else 10 ** (-below_db / 20))
        heard = heard[: max(0, len(sound) - at)]
        sound[at : at + len(heard)] = heard
        labels[at : at + len(heard)] = 1 if loud else 2
        at += len(heard) + round(rng.uniform(0.5, 1.5) * SAMPLE_RATE)
    return Talk(sound, labels[SAMPLES_PER_FRAME // 2 :: SAMPLES_PER_FRAME])


def _with_noise(talk: Talk, kind: str, below_db: float) -> torch.Tensor:
    """The sound with noise so many dB below the whispers."""
    whispered = (talk.vocalization == 2).repeat_interleave(SAMPLES_PER_FRAME)
    level = talk.waveform[whispered].square().mean().sqrt() * 10 ** (-below_db / 20)
    return talk.waveform + level * noise_of(kind, len(talk.waveform))
