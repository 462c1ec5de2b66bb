"""KeyFace's nodes, one file a concern. Thin: what KeyFace is lies in `keyface_lib`."""

from comfy_api.latest import ComfyExtension

from . import files, routes
from .audio import EncodeAudio
from .decode import DecodeFrames
from .emotion import EmotionFromText, EmotionFromValues, EmotionPreset
from .emotion_from_video import EmotionFromVideo
from .example_inputs import copy_example_inputs
from .framing import FrameFace
from .interpolation import InterpolationGuider, InterpolationSampler
from .keyframe_images import ImagesToKeyframes, KeyframesToImages
from .keyframes import KeyframeGuider, KeyframeSampler, SelectKeyframes
from .loaders import LoadAudioEncoders, LoadModels
from .pasting import PasteFace
from .performance import MotionAndExpression
from .pinning import PinKeyframes, RerollKeyframes
from .preview import TimelinePreview
from .schedule import AYSSchedule
from .video import Animate, RenderVideo

NODES = [
    LoadModels,
    LoadAudioEncoders,
    EncodeAudio,
    EmotionFromText,
    EmotionPreset,
    EmotionFromValues,
    KeyframeSampler,
    InterpolationSampler,
    KeyframeGuider,
    InterpolationGuider,
    AYSSchedule,
    SelectKeyframes,
    DecodeFrames,
    RenderVideo,
    Animate,
    TimelinePreview,
    KeyframesToImages,
    ImagesToKeyframes,
    PinKeyframes,
    RerollKeyframes,
    FrameFace,
    PasteFace,
    EmotionFromVideo,
    MotionAndExpression,
]


class KeyFaceExtension(ComfyExtension):
    async def get_node_list(self):
        files.register_folder()  # the loaders list its files
        copy_example_inputs()
        routes.register()
        return NODES
