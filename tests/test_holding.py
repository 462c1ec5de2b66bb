"""Keyframes that are held stay bit for bit, the others are sampled around them, and nothing else changes."""

import re

import pytest
import torch
from tiny_models import portrait, tiny_keyface, voice

from keyface_lib.clip.inputs import SAMPLERS
from keyface_lib.errors import KeyFaceError
from keyface_lib.method.holding import (
    CORRELATION,
    DEVIATION,
    fitted,
    hold,
    holding,
    kept_keyframes,
    put_back,
)
from keyface_lib.method.keyframe_text import chosen_keyframes, parse_choice
from keyface_lib.method.sampling import sample_euler
from keyface_lib.method.timeline import Timeline, keyframes_from_windows, windows_from_keyframes

SECONDS = 8.0  # 17 keyframes in two windows: 0 to 12, and 13 to 16 with padding
N = 17
QUICK = {"steps": 2, "batch": 2}
LATENT = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(5))


def animation(**options):
    return tiny_keyface().animate(portrait(), voice(SECONDS), **(QUICK | options)).animation


def keyframes(**options) -> torch.Tensor:
    return torch.cat(list(animation(**options).keyframes()))


@pytest.fixture(scope="module")
def free() -> torch.Tensor:
    return keyframes(seed=1)


def test_windows_and_keyframes_are_each_other_s_inverse():
    for n_frames in (1, 14, 157, 158, 170, 400):
        timeline = Timeline(n_frames)
        numbers = torch.arange(timeline.n_keyframes)
        windows = windows_from_keyframes(numbers, timeline, -1)
        assert torch.equal(windows, timeline.window_keyframes())
        assert torch.equal(keyframes_from_windows(windows, timeline), numbers)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_held_keyframes_are_given_back_bit_for_bit_by_every_sampler(free, sampler):
    held = {2: free[2], 7: LATENT, 16: LATENT / 3}
    around = keyframes(seed=2, held=held, sampler=sampler)
    assert all(torch.equal(around[number], latent) for number, latent in held.items())
    plain = keyframes(seed=2, sampler=sampler)
    rest = [number for number in range(N) if number not in held]
    assert (around[rest] - plain[rest]).abs().amax(dim=(1, 2, 3)).min() > 0


def test_nothing_held_is_as_ever(free):
    assert torch.equal(keyframes(seed=1, held={}), free)
    assert torch.equal(keyframes(seed=1, held=free, reroll=range(N)), free)


def test_a_window_without_held_keyframes_is_as_ever(free):
    around = keyframes(seed=1, held={14: LATENT})
    assert torch.equal(around[:13], free[:13])
    assert not torch.equal(around[13], free[13])


def test_only_what_is_rerolled_changes_and_another_seed_changes_it_otherwise(free):
    first, second = (keyframes(seed=seed, held=free, reroll={3, 15}) for seed in (8, 9))
    rest = [number for number in range(N) if number not in {3, 15}]
    assert torch.equal(first[rest], free[rest])
    for number in (3, 15):
        assert not torch.equal(first[number], free[number])
        assert not torch.equal(first[number], second[number])


def test_what_is_known_costs_nothing(free):
    calls = []
    clip = animation(held=free, reroll={15}, progress=lambda done, total: calls.append((done, total)))
    list(clip.keyframes())
    one_window = animation().calls - animation(held=dict(enumerate(free[:13]))).calls
    assert calls[-1][0] == one_window
    known = animation(held=free)
    assert torch.equal(torch.cat(list(known.keyframes())), free)
    assert known.calls == clip.calls - one_window


def test_a_whole_clip_is_made_of_held_keyframes():
    short = lambda **held: tiny_keyface().animate(portrait(), voice(1.1), **QUICK, **held)  # noqa: E731
    frames, other = (torch.cat(list(short(**held))) for held in ({"held": {1: LATENT}}, {}))
    assert len(frames) == len(other) == 28
    assert not torch.equal(frames[13], other[13])


def test_padding_shows_the_last_keyframe_and_is_held_with_it():
    timeline = Timeline(200)
    held = hold({16: LATENT, 0: LATENT}, timeline.window_keyframes(), (4, 8, 8))
    assert (~held.free).flatten(1).nonzero().tolist() == [[0, 1], *[[1, slot] for slot in range(4, 14)]]
    assert hold({}, timeline.window_keyframes(), (4, 8, 8)) is None
    assert hold({3: LATENT}, timeline.window_keyframes()[1:], (4, 8, 8)) is None


def test_the_network_sees_the_known_latent_at_every_noise_level():
    known, noise = torch.full((1, 3, 1, 1, 1), 2.0), torch.randn(1, 3, 1, 1, 1)
    free = torch.tensor([True, False, True]).view(1, 3, 1, 1, 1)
    seen = []

    def network(x, sigma):
        seen.append((x, sigma))
        return x / (1 + sigma**2)

    sampled = sample_euler(holding(network, known, free, noise), noise, torch.tensor([80.0, 3.0, 0.5, 0.0]))
    assert [sigma for _, sigma in seen] == pytest.approx([80.0, 3.0, 0.5])
    for x, sigma in seen:
        torch.testing.assert_close(x[:, 1], 2.0 + sigma * noise[:, 1])
    torch.testing.assert_close(sampled[:, 1], known[:, 1], rtol=1e-5, atol=1e-5)
    assert torch.equal(put_back(sampled, known, free)[:, 1], known[:, 1])


@pytest.mark.parametrize("sigma", [700.0, 1.0, 0.3, 0.05])
def test_free_slots_are_moved_to_the_mean_of_a_gaussian_given_what_is_held(sigma):
    """Against the textbook: Gaussian slots, seen through noise, but some of them as they are."""
    slots = torch.arange(14, dtype=torch.float64)
    prior = DEVIATION**2 * CORRELATION ** (slots[:, None] - slots).abs()
    x, z = torch.randn(2, 14, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    free = torch.ones(14, dtype=torch.bool)
    free[[3, 4, 9]] = False
    form = lambda values: values.view(1, 14, 1, 1, 1)  # noqa: E731
    seen, noise = torch.where(free, x, z), sigma**2 * torch.eye(14, dtype=torch.float64)
    denoised = prior @ torch.linalg.solve(prior + noise, seen)
    moved = fitted(form(denoised), form(z), form(free), sigma).flatten()
    wanted = prior @ torch.linalg.solve(prior + noise * free, seen)
    torch.testing.assert_close(moved[free], wanted[free], rtol=1e-6, atol=1e-9)


def test_a_window_of_which_nothing_or_all_is_held_is_left_alone():
    d, z = torch.randn(2, 2, 14, 4, 8, 8)
    free = torch.stack([torch.ones(14), torch.zeros(14)]).bool()[..., None, None, None]
    assert torch.equal(fitted(d, z, free, 3.0), d)


@pytest.mark.parametrize(
    ("held", "reroll", "said"),
    [
        ({17: LATENT}, (), "a keyframe of held is 17; it must be from 0 to 16"),
        ({-1: LATENT}, (), "a keyframe of held is -1; it must be from 0 to 16"),
        ({"3": LATENT}, (), "a keyframe of held is '3'; it must be a whole number from 0 to 16"),
        ({3: LATENT[:3]}, (), "held keyframe 3 has the shape (3, 8, 8); give (4, 8, 8)"),
        ({3: None}, (), "held keyframe 3 is missing"),
        ({3: LATENT.long()}, (), "held keyframe 3 is of int64"),
        ({3: LATENT.log()}, (), "held keyframe 3: "),
        (torch.zeros(16, 4, 8, 8), (), "held has the shape (16, 4, 8, 8); give (17, 4, 8, 8)"),
        ([LATENT], (), "by keyframe number, or those of all keyframes"),
        ({3: LATENT}, {17}, "a keyframe of reroll is 17; it must be from 0 to 16"),
        ({3: LATENT}, "3", "reroll is '3'; give a set of keyframe numbers from 0 to 16"),
        ({3: LATENT}, 3, "reroll is 3; give a set of keyframe numbers from 0 to 16"),
        (None, {3}, "reroll leaves nothing to keep, as held is empty"),
    ],
)
def test_what_does_not_belong_to_the_clip_is_refused_in_a_line(held, reroll, said):
    with pytest.raises(KeyFaceError, match=re.escape(said)) as error:
        tiny_keyface().animate(portrait(), voice(SECONDS), held=held, reroll=reroll, **QUICK)
    assert "\n" not in str(error.value)


def test_what_is_kept_is_by_number_whatever_it_is_given_as():
    timeline, whole = Timeline(200), torch.randn(N, 4, 8, 8).half()
    of_tensor = kept_keyframes(whole, {1, 2}, timeline, (4, 8, 8))
    of_mapping = kept_keyframes(dict(enumerate(whole)), [1, 2], timeline, (4, 8, 8))
    assert of_tensor.keys() == of_mapping.keys() == set(range(N)) - {1, 2}
    for number, latent in of_tensor.items():
        assert latent.dtype == torch.float32
        assert torch.equal(latent, whole[number].float())
        assert torch.equal(latent, of_mapping[number])


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", []),
        ("3", [3]),
        ("3, 7-9", [3, 7, 8, 9]),
        ("9 ; 3，7 – 8、1", [1, 3, 7, 8, 9]),
        ("all", list(range(14))),
        ("0s", [0]),
        ("4.2s", [8]),  # at 4.16 s
        ("0.25s 0.27 s", [0, 1]),
        ("1.56s-2.6s", [3, 4, 5]),
        ("1-2s", [2, 3]),
        ("1.05s - 2S", [3]),
        ("6.9s", [13]),
    ],
)
def test_keyframes_are_named_by_number_or_second(text, numbers):
    assert sorted(chosen_keyframes(text, 14)) == numbers


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("14", "there is no keyframe 14: the 14 keyframes are 0 to 13, the last at about 6.76 s"),
        ("7.5s", "there is no keyframe 14"),
        ("1.1s-1.2s", "no keyframe lies between 1.1 s and 1.2 s: they are 0.52 s apart"),
        ("2s-60s", "there is no keyframe 115"),
        ("9-7", "'9-7' ends before it begins"),
        ("4.2", "for seconds write '4.2s'"),
        ("-1", "'-1' names no keyframe"),
        ("seven", "'seven' names no keyframe; write numbers and seconds"),
        ("3..5", "names no keyframe"),
        ("9" * 400 + "s", "names no keyframe"),  # infinite as a float
    ],
)
def test_a_choice_that_cannot_be_made_is_told_in_a_line(text, said):
    with pytest.raises(KeyFaceError, match=re.escape(said)):
        chosen_keyframes(text, 14)


def test_a_choice_can_be_read_before_the_clip_is_known():
    assert len(parse_choice("3, 7-9 100s")) == 3
