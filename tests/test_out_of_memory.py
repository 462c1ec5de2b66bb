"""Memory that runs out, at every place of a clip: it goes on with the same clip, or ends in the one error."""

import logging
from contextlib import contextmanager
from copy import copy
from functools import cache

import pytest
import torch
from pretend_device import PretendCard
from tiny_models import portrait, tiny_folder, tiny_keyface, voice

from keyface_lib.audio import encode_audio, find_vocalizations
from keyface_lib.clip.animate import Animation
from keyface_lib.clip.frames import decode_batch, decode_segments
from keyface_lib.errors import KeyFaceError
from keyface_lib.method.emotion import constant
from keyface_lib.pipeline import KeyFace

STEPS = 2
FRAMES = {"keyframe": 170, "interpolation": 50, "reduced": 50}
"""Two windows, of which only the keyframes are looked at; four segments."""
REMEDIES = r"--offload.*--dtype.*weight_dtype.*smaller images"


@cache
def planned(role: str) -> Animation:
    clip = tiny_keyface().animate(portrait(), voice(FRAMES[role] / 25), batch=2, steps=STEPS)
    return clip.animation


def animation(role: str, progress=None) -> Animation:
    """A new clip of the inputs that have been encoded once."""
    made = copy(planned(role))
    made.__init__(made.models, made.identity, made.features, constant(0, 0), made.settings, progress)
    return made


def latents_of(made: Animation, role: str) -> torch.Tensor:
    return torch.cat(list(made.keyframes() if role == "keyframe" else made.segments()))


@cache
def undisturbed(role: str) -> tuple[torch.Tensor, int]:
    """The latents, and the last count of calls."""
    told = []
    return latents_of(animation(role, lambda done, _: told.append(done)), role), told[-1]


@contextmanager
def full(module: torch.nn.Module, at_call: int, above: int, times: int = 1):
    """Memory runs out from a module's call `at_call` on, `times` times, with more than `above` items."""
    calls = {"all": 0, "failed": 0}

    def before(_module, inputs):
        calls["all"] += 1
        if calls["all"] > at_call and len(inputs[0]) > above and calls["failed"] < times:
            calls["failed"] += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    handle = module.register_forward_pre_hook(before)
    try:
        yield calls
    finally:
        handle.remove()


# Every branch of every denoising step of segments, in the first batch and in the second.
STEPS_OF = [(role, call) for role in ("interpolation", "reduced") for call in range(2 * STEPS)]


@pytest.mark.parametrize(("role", "call"), STEPS_OF)
def test_a_clip_goes_on_with_half_the_batch_wherever_a_step_did_not_fit(role, call, caplog):
    told = []
    made = animation(role, lambda done, total: told.append(done))
    with caplog.at_level(logging.WARNING), full(getattr(made.models, role).unet, call, above=1) as calls:
        latents = latents_of(made, role)
    expected, last = undisturbed(role)
    assert calls["failed"] == 1
    assert (latents - expected).norm() < 1e-4 * expected.norm()
    assert len(caplog.records) == 1
    assert told[-1] == max(told) == last


@pytest.mark.parametrize("role", ["interpolation", "reduced"])
def test_what_did_not_fit_once_is_not_tried_again_in_the_whole_clip(role):
    made = animation(role)
    with full(getattr(made.models, role).unet, 0, above=1, times=99) as calls:
        latents_of(made, role)
    assert calls["failed"] == 1


@pytest.mark.parametrize("role", FRAMES)
def test_a_stage_that_never_fits_ends_in_the_one_error(role):
    made = animation(role)
    what = "a window of keyframes" if role == "keyframe" else "a segment of the interpolation"
    with (
        full(getattr(made.models, role).unet, 0, above=0, times=99) as calls,
        pytest.raises(KeyFaceError, match=f"{what} does not fit.*{REMEDIES}"),
    ):
        list(made)
    assert calls["failed"] == (1 if role == "keyframe" else 2), "windows are sampled one by one"


def latents(count: int) -> torch.Tensor:
    return torch.randn(count, 14, 4, 8, 8, generator=torch.Generator().manual_seed(0))


def test_decoding_goes_on_with_fewer_frames_for_the_rest_of_the_clip():
    vae = tiny_keyface().models.vae
    expected = decode_segments(vae, latents(2))
    batch = decode_batch(vae, 8, 8, vae.device)
    with full(vae.decoder, 0, above=7, times=99) as calls:
        first, second = (decode_segments(vae, part, batch) for part in latents(2).split(1))
    assert calls["failed"] == 1
    assert batch.items == 7
    torch.testing.assert_close(torch.cat([first, second]), expected, atol=1e-5, rtol=1e-4)


def decoded():
    made = tiny_keyface().animate(portrait(), voice(0.2), batch=1, steps=1)
    return list(made)


ONE_ITEM = {
    "one frame to decode": ("vae.decoder", decoded),
    "the portrait to encode": ("vae.encoder", lambda: tiny_keyface().encode_portrait(portrait())),
} | {
    f"a window of sound for {name}": (f"encoders.{name}", lambda: tiny_keyface().encode_audio(voice(0.2)))
    for name in ("wavlm", "beats", "wav2vec2")
}


@pytest.mark.parametrize("what", ONE_ITEM)
def test_a_single_thing_that_does_not_fit_is_named(what):
    (owner, name), act = ONE_ITEM[what][0].split("."), ONE_ITEM[what][1]
    owner = getattr(tiny_keyface().models, owner)
    module = owner[name] if isinstance(owner, dict) else getattr(owner, name)
    # BEATs and wav2vec2 are called by methods of their own: their first layer is what runs.
    inside = {"beats": "patch_embedding", "wavlm": "model", "wav2vec2": "model"}.get(name)
    with (
        full(getattr(module, inside) if inside else module, 0, above=0, times=99),
        pytest.raises(KeyFaceError, match=f"{what} does not fit.*{REMEDIES}"),
    ):
        act()


def test_sounds_are_searched_in_smaller_batches():
    beats, told = labelled_beats(), []
    expected = find_vocalizations(voice(5), beats, threshold=0.0)
    with full(beats.patch_embedding, 0, above=3, times=99) as calls:
        found = find_vocalizations(voice(5), beats, 0.0, lambda done, total: told.append((done, total)))
    assert calls["failed"] == 1
    assert [(v.start_s, v.label) for v in found] == [(v.start_s, v.label) for v in expected]
    assert told[-1][0] == told[-1][1]


def labelled_beats():
    from keyface_lib.audio.beats import BEATsEncoder
    from keyface_lib.tiny import BEATS

    torch.manual_seed(0)
    labels = ["/m/01j3sz", *(f"/m/{number}" for number in range(526))]
    return BEATsEncoder(BEATS, "beats", labels).eval()


@pytest.mark.parametrize("offload", [False, True])
def test_weights_that_do_not_fit_are_not_tried_again_and_stay_usable(offload):
    with PretendCard() as card:
        keyface = KeyFace.from_pretrained(tiny_folder(), device="cuda", offload=offload)
        models = keyface.models
        clip = keyface.animate(portrait(), voice(0.2), batch=2, steps=1)
        models.unload(models.vae)
        card.capacity = card.live + 2**20
        with pytest.raises(KeyFaceError, match=f"the keyframe network.* does not fit.*{REMEDIES}"):
            list(clip)
        card.capacity = float("inf")
        assert sum(map(len, clip)) == clip.n_frames


@pytest.mark.parametrize("offload", [False, True])
def test_a_card_that_fills_up_while_a_clip_is_made_makes_it_to_the_end(offload, caplog):
    with PretendCard(capacity=200e6) as card:
        keyface = KeyFace.from_pretrained(tiny_folder(), device="cuda", offload=offload)
        clip = keyface.animate(portrait(), voice(2.2), batch=5, steps=1)
        models, told = keyface.models, []
        clip.animation.progress = lambda done, total: told.append((done, total))
        # Somebody else leaves room for the weights, a frame to decode, and a sequence or two.
        models.load_to_device(models.keyframe, models.interpolation, models.reduced, models.vae)
        card.capacity = card.live + 8e6
        models.unload(models.keyframe, models.interpolation, models.reduced, models.vae)
        with caplog.at_level(logging.WARNING):
            assert sum(map(len, clip)) == clip.n_frames
    assert caplog.records
    assert told[-1] == (clip.animation.calls, clip.animation.calls)


def test_a_plain_call_of_the_audio_encoding_says_it_too():
    encoders = {"wavlm": tiny_keyface().models.encoders["wavlm"]}
    with (
        full(encoders["wavlm"].model, 0, above=0, times=99),
        pytest.raises(KeyFaceError, match="a window of sound for wavlm does not fit"),
    ):
        encode_audio(voice(0.2), encoders)
