"""Laughter, sighs and coughs are found where they are, with BEATs' own classes and label table."""

from pathlib import Path

import pytest
import torch
from golden_cases.audio import recorded_encoder

from keyface_lib.audio import find_vocalizations
from keyface_lib.audio.vocalizations import VOCALIZATIONS
from keyface_lib.audio.windows import TokenGrid
from keyface_lib.errors import KeyFaceError

GOLDEN = Path(__file__).parent / "golden"
LABELS = ("/m/09x0r", "/m/01j3sz", "/m/01b_21")  # speech, laughter, cough


class LoudnessBeats:
    """Hears speech always, laughter where its window's middle is above zero and a cough where it is below."""

    labels = LABELS
    grid = TokenGrid(2560, 2800, 8)

    def logits(self, samples: torch.Tensor) -> torch.Tensor:
        middle = samples.shape[1] // 2
        level = samples[:, middle - 800 : middle + 800].mean(dim=1)
        return torch.stack([torch.full_like(level, 9.0), 20 * level - 3, -20 * level - 3], dim=1)


def sound(seconds: float, **events: tuple[float, float]) -> torch.Tensor:
    waveform = torch.zeros(int(16_000 * seconds))
    for name, (start, end) in events.items():
        waveform[int(16_000 * start) : int(16_000 * end)] = 0.5 if name == "laughter" else -0.5
    return waveform


def test_events_are_found_where_they_lie_and_neighbouring_hits_are_one():
    found = find_vocalizations(sound(30, laughter=(5, 9), cough=(20, 21.5)), LoudnessBeats())
    assert [event.label for event in found] == ["laughter", "cough"]
    for event, (start, end) in zip(found, [(5, 9), (20, 21.5)], strict=True):
        assert abs(event.start_s - start) <= 0.5
        assert abs(event.end_s - end) <= 0.5
        assert event.score == pytest.approx(torch.tensor(7.0).sigmoid().item())


def test_two_events_apart_stay_two_and_speech_is_none():
    found = find_vocalizations(sound(20, laughter=(2, 4)) + sound(20, laughter=(10, 12)), LoudnessBeats())
    assert [event.label for event in found] == ["laughter", "laughter"]


def test_events_do_not_leave_the_sound():
    for seconds in (0.1, 1.3, 2.0, 7.25):
        (event,) = find_vocalizations(sound(seconds, laughter=(0, seconds)), LoudnessBeats())
        assert (event.start_s, event.end_s) == (0, seconds)


def test_the_threshold_decides():
    waveform = sound(10, laughter=(2, 5))
    assert find_vocalizations(waveform, LoudnessBeats(), threshold=0.9)
    assert not find_vocalizations(waveform, LoudnessBeats(), threshold=0.9999)


def test_progress_reaches_its_total_and_can_interrupt():
    calls = []
    find_vocalizations(sound(60), LoudnessBeats(), progress=lambda *call: calls.append(call))
    assert len(calls) > 1
    assert calls[-1][0] == calls[-1][1] == 117

    def stop(done, total):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        find_vocalizations(sound(60), LoudnessBeats(), progress=stop)


def test_the_real_head_is_asked_by_label():
    """The recorded encoder's probabilities, under labels that name one class laughter."""
    beats = recorded_encoder(GOLDEN, "beats")
    waveform = 0.1 * torch.randn(32_000, generator=torch.Generator().manual_seed(0))
    score = beats.logits(waveform[None]).sigmoid()[0, 300]
    beats.labels = tuple("/m/01j3sz" if index == 300 else f"/x/{index}" for index in range(527))
    (event,) = find_vocalizations(waveform, beats, threshold=0.0)
    assert (event.label, event.start_s, event.end_s) == ("laughter", 0, 2)
    assert event.score == pytest.approx(float(score), rel=1e-5)


def test_a_file_without_labels_or_without_these_sounds_is_refused():
    beats = LoudnessBeats()
    for labels, reason in ((None, "no label table"), (("/m/09x0r",), "name no laughter")):
        beats.labels = labels
        with pytest.raises(KeyFaceError, match=reason):
            find_vocalizations(sound(1), beats)
    with pytest.raises(KeyFaceError, match="cannot be searched"):
        find_vocalizations(torch.zeros(2, 100), LoudnessBeats())


def test_the_sounds_looked_for_have_distinct_names():
    assert len(set(VOCALIZATIONS.values())) == len(VOCALIZATIONS)
    assert {"laughter", "sigh", "cough", "throat clearing", "sneeze", "gasp", "giggle"} <= set(
        VOCALIZATIONS.values()
    )
