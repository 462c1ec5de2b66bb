"""The small model with a network that costs nothing in place of its UNets, in the host's own Python."""

import torch
from keyface_pack.keyface_lib import small
from keyface_pack.nodes import files
from keyface_pack.nodes.audio import EncodeAudio, EncodedAudio
from keyface_pack.nodes.loaders import LoadAudioEncoders, LoadModels


class Cheap(torch.nn.Module):
    """A smooth function of all a UNet gets, frame by frame, of about its input's size."""

    dtype = torch.float32

    def __init__(self):
        super().__init__()
        self.calls = 0  # a network must have a parameter to be placed
        self.gain = torch.nn.Parameter(torch.tensor(0.3), requires_grad=False)

    def forward(self, x, timesteps, context=None, y=None, num_video_frames=None, **_options):
        self.calls += 1
        assert len(x) % num_video_frames == 0
        heard = context.float().mean(dim=(1, 2)) + y.float().mean(dim=1)
        seen = x[:, 4:].mean(dim=1, keepdim=True)
        return torch.tanh(self.gain * x[:, :4] + 0.2 * heard[:, None, None, None] + 0.3 * seen)


def small_model() -> dict:
    """MODELs, VAE and encoders of the small model, as the loaders put them out."""
    files.register_folder()
    names = [small.NAME] * 3
    keyframe, interpolation, reduced, vae = LoadModels.execute(
        keyframe=names[0], interpolation=names[1], reduced=names[2], weight_dtype="default", vae=small.NAME
    ).result
    (encoders,) = LoadAudioEncoders.execute(
        wavlm="none",
        beats="none",
        wav2vec2="none",
        keyframe_model=keyframe,
        interpolation_model=interpolation,
    ).result
    return {
        "keyframe": keyframe,
        "interpolation": interpolation,
        "reduced": reduced,
        "vae": vae,
        "encoders": encoders,
    }


def without_cost(models: dict) -> dict:
    """The same with cheap networks; the reduced one differs a little."""
    for index, role in enumerate(("keyframe", "interpolation", "reduced")):
        network = Cheap()
        network.gain += 0.1 * index
        models[role].model.diffusion_model = network
    return models


def sound(seconds: float, **entries) -> dict:
    """An AUDIO of noise."""
    samples = round(16_000 * seconds)
    noise = 0.1 * torch.randn(1, 1, samples, generator=torch.Generator().manual_seed(0))
    return {"waveform": noise, "sample_rate": 16_000} | entries


def heard(models: dict, seconds: float) -> EncodedAudio:
    """Features of a sound."""
    return EncodeAudio.execute(audio=sound(seconds), encoders=models["encoders"], threshold=0.5).result[0]
