"""Writes the bundled workflows, for the editor and in API format, from one short description each.

    python scripts/build_workflows.py http://127.0.0.1:8188     needs a running ComfyUI with the pack

Node definitions come from the server, so that sockets and widgets are those of the real nodes.
"""

import json
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "workflows"
WIDGET_TYPES = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}
WIDTH, GAP, NOTE_WIDTH = 300, 60, 420
WIDER = {"KeyFaceEmotionCurve": 700, "KeyFaceTimelinePreview": 480}
AFTER_SEED = "fixed"
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
    "**Needs** KeyFace's files in `models/keyface` and the audio encoders in `models/audio_encoders` "
    f"([released weights]({_HUB}/toninio19/keyface), [wav2vec2]({_HUB}/facebook/wav2vec2-base-960h)), "
    f"and any "
    f"Stable Diffusion 1.x VAE in `models/keyface` ([for example]({_HUB}/stabilityai/sd-vae-ft-mse)). "
    "*auto* finds them by what they hold."
)


@dataclass
class Node:
    """A node in the making: `links` are {input: "node.output"}."""

    name: str
    type: str
    column: int
    widgets: dict = field(default_factory=dict)
    links: dict = field(default_factory=dict)
    title: str | None = None
    id: int = 0


class Workflow:
    def __init__(self, name: str, note: str):
        self.name = name
        self.note = note
        self.nodes: dict[str, Node] = {}

    def add(self, name: str, type: str, column: int, title: str | None = None, **inputs) -> str:
        """Adds a node; an input written "node.output" is a link, anything else a widget's value."""
        links = {key: value for key, value in inputs.items() if self._is_link(value)}
        widgets = {key: value for key, value in inputs.items() if key not in links}
        self.nodes[name] = Node(name, type, column, widgets, links, title, len(self.nodes) + 1)
        return name

    def _is_link(self, value) -> bool:
        return isinstance(value, str) and value.split(".")[0] in self.nodes and "." in value

    def api(self, definitions: dict) -> dict:
        prompt = {}
        for node in self.nodes.values():
            inputs = {
                name: default_of(kind, options)
                for name, (kind, options) in inputs_of(definitions[node.type])
                if is_widget(kind) and name not in node.widgets
            }
            inputs |= node.widgets
            for name, link in node.links.items():
                source, slot = self._source(link, definitions)
                inputs[name] = [str(source.id), slot]
            prompt[str(node.id)] = {
                "class_type": node.type,
                "inputs": inputs,
                "_meta": {"title": node.title or definitions[node.type]["display_name"]},
            }
        return prompt

    def editor(self, definitions: dict) -> dict:
        links, nodes, bottoms = [], [], {}
        outgoing: dict[tuple[str, int], list[int]] = {}
        incoming: dict[tuple[str, str], int] = {}
        for node in self.nodes.values():
            sockets = [name for name, (kind, _) in inputs_of(definitions[node.type]) if not is_widget(kind)]
            sockets += [name for name in node.links if name not in sockets]
            for position, name in enumerate(sockets):
                if name not in node.links:
                    continue
                source, slot = self._source(node.links[name], definitions)
                kind = definitions[source.type]["output"][slot]
                link = len(links) + 1
                links.append([link, source.id, slot, node.id, position, kind])
                outgoing.setdefault((source.name, slot), []).append(link)
                incoming[node.name, name] = link
        lefts = self._lefts()
        for order, node in enumerate(self.nodes.values()):
            definition = definitions[node.type]
            inputs = []
            for name, (kind, _) in inputs_of(definition):
                if is_widget(kind) and name not in node.links:
                    continue
                entry = {"name": name, "type": kind, "link": incoming.get((node.name, name))}
                if is_widget(kind):
                    entry["widget"] = {"name": name}
                inputs.append(entry)
            outputs = [
                {"name": title, "type": kind, "links": outgoing.get((node.name, slot))}
                for slot, (title, kind) in enumerate(
                    zip(definition["output_name"], definition["output"], strict=True)
                )
            ]
            values = widget_values(node, definition)
            height = height_of(node, definition, len(inputs), len(outputs), len(values))
            size = [WIDER.get(node.type, WIDTH), height]
            top = bottoms.get(node.column, 0)
            bottoms[node.column] = top + size[1] + GAP + 30
            properties = {"Node name for S&R": node.type}
            if node.type in MODELS:
                properties["models"] = MODELS[node.type]
            entry = {
                "id": node.id,
                "type": node.type,
                "pos": [lefts[node.column], top],
                "size": size,
                "flags": {},
                "order": order,
                "mode": 0,
                "inputs": inputs,
                "outputs": outputs,
                "properties": properties,
                "widgets_values": values,
            }
            if node.title:
                entry["title"] = node.title
            nodes.append(entry)
        note = {
            "id": len(nodes) + 1,
            "type": "MarkdownNote",
            "pos": [-NOTE_WIDTH - GAP, 0],
            "size": [NOTE_WIDTH, 420],
            "flags": {},
            "order": len(nodes),
            "mode": 0,
            "inputs": [],
            "outputs": [],
            "properties": {},
            "widgets_values": [f"{self.note}\n\n{NEEDS}"],
            "title": "About this workflow",
        }
        return {
            "last_node_id": len(nodes) + 1,
            "last_link_id": len(links),
            "nodes": [*nodes, note],
            "links": links,
            "groups": [],
            "config": {},
            "extra": {"ds": {"scale": 0.8, "offset": [NOTE_WIDTH + 2 * GAP, 60]}},
            "version": 0.4,
        }

    def _lefts(self) -> list[int]:
        """Where the columns start, each as wide as its widest node."""
        columns = range(1 + max(node.column for node in self.nodes.values()))
        widths = [
            max((WIDER.get(n.type, WIDTH) for n in self.nodes.values() if n.column == column), default=0)
            for column in columns
        ]
        return [sum(widths[:column]) + GAP * column for column in columns]

    def _source(self, link: str, definitions: dict) -> tuple[Node, int]:
        name, output = link.split(".")
        source = self.nodes[name]
        return source, definitions[source.type]["output_name"].index(output)


def inputs_of(definition: dict):
    """(name, (type, options)) of every input, required ones first, as the editor orders them."""
    for group in ("required", "optional"):
        for name, spec in definition["input"].get(group, {}).items():
            kind, options = spec[0], (spec[1] if len(spec) > 1 else {})
            yield name, ("COMBO" if isinstance(kind, list) else kind, options | choices_of(spec))


def choices_of(spec: list) -> dict:
    return {"options": spec[0]} if isinstance(spec[0], list) else {}


def is_widget(kind: str) -> bool:
    return kind.split(",")[0] in WIDGET_TYPES


def default_of(kind: str, options: dict):
    if "default" in options:
        return options["default"]
    if kind == "COMBO":
        return options["options"][0]
    return {"STRING": "", "BOOLEAN": False}.get(kind, 0)


def widget_values(node: Node, definition: dict) -> list:
    values = []
    for name, (kind, options) in inputs_of(definition):
        if is_widget(kind):
            values.append(node.widgets[name] if name in node.widgets else default_of(kind, options))
            if options.get("control_after_generate"):
                values.append(AFTER_SEED)
            if options.get("image_upload"):
                values.append("image")
    return [*values, None, None] if node.type == "LoadAudio" else values


def height_of(node: Node, definition: dict, inputs: int, outputs: int, widgets: int) -> int:
    """Close to what the editor gives a node, with room for what it shows after a run."""
    texts = sum(options.get("multiline", False) for _, (_, options) in inputs_of(definition))
    shown = {"LoadImage": 220, "LoadAudio": 60, "SaveVideo": 220, "PreviewImage": 240}
    shown |= {"KeyFaceTimelinePreview": 220, "KeyFaceEmotionCurve": 290}
    return 20 * max(inputs, outputs) + 26 * widgets + 70 * texts + shown.get(node.type, 0) + 16


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
    workflow.add("portrait", "LoadImage", 0, image="keyface_portrait.jpg")
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
    workflow = Workflow(
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
    )
    workflow.add("save", "SaveVideo", 3, video="animate.video", filename_prefix="video/KeyFace")
    return workflow


def two_stage() -> Workflow:
    workflow = Workflow(
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
    workflow = Workflow(
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
    workflow = Workflow(
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
    workflow = Workflow(
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
    workflow = Workflow(
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
