"""What several bundled workflows share; a place is (group, column, band)."""

from urllib.parse import unquote

from workflow import Workflow

_HUB = "https://huggingface.co"
_RELEASED = f"{_HUB}/toninio19/keyface/resolve/main/checkpoints"
_VAE = f"{_HUB}/stabilityai/sd-vae-ft-mse/resolve/main/diffusion_pytorch_model.safetensors"
_WAV2VEC2 = f"{_HUB}/facebook/wav2vec2-base-960h/resolve/main/model.safetensors"
_BETWEEN = f"{_HUB}/Comfy-Org/frame_interpolation/resolve/main/frame_interpolation/rife_v4.26.safetensors"
_UPSCALER = f"{_HUB}/Comfy-Org/Real-ESRGAN_repackaged/resolve/main/RealESRGAN_x4plus.safetensors"


def _files(directory: str, *urls: str) -> list[dict]:
    names = [unquote(url.rsplit("/", 1)[1]) for url in urls]
    return [{"name": n, "url": url, "directory": directory} for n, url in zip(names, urls, strict=True)]


MODELS = {
    "KeyFaceLoadModels": _files(
        "keyface",
        f"{_RELEASED}/keyframe.pt",
        f"{_RELEASED}/interpolation.pt",
        f"{_RELEASED}/interpolation_bad.pt",
        _VAE,
    ),
    "KeyFaceLoadAudioEncoders": _files(
        "audio_encoders",
        f"{_RELEASED}/WavLM-Base%2B.pt",
        f"{_RELEASED}/BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt",
        _WAV2VEC2,
    ),
    "UpscaleModelLoader": _files("upscale_models", _UPSCALER),
    "FrameInterpolationModelLoader": _files("frame_interpolation", _BETWEEN),
}
PORTRAIT, SCENE = "keyface_drawn_portrait.png", "keyface_drawn_scene.jpg"
LEFT, RIGHT = "48, 124, 416, 416", "496, 124, 416, 416"
"""The squares of both people in the example scene, as scripts/picture_scene.py prints them."""
NEEDS = (
    "**Runs as it is** with the small bundled model, which knows drawn faces of 64 pixels. For photographs "
    f"put [KeyFace's weights]({_HUB}/toninio19/keyface) and [a VAE]({_HUB}/stabilityai/sd-vae-ft-mse) into "
    f"`models/keyface`, the audio encoders (with [wav2vec2]({_HUB}/facebook/wav2vec2-base-960h)) into "
    "`models/audio_encoders`; *auto* finds them."
)


RELEASED = (
    f"[KeyFace's weights]({_HUB}/toninio19/keyface) and [a VAE]({_HUB}/stabilityai/sd-vae-ft-mse) go into "
    "`models/keyface`, the audio encoders (WavLM and BEATs from there, "
    f"[wav2vec2]({_HUB}/facebook/wav2vec2-base-960h)) into `models/audio_encoders`."
)


def described(name: str, title: str, note: str, needs: str = NEEDS) -> Workflow:
    return Workflow(name, title, f"{note}\n\n{needs}", MODELS)


def start(workflow: Workflow, picture: str = PORTRAIT) -> None:
    """What nearly every workflow begins with: models above, a picture and a recording below."""
    models(workflow)
    loaded(workflow, picture)
    workflow.add("speech", "LoadAudio", ("Load", 1, 1), audio="keyface_speech.flac")


def loaded(workflow: Workflow, picture: str) -> None:
    title = "The whole picture" if picture == SCENE else None
    workflow.add("portrait", "LoadImage", ("Load", 0, 1), title, image=picture)


def models(workflow: Workflow) -> None:
    workflow.add("models", "KeyFaceLoadModels", ("Load", 0, 0))
    workflow.add(
        "encoders",
        "KeyFaceLoadAudioEncoders",
        ("Load", 1, 0),
        keyframe_model="models.keyframe",
        interpolation_model="models.interpolation",
    )


def framed(
    workflow: Workflow,
    name: str = "framed",
    place: tuple[str, int, int] = ("Frame", 2, 2),
    pictures: str = "portrait.IMAGE",
    box: str = LEFT,
) -> None:
    workflow.add(name, "KeyFaceFrameFace", place, pictures=pictures, box=box)


def person(workflow: Workflow, side: str, band: int) -> None:
    """The frames of one of two people, from `<side>_sound`, `<side>_face` and `<side>_feels`."""
    group = side.capitalize()
    workflow.add(
        f"{side}_features",
        "KeyFaceEncodeAudio",
        (group, 4, band),
        audio=f"{side}_sound.AUDIO",
        encoders="encoders.encoders",
    )
    keyframes(
        workflow,
        f"{side}_keyframes",
        (group, 4, band),
        portrait=f"{side}_face.portrait",
        features=f"{side}_features.features",
        emotion=f"{side}_feels.emotion",
    )
    interpolation(
        workflow,
        f"{side}_keyframes.keyframes",
        (group, 5, band),
        f"{side}_frames",
        f"{side}_features.features",
    )


def animated(
    workflow: Workflow,
    framing: str | None = None,
    feeling: str | None = "happy",
    model: str = "models.keyframe",
) -> None:
    """Everything after loading in one node.

    Args:
        model: of the keyframes.
        feeling: a named one; None if the workflow has an "emotion" already.
        framing: where the portrait was cut from, for a video of the whole picture.
    """
    if feeling is not None:
        workflow.add("emotion", "KeyFaceEmotionPreset", ("Feel", 2, 1), state=feeling, intensity=0.7)
    workflow.add(
        "animate",
        "KeyFaceAnimate",
        ("Animate", 3, 0),
        keyframe_model=model,
        interpolation_model="models.interpolation",
        reduced_model="models.reduced",
        vae="models.vae",
        encoders="encoders.encoders",
        portrait="portrait.IMAGE" if framing is None else framing.replace(".framing", ".portrait"),
        audio="speech.AUDIO",
        emotion="emotion.emotion",
        scales="from the model",
        **({} if framing is None else {"framing": framing}),
    )
    saved(workflow, "animate.video", 4)


def heard(workflow: Workflow) -> None:
    workflow.add(
        "features",
        "KeyFaceEncodeAudio",
        ("Listen", 2, 0),
        audio="speech.AUDIO",
        encoders="encoders.encoders",
    )


def keyframes(
    workflow: Workflow,
    name: str = "keyframes",
    place: tuple[str, int, int] = ("Keyframes", 3, 0),
    pinned: str | None = None,
    portrait: str = "portrait.IMAGE",
    features: str = "features.features",
    emotion: str = "emotion.emotion",
) -> None:
    workflow.add(
        name,
        "KeyFaceKeyframeSampler",
        place,
        model="models.keyframe",
        vae="models.vae",
        portrait=portrait,
        features=features,
        emotion=emotion,
        scales="from the model",
        **({} if pinned is None else {"pinned": pinned}),
    )


def interpolation(
    workflow: Workflow,
    source: str = "keyframes.keyframes",
    place: tuple[str, int, int] = ("Frames", 4, 0),
    name: str = "frames",
    features: str = "features.features",
) -> None:
    workflow.add(
        name,
        "KeyFaceInterpolationSampler",
        place,
        model="models.interpolation",
        reduced="models.reduced",
        keyframes=source,
        features=features,
        scales="from the model",
    )


def upscaled(workflow: Workflow) -> None:
    """Every frame through an upscale model."""
    workflow.add("images", "KeyFaceDecodeFrames", ("Frames", 5, 0), frames="frames.frames", vae="models.vae")
    workflow.add("upscaler", "UpscaleModelLoader", ("Load", 1, 1), model_name="RealESRGAN_x4plus.safetensors")
    workflow.add(
        "larger",
        "ImageUpscaleWithModel",
        ("Enlarge", 6, 0),
        upscale_model="upscaler.UPSCALE_MODEL",
        image="images.images",
    )


def timeline(workflow: Workflow) -> None:
    workflow.add(
        "timeline",
        "KeyFaceTimelinePreview",
        ("Look", 5, 1),
        features="features.features",
        emotion="emotion.emotion",
        keyframes="keyframes.keyframes",
    )


def render(workflow: Workflow, source: str = "frames.frames", column: int = 5, band: int = 0) -> None:
    place = ("Video", column, band)
    workflow.add("video", "KeyFaceRenderVideo", place, frames=source, vae="models.vae", audio="speech.AUDIO")
    saved(workflow, "video.video", column + 1, band)


def created(workflow: Workflow, images: str, column: int, band: int, fps: str | float = "images.fps") -> None:
    place = ("Video", column, band)
    workflow.add("video", "CreateVideo", place, images=images, audio="speech.AUDIO", fps=fps)
    saved(workflow, "video.VIDEO", column + 1, band)


def saved(workflow: Workflow, video: str, column: int, band: int = 0) -> None:
    workflow.add("save", "SaveVideo", ("Video", column, band), video=video, filename_prefix="video/KeyFace")
