"""The training losses, and one complete step of each network with its gradients."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from keyface_lib.method.denoiser import LATENT_SCALE
from keyface_lib.method.timeline import SLOTS
from keyface_lib.networks.network import Network
from keyface_lib.train.config import Loss
from keyface_lib.train.losses import decoded_slots, lambda_t, latent_losses, pixel_losses
from keyface_lib.train.noise import noise_level
from keyface_lib.train.optimizer import learning_rate_factor
from keyface_lib.train.step import NetworkStep

from .case import Case, relative_error
from .networks import recorded_network

EXACT, LOSS, STEP = 1e-6, 1e-5, 1e-4
ROUNDING = 1e-6
"""Gradients below this are zero but for rounding: of biases that a norm takes away again."""
LAMBDA_LOWER = {"keyframe": 3.0, "interpolation": 1.0}
"""With which the steps were recorded."""
AS_RELEASED = Loss(lower_on_pixels=False, pixel_lpips=0.0)


def cases(folder: Path) -> Iterator[Case]:
    """Every recorded case of training in `folder`."""
    with torch.inference_mode(False), torch.enable_grad():
        found = [*_schedule_cases(folder), *_loss_cases(folder), *_step_cases(folder)]
    yield from found


def _schedule_cases(folder: Path) -> Iterator[Case]:
    golden, facts = _recorded(folder)
    yield Case("noise levels", relative_error(noise_level(golden["edm.rand"]), golden["edm.sigma"]), EXACT)
    for step, factor in facts["lr_multiplier"].items():
        error = abs(learning_rate_factor(int(step), warm_up=1000) - factor) / factor
        yield Case(f"learning rate at step {step}", error, EXACT)


def _loss_cases(folder: Path) -> Iterator[Case]:
    golden, facts = _recorded(folder)
    sigma = golden["loss.sigmas"]
    target = golden["loss.target"].transpose(1, 2)
    denoised = golden["loss.model_output"].unflatten(0, (len(sigma), SLOTS))
    yield Case("loss weighting", relative_error(lambda_t(sigma), golden["loss.weighting"]), EXACT)

    def decode(latents: torch.Tensor) -> torch.Tensor:
        colours = torch.einsum("nchw,oc->nohw", latents, golden["loss.decode_matrix"])
        return F.interpolate(colours, scale_factor=facts["decode_upsample"], mode="nearest")

    for name in ("plain", "lower3", "l1_lower3", "lower3_pixel_l2", "lower3_pixel_l2_2frames"):
        config = facts[name]["config"]
        kind = config.get("loss_type", "l2")
        ours = latent_losses(denoised, target, sigma, config.get("lambda_lower", 1.0), kind)
        yield Case(f"loss {name}.{kind}", relative_error(ours.flatten(), golden[f"loss.{name}.{kind}"]), LOSS)
        if "weight_pixel" in config:
            selected = torch.tensor(facts[name]["selected_frames"])
            stored = [facts["original_frames_selected_index"].index(frame) for frame in selected.tolist()]
            pixels = golden["loss.original_frames_selected"][:, :, stored].transpose(1, 2)
            decoded = decoded_slots(decode, denoised, selected.expand(len(sigma), -1))
            terms = pixel_losses(decoded, pixels, sigma, AS_RELEASED)
            error = relative_error(terms["pixel_l2"], golden[f"loss.{name}.pixel_l2"])
            yield Case(f"loss {name}.pixel_l2", error, LOSS)
            ours = ours + sum(terms.values())
        yield Case(f"loss {name}", relative_error(ours.flatten(), golden[f"loss.{name}.loss"]), LOSS)
        yield Case(f"loss {name} mean", abs(float(ours.mean()) / facts[name]["mean_loss"] - 1), LOSS)


def _step_cases(folder: Path) -> Iterator[Case]:
    golden, facts = _recorded(folder)
    for role in ("keyframe", "interpolation"):
        recorded = facts[f"step_{role}"]
        network = recorded_network(folder, role).requires_grad_(True)
        settings = replace(AS_RELEASED, lambda_lower=LAMBDA_LOWER[role], pixel_l2=0.0)
        batch = _batch(golden, f"step.{role}", role)
        losses = NetworkStep(network, settings)(batch)
        losses["loss"].backward()
        yield Case(f"step {role} sigma", abs(float(batch["sigma"]) / recorded["sigma"] - 1), EXACT)
        yield Case(f"step {role} loss", abs(float(losses["loss"].detach()) / recorded["loss"] - 1), STEP)
        yield from _gradient_cases(golden, recorded, network)


def _gradient_cases(golden: dict, recorded: dict, network: Network) -> Iterator[Case]:
    names = network.released_names()
    gradients = {
        names[name].removeprefix("model."): parameter.grad for name, parameter in network.named_parameters()
    }
    missing = [name for name, gradient in gradients.items() if gradient is None]
    yield Case(f"step {network.role} parameters without gradient", len(missing), 0)
    prefix = f"step.{network.role}.grad."
    for name, expected in golden.items():
        if name.startswith(prefix):
            ours = next(g for key, g in gradients.items() if key.endswith(name.removeprefix(prefix)))
            yield Case(name, relative_error(ours, expected), STEP)
    for name, norm in recorded["grad_norm"].items():
        difference = abs(float(gradients[name].norm()) - norm)
        yield Case(f"step {network.role} |{name}|", 0 if difference < ROUNDING else difference / norm, STEP)
    trained = [g for name, g in gradients.items() if not name.startswith("conditioner.")]
    total = float(torch.stack([g.norm() for g in trained]).norm())
    yield Case(f"step {network.role} |all|", abs(total / recorded["grad_norm_total"] - 1), STEP)


def _batch(golden: dict, prefix: str, role: str) -> dict[str, torch.Tensor]:
    """A recorded step's inputs as the trainer's own; the recorded condition latents are scaled ones."""
    latents = golden[f"{prefix}.x0"].transpose(1, 2) / LATENT_SCALE
    batch = {
        "latents": latents,
        "noise": golden[f"{prefix}.noise"].transpose(1, 2),
        "sigma": noise_level(golden[f"{prefix}.rand_sigma"]),
        "audio": golden[f"{prefix}.in.audio_emb"],
        "keep_identity": torch.ones(1),
        "keep_audio": torch.ones(1),
    }
    if role == "keyframe":
        batch["identity"] = golden[f"{prefix}.in.cond_frames"] / LATENT_SCALE
        batch |= {name: golden[f"{prefix}.in.{name}"] for name in ("valence", "arousal")}
    else:
        batch["ends"] = golden[f"{prefix}.in.cond_frames"].transpose(1, 2) / LATENT_SCALE
    return batch


def _recorded(folder: Path) -> tuple[dict[str, torch.Tensor], dict]:
    facts = json.loads((folder / "training_golden.json").read_text())
    return load_file(folder / "training_golden.safetensors"), facts
