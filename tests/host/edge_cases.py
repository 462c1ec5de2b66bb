"""Every kind of wrong value at every input of every node. Run by the host's own Python.

python edge_cases.py COMFYUI   prints one JSON object a case: group, name, said (null for no error)
"""

import asyncio
import json
import sys
from collections.abc import Callable

from in_host import prepare

prepare(sys.argv[1])

import comfy.sd  # noqa: E402
import torch  # noqa: E402
from keyface_pack.keyface_lib.errors import KeyFaceError  # noqa: E402
from keyface_pack.keyface_lib.method.emotion import named  # noqa: E402
from keyface_pack.keyface_lib.portrait.framing import Framing  # noqa: E402
from keyface_pack.nodes import NODES, latents, media  # noqa: E402
from keyface_pack.nodes.guiders import keyframe_guider  # noqa: E402
from keyface_pack.nodes.loaders import Encoders  # noqa: E402
from keyface_pack.nodes.pasting import FramedFace  # noqa: E402
from keyface_pack.nodes.sampling import UnitNoise  # noqa: E402
from stand_in import heard, small_model, sound, without_cost  # noqa: E402

NAN, INF = float("nan"), float("inf")
MODELS = without_cost(small_model())
HEARD = heard(MODELS, 1.5)


def with_one(tensor: torch.Tensor, value: float) -> torch.Tensor:
    tensor = tensor.clone()
    tensor.view(-1)[tensor.numel() // 2] = value
    return tensor


def wave(*shape: int, value: float | None = None, dtype: torch.dtype = torch.float32) -> dict:
    return sound(1, waveform=torch.full(shape, value or 0.1).to(dtype))


PICTURE, SAMPLES = torch.rand(1, 12, 10, 3), torch.randn(4, 4, 8, 8)
ANYTHING = {"a number": 3, "a text": "x", "an object": object(), "a dict": {}, "a list": [1, 2]}
FOREIGN_VAE = comfy.sd.VAE.__new__(comfy.sd.VAE)
WRONG = {
    "AUDIO": ANYTHING
    | {
        "nothing": None,
        "a tensor": torch.zeros(1, 1, 99),
        "no waveform": {"waveform": None, "sample_rate": 16_000},
        "no rate": {"waveform": torch.zeros(1, 1, 99)},
        "rate of nothing": sound(1, sample_rate=None),
        "rate 0": sound(1, sample_rate=0),
        "rate -1": sound(1, sample_rate=-1),
        "rate 1": sound(1, sample_rate=1),
        "rate of 2 GHz": sound(1, sample_rate=2_000_000_000),
        "rate NaN": sound(1, sample_rate=NAN),
        "rate as text": sound(1, sample_rate="16000"),
        "one axis": wave(99),
        "two axes": wave(1, 99),
        "four axes": wave(1, 1, 1, 99),
        "no recording": wave(0, 1, 99),
        "two recordings": wave(2, 1, 99),
        "no channel": wave(1, 0, 99),
        "no samples": wave(1, 2, 0),
        "booleans": wave(1, 1, 99, dtype=torch.bool),
        "complex": wave(1, 1, 99, dtype=torch.complex64),
        "one NaN": sound(1, waveform=with_one(torch.zeros(1, 2, 99), NAN)),
        "one infinity": sound(1, waveform=with_one(torch.zeros(1, 2, 99), -INF)),
        "16 bits as floats": wave(1, 1, 99, value=30_000.0),
    },
    "IMAGE": ANYTHING
    | {
        "nothing": None,
        "a mask": torch.rand(1, 12, 10),
        "a video": torch.rand(1, 1, 12, 10, 3),
        "no picture": torch.rand(0, 12, 10, 3),
        "two pictures": torch.rand(2, 12, 10, 3),
        "no height": torch.rand(1, 0, 10, 3),
        "no width": torch.rand(1, 12, 0, 3),
        "no channel": torch.rand(1, 12, 10, 0),
        "5 channels": torch.rand(1, 12, 10, 5),
        "channels first": torch.rand(1, 3, 12, 10),
        "one NaN pixel": with_one(PICTURE, NAN),
        "one infinite pixel": with_one(PICTURE, INF),
        "0 to 255": PICTURE * 255,
        "-1 to 1": PICTURE * 2 - 1 - 1e-3,
        "complex": PICTURE.to(torch.complex64),
    },
    "LATENT": ANYTHING
    | {
        "nothing": None,
        "a tensor": SAMPLES,
        "no samples": {"samples": None},
        "a video": {"samples": torch.zeros(1, 4, 3, 8, 8)},
        "three axes": {"samples": torch.zeros(4, 8, 8)},
        "16 channels": {"samples": torch.zeros(4, 16, 8, 8)},
        "none": {"samples": torch.zeros(0, 4, 8, 8)},
        "no height": {"samples": torch.zeros(4, 4, 0, 8)},
        "whole numbers": {"samples": torch.zeros(4, 4, 8, 8, dtype=torch.int64)},
        "one NaN": {"samples": with_one(SAMPLES, NAN)},
        "one infinity": {"samples": with_one(SAMPLES, INF)},
        "another number": {"samples": torch.zeros(5, 4, 8, 8)},
    },
    "MASK": ANYTHING
    | {
        "a picture": PICTURE,
        "two masks": torch.ones(2, 12, 10),
        "complex": torch.ones(1, 12, 10, dtype=torch.complex64),
        "one NaN": with_one(torch.ones(1, 12, 10), NAN),
        "another size": torch.ones(1, 11, 10),
        "nothing painted": torch.zeros(1, 12, 10),
        "nothing painted, of another size": torch.zeros(1, 64, 64),
    },
    "BOUNDING_BOX": ANYTHING
    | {
        "without width": {"x": 1, "y": 1, "height": 5},
        "width 0": {"x": 1, "y": 1, "width": 0, "height": 5},
        "negative height": [[{"x": 1, "y": 1, "width": 5, "height": -5}]],
        "NaN": {"x": NAN, "y": 1, "width": 5, "height": 5},
        "of 400 digits": {"x": 10**400, "y": 1, "width": 5, "height": 5},
        "texts": {"x": "1", "y": "1", "width": "5", "height": "5"},
    },
    "FACE_LANDMARKS": ANYTHING
    | {
        "without points": {"frames": [[{"bbox_xyxy": [0, 0, 5, 5]}]]},
        "5 points": {"frames": [[{"bbox_xyxy": [0, 0, 5, 5], "landmarks_xy": torch.ones(5, 2)}]]},
        "of 400 digits": {"frames": [[{"bbox_xyxy": [0, 0, 5, 5], "landmarks_xy": [[10**400, 1]] * 478}]]},
        "no extent": {"frames": [[{"bbox_xyxy": [0, 0, 0, 5], "landmarks_xy": torch.ones(478, 2)}]]},
        "NaN": {"frames": [[{"bbox_xyxy": [0, 0, 5, 5], "landmarks_xy": torch.full((478, 2), NAN)}]]},
    },
    "KEYFACE_FRAMING": ANYTHING | {"nothing": None, "features": HEARD},
    "BOOLEAN": {"nothing": None, "a number": 1, "a text": "yes", "an object": object()},
    "MODEL": ANYTHING | {"a VAE": MODELS["vae"], "not a patcher": MODELS["keyframe"].model},
    "VIDEO": ANYTHING | {"frames": PICTURE, "components": {"images": PICTURE, "frame_rate": 25}},
    "VAE": ANYTHING | {"nothing": None, "a model": MODELS["keyframe"], "another VAE": FOREIGN_VAE},
    "FLOAT": ANYTHING | {"nothing": None, "NaN": NAN, "infinity": INF, "small": -1e9, "large": 1e9},
    "INT": ANYTHING
    | {"nothing": None, "NaN": NAN, "a fraction": 1.5, "small": -(10**9), "large": 10**30, "infinity": INF},
    "STRING": ANYTHING | {"nothing": None, "nonsense": "0:hapy"},
    "COMBO": ANYTHING | {"nothing": None, "nonsense": "no such choice"},
    "KEYFACE_FEATURES": ANYTHING | {"nothing": None, "emotion": named("happy")},
    "KEYFACE_EMOTION": ANYTHING | {"features": HEARD},
    "KEYFACE_ENCODERS": ANYTHING | {"nothing": None, "features": HEARD, "no encoder": Encoders({})},
}
FINE = {("INT", "a number"), ("FLOAT", "a number")}
"""What is no mistake at some inputs, and so is tried at none."""
TAKES_BATCHES = {"KeyFaceFrameFace": ("pictures",)}
"""Inputs of frames, of any size."""
TAKES_ANY_NUMBER = {"KeyFaceKeyframesToImages", "KeyFacePinKeyframes", "KeyFaceRerollKeyframes"}
"""Nodes that know no sound, to which keyframes of any number belong."""
LISTS = {
    "valence": ([], [None], [NAN], [INF], ["x"], [2.0], [-1.01], [[]], [[0.1, NAN]], [[[0.1]]], [object()]),
    "fps": ([None], [0.0], [NAN], [INF], ["x"], [-25.0], [1e9]),
}


def good(declared) -> object:
    """A value that an input takes."""
    models = {
        "model": "keyframe",
        "reduced": "reduced",
        "keyframe_model": "keyframe",
        "interpolation_model": "interpolation",
        "reduced_model": "reduced",
    }
    values = {
        "AUDIO": sound(1.5),
        "IMAGE": PICTURE,
        "LATENT": {"samples": SAMPLES},
        "VAE": MODELS["vae"],
        "KEYFACE_FEATURES": HEARD,
        "KEYFACE_EMOTION": named("happy"),
        "KEYFACE_ENCODERS": MODELS["encoders"],
        "MASK": torch.ones(1, 12, 10),
        "BOUNDING_BOX": {"x": 2, "y": 2, "width": 6, "height": 6},
        "FACE_LANDMARKS": {
            "frames": [[{"bbox_xyxy": [2, 2, 8, 8], "landmarks_xy": torch.rand(478, 2) + 5, "score": 1.0}]]
        },
        "KEYFACE_FRAMING": FramedFace(Framing(5, 6, 8), PICTURE),
    }
    kind = declared.get_io_type()
    if kind == "MODEL":
        return MODELS[models[declared.id]]
    if declared.id == "pinned":
        return latents.with_kept(latents.keyframes(SAMPLES), {1})
    if declared.id == "images":
        return PICTURE.expand(len(SAMPLES), -1, -1, -1)
    return values.get(kind, getattr(declared, "default", None))


def case(group: str, name: str, call: Callable[[], object]) -> None:
    """Prints what was raised, null for nothing; "raw: ..." for anything but a KeyFaceError of one line."""
    said = None
    try:
        call()
    except KeyFaceError as error:
        said = str(error) if str(error).isprintable() else f"raw: not one line: {error}"
    except Exception as error:
        said = f"raw: {type(error).__name__}: {error}"
    print(json.dumps({"group": group, "name": name, "said": said}), flush=True)


def every_wrong_value() -> None:
    for node in NODES:
        schema = node.define_schema()
        if schema.is_input_list:
            continue
        values = {declared.id: good(declared) for declared in schema.inputs}
        if "Interpolation" in schema.node_id:
            values["model"] = MODELS["interpolation"]
        for declared in schema.inputs:
            kind = declared.get_io_type()
            for what, value in WRONG[kind].items():
                if (kind, what) in FINE or (kind == "STRING" and what == "a text"):
                    continue
                if value is None and declared.optional:
                    continue
                if what == "two pictures" and declared.id in TAKES_BATCHES.get(schema.node_id, ()):
                    continue
                if what == "another number" and schema.node_id in TAKES_ANY_NUMBER:
                    continue
                call = lambda node=node, values={**values, declared.id: value}: node.execute(**values)  # noqa: E731
                case("wrong value", f"{schema.display_name}, {declared.id}: {what}", call)


def every_required_input_left_empty() -> None:
    for node in NODES:
        schema = node.define_schema()
        if schema.is_input_list:
            continue
        values = {declared.id: good(declared) for declared in schema.inputs}
        for declared in schema.inputs:
            if declared.optional:
                continue
            call = lambda node=node, values={**values, declared.id: None}: node.execute(**values)  # noqa: E731
            case("nothing arrives", f"{schema.display_name}, {declared.id}", call)


def lists_of_numbers() -> None:
    node = next(node for node in NODES if node.define_schema().is_input_list)
    right = {"valence": [0.1], "arousal": [0.2], "fps": [25.0]}
    for name, wrong in LISTS.items():
        for value in wrong:
            call = lambda name=name, value=value: node.execute(**{**right, name: value})  # noqa: E731
            case("wrong value", f"Emotion from Values, {name}: {value!r}", call)


def latents_in_the_wrong_place() -> None:
    nodes = {node.define_schema().node_id: node for node in NODES}
    fourteen = torch.randn(14, 4, 8, 8)
    holds = {
        "keyframes": latents.keyframes(fourteen),
        "windows": latents.windows(fourteen),
        "frames": latents.frames(fourteen, 14),
    }
    takers = {
        "KeyFaceDecodeFrames": ("frames", {"vae": MODELS["vae"]}),
        "KeyFaceRenderVideo": ("frames", {"vae": MODELS["vae"], "audio": sound(0.5), "crf": 17}),
        "KeyFaceSelectKeyframes": ("windows", {"features": HEARD}),
        "KeyFaceTimelinePreview": ("keyframes", {"features": HEARD, "width": 400}),
        "KeyFacePinKeyframes": ("keyframes", {"which": "0"}),
        "KeyFaceRerollKeyframes": ("keyframes", {"which": "0", "seed": 1}),
        "KeyFaceKeyframesToImages": ("keyframes", {"vae": MODELS["vae"]}),
    }
    for node, (name, others) in takers.items():
        for held, latent in holds.items():
            if held != name:
                call = lambda n=nodes[node], v={name: latent, **others}: n.execute(**v)  # noqa: E731
                case("wrong place", f"{node} gets {held}", call)


def faces_that_are_not_there() -> None:
    node = next(node for node in NODES if node.define_schema().node_id == "KeyFaceFrameFace")
    values = {
        declared.id: good(declared) for declared in node.define_schema().inputs if not declared.optional
    }
    two = [{"x": 1, "y": 1, "width": 3, "height": 3}, {"x": 6, "y": 1, "width": 3, "height": 3}]
    cases = {
        "no box at all": {"bboxes": []},
        "no box in the picture": {"bboxes": [[]]},
        "no face in the landmarks": {"face_landmarks": {"frames": [[]]}},
        "a third face of two": {"bboxes": two, "which": "from the left", "number": 3},
        "a frame behind the last one": {"bboxes": two, "frame": 1},
        "a box outside of the picture": {"box": "50, 50, 5, 5"},
        "a box without width": {"box": "1, 1, 0, 5"},
        "a box of three numbers": {"box": "1, 1, 5"},
        "a box of words": {"box": "here"},
    }
    for name, wrong in cases.items():
        case("wrong place", f"Frame Face gets {name}", lambda w=wrong: node.execute(**{**values, **w}))


def films_that_cannot_be_read() -> None:
    import io

    from comfy_api.latest import InputImpl
    from keyface_pack.nodes import emotion_from_video

    def reader(_path) -> object:
        read = lambda faces: faces[:, :2].mean((2, 3))  # noqa: E731
        read.size = 16
        return read

    node = emotion_from_video.EmotionFromVideo
    values = {"which": "largest", "number": 1, "smooth": 0.5, "strength": 1.0, "emotion_model": "auto"}
    film = InputImpl.VideoFromFile(io.BytesIO(b"no video"))
    missing = {
        "nothing": {},
        "both": {"video": film, "pictures": PICTURE},
        "no model": {"pictures": PICTURE},
        "another model": {"pictures": PICTURE, "emotion_model": "other.onnx"},
    }
    for name, given in missing.items():
        case(
            "wrong place", f"Emotion from Video gets {name}", lambda g=given: node.execute(**{**values, **g})
        )
    emotion_from_video._model = lambda name: name
    emotion_from_video.find_reader = reader
    emotion_from_video.find_detector = lambda folders: lambda picture: []
    unreadable = {
        "what is no video": {"video": film},
        "no face": {"pictures": PICTURE.expand(5, -1, -1, -1)},
        "no second face": {"pictures": PICTURE, "which": "from the left", "number": 2},
        "black frames": {"pictures": torch.zeros(30, 12, 10, 3)},
    }
    for name, given in unreadable.items():
        call = lambda g=given: node.execute(**{**values, **g})  # noqa: E731
        case("wrong place", f"Emotion from Video sees {name}", call)
    centre = {**values, "which": "centre"}
    case("runs", "Emotion from Video, one picture", lambda: node.execute(**centre, pictures=PICTURE))


def latents_for_a_guider() -> None:
    import comfy.samplers
    from comfy_extras.nodes_custom_sampler import SamplerCustomAdvanced

    identity = torch.randn(1, 4, 8, 8)
    guider = keyframe_guider(MODELS["keyframe"], identity, HEARD.features, named("happy"), 1.0, 1.0)
    shapes = {
        "one frame": (1, 4, 8, 8),
        "no whole window": (13, 4, 8, 8),
        "too many": (28, 4, 8, 8),
        "another size": (14, 4, 64, 64),
        "16 channels": (14, 16, 8, 8),
        "a video": (1, 4, 14, 8, 8),
    }
    for what, shape in shapes.items():
        inputs = {
            "noise": UnitNoise(0, "keyframes"),
            "guider": guider,
            "sampler": comfy.samplers.sampler_object("euler"),
            "sigmas": torch.tensor([5.0, 1.0, 0.0]),
            "latent_image": {"samples": torch.ones(shape)},
        }
        node = SamplerCustomAdvanced
        call = node.execute if hasattr(node, "execute") else getattr(node(), node.FUNCTION)
        case("wrong place", f"SamplerCustomAdvanced gets {what}", lambda c=call, v=inputs: c(**v))


def what_is_brought_into_form() -> None:
    mean = torch.linspace(-1, 1, 99)[None, None]

    def same_sound(value: torch.Tensor, bound: float) -> None:
        got = media.audio("audio", {"waveform": value, "sample_rate": 44_100.0})
        assert got["waveform"].dtype == torch.float32
        assert got["sample_rate"] == 44_100
        torch.testing.assert_close(got["waveform"], mean, rtol=0, atol=bound)

    sounds = {
        "half": (mean.half(), 1e-3),
        "double": (mean.double(), 0.0),
        "16 bits": ((mean * 32_767).round().to(torch.int16), 1e-4),
        "32 bits": ((mean * (2**31 - 129)).to(torch.int32), 1e-6),
        "bytes": ((mean * 127 + 128).round().to(torch.uint8), 0.02),
    }
    for name, (value, bound) in sounds.items():
        case("in form", f"sound of {name}", lambda v=value, b=bound: same_sound(v, b))

    def same_picture(value: torch.Tensor, wanted: torch.Tensor) -> None:
        torch.testing.assert_close(media.picture("portrait", value), wanted, rtol=0, atol=2e-3)

    grey = PICTURE[..., :1].expand(-1, -1, -1, 3)
    half = torch.full_like(PICTURE[..., :1], 0.5)
    pictures = {
        "RGB": (PICTURE, PICTURE),
        "half": (PICTURE.half(), PICTURE),
        "bytes": ((PICTURE * 255).round().to(torch.uint8), PICTURE),
        "grey": (PICTURE[..., :1], grey),
        "opaque": (torch.cat([PICTURE, torch.ones_like(half)], -1), PICTURE),
        "transparent": (torch.cat([PICTURE, torch.zeros_like(half)], -1), PICTURE),
        "half transparent": (torch.cat([PICTURE, half], -1), PICTURE),
        "half transparent grey": (torch.cat([PICTURE[..., :1], half], -1), grey),
        "a little beyond": (PICTURE * 1.4 - 0.2, (PICTURE * 1.4 - 0.2).clamp(0, 1)),
        "not contiguous": (PICTURE.transpose(1, 2), PICTURE.transpose(1, 2)),
    }
    for name, (value, wanted) in pictures.items():
        case("in form", f"picture, {name}", lambda v=value, w=wanted: same_picture(v, w))


def what_runs_on() -> None:
    nodes = {node.define_schema().node_id: node for node in NODES}

    def curve(text: str, seconds: float | None) -> None:
        audio = sound(seconds) if seconds else None
        nodes["KeyFaceEmotionCurve"].execute(curve=text, audio=audio)

    case("runs", "a curve that ends after the sound", lambda: curve("0:sad 60:happy", 1.1))
    case("runs", "a curve that ends before the sound", lambda: curve("0:sad 0.5:happy", 1.1))
    case("runs", "a curve without sound", lambda: curve("0:sad 0.5:happy", None))
    sampler = nodes["KeyFaceKeyframeSampler"]
    values = {declared.id: good(declared) for declared in sampler.define_schema().inputs}
    case("runs", "Keyframe Sampler with all it can have", lambda: sampler.execute(**values))
    performing = nodes["KeyFaceMotionAndExpression"]
    for motion, expression in ((0.0, 2.0), (2.0, 0.0)):
        strengths = {"head_motion": motion, "expression": expression}
        (model,) = performing.execute(model=values["model"], **strengths).result
        performed = {**values, "model": model, "steps": 3}
        case("runs", f"Keyframe Sampler, {strengths}", lambda v=performed: sampler.execute(**v))
    for name in ("emotion", "scales", "pinned"):
        without = {**values, name: None, "steps": 1}
        case("runs", f"Keyframe Sampler without {name}", lambda v=without: sampler.execute(**v))
    whole = {**values, "steps": 2.0}
    for name in ("KeyFaceKeyframesToImages", "KeyFaceImagesToKeyframes", "KeyFacePinKeyframes"):
        given = {declared.id: good(declared) for declared in nodes[name].define_schema().inputs}
        case("runs", name, lambda n=nodes[name], v=given: n.execute(**v))
    decoding = nodes["KeyFaceDecodeFrames"]

    def frames_a_second() -> None:
        frames = latents.frames(torch.randn(14, 4, 8, 8), 10)
        images, fps = decoding.execute(frames=frames, vae=MODELS["vae"]).result
        assert len(images) == 10
        assert fps == 25

    case("runs", "Decode Frames, and says how many frames make a second", frames_a_second)

    def odd_keyframes() -> None:
        model = small_model()
        interpolation = nodes["KeyFaceInterpolationSampler"]
        values = {declared.id: good(declared) for declared in interpolation.define_schema().inputs}
        keyframes = {"samples": torch.randn(4, 4, 9, 7)}
        values |= {"model": model["interpolation"], "reduced": model["reduced"], "keyframes": keyframes}
        (frames,) = interpolation.execute(**{**values, "steps": 1}).result
        assert frames["samples"].shape == (3 * 14, 4, 9, 7)

    case("runs", "keyframes of another size, with odd sides", odd_keyframes)
    case("runs", "steps of 2.0, as nodes that calculate give them", lambda: sampler.execute(**whole))


@torch.inference_mode()
def main() -> None:
    asyncio.run(sys.modules["keyface_pack"].comfy_entrypoint())
    every_wrong_value()
    every_required_input_left_empty()
    lists_of_numbers()
    latents_in_the_wrong_place()
    faces_that_are_not_there()
    films_that_cannot_be_read()
    latents_for_a_guider()
    what_is_brought_into_form()
    what_runs_on()


if __name__ == "__main__":
    main()
