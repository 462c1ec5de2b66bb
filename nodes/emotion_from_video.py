"""The feeling of a filmed face, as a curve."""

from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import comfy.model_management as mm
import comfy.utils
import numpy as np
import torch
from comfy_api.latest import Input, InputImpl, io, ui
from einops import rearrange

from ..keyface_lib.affect.glimpses import Glimpses
from ..keyface_lib.affect.models import find_model, find_reader
from ..keyface_lib.affect.observing import Observed
from ..keyface_lib.affect.options import CENTRE, SMOOTH, STRENGTHS, WIDTHS
from ..keyface_lib.affect.reading import curve_of, read_file, read_pictures
from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.method.emotion_text import to_json
from ..keyface_lib.method.timeline import FPS
from ..keyface_lib.portrait.detectors import MODEL_FILES as DETECTORS
from ..keyface_lib.portrait.detectors import find_detector
from ..keyface_lib.portrait.faces import CHOICES
from . import edges, files, media
from .compat import found_by, part_of, where_known
from .emotion import FPS_BOUNDS, Emotion
from .files import AUTO
from .node_text import show, warnings_as_remarks

_LARGEST, _FROM_LEFT, _ = CHOICES


class EmotionFromVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceEmotionFromVideo",
            display_name="Emotion from Video",
            category="KeyFace",
            **found_by("driving video", "facial expression", "valence arousal"),
            description="Reads valence and arousal off a face in a video or picture, frame by frame, as a "
            "smooth curve of few points that can be edited.",
            inputs=[
                io.Combo.Input(
                    "which",
                    options=[_LARGEST, _FROM_LEFT, CENTRE],
                    default=_LARGEST,
                    tooltip="The face that is meant in the first frame that shows it; it is followed from "
                    "there. centre reads the central square without looking for faces.",
                ),
                io.Int.Input(
                    "number", default=1, min=1, max=99, tooltip="With from the left: the how manieth."
                ),
                io.Float.Input(
                    "smooth",
                    default=SMOOTH,
                    min=WIDTHS[0],
                    max=WIDTHS[1],
                    step=0.1,
                    tooltip="Seconds: shorter changes are evened out, such as those of a speaking mouth. 0 "
                    "for none.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=STRENGTHS[0],
                    max=STRENGTHS[1],
                    step=0.05,
                    tooltip="1 as read, 2 twice as strong, 0 neutral.",
                ),
                io.Combo.Input(
                    "emotion_model",
                    options=[AUTO, *_model_files()],
                    default=AUTO,
                    tooltip="An HSEmotion model with valence and arousal, such as enet_b0_8_va_mtl.onnx, in "
                    "models/keyface. 'auto' takes the best of those known.",
                ),
                io.Video.Input(
                    "video",
                    optional=True,
                    tooltip="From Load Video; read frame by frame, so that it may be long.",
                ),
                io.Image.Input(
                    "pictures", optional=True, tooltip="A picture, or frames of a video, in place of a video."
                ),
                io.Float.Input(
                    "fps",
                    default=float(FPS),
                    min=FPS_BOUNDS[0],
                    max=FPS_BOUNDS[1],
                    step=0.01,
                    optional=True,
                    tooltip="Of pictures: how many make a second. A video knows its own.",
                ),
            ],
            outputs=[
                Emotion.Output(
                    "emotion",
                    display_name="emotion",
                    tooltip="Valence and arousal over time, for the Keyframe Sampler.",
                ),
                io.String.Output(
                    "curve", display_name="curve", tooltip="The same as the text of an Emotion Curve."
                ),
                io.Image.Output(
                    "preview",
                    display_name="preview",
                    tooltip="The curve over time, and the faces it was read off.",
                ),
            ],
            is_output_node=True,
            **where_known(has_intermediate_output=True),  # for the button, in cached runs too
        )

    @classmethod
    def validate_inputs(cls, emotion_model: str | None = None) -> bool | str:
        if emotion_model is None:  # it comes over a link
            return True
        try:
            _model(emotion_model)
        except KeyFaceError as error:
            return str(error)
        return True

    @classmethod
    def fingerprint_inputs(cls, emotion_model: str | None = None, **_others: object) -> tuple | None:
        return None if emotion_model is None else files.stamp(_model(emotion_model))

    @classmethod
    @edges.checked
    def execute(
        cls,
        which: str,
        number: int,
        smooth: float,
        strength: float,
        emotion_model: str,
        video: Input.Video | None = None,
        pictures: torch.Tensor | None = None,
        fps: float = float(FPS),
    ) -> io.NodeOutput:
        if (video is None) == (pictures is None):
            both = "video and pictures are both connected; disconnect one"
            raise KeyFaceError(both if video is not None else "connect a video, or pictures of a face")
        path = _model(emotion_model)
        if isinstance(video, InputImpl.VideoFromComponents):  # its pictures are in memory already
            parts = video.get_components()
            pictures, fps = media.pictures("video", parts.images), float(parts.frame_rate)
        glimpses = Glimpses()
        with warnings_as_remarks():
            detector = None
            if which != CENTRE:
                detector = find_detector(folders=files.folders_of(*files.DETECTOR_FOLDERS))
            wanted = (find_reader(path), detector, which)
            if pictures is not None:
                observed = _read_pictures(pictures, fps, wanted, number, glimpses)
            else:
                observed = _read_video(video, wanted, number, glimpses)
            curve = curve_of(observed, smooth, strength=strength)
        text = to_json(curve)
        n_points = len(curve.valence) + len(curve.arousal)
        show(f"{observed.n_frames / FPS:.2f} s read, {n_points} points")
        drawn = np.asarray(glimpses.drawn(observed.n_frames, curve).convert("RGB"), dtype=np.float32)
        preview = torch.from_numpy(drawn / 255)[None]
        told = ui.PreviewImage(preview, cls=cls).as_dict() | {"keyface_curve": [text]}
        return io.NodeOutput(curve, text, preview, ui=told)


def _read_pictures(
    pictures: torch.Tensor, fps: float, wanted: tuple, number: int, glimpses: Glimpses
) -> Observed:
    tick = _progress()
    expected = max(1, round(len(pictures) / fps * FPS))
    shown = (rearrange(picture, "h w rgb -> rgb h w") * 2 - 1 for picture in pictures)
    return read_pictures(
        shown, *wanted, fps=fps, number=number, progress=lambda done: tick(done, expected), watch=glimpses
    )


def _read_video(video: Input.Video, wanted: tuple, number: int, glimpses: Glimpses) -> Observed:
    start, length = part_of(video)
    return read_file(
        video.get_stream_source(),
        *wanted,
        number=number,
        start=start,
        length=length,
        progress=_progress(),
        watch=glimpses,
    )


def _progress() -> Callable[[int, int], None]:
    bar = comfy.utils.ProgressBar(1)

    def tick(done: int, expected: int) -> None:
        mm.throw_exception_if_processing_interrupted()
        bar.update_absolute(done, expected)

    return tick


def _model(name: str) -> Path:
    """The file that a choice means; raises KeyFaceError for what is missing."""
    folders = files.folders_of(files.FOLDER)
    if name == AUTO:
        return Path(find_model(folders=folders))
    path = _model_files().get(name)
    if path is None:
        raise KeyFaceError(
            f"there is no emotion model {name} in models/{files.FOLDER}; choose another or reload the page"
        )
    return Path(find_model(path))


def _model_files() -> dict[str, Path]:
    """The ONNX files in models/keyface that are no face detectors, by name."""
    folders = map(Path, reversed(files.folders_of(files.FOLDER)))
    paths = (path for folder in folders for path in sorted(folder.glob("*.onnx")))
    return {path.name: path for path in paths if not fnmatch(path.name, DETECTORS)}
