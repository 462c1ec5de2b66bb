"""Encoders hear a sound as released, at two vectors a frame, whatever its length; long ones in windows."""

import math
from functools import cache
from pathlib import Path

import pytest
import torch
from golden_cases.audio import recorded_encoder

from keyface_lib.audio import AudioFeatures, encode_audio
from keyface_lib.audio.features import source_tokens
from keyface_lib.audio.windows import MARGIN_S, TokenGrid, overlapping, scaled_samples
from keyface_lib.errors import KeyFaceError
from keyface_lib.method.timeline import frames_in

GOLDEN = Path(__file__).parent / "golden"
ROLES = ("wavlm", "beats", "wav2vec2")


@cache
def encoder(role: str):
    return recorded_encoder(GOLDEN, role)


def encoders() -> dict:
    return {role: encoder(role) for role in ROLES}


def voice(seconds: float, seed: int = 0) -> torch.Tensor:
    """Noise that comes and goes four times a second."""
    samples = max(1, round(16_000 * seconds))
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(seed))
    return 0.1 * noise * (1 + torch.sin(8 * math.pi * torch.arange(samples) / 16_000))


def test_every_length_gives_two_finite_vectors_for_every_frame():
    for samples in (1, 3, 400, 640, 641, 1280, 1281, 2799, 2800, 2801, 3841, 16_000):
        features = encode_audio(voice(samples / 16_000), encoders())
        assert features.n_frames == frames_in(samples)
        for role, tensor in features.by_encoder.items():
            assert tensor.shape == (features.n_frames, 2, encoder(role).dim)
            assert tensor.isfinite().all()
            assert tensor.dtype == torch.float32


def test_a_silent_sound_has_finite_features():
    for tensor in encode_audio(torch.zeros(5_000), encoders()).by_encoder.values():
        assert tensor.isfinite().all()


def test_the_second_vector_of_wav2vec2s_last_frame_is_zero():
    last = encode_audio(voice(1.0), encoders()).by_encoder["wav2vec2"][-1]
    assert last[0].norm() > 0
    assert last[1].norm() == 0


def test_wav2vec2_hears_loudness_and_offset_as_nothing_and_wavlm_does_not():
    quiet, loud = voice(1.0), 3 * voice(1.0) + 0.2
    one, other = encode_audio(quiet, encoders()), encode_audio(loud, encoders())
    torch.testing.assert_close(one.by_encoder["wav2vec2"], other.by_encoder["wav2vec2"], atol=1e-3, rtol=0)
    assert (one.by_encoder["wavlm"] - other.by_encoder["wavlm"]).abs().max() > 0.1


def test_stretched_tokens_are_the_ones_torch_would_repeat():
    for tokens, slots in ((99, 100), (96, 100), (8, 12), (179_999, 180_000), (179_984, 180_000)):
        source = source_tokens(tokens, slots, stretched=True)
        exact = torch.arange(slots) * tokens // slots
        assert (source.diff() >= 0).all()
        assert (source - exact).abs().max() <= (1 if slots > 100_000 else 0)  # torch rounds in float32
    assert source_tokens(99, 100, stretched=False).tolist() == list(range(100))


def test_features_join_in_the_order_asked_for():
    counted = torch.arange(3.0)[:, None, None].expand(3, 2, 5)
    features = AudioFeatures(3, {"a": torch.zeros(3, 2, 4), "b": counted})
    assert features.select(["b", "a"]).shape == (3, 2, 9)
    assert features.select(["b", "a"])[2, 0].tolist() == [2.0] * 5 + [0.0] * 4
    picked = features.select(["b"], torch.tensor([[2, 2], [0, 1]]))
    assert picked.shape == (2, 2, 2, 5)
    assert picked[..., 0, 0].tolist() == [[2, 2], [0, 1]]
    with pytest.raises(KeyFaceError, match=r"lack wavlm, they have a, b"):
        features.select(["wavlm", "a"])


def test_features_can_be_trained_on():
    features = encode_audio(voice(0.2), {"beats": encoder("beats")}).by_encoder["beats"]
    assert not features.is_inference()
    weight = torch.ones(features.shape[-1], requires_grad=True)
    (features * weight).sum().backward()
    assert weight.grad is not None


def test_windows_keep_every_position_once_with_context_on_both_sides():
    for total in (*range(1, 60), 199, 200, 201, 1000):
        windows = overlapping(total, length=20, margin=4)
        kept = [i for w in windows for i in range(w.keep_start, w.keep_stop)]
        assert kept == list(range(total))
        for w in windows:
            assert w.stop - w.start == min(total, 20)
            assert w.start == 0 or w.keep_start - w.start >= 4
            assert w.stop == total or w.stop - w.keep_stop >= 4


@pytest.mark.parametrize("grid", [TokenGrid(320, 400), TokenGrid(2560, 2800, tokens=8)])
def test_windows_lie_on_the_grid_of_the_whole_sound(grid):
    samples = 100 * 16_000 + 77
    windows = grid.windows(samples)
    assert len(windows) > 1
    for window in windows:
        start, stop = grid.sample_range(window, samples)
        assert start == window.start * grid.hop
        assert grid.steps(stop - start) == window.stop - window.start
        assert stop - start <= 31 * 16_000
    assert stop == samples


@pytest.mark.parametrize("role", ROLES)
def test_up_to_one_window_the_sound_is_encoded_whole(role):
    """The 30 s that are promised."""
    chunks = []

    class Spy:
        def __getattr__(self, name):
            return getattr(encoder(role), name)

        def tokens(self, samples):
            chunks.append(samples.shape)
            steps = encoder(role).grid.steps(samples.shape[1])
            return torch.zeros(1, steps * encoder(role).grid.tokens, encoder(role).dim)

    encode_audio(torch.zeros(30 * 16_000), {role: Spy()})
    assert len(chunks) == 1


@pytest.mark.parametrize("role", ROLES)
def test_windows_change_when_features_are_computed_but_not_which_sound_they_hear(role):
    """An encoder that reports what it hears gives exactly the same features in windows as at once."""
    real = encoder(role)

    class Listener:
        name, dim, grid = role, 1, real.grid
        even_frames, stretched = real.even_frames, real.stretched
        scaling = staticmethod(real.scaling)

        def tokens(self, samples):
            heard = samples.unfold(1, real.grid.field, real.grid.hop).double().mean(-1)
            return heard.repeat_interleave(real.grid.tokens, dim=1)[..., None]

    waveform = torch.linspace(-1, 1, 30 * 16_000 + 123)
    whole = encode_audio(waveform, {"x": Listener()}, window_s=100).by_encoder["x"]
    parts = []
    windowed = encode_audio(waveform, {"x": Listener()}, lambda done, total: parts.append(total), window_s=12)
    assert parts[0] > 3
    assert torch.equal(windowed.by_encoder["x"], whole)


@pytest.mark.parametrize("role", ROLES)
def test_windowed_features_stay_near_those_of_the_whole_sound(role):
    waveform = voice(20)
    whole = encode_audio(waveform, {"x": encoder(role)}).by_encoder["x"]
    windowed = encode_audio(waveform, {"x": encoder(role)}, window_s=2 * MARGIN_S + 6).by_encoder["x"]
    assert 0 < (windowed - whole).norm() / whole.norm() < 0.15


def test_progress_counts_the_windows_of_all_encoders_and_can_interrupt_between_them():
    calls = []
    heard = {role: encoder(role) for role in ("wavlm", "beats")}
    encode_audio(voice(20), heard, lambda *call: calls.append(call), window_s=12)
    total = calls[0][1]
    assert total == 2 * 3
    assert calls == [(done, total) for done in range(1, total + 1)]

    def stop(done, total):
        if done == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        encode_audio(voice(20), heard, stop, window_s=12)


def test_only_mono_sound_with_samples_is_encoded():
    for waveform in (torch.zeros(2, 100), torch.zeros(0)):
        with pytest.raises(KeyFaceError, match="cannot be encoded"):
            encode_audio(waveform, encoders())


def test_padding_is_silence_before_or_after_normalisation_as_released():
    waveform = 0.5 + voice(0.01)
    scaling = encoder("wav2vec2").scaling(waveform, 640)
    heard = scaled_samples(waveform, 0, 640, scaling)
    assert (heard[len(waveform) :] == 0).all()
    assert abs(float(heard[: len(waveform)].mean())) < 1e-4
    assert abs(float(heard[: len(waveform)].var()) - 1) < 1e-4
