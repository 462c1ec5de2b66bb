"""KeyFace (Bigata et al., CVPR 2025): one portrait and one voice recording become a talking, feeling face."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for editors and type checkers; at run time each comes on first use
    from .clip.clip import Clip
    from .clip.emotion_file import parse_emotion
    from .clip.group import Group
    from .clip.people import Person
    from .clip.settings import Settings
    from .errors import KeyFaceError
    from .method.emotion import EmotionCurve
    from .pipeline import KeyFace

__all__ = ["Clip", "EmotionCurve", "Group", "KeyFace", "KeyFaceError", "Person", "Settings", "parse_emotion"]

_HOMES = {
    "Clip": "clip.clip",
    "EmotionCurve": "method.emotion",
    "Group": "clip.group",
    "KeyFace": "pipeline",
    "KeyFaceError": "errors",
    "Person": "clip.people",
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
