"""KeyFace (Bigata et al., CVPR 2025): one portrait and one voice recording become a talking, feeling face."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for editors and type checkers; at run time each comes on first use
    from .clip.emotion_file import parse_emotion
    from .clip.settings import Settings
    from .errors import KeyFaceError
    from .method.emotion import EmotionCurve
    from .pipeline import Clip, KeyFace

__all__ = ["Clip", "EmotionCurve", "KeyFace", "KeyFaceError", "Settings", "parse_emotion"]

_HOMES = {
    "Clip": "pipeline",
    "EmotionCurve": "method.emotion",
    "KeyFace": "pipeline",
    "KeyFaceError": "errors",
    "Settings": "clip.settings",
    "parse_emotion": "clip.emotion_file",
}


def __getattr__(name: str):
    # Imported on first use: the pack must not slow down ComfyUI's start.
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
