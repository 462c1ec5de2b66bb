"""The estimate: the same on every call, from the memory that is free, of the batch that will run."""

import itertools
import time
from dataclasses import replace

import pytest
import torch
from pretend_device import PretendCard
from tiny_models import portrait, tiny_folder, tiny_keyface, voice

from keyface_lib.clip import cost
from keyface_lib.clip.cost import LARGEST_BATCH, LiveBytes, measure
from keyface_lib.pipeline import KeyFace


def test_a_second_measurement_in_a_process_says_the_same():
    models = tiny_keyface().models
    first, second = measure(models, sequences=2), measure(models, sequences=2)
    assert first.sequence_bytes == second.sequence_bytes > 500_000
    assert first.decode_bytes == second.decode_bytes > 500_000
    assert first.batch == second.batch == LARGEST_BATCH
    assert second.resident_bytes < first.resident_bytes + 200e6


def test_a_second_measurement_on_a_card_says_the_same_and_the_batch_fits(monkeypatch):
    monkeypatch.setattr(cost, "TIMED_CALLS", 0)
    with PretendCard(capacity=64e6) as card:
        keyface = KeyFace.from_pretrained(tiny_folder(), device="cuda", dtype=torch.float32)
        models = keyface.models
        costs = [measure(models, sequences=1) for _ in range(2)]
        known = [replace(found, call_seconds=0, decode_seconds=0) for found in costs]
        assert known[0] == known[1]
        found = costs[0]
        assert found.resident_bytes == card.live
        room = card.capacity - card.live
        assert 1 < found.batch == min(LARGEST_BATCH, int(0.8 * room // found.sequence_bytes))
        # One that is nearly full gets a smaller batch, whatever was held before.
        card.capacity = card.live + 4 * found.sequence_bytes
        assert measure(models, batch=1).batch == 3
        card.capacity = 64e6
        card.peak = card.live
        clip = keyface.animate(portrait(), voice(0.2), batch=1, steps=1)
        sum(map(len, clip))
        assert card.peak <= found.bytes(1) * 1.1


def test_more_than_memory_allows_is_not_planned_on_a_processor(monkeypatch):
    models = tiny_keyface().models
    one = measure(models, sequences=1).sequence_bytes
    monkeypatch.setattr(cost, "CPU_BATCH_BYTES", 5 * one + 1)
    found = measure(models, sequences=1)
    assert found.batch == 5
    assert found.bytes(5) == found.resident_bytes + max(5 * one, found.decode_bytes)


def test_a_clip_chooses_its_batch_from_what_was_measured(monkeypatch):
    monkeypatch.setattr(cost, "CPU_BATCH_BYTES", 3 * measure(tiny_keyface().models, 1).sequence_bytes + 1)
    clip = tiny_keyface().animate(portrait(), voice(2), steps=1)
    sizes = []
    unet = tiny_keyface().models.interpolation.unet
    handle = unet.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    list(clip.animation.segments())
    handle.remove()
    assert clip.cost.batch == clip.animation.settings.batch == 3
    assert sizes == [3, 1], "four segments in one call of three and one of one"


class Clock:
    """A device on which a call takes a fixed time and a time for every sequence."""

    def __init__(self, models, seconds, per_sequence):
        self.now, self.sizes = 0.0, []
        self.fixed, self.per_sequence = seconds, per_sequence
        # The first call of either batch is slow, where that does not count alone.
        self.slow = itertools.chain([5.0, 5.0 if seconds < 0.1 else 1.0], itertools.repeat(1.0))
        self.unet = models.interpolation.unet

    def __enter__(self):
        self.handle = self.unet.register_forward_pre_hook(self.tick)
        return self

    def __exit__(self, *_):
        self.handle.remove()

    def tick(self, _, inputs):
        self.sizes.append(len(inputs[0]))
        self.now += (self.fixed + self.per_sequence * len(inputs[0])) * next(self.slow)


@pytest.mark.parametrize(("fixed", "calls"), [(0.001, 5), (1.0, 2)])
def test_the_batch_that_runs_is_timed_warmed_up_and_not_for_long(monkeypatch, fixed, calls):
    models = tiny_keyface().models
    with Clock(models, fixed, 0.002) as clock:
        monkeypatch.setattr(time, "perf_counter", lambda: clock.now)
        found = measure(models, batch=6)
    assert clock.sizes == [1] + [6] * (calls - 1)
    assert found.call_seconds == pytest.approx((fixed + 6 * 0.002) / 6)
    assert found.seconds(calls=12, segments=0) == pytest.approx(2 * (fixed + 6 * 0.002))


def test_a_short_clip_is_not_tried_with_more_sequences_than_it_has():
    models = tiny_keyface().models
    with Clock(models, 0, 0) as clock:
        assert measure(models, sequences=2).batch == LARGEST_BATCH
    assert max(clock.sizes) == 2


def test_a_card_that_has_less_than_it_says_is_believed_the_second_time(monkeypatch):
    models = tiny_keyface().models

    def before(_, inputs):
        if len(inputs[0]) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")

    handle = models.interpolation.unet.register_forward_pre_hook(before)
    try:
        assert measure(models).batch == 3
    finally:
        handle.remove()


@pytest.mark.parametrize("inference", [False, True])
def test_live_bytes_are_those_of_tensors_made_inside_and_still_alive(inference):
    older = torch.zeros(1000)
    with torch.inference_mode(inference), LiveBytes() as live:
        view = older[10:20] + 0
        assert live.peak == 40
        kept = torch.zeros(100)
        del view
        torch.ones(200)
        more = kept.view(10, 10).T
    assert live.peak == 400 + 800
    assert more is not None
