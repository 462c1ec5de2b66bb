"""The numbers, words and places that a clip is asked for with, checked before anything heavy is imported.

docs/inputs.md lists them all.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import KeyFaceError
from ..files import unreadable
from ..messages import one_line, shown
from ..method.values import MAX_STEPS, MAX_STRENGTH, choice, real, seed, whole

DIFFUSERS_SCHEDULERS = {
    "euler_discrete": "EulerDiscreteScheduler",
    "edm_euler": "EDMEulerScheduler",
    "edm_dpmsolver": "EDMDPMSolverMultistepScheduler",
}
"""Schedulers of diffusers that work on continuous noise levels up to 700, by our short name."""
SAMPLERS = ("euler", *DIFFUSERS_SCHEDULERS)
DTYPES = ("float32", "bfloat16", "float16")
"""What the networks can compute in, by torch's names."""
BACKGROUNDS = ("still", "moving")
"""What is behind a face that is taken from a video: the picture it is from, or the video's frames."""
MAX_BATCH = 1000
MOST_PER_WINDOW = 13
"""Keyframes; `method.timeline` has it too, which needs torch."""
MAX_SCALE = 100.0
HUB = "hf:"
"""Stands before what is to be fetched from the Hugging Face hub: without it a name is a folder's."""

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def interval(name: str, value: Any) -> tuple[float, float]:
    """Two noise levels, low and high, the high one perhaps infinite; raises as `option`."""
    try:
        low, high = value
        fits = 0 <= low <= high
    except (TypeError, ValueError):
        fits = False
    if not fits or isinstance(value, str):
        raise KeyFaceError(f"{name} is {shown(value)}; give (low, high), two noise levels of at least 0")
    return float(low), float(high)


_scale = partial(real, low=0.0, high=MAX_SCALE)
_strength = partial(real, low=0.0, high=MAX_STRENGTH)
_RULES: Mapping[str, Callable[[str, Any], Any]] = {
    "seed": seed,
    "interpolation_seed": lambda name, value: value if value is None else seed(name, value),
    "steps": partial(whole, low=1, high=MAX_STEPS),
    "batch": lambda name, value: value if value is None else whole(name, value, 1, MAX_BATCH),
    "sampler": partial(choice, choices=SAMPLERS),
    "audio_scale": _scale,
    "identity_scale": _scale,
    "auto_scale": _scale,
    "head_motion": _strength,
    "expression": _strength,
    "keyframes_per_window": partial(whole, low=1, high=MOST_PER_WINDOW),
    "interval": interval,
}


def option(name: str, value: Any, called: str | None = None) -> Any:
    """The value of a setting as it is used, once it is known to be of the right kind and range.

    Args:
        name: of the setting; one without a rule passes.
        called: what the caller calls it, if not that.

    Raises:
        KeyFaceError: it is not.
    """
    rule = _RULES.get(name)
    return value if rule is None else rule(called or name, value)


def check_fields(settings: Any) -> None:
    """Puts every field of a frozen dataclass of settings through `option`."""
    for field in fields(settings):
        object.__setattr__(settings, field.name, option(field.name, getattr(settings, field.name)))


def check_file(path: Any, what: str) -> Path:
    """The path, at which something lies that is no folder; whoever opens it sees what it is.

    Args:
        what: should lie there, such as "portrait".

    Raises:
        KeyFaceError: nothing does, or a folder.
    """
    _check_named(path, what)
    try:
        os.stat(path)
    except FileNotFoundError:
        raise KeyFaceError(f"{one_line(path)}: there is no such {what}; check the path") from None
    except (OSError, ValueError) as error:
        raise unreadable(path, error, what) from error
    if os.path.isdir(path):
        raise KeyFaceError(f"{one_line(path)}: is a folder, not a {what}; give the path of a file")
    return Path(path)


def check_place(path: Any, what: str) -> Path:
    """The path, at which anything lies; raises a KeyFaceError if nothing does."""
    _check_named(path, what)
    if not os.path.exists(path):
        raise KeyFaceError(f"{one_line(path)}: there is no such {what}; check the path")
    return Path(path)


def check_new(path: Any, what: str) -> Path:
    """The path that is to be made, which must have a name; raises a KeyFaceError if it has none."""
    _check_named(path, what)
    return Path(path)


def check_folder_of(path: Any, what: str) -> Path:
    """The path, whose folder exists, or the folder that a link in its place leads to.

    Raises:
        KeyFaceError: it does not.
    """
    _check_named(path, what)
    place = Path(os.path.realpath(path) if os.path.islink(path) else path)
    if not os.path.isdir(place.parent):
        through = f" (a link to {one_line(place)})" if os.path.islink(path) else ""
        raise KeyFaceError(
            f"{one_line(path)}{through}: the folder {one_line(place.parent)} does not exist; "
            "create it or choose another"
        )
    return Path(path)


def check_progress(name: str, progress: object) -> None:
    """Raises KeyFaceError for what cannot be called."""
    if progress is not None and not callable(progress):
        raise KeyFaceError(f"{name} is {shown(progress)}; give a function of (done, total), or None")


def hub_id(name: Any) -> str | None:
    """The repository that "hf:owner/name" names on the Hugging Face hub; None for the name of a folder.

    Raises:
        KeyFaceError: what follows "hf:" is no repository's name.
    """
    if not isinstance(name, str) or not name.startswith(HUB):
        return None
    repository = name.removeprefix(HUB)
    if not _REPOSITORY.fullmatch(repository):
        raise KeyFaceError(f"{one_line(name)}: names no repository; write {HUB}owner/name")
    return repository


def check_model(name: Any) -> None:
    """Checks that a model folder exists, unless the name is None (the small model) or one of the hub's.

    Raises:
        KeyFaceError: there is no such folder.
    """
    if name is None or hub_id(name) is not None:
        return
    _check_named(name, "model folder")
    folder = os.path.expanduser(name)
    if os.path.isfile(folder):
        raise KeyFaceError(f"{one_line(name)}: is a file; give the model folder it lies in")
    if not os.path.isdir(folder):
        elsewhere = f", one on the Hugging Face hub is called {HUB}{name}" if _on_hub(name) else ""
        raise KeyFaceError(
            f"{one_line(name)}: no such model folder in {os.getcwd()}{elsewhere}; "
            f"'keyface init --size tiny {one_line(name)}' makes a small one"
        )


def _on_hub(name: Any) -> bool:
    return isinstance(name, str) and bool(_REPOSITORY.fullmatch(name)) and not name.startswith(".")


def _check_named(path: Any, what: str) -> None:
    if not isinstance(path, (str, os.PathLike)):
        raise KeyFaceError(f"the {what} is {shown(path)}; give a path")
    if not os.fspath(path):
        raise KeyFaceError(f"the path of the {what} is empty; name one")
