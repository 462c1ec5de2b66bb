"""Any sound file or waveform becomes mono 16 kHz: right in length, place and loudness."""

import math
import struct

import av
import numpy as np
import pytest
import torch

from keyface_lib.audio import load_audio, mono_16k
from keyface_lib.errors import KeyFaceError

RATES = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000)


def sine(rate: int, samples: int, hertz: float = 440.0) -> torch.Tensor:
    return torch.sin(2 * math.pi * hertz * torch.arange(samples, dtype=torch.float64) / rate).float()


def write_wav(path, waveform: torch.Tensor, rate: int, width: int = 4) -> str:
    """WAV of (channels, samples): 32-bit float, or integers of `width` 1 or 2 bytes."""
    channels = waveform.shape[0]
    interleaved = waveform.T.contiguous().numpy()
    if width == 4:
        tag, data = 3, interleaved.astype("<f4").tobytes()
    elif width == 2:
        tag, data = 1, np.round(interleaved * 32767).astype("<i2").tobytes()
    else:
        tag, data = 1, np.round(interleaved * 127 + 128).astype("u1").tobytes()
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * channels * width, channels * width, 8 * width)
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return str(path)


def write_movie(path, with_sound: bool) -> str:
    """A second of black; its sound is half a second of silence, then a sine."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=48_000, layout="stereo") if with_sound else None
        for _ in range(25):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio is not None:
            samples = torch.cat([torch.zeros(24_000), sine(48_000, 24_000) / 2]).numpy()
            frame = av.AudioFrame.from_ndarray(np.stack([samples, samples]), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 48_000, 0
            container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return str(path)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("seconds", [3e-5, 0.01, 1.37])
def test_a_sound_keeps_its_length_at_any_rate(rate, seconds):
    samples = max(1, round(rate * seconds))
    assert len(mono_16k(torch.zeros(1, samples), rate)) == math.ceil(samples * 16_000 / rate)


@pytest.mark.parametrize("rate", RATES)
def test_a_sine_stays_where_it_is_from_the_first_block_to_the_last(rate):
    ours = mono_16k(sine(rate, 3 * rate + 5)[None], rate)
    inner = slice(100, -100)
    torch.testing.assert_close(ours[inner], sine(16_000, len(ours))[inner], atol=1e-4, rtol=0)


def test_an_impulse_stays_where_it_is():
    waveform = torch.zeros(1, 48_000)
    waveform[0, 30_000] = 1
    assert mono_16k(waveform, 48_000).abs().argmax() == 10_000


def test_a_sound_begins_and_ends_in_silence():
    """Resamplers mirror a sound at its ends, if left alone."""
    step = torch.ones(1, 4_800)
    between_silences = torch.nn.functional.pad(step, (4_800, 4_800))
    torch.testing.assert_close(mono_16k(step, 48_000), mono_16k(between_silences, 48_000)[1_600:3_200])


def test_sound_above_eight_kilohertz_is_removed_and_not_folded_down():
    assert mono_16k(sine(48_000, 48_000, hertz=10_000)[None], 48_000)[100:-100].abs().max() < 1e-3


def test_channels_are_averaged():
    waveform = torch.stack([torch.full((500,), 0.1 * channel) for channel in range(8)])
    torch.testing.assert_close(mono_16k(waveform, 16_000), torch.full((500,), 0.35))


@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize(("channels", "rate"), [(1, 16_000), (2, 44_100), (8, 192_000)])
def test_a_file_and_its_waveform_give_the_same_sound(tmp_path, channels, rate, width):
    waveform = torch.stack([sine(rate, rate // 3, 200.0 * (channel + 1)) for channel in range(channels)]) / 2
    ours = load_audio(write_wav(tmp_path / "sound.wav", waveform, rate, width))
    assert ours.dtype == torch.float32
    rounding = {1: 0.02, 2: 1e-4, 4: 1e-6}[width]
    torch.testing.assert_close(ours, mono_16k(waveform, rate), atol=rounding, rtol=0)


def test_three_samples_are_a_sound(tmp_path):
    assert load_audio(write_wav(tmp_path / "short.wav", torch.ones(1, 3) / 2, 16_000)).tolist() == [0.5] * 3
    assert len(load_audio(write_wav(tmp_path / "shorter.wav", torch.ones(1, 3), 48_000))) == 1


def test_sound_is_read_out_of_a_movie(tmp_path):
    ours = load_audio(write_movie(tmp_path / "movie.mp4", with_sound=True))
    assert 16_000 <= len(ours) <= 16_000 + 400  # AAC comes in blocks
    assert abs(int((ours.abs() > 0.1).nonzero()[0]) - 8_000) < 16


def test_blocks_do_not_show():
    noise = torch.randn(1, 300_000, generator=torch.Generator().manual_seed(0))
    whole = mono_16k(noise, 44_100)
    later = mono_16k(noise[:, 44_100:], 44_100)
    torch.testing.assert_close(whole[16_100:], later[100:], atol=1e-5, rtol=0)


def test_a_damaged_part_of_a_file_is_left_out_with_a_warning(tmp_path):
    path = tmp_path / "damaged.mp4"
    whole = len(load_audio(write_movie(path, with_sound=True)))
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size > 100]
    data = bytearray(path.read_bytes())
    victim = packets[len(packets) // 2]
    data[victim.pos : victim.pos + victim.size] = b"\xff" * victim.size
    path.write_bytes(data)
    with pytest.warns(UserWarning, match="damaged") as warned:
        damaged = load_audio(path)
    told = [str(warning.message) for warning in warned]
    assert "damaged.mp4: 1 damaged packet" in told[0]
    assert "there is silence in their place" in told[1]
    assert len(damaged) == whole


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_a_sound_that_is_not_finite_is_refused(tmp_path, value, rate):
    waveform = torch.zeros(1, 5_000)
    waveform[0, 700] = value
    with pytest.raises(KeyFaceError, match=r"bad\.wav: .*NaN or infinite"):
        load_audio(write_wav(tmp_path / "bad.wav", waveform, rate))
    with pytest.raises(KeyFaceError, match="NaN or infinite"):
        mono_16k(waveform, rate)


def test_unusable_files_are_named_with_the_reason(tmp_path):
    text = tmp_path / "text.wav"
    text.write_text("this is no sound")
    empty = write_wav(tmp_path / "empty.wav", torch.zeros(1, 0), 16_000)
    silent = write_movie(tmp_path / "silent.mp4", with_sound=False)
    for path, reason in {
        tmp_path / "missing.wav": "no such recording",
        tmp_path: "is a folder, not a recording",
        text: "cannot be read",
        empty: "no samples",
        silent: "no audio stream",
    }.items():
        with pytest.raises(KeyFaceError, match=reason) as refusal:
            load_audio(path)
        assert str(path) in str(refusal.value)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("waveform", "rate"), [(torch.zeros(100), 16_000), (torch.zeros(1, 0), 16_000), (torch.zeros(1, 9), 0)]
)
def test_unusable_waveforms_are_refused(waveform, rate):
    with pytest.raises(KeyFaceError):
        mono_16k(waveform, rate)
