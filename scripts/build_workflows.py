"""Writes the bundled workflows, for the editor and in API format, from one short description each.

    python scripts/build_workflows.py http://127.0.0.1:8188     needs a running ComfyUI with the pack

Node definitions come from the server, so that sockets and widgets are those of the real nodes.
"""

import json
import sys
import urllib.request
from pathlib import Path

from workflow import Workflow

FOLDER = Path(__file__).parents[1] / "workflows"
_HUB = "https://huggingface.co"
_RELEASED = f"{_HUB}/toninio19/keyface/resolve/main/checkpoints"
_VAE = f"{_HUB}/stabilityai/sd-vae-ft-mse/resolve/main/diffusion_pytorch_model.safetensors"
_WAV2VEC2 = f"{_HUB}/facebook/wav2vec2-base-960h/resolve/main/model.safetensors"
MODELS = {
    "KeyFaceLoadModels": [
        {"name": "keyframe.pt", "url": f"{_RELEASED}/keyframe.pt", "directory": "keyface"},
        {"name": "interpolation.pt", "url": f"{_RELEASED}/interpolation.pt", "directory": "keyface"},
        {"name": "interpolation_bad.pt", "url": f"{_RELEASED}/interpolation_bad.pt", "directory": "keyface"},
        {"name": "diffusion_pytorch_model.safetensors", "url": _VAE, "directory": "keyface"},
    ],
    "KeyFaceLoadAudioEncoders": [
        {"name": "WavLM-Base+.pt", "url": f"{_RELEASED}/WavLM-Base%2B.pt", "directory": "audio_encoders"},
        {
            "name": "BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt",
            "url": f"{_RELEASED}/BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt",
            "directory": "audio_encoders",
        },
        {"name": "model.safetensors", "url": _WAV2VEC2, "directory": "audio_encoders"},
    ],
    "UpscaleModelLoader": [
        {
            "name": "RealESRGAN_x4plus.safetensors",
            "url": f"{_HUB}/Comfy-Org/Real-ESRGAN_repackaged/resolve/main/RealESRGAN_x4plus.safetensors",
            "directory": "upscale_models",
        }
    ],
}
NEEDS = (
    "**Runs as it is** with the small bundled model, which knows drawn faces of 64 pixels. "
    "For photographs, put KeyFace's files into `models/keyface`, the audio encoders into "
    "`models/audio_encoders` "
    f"([released weights]({_HUB}/toninio19/keyface), [wav2vec2]({_HUB}/facebook/wav2vec2-base-960h)), and "
    f"any Stable Diffusion 1.x VAE into `models/keyface` ([for example]({_HUB}/stabilityai/sd-vae-ft-mse)). "
    "*auto* finds them by what they hold."
)


def described(name: str, note: str) -> Workflow:
    return Workflow(name, f"{note}\n\n{NEEDS}", MODELS)


def start(workflow: Workflow, models: bool = True) -> None:
    """What every workflow begins with."""
    workflow.add("models", "KeyFaceLoadModels", 0)
    workflow.add(
        "encoders",
        "KeyFaceLoadAudioEncoders",
        1,
        keyframe_model="models.keyframe",
        interpolation_model="models.interpolation",
    )
    workflow.add("portrait", "LoadImage", 0, image="keyface_drawn_portrait.png")
    workflow.add("speech", "LoadAudio", 0, audio="keyface_speech.flac")


def heard(workflow: Workflow) -> None:
    workflow.add("features", "KeyFaceEncodeAudio", 1, audio="speech.AUDIO", encoders="encoders.encoders")


def keyframes(workflow: Workflow) -> None:
    workflow.add(
        "keyframes",
        "KeyFaceKeyframeSampler",
        2,
        model="models.keyframe",
        vae="models.vae",
        portrait="portrait.IMAGE",
        features="features.features",
        emotion="emotion.emotion",
        scales="from the model",
    )


def interpolation(workflow: Workflow, source: str = "keyframes.keyframes", column: int = 3) -> None:
    workflow.add(
        "frames",
        "KeyFaceInterpolationSampler",
        column,
        model="models.interpolation",
        reduced="models.reduced",
        keyframes=source,
        features="features.features",
        scales="from the model",
    )


def render(workflow: Workflow, column: int, source: str = "frames.frames") -> None:
    workflow.add("video", "KeyFaceRenderVideo", column, frames=source, vae="models.vae", audio="speech.AUDIO")
    workflow.add("save", "SaveVideo", column, video="video.video", filename_prefix="video/KeyFace")


def created(workflow: Workflow, images: str, column: int) -> None:
    workflow.add("video", "CreateVideo", column, images=images, audio="speech.AUDIO", fps=25.0)
    workflow.add("save", "SaveVideo", column, video="video.VIDEO", filename_prefix="video/KeyFace")


def timeline(workflow: Workflow, column: int) -> None:
    workflow.add(
        "timeline",
        "KeyFaceTimelinePreview",
        column,
        features="features.features",
        emotion="emotion.emotion",
        keyframes="keyframes.keyframes",
    )


def simple() -> Workflow:
    workflow = described(
        "simple", "# Portrait + voice = video\nChoose a picture and a recording, pick a feeling, run."
    )
    start(workflow)
    workflow.add("emotion", "KeyFaceEmotionPreset", 1, state="happy", intensity=0.7)
    workflow.add(
        "animate",
        "KeyFaceAnimate",
        2,
        keyframe_model="models.keyframe",
        interpolation_model="models.interpolation",
        reduced_model="models.reduced",
        vae="models.vae",
        encoders="encoders.encoders",
        portrait="portrait.IMAGE",
        audio="speech.AUDIO",
        emotion="emotion.emotion",
        scales="from the model",
    )
    workflow.add("save", "SaveVideo", 3, video="animate.video", filename_prefix="video/KeyFace")
    return workflow


def two_stage() -> Workflow:
    workflow = described(
        "two_stage",
        "# Keyframes you can edit\nThe keyframes, half a second apart, are decoded, pass through any "
        "image node "
        "(here *Sharpen*; a face restorer fits as well), are encoded again, and the frames between them are "
        "filled in. Keep their number and order.",
    )
    start(workflow)
    heard(workflow)
    workflow.add("emotion", "KeyFaceEmotionCurve", 1, curve="0:neutral 2:happy 5:calm", audio="speech.AUDIO")
    keyframes(workflow)
    workflow.add("decoded", "VAEDecode", 3, samples="keyframes.keyframes", vae="models.vae")
    workflow.add(
        "edited", "ImageSharpen", 3, "Edit the keyframes", image="decoded.IMAGE", sharpen_radius=1, alpha=0.3
    )
    workflow.add("look", "PreviewImage", 3, images="edited.IMAGE")
    workflow.add("encoded", "VAEEncode", 3, pixels="edited.IMAGE", vae="models.vae")
    interpolation(workflow, "encoded.LATENT", 4)
    workflow.add("images", "KeyFaceDecodeFrames", 4, frames="frames.frames", vae="models.vae")
    created(workflow, "images.images", 5)
    return workflow


def emotion_change() -> Workflow:
    workflow = described(
        "emotion_change",
        "# A change of feeling\nWrite *second:feeling* into the emotion curve: `0:calm 2.5:surprised "
        "4:happy*0.8`, "
        "or numbers: `6:(-0.4,0.9)` for valence and arousal. The timeline shows what comes when.",
    )
    start(workflow)
    heard(workflow)
    workflow.add(
        "emotion",
        "KeyFaceEmotionCurve",
        1,
        curve="0:sad 2:neutral 3.5:surprised 5:happy",
        audio="speech.AUDIO",
    )
    keyframes(workflow)
    timeline(workflow, 2)
    interpolation(workflow)
    render(workflow, 4)
    return workflow


def advanced() -> Workflow:
    workflow = described(
        "advanced",
        "# Any sampler, any noise levels\nThe guiders drive ComfyUI's own *SamplerCustomAdvanced*. *AYS "
        "Schedule* "
        "has the noise levels KeyFace was made with.",
    )
    start(workflow)
    heard(workflow)
    workflow.add("emotion", "KeyFaceEmotionFromValues", 1, valence=0.6, arousal=0.3)
    workflow.add("sampler", "KSamplerSelect", 2, sampler_name="euler")
    workflow.add("sigmas", "KeyFaceAYSSchedule", 2)
    workflow.add(
        "keyframe_guider",
        "KeyFaceKeyframeGuider",
        2,
        model="models.keyframe",
        vae="models.vae",
        portrait="portrait.IMAGE",
        features="features.features",
        emotion="emotion.emotion",
        scales="from the model",
    )
    _custom_sampler(workflow, "windows", "keyframe_guider", 3)
    workflow.add(
        "keyframes", "KeyFaceSelectKeyframes", 3, windows="windows.output", features="features.features"
    )
    workflow.add(
        "interpolation_guider",
        "KeyFaceInterpolationGuider",
        3,
        model="models.interpolation",
        reduced="models.reduced",
        keyframes="keyframes.keyframes",
        features="features.features",
        scales="from the model",
    )
    _custom_sampler(workflow, "frames", "interpolation_guider", 4)
    render(workflow, 4, "frames.output")
    return workflow


def _custom_sampler(workflow: Workflow, name: str, guider: str, column: int) -> None:
    workflow.add(
        name,
        "SamplerCustomAdvanced",
        column,
        noise=f"{guider}.noise",
        guider=f"{guider}.guider",
        sampler="sampler.SAMPLER",
        sigmas="sigmas.sigmas",
        latent_image=f"{guider}.latent",
    )


def upscale() -> Workflow:
    workflow = described(
        "upscale",
        "# Larger pictures\nEvery frame goes through an upscale model before it becomes video. Put one into "
        "`models/upscale_models`.",
    )
    start(workflow)
    heard(workflow)
    workflow.add("emotion", "KeyFaceEmotionPreset", 1, state="confident")
    keyframes(workflow)
    interpolation(workflow)
    workflow.add("images", "KeyFaceDecodeFrames", 3, frames="frames.frames", vae="models.vae")
    workflow.add("upscaler", "UpscaleModelLoader", 4, model_name="RealESRGAN_x4plus.safetensors")
    workflow.add(
        "larger", "ImageUpscaleWithModel", 4, upscale_model="upscaler.UPSCALE_MODEL", image="images.images"
    )
    created(workflow, "larger.IMAGE", 4)
    return workflow


def long_audio() -> Workflow:
    workflow = described(
        "long_audio",
        "# Minutes and hours\n*Render Video* writes frames into the video while they are decoded: an "
        "hour takes "
        "no more memory than a minute. Every stage is kept: changing the quality of the video samples "
        "nothing "
        "again. *fp8* weights help on small cards.",
    )
    start(workflow)
    heard(workflow)
    workflow.add("emotion", "KeyFaceEmotionPreset", 1, state="calm")
    keyframes(workflow)
    timeline(workflow, 2)
    interpolation(workflow)
    render(workflow, 4)
    workflow.nodes["video"].widgets["crf"] = 20
    return workflow


WORKFLOWS = (simple, two_stage, emotion_change, advanced, upscale, long_audio)


def main() -> None:
    with urllib.request.urlopen(f"{sys.argv[1]}/object_info") as response:
        definitions = json.load(response)
    for build in WORKFLOWS:
        workflow = build()
        for path, content in (
            (FOLDER / f"{workflow.name}.json", workflow.editor(definitions)),
            (FOLDER / "api" / f"{workflow.name}.json", workflow.api(definitions)),
        ):
            path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
