"""The silence gate mutes what is neither said nor voiced and nothing else."""

import numpy as np
import pytest
import torch
from tiny_models import portrait

from keyface_lib import small
from keyface_lib.audio import encode_audio, load_audio, silence_gate
from keyface_lib.audio.logmel import LogMelEncoder
from keyface_lib.audio.silence_gate import band_levels, gated, voiced_spans
from keyface_lib.clip.material import read_material
from keyface_lib.errors import KeyFaceError
from keyface_lib.method.timeline import SAMPLE_RATE
from keyface_lib.toyworld.vocalizations import SYNTHESES, vocalize

PAUSE_S = 1.5


@pytest.fixture(scope="module")
def speech() -> torch.Tensor:
    return load_audio(small.SPEECH)


def noise(samples: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def between_pauses(*sounds: torch.Tensor) -> tuple[torch.Tensor, list[tuple[int, int]]]:
    """Sounds with pauses before, between and after them, and where each lies."""
    pause, parts, places, at = torch.zeros(round(PAUSE_S * SAMPLE_RATE)), [], [], 0
    for sound in sounds:
        parts += [pause, sound]
        at += len(pause)
        places.append((at, at + len(sound)))
        at += len(sound)
    return torch.cat([*parts, pause]), places


def with_noise(waveform: torch.Tensor, snr_db: float, speech: torch.Tensor) -> torch.Tensor:
    level = speech.square().mean().sqrt() * 10 ** (-snr_db / 20)
    return waveform + level * noise(len(waveform))


def muted(waveform: torch.Tensor, first: int, last: int) -> float:
    """The share of a stretch that is digital silence."""
    return float((waveform[first:last] == 0).float().mean())


def a_vocalization(label: str) -> torch.Tensor:
    return torch.from_numpy(vocalize(label, np.random.default_rng(3), 120.0).waveform).float()


@pytest.mark.parametrize("snr_db", [40, 20])
def test_noise_in_pauses_is_muted_and_speech_is_not(speech, snr_db):
    clean, ((first, last),) = between_pauses(speech)
    heard = gated(with_noise(clean, snr_db, speech))
    margin = round(0.4 * SAMPLE_RATE)
    assert muted(heard, 0, first - margin) > 0.99
    assert muted(heard, last + margin, len(heard)) > 0.99
    said = (clean.abs() > 0.02).nonzero().flatten()
    assert torch.equal(heard[said], with_noise(clean, snr_db, speech)[said])


@pytest.mark.parametrize("label", SYNTHESES)
def test_a_vocalization_beside_speech_is_left_alone(speech, label):
    voice = a_vocalization(label)
    clean, (_, (first, last)) = between_pauses(speech, voice)
    noisy = with_noise(clean, 20, speech)
    heard = gated(noisy)
    kept = 1 - muted(heard, first, last)
    assert kept > 0.9, f"{label}: {kept:.2f} kept"
    assert muted(heard, 0, first) > 0.1


def test_a_hum_is_muted(speech):
    clean, ((first, _),) = between_pauses(speech)
    time = torch.arange(len(clean)) / SAMPLE_RATE
    hum = sum(torch.sin(2 * torch.pi * 50 * k * time) / k for k in (1, 2, 3, 5))
    heard = gated(clean + 0.3 * speech.square().mean().sqrt() * hum)
    assert muted(heard, 0, first - round(0.4 * SAMPLE_RATE)) > 0.99


def test_a_short_faint_breath_is_muted_and_a_long_one_is_not(speech):
    level = speech.square().mean().sqrt()
    for seconds, is_muted in ((0.25, True), (1.0, False)):
        breath = 0.04 * level * noise(round(seconds * SAMPLE_RATE), 1)
        clean, (_, (first, last)) = between_pauses(speech, breath)
        assert (muted(gated(clean + 1e-5 * noise(len(clean))), first, last) > 0.9) is is_muted, seconds


@pytest.mark.parametrize("below_db", [20, 25])
def test_a_whisper_beside_speech_is_left_alone(speech, below_db):
    """Bursts of a quarter of a second, as faint and as short as a breath, but one after the other."""
    level = speech.square().mean().sqrt() * 10 ** (-below_db / 20)
    syllable = torch.cat([noise(4000, 1) * torch.hann_window(4000), torch.zeros(2400)])
    clean, (_, (first, last)) = between_pauses(speech, level * syllable.repeat(5))
    noisy = clean + 0.1 * level * noise(len(clean), 2)
    assert muted(gated(noisy), first, last - 2400) < 0.02
    assert muted(gated(noisy), last + 8000, len(clean)) > 0.99


def test_keys_that_are_typed_on_are_muted(speech):
    level = speech.square().mean().sqrt()
    key = torch.cat([0.1 * level * noise(400, 1) * torch.linspace(1, 0, 400), torch.zeros(2800)])
    clean, (_, (first, last)) = between_pauses(speech, key.repeat(10))
    assert muted(gated(clean + 1e-5 * noise(len(clean))), first + 4000, last) > 0.9


def test_nothing_is_muted_where_nothing_stands_out(speech):
    clean, _ = between_pauses(speech)
    for waveform in (
        torch.zeros(16_000),
        0.1 * noise(160_000),
        noise(1),
        noise(700),
        with_noise(clean, 8, speech),
    ):
        assert gated(waveform) is waveform


def test_the_gate_opens_and_closes_without_a_click(speech):
    clean, _ = between_pauses(0.1 * torch.ones(16_000) * noise(16_000))
    heard = gated(clean + 0.001)
    (first, last), *_ = voiced_spans(clean + 0.001)
    assert 0 < heard[first] < 0.0002
    assert 0 < heard[last - 1] < 0.0002
    assert heard[first + 400] == pytest.approx(0.001)


def test_levels_do_not_depend_on_the_blocks_they_are_computed_in(monkeypatch):
    waveform = noise(5 * SAMPLE_RATE + 123)
    whole = band_levels(waveform)
    monkeypatch.setattr(silence_gate, "_BLOCK", SAMPLE_RATE)
    torch.testing.assert_close(band_levels(waveform), whole, rtol=0, atol=1e-3)


def test_the_networks_hear_silence_and_the_video_the_recording(speech):
    clean, ((first, _),) = between_pauses(speech)
    noisy = with_noise(clean, 20, speech)
    plain, gate = (read_material(portrait(), noisy, silence_gate=on) for on in (False, True))
    assert torch.equal(plain.waveform, noisy)
    assert torch.equal(gate.sound, noisy)
    frame = first // 640 // 2
    silent = encode_audio(torch.zeros(16_000), {"logmel": LogMelEncoder()}).by_encoder["logmel"][12]
    heard = encode_audio(gate.waveform, {"logmel": LogMelEncoder()}).by_encoder["logmel"][frame]
    assert torch.equal(heard, silent)
    with pytest.raises(KeyFaceError, match="silence_gate is 'yes'; it must be True or False"):
        read_material(portrait(), noisy, silence_gate="yes")
