"""What people and other programs give as a recording: every kind is heard, or one line says why not."""

import math
import os
import struct
import threading
import warnings
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from test_audio_reading import sine, write_wav
from test_video import moving

from keyface_lib.audio import containers, load_audio, mono_16k
from keyface_lib.audio.loudness import VOICE, level_of, normalized
from keyface_lib.errors import KeyFaceError
from keyface_lib.media import video
from keyface_lib.media.sound import Sound
from keyface_lib.media.video import VideoWriter

LAYOUTS = (
    "2.1",
    "3.0",
    "4.0",
    "quad",
    "5.0",
    "5.1",
    "5.1(side)",
    "6.1",
    "7.1",
    "7.1(wide)",
    "octagonal",
    "7.1.4",
)


def voice(rate: int = 16_000, seconds: float = 2.0, hertz: float = 300.0) -> torch.Tensor:
    """(samples,) that swell and fade as syllables do."""
    t = torch.arange(round(rate * seconds)) / rate
    return (torch.sin(2 * math.pi * hertz * t) * torch.sin(2 * math.pi * 2 * t).abs() * 0.4).float()


def decibels(sound: torch.Tensor, of: torch.Tensor) -> float:
    inner = slice(len(sound) // 10, -(len(sound) // 10))
    return 20 * math.log10(max(float(sound[inner].square().mean() / of[inner].square().mean()), 1e-20)) / 2


def written(path, samples: np.ndarray, rate: int, codec: str, layout: str, lost=None) -> str:
    """A recording of (channels, n) float32; packets that begin in the seconds `lost` are missing."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        form = stream.format.name
        frame = av.AudioFrame.from_ndarray(samples.T.reshape(1, -1).copy(), format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(format=form, layout=layout, rate=rate, frame_size=size)
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            for packet in stream.encode(part):
                at = float(packet.pts * packet.time_base)
                if lost is None or not lost[0] <= at < lost[1]:
                    container.mux(packet)
    return str(path)


@pytest.mark.parametrize("channels", [2, 3, 5, 8, 17, 32, 64])
def test_a_voice_in_any_one_of_any_number_of_channels_keeps_its_level(tmp_path, channels):
    spoken = voice()
    for place in {0, channels // 2, channels - 1}:
        waveform = torch.zeros(channels, len(spoken))
        waveform[place] = spoken
        assert decibels(mono_16k(waveform, 16_000), spoken) == pytest.approx(0, abs=0.5)
        path = write_wav(tmp_path / "many.wav", waveform, 16_000)
        assert decibels(load_audio(path), spoken) == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_voice_in_any_channel_of_any_named_layout_is_heard_by_networks_and_people(tmp_path, layout):
    spoken = voice(48_000)
    channels = av.AudioLayout(layout).nb_channels
    for place in range(channels):
        samples = np.zeros((channels, len(spoken)), np.float32)
        samples[place] = spoken
        path = written(tmp_path / "layout.wav", samples, 48_000, "pcm_f32le", layout)
        assert decibels(load_audio(path), mono_16k(spoken[None], 48_000)) == pytest.approx(0, abs=0.5)
    sound = Sound(path, 0)
    assert sound.read(48_000).shape == (2, 48_000)
    sound.close()


@pytest.mark.parametrize("layout", ["stereo", "downmix", "mono"])
def test_equal_channels_stay_exactly_as_they_are(tmp_path, layout):
    spoken = voice()
    channels = av.AudioLayout(layout).nb_channels
    samples = spoken.expand(channels, -1)
    assert torch.equal(mono_16k(samples, 16_000), spoken)
    path = written(tmp_path / "equal.wav", samples.numpy(), 16_000, "pcm_f32le", layout)
    assert torch.equal(load_audio(path), spoken)


@pytest.mark.parametrize("level", [1.0, 0.95, 1.05, 0.6])
@pytest.mark.parametrize("channels", [2, 4, 7])
def test_channels_that_cancel_are_turned_back_with_a_warning(level, channels):
    spoken = voice()
    waveform = torch.stack([spoken * (-level if channel % 2 else 1) for channel in range(channels)])
    with pytest.warns(UserWarning, match="channels cancel each other"):
        mono = mono_16k(waveform, 16_000)
    assert decibels(mono, spoken) == pytest.approx(0, abs=2.5)
    assert (mono.abs() - spoken.abs()).abs().max() < 0.25  # nowhere a hole, as where signs change


def test_channels_that_cancel_for_a_while_are_heard_throughout():
    spoken = voice(seconds=6)
    other = spoken.clone()
    other[32_000:64_000] *= -1
    with pytest.warns(UserWarning, match="cancel"):
        mono = mono_16k(torch.stack([spoken, other]), 16_000)
    for second in mono.split(16_000):
        assert decibels(second, spoken[:16_000]) > -3


@pytest.mark.parametrize("speakers", [2, 8])
def test_voices_that_take_turns_each_keep_their_level(speakers):
    turns = torch.zeros(speakers, speakers * 16_000)
    for speaker in range(speakers):
        turns[speaker, speaker * 16_000 : (speaker + 1) * 16_000] = voice(seconds=1)
    mono = mono_16k(turns, 16_000)
    assert decibels(mono, turns.sum(dim=0)) == pytest.approx(0, abs=0.3)


def test_strangers_are_averaged_without_a_warning():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2, 48_000, generator=generator) / 10
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.testing.assert_close(mono_16k(noise, 16_000), noise.mean(dim=0))


def test_rumble_in_another_channel_takes_no_voice_away():
    spoken = voice()
    rumble = sine(16_000, len(spoken), hertz=30) * 0.9
    mono = mono_16k(torch.stack([spoken, rumble]), 16_000)
    heard = mono - torch.nn.functional.avg_pool1d(mono[None], 533, 1, 266)[0][: len(mono)]
    assert decibels(heard, spoken) > -3


GAPPED = [
    ("a.mp4", "aac", "stereo"),
    ("a.m4a", "alac", "stereo"),
    ("a.mov", "aac", "mono"),
    ("a.mkv", "libopus", "stereo"),
    ("flac.mkv", "flac", "stereo"),
    ("mp3.mkv", "libmp3lame", "stereo"),
    ("pcm.mkv", "pcm_s16le", "stereo"),
    ("a.webm", "libopus", "mono"),
    ("a.opus", "libopus", "stereo"),
    ("a.flac", "flac", "stereo"),
    ("a.ts", "aac", "stereo"),
    ("ac3.ts", "ac3", "5.1"),
    ("a.flv", "aac", "stereo"),
]


@pytest.mark.parametrize(("name", "codec", "layout"), GAPPED, ids=[name for name, *_ in GAPPED])
def test_sound_keeps_its_place_where_packets_are_missing(tmp_path, name, codec, layout):
    rate = 44_100 if name == "a.flv" else 48_000
    click = np.zeros((av.AudioLayout(layout).nb_channels, 5 * rate), np.float32)
    for second in (0.5, 3.5, 4.5):
        click[:, round(second * rate) : round(second * rate) + 300] = 0.7
    whole = load_audio(written(tmp_path / name, click, rate, codec, layout))
    path = written(tmp_path / name, click, rate, codec, layout, lost=(1.0, 3.0))
    with pytest.warns(UserWarning, match=r"(1\.[89]\d|2\.\d\d) s of sound are missing"):
        ours = load_audio(path)
    assert abs(len(ours) - len(whole)) <= 16
    assert float((ours[:80_000] - whole[:80_000])[48_500:].abs().max()) < 0.1
    heard_by_people = Sound(path, 0)
    sound = heard_by_people.read(5 * rate)[0]
    heard_by_people.close()
    loud = np.flatnonzero(np.abs(sound) > 0.3) / rate
    assert [round(float(t), 1) for t in (loud[0], loud[-1])] == [0.5, 4.5]


@pytest.mark.parametrize(("name", "codec", "layout"), GAPPED, ids=[name for name, *_ in GAPPED])
def test_a_recording_without_gaps_is_what_its_decoder_gives(tmp_path, name, codec, layout):
    rate = 44_100 if name == "a.flv" else 48_000
    path = written(
        tmp_path / name,
        voice(rate).expand(av.AudioLayout(layout).nb_channels, -1).numpy(),
        rate,
        codec,
        layout,
    )
    with av.open(path) as container:
        decoded = sum(frame.samples for frame in container.decode(audio=0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load_audio(path)) == math.ceil(decoded * 16_000 / rate)


def test_a_quiet_recording_is_told_and_can_be_raised(tmp_path):
    loud = voice()
    path = write_wav(tmp_path / "quiet.wav", loud[None] / 100, 16_000)
    with pytest.warns(UserWarning, match=r"quiet\.wav: is very quiet \(-3\d dB.*normalize"):
        quiet = load_audio(path)
    assert level_of(normalized(quiet)) == pytest.approx(VOICE, rel=0.01)
    assert normalized(torch.zeros(9_000)).abs().max() == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_audio(write_wav(tmp_path / "loud.wav", loud[None], 16_000))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_is_read_once_and_heard_twice(tmp_path):
    sound = Path(write_wav(tmp_path / "a.wav", voice()[None], 16_000)).read_bytes()
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(sound,))
    writer.start()
    recording = containers.held(tmp_path / "pipe")
    writer.join()
    torch.testing.assert_close(load_audio(recording), voice())
    with VideoWriter(tmp_path / "a.mkv", 48, 64, recording) as video:
        video.write(moving(25))
    torch.testing.assert_close(load_audio(tmp_path / "a.mkv"), voice()[:16_000], atol=1e-4, rtol=0)
    recording.close()


def test_the_name_of_a_recording_does_not_matter(tmp_path):
    for name in ("a.txt", "a.m3u8", "a.jpg", "a.%03d.png", "concat:a|b", "-o", "a"):
        assert len(load_audio(write_wav(tmp_path / name, voice()[None], 16_000))) == 32_000


def header(rate: int, channels: int = 1) -> bytes:
    form = struct.pack("<HHIIHH", 1, channels, rate, (rate * channels * 2) % 2**32, channels * 2 % 2**16, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", 4000) + b"\1\2" * 2000
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize("rate", [0, 1, 999, 768_001, 2_000_000_000, 4_294_967_295])
def test_a_rate_that_no_sound_has_is_refused_in_one_line(tmp_path, rate):
    (tmp_path / "a.wav").write_bytes(header(rate))
    for opens in (load_audio, lambda path: Sound(path, 0)):
        with pytest.raises(KeyFaceError, match=r"a\.wav: .*(claims|cannot be read)") as refused:
            opens(tmp_path / "a.wav")
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("channels", [0, 65, 1000, 65_535])
def test_more_channels_than_any_sound_has_are_refused_in_one_line(tmp_path, channels):
    (tmp_path / "a.wav").write_bytes(header(16_000, channels))
    with pytest.raises(KeyFaceError, match=r"a\.wav: .*(channels|cannot be read|no audio)"):
        load_audio(tmp_path / "a.wav")


def test_a_plain_wav_of_32_channels_becomes_a_video(tmp_path):
    path = write_wav(tmp_path / "a.wav", voice().expand(32, -1), 16_000, width=2)
    for name in ("a.mp4", "a.mkv", "folder"):
        with VideoWriter(tmp_path / name, 48, 64, path) as writer:
            writer.write(moving(25))
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert container.streams.audio[0].codec_context.layout.nb_channels == 2
    heard = load_audio(tmp_path / "a.mkv")
    assert decibels(heard, voice()[:16_000]) == pytest.approx(0, abs=0.5)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_a_closed_video_and_one_that_cannot_be_begun_let_go_of_the_recording(tmp_path, monkeypatch):
    path = write_wav(tmp_path / "a.wav", voice()[None], 16_000)

    def is_open() -> bool:
        numbers = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
        return path in [os.readlink(number) for number in numbers if os.path.islink(number)]

    with VideoWriter(tmp_path / "a.mkv", 48, 64, path) as writer:
        writer.write(moving(2))
        assert is_open()
    assert not is_open()
    monkeypatch.setattr(video, "Movie", None)
    with pytest.raises(TypeError):
        VideoWriter(tmp_path / "b.mkv", 48, 64, path)
    assert not is_open()
    assert sorted(os.listdir(tmp_path)) == ["a.mkv", "a.wav"]
