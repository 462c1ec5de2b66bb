"""Every sampler, scheduler and guidance node of the host on KeyFace's guiders. Run by the host's own Python.

python sampler_cases.py COMFYUI   prints one JSON object a case: group, name, wrong (null where it is right)
"""

import asyncio
import itertools
import json
import sys
from collections.abc import Callable

from in_host import prepare

prepare(sys.argv[1])

import comfy.model_patcher  # noqa: E402
import comfy.samplers  # noqa: E402
import torch  # noqa: E402
from keyface_pack.keyface_lib.errors import KeyFaceError  # noqa: E402
from keyface_pack.keyface_lib.method.emotion import named  # noqa: E402
from keyface_pack.keyface_lib.method.guidance import auto_weights, split_weights  # noqa: E402
from keyface_pack.nodes.cfg import as_cfg  # noqa: E402
from keyface_pack.nodes.guiders import SequenceGuider, interpolation_guider, keyframe_guider  # noqa: E402
from keyface_pack.nodes.sampling import SCHEDULERS, UnitNoise, sigmas_of  # noqa: E402
from stand_in import heard, small_model, without_cost  # noqa: E402

import nodes as host_nodes  # noqa: E402

MODELS = without_cost(small_model())
SECONDS = 1.5
FEATURES = heard(MODELS, SECONDS).features
STEPS = 4
STAGES = ("keyframes", "interpolation")


def guider_of(stage: str, model=None, scales=(3.0, 2.0, 2.0), reduced=MODELS["reduced"]) -> SequenceGuider:
    """A guider over the clip: one window, three segments."""
    generator = torch.Generator().manual_seed(1)
    if stage == "keyframes":
        identity = torch.randn(1, 4, 8, 8, generator=generator)
        model = model or MODELS["keyframe"]
        return keyframe_guider(model, identity, FEATURES, named("happy"), *scales[:2])
    keyframes = torch.randn(4, 4, 8, 8, generator=generator)
    model = model or MODELS["interpolation"]
    return interpolation_guider(model, reduced, keyframes, FEATURES, scales[2])


def sample(guider: SequenceGuider, sampler: str, sigmas: torch.Tensor, n: int | None = None) -> torch.Tensor:
    """Unscaled latents of the first `n` sequences, all by default."""
    empty = torch.zeros(14 * (n or guider.n_sequences), 4, 8, 8)
    noise = UnitNoise(0, "keyframes").generate_noise({"samples": empty})
    return guider.sample(
        noise, empty, comfy.samplers.sampler_object(sampler), sigmas, seed=0, disable_pbar=True
    )


def case(group: str, name: str, check: Callable[[], str | None]) -> None:
    """Prints what is wrong, an exception included, or null."""
    try:
        wrong = check()
    except Exception as error:
        wrong = f"{type(error).__name__}: {error}"
    print(json.dumps({"group": group, "name": name, "wrong": wrong}), flush=True)


def finite(latents: torch.Tensor) -> str | None:
    return None if latents.isfinite().all() and latents.std() > 0 else f"latents of std {latents.std()}"


@torch.inference_mode()
def every_sampler_and_scheduler() -> None:
    for stage in STAGES:
        guider = guider_of(stage)
        for scheduler, sampler in itertools.product(SCHEDULERS, comfy.samplers.SAMPLER_NAMES):
            case(
                "sampler",
                f"{stage} {sampler} {scheduler}",
                lambda g=guider, s=sampler, c=scheduler: finite(
                    sample(g, s, sigmas_of(g.model_patcher, c, STEPS))
                ),
            )


@torch.inference_mode()
def without_guidance() -> None:
    """Scales of 1, and no reduced model: every sampler still runs."""
    sigmas = sigmas_of(MODELS["keyframe"], "align_your_steps", STEPS)
    alone = guider_of("interpolation", reduced=None)
    for sampler in comfy.samplers.SAMPLER_NAMES:
        guider = guider_of("keyframes", scales=(1.0, 1.0, 1.0))
        case("unguided", f"scales of 1, {sampler}", lambda g=guider, s=sampler: finite(sample(g, s, sigmas)))
        case("unguided", f"no reduced, {sampler}", lambda s=sampler: finite(sample(alone, s, sigmas)))


@torch.inference_mode()
def cfg_pp_is_what_its_paper_says() -> None:
    """One Euler step of CFG++ by hand: x = denoised + sigma_next * (x - uncond) / sigma."""
    for stage in STAGES:
        guider = guider_of(stage)
        sigmas = torch.tensor([5.0, 1.0, 0.0])
        seen = []

        def watched(
            x, timestep, model_options, seed=None, guider=guider, seen=seen, inner=guider.predict_noise
        ):
            if not seen:
                weights = as_cfg(guider._weights)
                cond = (0.0,) * (len(weights.uncond) - 1) + (1.0,)
                sums = guider._sums([guider._weights, cond, weights.uncond], x, timestep[:1], model_options)
                seen.extend([x.clone(), *sums, weights.scale])
            else:
                seen.append(x.clone())
            return inner(x, timestep, model_options, seed)

        guider.predict_noise = watched
        sample(guider, "euler_cfg_pp", sigmas)

        def check(seen=seen) -> str | None:
            x, denoised, cond, uncond, scale, after = seen[:6]
            torch.testing.assert_close(uncond + scale * (cond - uncond), denoised, rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(after, denoised + 1.0 * (x - uncond) / 5.0, rtol=1e-4, atol=1e-4)

        case("cfg_pp", stage, check)


def every_guidance_in_terms_of_cond_and_uncond() -> None:
    scales = (0.0, 0.5, 1.0, 1.0001, 1.5, 2.0, 5.0)
    split = [split_weights(audio, identity) for audio in scales for identity in scales]
    for weights in [*split, *map(auto_weights, scales)]:

        def check(weights=weights) -> str | None:
            guidance = as_cfg(weights)
            if guidance is None:
                return None if weights[-1] == 1 and not any(weights[:-1]) else f"{weights} guides"
            s = guidance.scale
            sums = [(1 - s) * u for u in guidance.uncond]
            sums[-1] += s
            torch.testing.assert_close(torch.tensor(sums), torch.tensor(weights), rtol=1e-4, atol=1e-4)
            return None if max(map(abs, guidance.uncond)) < 20 or abs(s - 1) < 0.01 else f"{guidance}"

        case("as cfg", str(weights), check)


PATCHES = {
    "RescaleCFG": {"multiplier": 0.7},
    "VideoLinearCFGGuidance": {"min_cfg": 1.0},
    "VideoTriangleCFGGuidance": {"min_cfg": 1.0},
    "PerturbedAttentionGuidance": {"scale": 3.0},
    "Epsilon Scaling": {"scaling_factor": 1.1},
    "APG": {"eta": 0.5, "norm_threshold": 1.0, "momentum": 0.3},
    "TCFG": {},
    "Mahiro": {},
    "CFGZeroStar": {},
    "CFGNorm": {"strength": 0.5},
    "FreSca": {"scale_low": 1.0, "scale_high": 1.5, "freq_cutoff": 2},
}
"""Nodes that leave functions around guidance on a MODEL; all must do something."""
OVER_ALL = {"Mahiro"}
"""Of those, what takes a mean over its whole batch by design."""
REFUSED = {
    "TemporalScoreRescaling": ({"tsr_k": 0.5, "tsr_sigma": 1.0}, "TemporalScoreRescaling does not work"),
    "SelfAttentionGuidance": ({"scale": 0.5, "blur_sigma": 2.0}, "SelfAttentionGuidance does not work"),
    "EasyCache": (
        {"reuse_threshold": 0.2, "start_percent": 0.15, "end_percent": 0.95, "verbose": False},
        "EasyCache cannot be used",
    ),
    "LazyCache": (
        {"reuse_threshold": 0.2, "start_percent": 0.15, "end_percent": 0.95, "verbose": False},
        "LazyCache cannot be used",
    ),
    "ContextWindowsManual": (
        {
            "context_length": 7,
            "context_overlap": 2,
            "context_schedule": "standard_static",
            "context_stride": 1,
            "closed_loop": False,
            "fuse_method": "pyramid",
            "dim": 0,
            "freenoise": False,
        },
        "Context Windows has no meaning",
    ),
}


def patched(name: str, model, options: dict):
    node = host_nodes.NODE_CLASS_MAPPINGS[name]
    if hasattr(node, "execute"):
        return node.execute(model=model, **options).result[0]
    return getattr(node(), node.FUNCTION)(model=model, **options)[0]


@torch.inference_mode()
def guidance_nodes() -> None:
    stages = {"keyframes": MODELS["keyframe"], "interpolation": MODELS["interpolation"]}
    sigmas = sigmas_of(MODELS["keyframe"], "align_your_steps", STEPS)
    present = {name: options for name, options in PATCHES.items() if name in host_nodes.NODE_CLASS_MAPPINGS}
    for (stage, model), (name, options) in itertools.product(stages.items(), present.items()):

        def check(stage=stage, model=model, name=name, options=options) -> str | None:
            plain = sample(guider_of(stage), "euler", sigmas)
            guided = sample(guider_of(stage, patched(name, model, options)), "euler", sigmas)
            if name == "PerturbedAttentionGuidance":  # the stand-in has no attention
                return finite(guided)
            if torch.allclose(plain, guided, rtol=1e-4):
                return "it does nothing"
            first = sample(guider_of(stage, patched(name, model, options)), "euler", sigmas, n=1)
            if name not in OVER_ALL and not torch.allclose(first, guided[:14], rtol=1e-3, atol=1e-4):
                return "a sequence depends on the others of its batch"
            return finite(guided)

        case("guidance node", f"{name}, {stage}", check)
    for (stage, model), (name, (options, said)) in itertools.product(stages.items(), REFUSED.items()):
        if name not in host_nodes.NODE_CLASS_MAPPINGS:
            continue

        def refused(stage=stage, model=model, name=name, options=options, said=said) -> str | None:
            accepted = host_nodes.NODE_CLASS_MAPPINGS[name]
            known = accepted.INPUT_TYPES()
            names = {*known.get("required", {}), *known.get("optional", {})}
            options = {key: value for key, value in options.items() if key in names}
            try:
                sample(guider_of(stage, patched(name, model, options)), "euler", sigmas)
            except KeyFaceError as error:
                return None if said in str(error) and "\n" not in str(error) else str(error)
            return "it is not refused"

        case("refused node", f"{name}, {stage}", refused)


@torch.inference_mode()
def perturbed_attention_of_a_real_network() -> None:
    model = small_model()["keyframe"]
    sigmas = torch.tensor([5.0, 1.0, 0.0])

    def check() -> str | None:
        plain = sample(guider_of("keyframes", model), "euler", sigmas)
        perturbed = patched("PerturbedAttentionGuidance", model, {"scale": 3.0})
        guided = sample(guider_of("keyframes", perturbed), "euler", sigmas)
        return "it does nothing" if torch.allclose(plain, guided, rtol=1e-4) else finite(guided)

    case("guidance node", "PerturbedAttentionGuidance, real network", check)


@torch.inference_mode()
def what_is_not_a_number_is_named() -> None:
    sigmas = sigmas_of(MODELS["keyframe"], "align_your_steps", STEPS)
    for stage, role in zip(STAGES, ("keyframe", "interpolation"), strict=True):

        def check(stage=stage, role=role) -> str | None:
            network = MODELS[role].model.diffusion_model
            forward, calls = network.forward, []

            def broken(*args, **kwargs):
                calls.append(1)
                out = forward(*args, **kwargs)
                return out * float("nan") if kwargs.get("y") is not None and len(calls) > 2 else out

            network.forward = broken
            try:
                sample(guider_of(stage, scales=(1.0, 1.0, 1.0)), "euler", sigmas)
            except KeyFaceError as error:
                where = {"keyframes": "keyframes", "interpolation": "frames between keyframes"}[stage]
                said = f"not a number after step 3 of the {where}"
                return None if said in str(error) else str(error)
            finally:
                del network.forward
            return "it is not noticed"

        case("not a number", stage, check)


@torch.inference_mode()
def memory_that_runs_out() -> None:
    """A network that holds one sequence, or none."""
    sigmas = sigmas_of(MODELS["keyframe"], "align_your_steps", STEPS)
    network = MODELS["interpolation"].model.diffusion_model

    def with_room_for(frames: int, model=None) -> torch.Tensor:
        forward = network.forward

        def small(x, *args, **kwargs):
            if len(x) > frames:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            return forward(x, *args, **kwargs)

        network.forward = small
        try:
            return sample(guider_of("interpolation", model), "euler", sigmas)
        finally:
            del network.forward

    def one_fits(model=None) -> str | None:
        plain = sample(guider_of("interpolation", model), "euler", sigmas)
        wrong = float((with_room_for(14, model) - plain).abs().max())
        return None if wrong < 1e-5 else f"off by {wrong}"

    def none_fits() -> str | None:
        try:
            with_room_for(0)
        except KeyFaceError as error:
            return None if "does not fit" in str(error) and "--lowvram" in str(error) else str(error)
        return "it is not noticed"

    perturbed = patched("PerturbedAttentionGuidance", MODELS["interpolation"], {"scale": 3.0})
    case("out of memory", "one sequence fits", one_fits)
    case("out of memory", "one sequence fits a guidance node's own call", lambda: one_fits(perturbed))
    case("out of memory", "none fits", none_fits)


def main() -> None:
    asyncio.run(host_nodes.init_builtin_extra_nodes())
    every_guidance_in_terms_of_cond_and_uncond()
    every_sampler_and_scheduler()
    without_guidance()
    cfg_pp_is_what_its_paper_says()
    guidance_nodes()
    perturbed_attention_of_a_real_network()
    what_is_not_a_number_is_named()
    memory_that_runs_out()


if __name__ == "__main__":
    main()
