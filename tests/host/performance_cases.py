"""Motion and Expression and the silence gate, in the host's own Python, on the small model.

python performance_cases.py COMFYUI   prints one JSON object a case: name, wrong (null where it is right)
"""

import json
import sys
from collections.abc import Callable

from in_host import called, prepare

prepare(sys.argv[1])

import torch  # noqa: E402
from comfy_extras.nodes_custom_sampler import KSamplerSelect, RandomNoise, SamplerCustomAdvanced  # noqa: E402
from keyface_pack.keyface_lib.errors import KeyFaceError  # noqa: E402
from keyface_pack.keyface_lib.method.emotion import named  # noqa: E402
from keyface_pack.nodes import latents  # noqa: E402
from keyface_pack.nodes.audio import EncodeAudio  # noqa: E402
from keyface_pack.nodes.keyframes import KeyframeGuider, KeyframeSampler, SelectKeyframes  # noqa: E402
from keyface_pack.nodes.performance import MotionAndExpression  # noqa: E402
from keyface_pack.nodes.sampling import sigmas_of  # noqa: E402
from stand_in import heard, small_model, sound, without_cost  # noqa: E402

MODELS = without_cost(small_model())
HEARD = heard(MODELS, 8.0)
PORTRAIT = torch.rand(1, 64, 64, 3, generator=torch.Generator().manual_seed(2))
STEPS, SCALES = 3, {"audio_scale": 3.0, "identity_scale": 2.0}


def performing(head_motion: float = 1.0, expression: float = 1.0, models: dict = MODELS):
    given = {"model": models["keyframe"], "head_motion": head_motion, "expression": expression}
    return MotionAndExpression.execute(**given).result[0]


def inputs(model) -> dict:
    return {"model": model, "vae": MODELS["vae"], "portrait": PORTRAIT, "features": HEARD, **SCALES}


def sampled(model, seed: int = 1, **options) -> torch.Tensor:
    how = {"steps": STEPS, "scheduler": "align_your_steps", "sampler": "euler", "seed": seed}
    return KeyframeSampler.execute(**inputs(model), **how, **options).result[0]["samples"]


def by_sampler_custom_advanced(model, noise=None, seed: int = 1) -> torch.Tensor:
    guider, empty, own = KeyframeGuider.execute(**inputs(model), seed=seed).result
    (euler,) = called(KSamplerSelect, sampler_name="euler")
    sigmas = sigmas_of(MODELS["keyframe"], "align_your_steps", STEPS)
    given = {"guider": guider, "latent_image": empty, "noise": noise or own, "sampler": euler}
    windows = called(SamplerCustomAdvanced, **given, sigmas=sigmas)[0]
    return SelectKeyframes.execute(windows=windows, features=HEARD).result[0]["samples"]


PLAIN = sampled(MODELS["keyframe"])


def strengths_of_one_change_nothing_bit_for_bit() -> None:
    assert torch.equal(sampled(performing()), PLAIN)
    assert torch.equal(sampled(MODELS["keyframe"]), PLAIN), "the node changed the model it was given"


def every_other_strength_changes_something() -> None:
    for strengths in ((0.0, 1.0), (2.0, 1.0)):
        assert not torch.equal(sampled(performing(*strengths)), PLAIN), strengths
    happy = sampled(MODELS["keyframe"], emotion=named("happy"))
    for strength in (0.0, 0.5, 1.5):
        assert not torch.equal(sampled(performing(1.0, strength), emotion=named("happy")), happy), strength


def sampler_custom_advanced_does_the_same() -> None:
    for strengths in ((0.0, 1.0), (0.5, 1.5), (1.5, 0.5)):
        model = performing(*strengths)
        torch.testing.assert_close(by_sampler_custom_advanced(model), sampled(model), rtol=1e-4, atol=1e-4)


def any_noise_makes_a_still_head() -> None:
    (noise,) = called(RandomNoise, noise_seed=4)
    moving, still = (
        by_sampler_custom_advanced(performing(strength), noise).std(dim=0).mean() for strength in (1.0, 0.0)
    )
    assert still < 0.8 * moving, (still, moving)


def a_second_run_of_a_guider_is_the_same() -> None:
    model = performing(2.0)
    assert torch.equal(sampled(model), sampled(model))


def pinned_keyframes_stay_bit_for_bit() -> None:
    pinned = latents.with_kept(latents.keyframes(PLAIN), {3, 14})
    for strengths in ((0.0, 1.0), (2.0, 1.0), (1.0, 2.0)):
        again = sampled(performing(*strengths), seed=2, pinned=pinned)
        assert torch.equal(again[[3, 14]], PLAIN[[3, 14]]), strengths
        assert not torch.equal(again[4], PLAIN[4]), strengths


def the_node_of_another_model_says_so_in_a_line() -> None:
    for role in ("interpolation", "reduced"):
        said = "nothing"
        try:
            MotionAndExpression.execute(model=MODELS[role], head_motion=0.5, expression=1.0)
        except KeyFaceError as error:
            said = str(error)
        assert "connect the keyframe output" in said, said


def the_gate_mutes_pauses_and_nothing_else() -> None:
    loud = torch.cat([torch.zeros(32_000), torch.randn(32_000) * 0.1, torch.zeros(32_000)])
    noisy = sound(1, waveform=(loud + 0.001 * torch.randn(len(loud)))[None, None], sample_rate=16_000)
    given = {"audio": noisy, "encoders": MODELS["encoders"], "threshold": 0.3}
    plain, off, on = (
        EncodeAudio.execute(**given, **options).result[0]
        for options in ({}, {"silence_gate": False}, {"silence_gate": True})
    )
    assert plain.muted_s == off.muted_s == 0
    assert 3.0 < on.muted_s < 4.0, on.muted_s
    assert torch.equal(plain.peaks, on.peaks)
    for name, features in plain.features.by_encoder.items():
        assert torch.equal(features, off.features.by_encoder[name])
        gated = on.features.by_encoder[name]
        assert torch.equal(gated[60:90], features[60:90]), "the voice is not as it was"
        assert not torch.equal(gated[10:30], features[10:30])


def case(check: Callable[[], None]) -> None:
    try:
        check()
        wrong = None
    except Exception as error:
        wrong = f"{type(error).__name__}: {error}"
    print(json.dumps({"name": check.__name__, "wrong": wrong}), flush=True)


@torch.inference_mode()
def main() -> None:
    case(strengths_of_one_change_nothing_bit_for_bit)
    case(every_other_strength_changes_something)
    case(sampler_custom_advanced_does_the_same)
    case(any_noise_makes_a_still_head)
    case(a_second_run_of_a_guider_is_the_same)
    case(pinned_keyframes_stay_bit_for_bit)
    case(the_node_of_another_model_says_so_in_a_line)
    case(the_gate_mutes_pauses_and_nothing_else)


if __name__ == "__main__":
    main()
