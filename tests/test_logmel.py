"""The encoder without weights: what small models hear."""

import math

import torch
from tiny_models import voice

from keyface_lib.audio import encode_audio, load_encoder
from keyface_lib.audio.logmel import BANDS, CONTEXT


def encoded(waveform, window_s=30.0):
    return encode_audio(waveform, {"logmel": load_encoder("logmel")}, window_s=window_s).by_encoder["logmel"]


def own_band(tokens):
    """The loudest band of the middle of every token."""
    return tokens.unflatten(-1, (CONTEXT, BANDS))[..., CONTEXT // 2, :].argmax(-1)


def test_two_tokens_a_frame():
    assert encoded(voice(1.0)).shape == (25, 2, BANDS * CONTEXT)
    assert encoded(voice(0.001)).shape == (1, 2, BANDS * CONTEXT)


def test_a_higher_tone_is_heard_in_a_higher_band():
    time = torch.arange(16_000) / 16_000
    low, high = (own_band(encoded(0.3 * torch.sin(2 * math.pi * hz * time)))[12, 0] for hz in (300, 3000))
    assert low < high


def test_a_sound_is_heard_when_it_is_there():
    click = torch.zeros(16_000)
    click[640 * 10 : 640 * 10 + 320] = 0.5  # the first half of frame 10
    levels = encoded(click).unflatten(-1, (CONTEXT, BANDS)).mean(-1)
    own = levels[..., CONTEXT // 2 - 1 : CONTEXT // 2 + 1].mean(-1).flatten()
    assert own.argmax() == 20
    heard = (levels[..., :].amax(-1) > levels.min() + 1e-3).flatten().nonzero().flatten()
    assert heard.min() >= 18
    assert heard.max() <= 22


def test_long_sound_in_windows_is_the_same():
    waveform = voice(30.0)
    assert torch.allclose(encoded(waveform, window_s=10.0), encoded(waveform, window_s=60.0), atol=1e-5)
