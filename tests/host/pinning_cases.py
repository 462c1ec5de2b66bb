"""Keyframes that are held, in the host's own Python, on the small model.

python pinning_cases.py COMFYUI   prints one JSON object a case: name, wrong (null where it is right)
"""

import itertools
import json
import sys
from collections.abc import Callable

from in_host import called, prepare

prepare(sys.argv[1])

import comfy.samplers  # noqa: E402
import torch  # noqa: E402
from comfy_extras.nodes_custom_sampler import KSamplerSelect, SamplerCustomAdvanced  # noqa: E402
from keyface_pack.keyface_lib.errors import KeyFaceError  # noqa: E402
from keyface_pack.nodes import latents  # noqa: E402
from keyface_pack.nodes.keyframe_images import ImagesToKeyframes, KeyframesToImages  # noqa: E402
from keyface_pack.nodes.keyframes import KeyframeGuider, KeyframeSampler, SelectKeyframes  # noqa: E402
from keyface_pack.nodes.pinning import PinKeyframes, RerollKeyframes  # noqa: E402
from keyface_pack.nodes.preview import TimelinePreview  # noqa: E402
from keyface_pack.nodes.sampling import sigmas_of  # noqa: E402
from stand_in import heard, small_model, without_cost  # noqa: E402

import nodes as host_nodes  # noqa: E402

CHEAP, REAL = without_cost(small_model()), small_model()
SECONDS, N = 8.0, 17
"""Two windows: keyframes 0 to 12, and 13 to 16 with padding."""
HEARD = heard(CHEAP, SECONDS)
PORTRAIT = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(2))


def sampled(seed: int = 0, sampler: str = "euler", models: dict = CHEAP, **options) -> dict:
    inputs = {"model": models["keyframe"], "vae": models["vae"], "portrait": PORTRAIT, "features": HEARD}
    how = {"steps": 3, "scheduler": "align_your_steps", "audio_scale": 3.0, "identity_scale": 2.0}
    return KeyframeSampler.execute(**inputs, **how, seed=seed, sampler=sampler, **options).result[0]


def by_sampler_custom_advanced(seed: int, pinned: dict | None, sigmas: torch.Tensor | None = None) -> dict:
    inputs = {"model": CHEAP["keyframe"], "vae": CHEAP["vae"], "portrait": PORTRAIT, "features": HEARD}
    how = {"seed": seed, "audio_scale": 3.0, "identity_scale": 2.0, "pinned": pinned}
    guider, empty, noise = KeyframeGuider.execute(**inputs, **how).result
    sigmas = sigmas_of(CHEAP["keyframe"], "align_your_steps", 3) if sigmas is None else sigmas
    (euler,) = called(KSamplerSelect, sampler_name="euler")
    given = {"guider": guider, "latent_image": empty, "noise": noise, "sampler": euler, "sigmas": sigmas}
    windows = called(SamplerCustomAdvanced, **given)[0]
    return SelectKeyframes.execute(windows=windows, features=HEARD).result[0]


def pin(keyframes: dict, which: str) -> dict:
    return PinKeyframes.execute(keyframes=keyframes, which=which).result[0]


def reroll(keyframes: dict, which: str, seed: int) -> dict:
    return RerollKeyframes.execute(keyframes=keyframes, which=which, seed=seed).result[0]


def windows_seen(function: Callable[[], object]) -> int:
    """How many windows, counted once for every branch and noise level, the network gets."""
    network, frames = CHEAP["keyframe"].model.diffusion_model, []
    hook = network.register_forward_pre_hook(lambda _, given: frames.append(len(given[0])))
    function()
    hook.remove()
    return sum(frames) // 14


def changed(a: dict, b: dict) -> list[int]:
    """Keyframes that are not the same, bit for bit."""
    return [n for n in range(N) if not torch.equal(a["samples"][n], b["samples"][n])]


FIRST = sampled(1)


def case(check: Callable[[], str | None]) -> None:
    try:
        wrong = check()
    except Exception as error:
        wrong = f"{type(error).__name__}: {error}"
    print(json.dumps({"name": check.__name__, "wrong": wrong}), flush=True)


def every_sampler_gives_pinned_keyframes_back_bit_for_bit() -> None:
    kept = [0, 3, 7, 8, 9, 16]
    for sampler in comfy.samplers.SAMPLER_NAMES:
        again = sampled(2, sampler, pinned=pin(FIRST, "0, 3, 7-9, 16"))
        assert changed(FIRST, again) == [n for n in range(N) if n not in kept], sampler
        assert again["samples"].isfinite().all(), sampler
        scales = [float(keyframes["samples"].std()) for keyframes in (again, sampled(2, sampler))]
        assert scales[0] < 2 * scales[1], (sampler, *scales)


def nothing_pinned_is_as_ever() -> None:
    assert torch.equal(sampled(1, pinned=pin(FIRST, ""))["samples"], FIRST["samples"])


def a_window_without_pins_is_as_ever() -> None:
    other = {**FIRST, "samples": FIRST["samples"] * 0.5}
    again = sampled(1, pinned=pin(other, "14"))
    assert changed(FIRST, again) == [13, 14, 15, 16], changed(FIRST, again)


def all_pinned_needs_no_network() -> None:
    assert windows_seen(lambda: sampled(2, pinned=pin(FIRST, "all"))) == 0
    assert changed(FIRST, sampled(2, pinned=pin(FIRST, "all"))) == []


def a_reroll_needs_the_windows_of_what_is_rolled_only() -> None:
    whole, one = (windows_seen(lambda p=p: sampled(2, pinned=p)) for p in (None, reroll(FIRST, "15", 3)))
    assert 0 < 2 * one == whole


def a_reroll_changes_what_is_chosen_by_its_own_seed() -> None:
    rolls = [sampled(1, pinned=reroll(FIRST, "4, 15", seed)) for seed in (5, 6)]
    assert [changed(FIRST, roll) for roll in rolls] == [[4, 15], [4, 15]]
    assert changed(*rolls) == [4, 15]
    same = sampled(99, pinned=reroll(FIRST, "4, 15", 5))
    assert torch.equal(same["samples"], rolls[0]["samples"]), "the sampler's own seed had a part"


def sampler_custom_advanced_does_the_same() -> None:
    for pinned in (None, pin(FIRST, "2, 14"), reroll(FIRST, "2, 14", 7)):
        ours, stock = sampled(5, pinned=pinned), by_sampler_custom_advanced(5, pinned)
        torch.testing.assert_close(stock["samples"], ours["samples"], rtol=1e-4, atol=1e-4)
        if pinned is not None:
            kept = sorted(latents.kept_whole(pinned))
            assert torch.equal(stock["samples"][kept], FIRST["samples"][kept])


def a_mask_of_pixels_keeps_the_others() -> None:
    """As Set Latent Noise Mask leaves it: at another size, here all but the lower half of keyframe 6."""
    mask = torch.zeros(N, 64, 64)
    mask[6, 32:] = 1
    masked = called(host_nodes.SetLatentNoiseMask, samples=FIRST, mask=mask)[0]
    again = sampled(8, pinned=masked)
    assert changed(FIRST, again) == [6]
    assert torch.equal(again["samples"][6, :, :3], FIRST["samples"][6, :, :3])
    differs = (again["samples"][6] != FIRST["samples"][6]).flatten(1).float().mean()
    assert 0.4 < differs < 0.6, differs


def other_masks_are_taken_or_refused_in_a_line() -> None:
    one = {**FIRST, latents.MASK: torch.ones(1, 1, 8, 8)}
    assert torch.equal(sampled(1, pinned=one)["samples"], FIRST["samples"])
    wrong = [None, "x", torch.ones(8), torch.ones(5, 1, 8, 8), torch.full((N, 1, 8, 8), 2.0)]
    wrong += [torch.full((N, 1, 8, 8), float("nan")), torch.ones(N, 4, 8, 8), torch.ones(N, 1, 0, 8)]
    for mask in wrong:
        refused(lambda m=mask: sampled(1, pinned={**FIRST, latents.MASK: m}), "put Pin Keyframes")


def keyframes_of_another_clip_are_refused_in_a_line() -> None:
    short = {**FIRST, "samples": FIRST["samples"][:5]}
    refused(lambda: sampled(1, pinned=pin(short, "1")), "keyframes of the same sound and model")
    small = {**FIRST, "samples": FIRST["samples"][..., :4]}
    refused(lambda: sampled(1, pinned=pin(small, "1")), "keyframes of the same sound and model")
    refused(lambda: pin(FIRST, "17"), "there is no keyframe 17")
    refused(lambda: reroll(FIRST, "9s-60s", 1), "there is no keyframe")
    refused(lambda: pin(latents.windows(FIRST["samples"]), "1"), "put Select Keyframes in between")
    assert "names no keyframe" in PinKeyframes.validate_inputs(which="seven")
    assert RerollKeyframes.validate_inputs(which="3, 7-9 4.2s") is True
    assert PinKeyframes.validate_inputs(which="all") is True


def refused(call: Callable[[], object], wanted: str) -> None:
    said = "nothing"
    try:
        call()
    except KeyFaceError as error:
        said = str(error)
    assert wanted in said, f"{said!r} and not {wanted!r}"
    assert "\n" not in said


@torch.inference_mode()
def keyframes_become_images_and_images_keyframes() -> None:
    shown = KeyframesToImages.execute(keyframes=pin(FIRST, "3"), vae=REAL["vae"])
    images, seconds = shown.result
    assert torch.equal(images, REAL["vae"].decode(FIRST["samples"]).clamp(0, 1))
    assert seconds[:3] == [0.0, 0.52, 1.04]
    assert seconds[-1] == 199 / 25  # the clip's last frame
    assert len(shown.ui.as_dict()["images"]) == N
    back = ImagesToKeyframes.execute(images=images, vae=REAL["vae"], which="all").result[0]
    known = torch.corrcoef(torch.stack([back["samples"].flatten(), FIRST["samples"].flatten()]))[0, 1]
    assert back["samples"].shape == FIRST["samples"].shape
    assert back[latents.COLOURS] == FIRST[latents.COLOURS] is not None
    again = KeyframesToImages.execute(keyframes=back, vae=REAL["vae"]).result[0]
    assert (again - images).abs().mean() < 0.1, (again - images).abs().mean()
    assert known > 0.5, known


@torch.inference_mode()
def retouched_images_replace_chosen_keyframes_only() -> None:
    pictures = torch.rand(2, 64, 64, 3, generator=torch.Generator().manual_seed(4))
    given = {"vae": REAL["vae"], "originals": reroll(FIRST, "1", 1), "which": "3, 9"}
    back = ImagesToKeyframes.execute(images=pictures, **given).result[0]
    assert changed(FIRST, back) == [3, 9]
    wanted = REAL["vae"].encode(pictures[1:])[0]
    torch.testing.assert_close(back["samples"][9], wanted, rtol=1e-4, atol=1e-4)
    assert latents.MASK not in back
    assert latents.ROLL not in back
    assert back[latents.LENGTH] == 200
    whole = torch.cat([torch.rand(3, 64, 64, 3), pictures[:1], torch.rand(5, 64, 64, 3), pictures[1:]])
    whole = torch.cat([whole, torch.rand(N - len(whole), 64, 64, 3)])
    assert torch.equal(ImagesToKeyframes.execute(images=whole, **given).result[0]["samples"], back["samples"])
    large = pictures.repeat_interleave(2, 1).repeat_interleave(2, 2)
    resized = ImagesToKeyframes.execute(images=large, **given).result[0]
    assert changed(FIRST, resized) == [3, 9]
    three = torch.rand(3, 64, 64, 3)
    refused(lambda: ImagesToKeyframes.execute(images=three, **given), "3 images for 2 of 17 keyframes")
    none = {**given, "which": ""}
    refused(lambda: ImagesToKeyframes.execute(images=pictures, **none), "names no keyframe to replace")
    odd = torch.rand(2, 63, 64, 3)
    alone = {"vae": REAL["vae"], "which": "all"}
    refused(lambda: ImagesToKeyframes.execute(images=odd, **alone), "no multiple of 8")


@torch.inference_mode()
def the_timeline_shows_decoded_pictures_and_frames_what_is_pinned() -> None:
    given = {"features": HEARD, "width": 1200}
    pictures = {
        name: TimelinePreview.execute(keyframes=keyframes, **given, **others).result[0]
        for name, keyframes, others in (
            ("rough", FIRST, {}),
            ("decoded", FIRST, {"vae": REAL["vae"]}),
            ("pinned", pin(FIRST, "3"), {"vae": REAL["vae"]}),
        )
    }
    for a, b in itertools.combinations(pictures.values(), 2):
        assert a.shape == b.shape
        assert not torch.equal(a, b)
    frame = (pictures["pinned"] - pictures["decoded"]).abs().amax(dim=(0, 1, 3)).nonzero().flatten()
    assert 50 < len(frame) <= 66, len(frame)  # columns of one thumbnail


@torch.inference_mode()
def main() -> None:
    for check in (
        every_sampler_gives_pinned_keyframes_back_bit_for_bit,
        nothing_pinned_is_as_ever,
        a_window_without_pins_is_as_ever,
        all_pinned_needs_no_network,
        a_reroll_needs_the_windows_of_what_is_rolled_only,
        a_reroll_changes_what_is_chosen_by_its_own_seed,
        sampler_custom_advanced_does_the_same,
        a_mask_of_pixels_keeps_the_others,
        other_masks_are_taken_or_refused_in_a_line,
        keyframes_of_another_clip_are_refused_in_a_line,
        keyframes_become_images_and_images_keyframes,
        retouched_images_replace_chosen_keyframes_only,
        the_timeline_shows_decoded_pictures_and_frames_what_is_pinned,
    ):
        case(check)


if __name__ == "__main__":
    main()
