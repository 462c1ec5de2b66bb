"""Live previews of the small model, and what a strange portrait is told. Run by the host's own Python.

python preview_cases.py COMFYUI FOLDER   prints one JSON object: how previews correlate with the decoded
picture, and what is logged; writes the preview and the picture into FOLDER
"""

import json
import logging
import sys
from pathlib import Path

from in_host import called, prepare

prepare(sys.argv[1])
FOLDER = Path(sys.argv[2])

import comfy.latent_formats  # noqa: E402
import comfy.utils  # noqa: E402
import latent_preview  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from comfy.cli_args import LatentPreviewMethod, args  # noqa: E402
from comfy_extras.nodes_custom_sampler import KSamplerSelect, SamplerCustomAdvanced  # noqa: E402
from keyface_pack.keyface_lib import small  # noqa: E402
from keyface_pack.keyface_lib.media.image import load_image  # noqa: E402
from keyface_pack.keyface_lib.method.timeline import SLOTS  # noqa: E402
from keyface_pack.nodes import preview  # noqa: E402
from keyface_pack.nodes.files import read  # noqa: E402
from keyface_pack.nodes.keyframes import KeyframeGuider, KeyframeSampler, SelectKeyframes  # noqa: E402
from keyface_pack.nodes.network import load_network  # noqa: E402
from keyface_pack.nodes.sampling import sigmas_of  # noqa: E402
from PIL import Image  # noqa: E402
from stand_in import heard, small_model  # noqa: E402

MODELS = small_model()
KEYFRAME = SLOTS // 2 - 1
"""The keyframe that is shown: that in the middle of the window, whose slot 0 is an anchor."""
FEATURES = heard(MODELS, 4.0)
SD = comfy.latent_formats.SD15()


def sampled(portrait: torch.Tensor) -> dict:
    scales = {"audio_scale": 1.0, "identity_scale": 1.0}
    inputs = {"model": MODELS["keyframe"], "vae": MODELS["vae"], "portrait": portrait, "features": FEATURES}
    how = {"seed": 0, "steps": 4, "sampler": "euler", "scheduler": "align_your_steps"}
    return KeyframeSampler.execute(**inputs, **how, **scales).result[0]


def correlation(shown: Image.Image, picture: torch.Tensor) -> float:
    """Pearson's r of a preview, a pixel a latent, and a picture (H, W, 3)."""
    pixels = torch.from_numpy(np.asarray(shown, dtype=np.float32))
    small_picture = F.interpolate(picture.movedim(-1, 0)[None], pixels.shape[:2], mode="area")[0].movedim(
        0, -1
    )
    return float(torch.corrcoef(torch.stack([pixels.flatten(), small_picture.flatten()]))[0, 1])


args.preview_method = LatentPreviewMethod.Latent2RGB
shown: list[Image.Image] = []
comfy.utils.set_progress_bar_global_hook(
    lambda _value, _total, image, node_id=None: shown.append(image[1]) if image is not None else None
)
said: list[str] = []
handler = logging.Handler()
handler.emit = lambda record: said.append(record.getMessage())
logging.getLogger().addHandler(handler)

portrait = (load_image(small.PORTRAIT).movedim(0, -1)[None] + 1) / 2
keyframes = sampled(portrait)
picture = MODELS["vae"].decode(keyframes["samples"])[KEYFRAME].float()
latent = SD.process_in(keyframes["samples"][KEYFRAME : KEYFRAME + 1])
with_sd = latent_preview.get_previewer(torch.device("cpu"), SD).decode_latent_to_preview(latent)
known = [line for line in said if line.startswith("KeyFace")]

form = MODELS["keyframe"].model.latent_format
stock = KeyframeGuider.execute(
    model=MODELS["keyframe"],
    vae=MODELS["vae"],
    portrait=portrait,
    features=FEATURES,
    seed=0,
    audio_scale=1.0,
    identity_scale=1.0,
).result
sigmas = sigmas_of(MODELS["keyframe"], "align_your_steps", 2)
(euler,) = called(KSamplerSelect, sampler_name="euler")
inputs = {"guider": stock[0], "latent_image": stock[1], "noise": stock[2]}
windows = called(SamplerCustomAdvanced, sampler=euler, sigmas=sigmas, **inputs)[0]
selected = SelectKeyframes.execute(windows=windows, features=FEATURES).result[0]
rough = Image.fromarray(
    preview._rough_pictures(selected["samples"], selected["keyface_colours"])[KEYFRAME].numpy()
)

plain = load_network(read(small.FOLDER / "keyframe.safetensors", "keyframe"), "keyframe.safetensors")
noise = torch.rand(1, 96, 96, 3, generator=torch.Generator().manual_seed(0))
sampled(noise)
large = {"resample": Image.Resampling.BILINEAR, "size": (512, 512)}
shown[3].resize(**large).save(FOLDER / "preview.png")
with_sd.resize(**large).save(FOLDER / "preview_sd.png")
Image.fromarray((picture.clamp(0, 1) * 255).to(torch.uint8).numpy()).resize(**large).save(
    FOLDER / "picture.png"
)
found = {
    "preview": correlation(shown[3], picture),
    "with Stable Diffusion's colours": correlation(with_sd, picture),
    "timeline": correlation(rough, picture),
    "scaled alike": form.scale_factor == SD.scale_factor,
    "reduced has them": MODELS["reduced"].model.latent_format.latent_rgb_factors == form.latent_rgb_factors,
    "without": plain.model.latent_format.latent_rgb_factors == SD.latent_rgb_factors,
    "known": known,
    "strange": [line for line in said if line.startswith("KeyFace")],
}
print(json.dumps(found))
