"""Everything about a clip that is a matter of choice."""

from dataclasses import dataclass, field, fields, replace

from ..errors import KeyFaceError
from .interpolation import InterpolationSettings
from .keyframes import KeyframeSettings


@dataclass(frozen=True)
class Settings:
    """How a clip is made.

    Attributes:
        seed: any integer; with the models and inputs it determines the clip.
        batch: sequences of 14 frames in one network call; None takes what fits into free memory.
    """

    seed: int = 0
    keyframes: KeyframeSettings = field(default_factory=KeyframeSettings)
    interpolation: InterpolationSettings = field(default_factory=InterpolationSettings)
    batch: int | None = None


def settings_from(settings: Settings, **options) -> Settings:
    """Settings with single values changed by name.

    Names are those of `Settings`, `KeyframeSettings` and `InterpolationSettings`; `steps`, `sampler` and
    `interval` change both stages. None keeps what is there.

    Raises:
        KeyFaceError: no setting has that name.
    """
    options = {name: value for name, value in options.items() if value is not None}
    known = set()
    for stage in ("keyframes", "interpolation"):
        current = getattr(settings, stage)
        names = {field.name for field in fields(current)}
        chosen = {name: value for name, value in options.items() if name in names}
        settings = replace(settings, **{stage: replace(current, **chosen)})
        known |= names
    own = {"seed", "batch"}
    settings = replace(settings, **{name: value for name, value in options.items() if name in own})
    unknown = sorted(set(options) - known - own)
    if unknown:
        choices = ", ".join(sorted(known | own))
        raise KeyFaceError(f"no setting is called '{unknown[0]}'; choose from: {choices}")
    return settings
