"""Head motion and expression: as trained at 1, stiller and fainter below, livelier and stronger above."""

import pytest
import torch
from test_small import former_mouth
from tiny_models import portrait, tiny_keyface, voice

from keyface_lib import small
from keyface_lib.audio import load_audio
from keyface_lib.errors import KeyFaceError
from keyface_lib.method.emotion import constant
from keyface_lib.method.guidance import split_weights
from keyface_lib.method.merging import to_bytes
from keyface_lib.method.noise import unit_noise
from keyface_lib.method.performance import BLIND, SETTLED, expressive_weights, livelier, shared_noise
from keyface_lib.pipeline import KeyFace

QUICK = {"steps": 3, "batch": 2}
STRENGTHS = (0.0, 0.5, 1.0, 1.5, 2.0)


def tiny_keyframes(emotion="neutral", **options) -> torch.Tensor:
    clip = tiny_keyface().animate(portrait(), voice(8.0), emotion, **(QUICK | options))
    return torch.cat(list(clip.animation.keyframes()))


@pytest.fixture(scope="module")
def keyface() -> KeyFace:
    return KeyFace.from_pretrained(device="cpu")


def small_keyframes(keyface: KeyFace, sound, emotion="neutral", **options) -> torch.Tensor:
    clip = keyface.animate(small.PORTRAIT, sound, emotion, batch=2, **options)
    return torch.cat(list(clip.animation.keyframes()))


def test_strengths_of_one_change_nothing_bit_for_bit():
    plain = tiny_keyframes("happy")
    assert torch.equal(tiny_keyframes("happy", head_motion=1, expression=1), plain)
    noise = unit_noise(0, "keyframes", range(2), 4, 2, 2)
    assert shared_noise(noise, 0, 1.0) is noise
    assert expressive_weights(split_weights(5, 2), 1.0) == split_weights(5, 2)


def test_every_other_strength_changes_something():
    plain = tiny_keyframes("happy")
    for options in ({"head_motion": 0.0}, {"head_motion": 2.0}, {"expression": 0.0}, {"expression": 2.0}):
        assert not torch.equal(tiny_keyframes("happy", **options), plain), options


@pytest.mark.parametrize("motion", [0.0, 0.3, 0.7])
def test_keyframes_share_so_much_noise_that_their_differences_shrink_by_the_strength(motion):
    own = unit_noise(3, "keyframes", range(3), 4, 32, 32)
    mixed = shared_noise(own, 3, motion)
    assert mixed.std() == pytest.approx(1, abs=0.05)
    differences = (mixed[:, 1:] - mixed[:, :-1]).std() / (own[:, 1:] - own[:, :-1]).std()
    assert differences == pytest.approx(motion, abs=1e-3)
    assert torch.equal(shared_noise(own[2:], 3, motion), mixed[2:])  # whatever windows are batched together
    assert not torch.equal(shared_noise(own, 4, motion), mixed)


def test_only_what_is_by_chance_is_made_livelier():
    conditions, chance = torch.randn(2, 14, 4, 2, 2), torch.randn(2, 14, 4, 2, 2)
    change = livelier(2.0)
    assert torch.equal(change(conditions, 700.0), conditions)
    mean = chance[:, 1:].mean(dim=1, keepdim=True)
    wanted = conditions + mean + 2 * (chance - mean)
    torch.testing.assert_close(change(conditions + chance, 4.0), wanted)
    rows = 2
    assert torch.equal(change(conditions + chance, SETTLED * rows), conditions + chance)
    late = livelier(2.0)
    assert torch.equal(late(conditions + chance, BLIND / 2), conditions + chance)


def test_heads_move_more_the_greater_the_strength(keyface):
    """In silence all that differs between keyframes is by chance."""
    spreads = []
    for motion in STRENGTHS:
        keyframes = small_keyframes(keyface, torch.zeros(8 * 16_000), head_motion=motion, seed=1)
        spreads.append(float(keyframes.std(dim=0).square().mean().sqrt()))
    assert spreads == sorted(spreads)
    assert spreads[0] < 0.5 * spreads[2] < 0.5 * spreads[4]


def test_mouths_follow_the_sound_at_every_strength(keyface):
    speech = load_audio(small.SPEECH)
    heights = {}
    for motion in STRENGTHS[::2]:
        keyframes = small_keyframes(keyface, speech, head_motion=motion)
        heights[motion], _ = former_mouth(to_bytes(keyface.models.vae.decode_frames(keyframes)))
    found = [float(torch.corrcoef(torch.stack([heights[1.0], heights[m]]))[0, 1]) for m in (0.0, 2.0)]
    assert min(found) > 0.6


def test_a_weak_feeling_is_a_scaled_curve():
    valence, arousal = 0.85, 0.75
    weak = tiny_keyframes("happy", expression=0.5)
    assert torch.equal(weak, tiny_keyframes(constant(valence / 2, arousal / 2)))
    assert torch.equal(tiny_keyframes("happy", expression=0), tiny_keyframes("neutral"))


def test_a_neutral_face_stays_neutral_however_strong():
    torch.testing.assert_close(tiny_keyframes(expression=2), tiny_keyframes(), rtol=1e-3, atol=1e-3)


def test_feelings_show_more_the_greater_the_strength(keyface):
    bends = []
    for strength in STRENGTHS:
        frames = small_keyframes(keyface, torch.zeros(3 * 16_000), "happy*0.5", expression=strength)
        _, bend = former_mouth(to_bytes(keyface.models.vae.decode_frames(frames)))
        bends.append(float(bend.mean()))
    assert bends == sorted(bends)
    assert bends[0] + 0.02 < bends[2]
    assert bends[2] + 0.01 < bends[4]


def test_only_a_strong_feeling_costs_another_call():
    def calls(**options) -> int:
        options = QUICK | {"audio_scale": 5.0, "identity_scale": 2.0} | options
        return tiny_keyface().animate(portrait(), voice(2.0), "happy", **options).calls

    assert calls(expression=0.5, head_motion=2) == calls()
    assert calls(expression=1.5) == calls() + 3  # one at each noise level


def test_held_keyframes_stay_bit_for_bit_at_every_strength():
    free = tiny_keyframes(seed=1)
    for options in ({"head_motion": 0.0}, {"head_motion": 2.0}, {"expression": 2.0}):
        around = tiny_keyframes("happy", seed=2, held={3: free[3], 14: free[14]}, **options)
        assert torch.equal(around[[3, 14]], free[[3, 14]]), options
        assert not torch.equal(around[4], free[4])


@pytest.mark.parametrize("name", ["head_motion", "expression"])
def test_strengths_lie_between_0_and_2(name):
    for value in (-0.1, 2.1, float("nan"), "1", True):
        with pytest.raises(KeyFaceError, match=f"{name} is .* from 0 to 2"):
            tiny_keyframes(**{name: value})
