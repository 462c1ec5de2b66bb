"""Everything about a clip that is a matter of choice."""

from dataclasses import dataclass, field, fields, replace

from ..errors import KeyFaceError
from .inputs import check_fields
from .interpolation import InterpolationSettings
from .keyframes import KeyframeSettings


@dataclass(frozen=True)
class Settings:
    """How a clip is made.

    Attributes:
        seed: any integer of 64 bits; with the models and inputs it determines the clip.
        interpolation_seed: of the frames between the keyframes alone; None is `seed`. Another one keeps the
            keyframes.
        batch: sequences of 14 frames in one network call; None takes what fits into free memory.

    Raises:
        KeyFaceError: a value of the wrong kind or out of its range (docs/inputs.md has them).
    """

    seed: int = 0
    keyframes: KeyframeSettings = field(default_factory=KeyframeSettings)
    interpolation: InterpolationSettings = field(default_factory=InterpolationSettings)
    batch: int | None = None
    interpolation_seed: int | None = None

    def __post_init__(self):
        check_fields(self)
        for stage, kind in (("keyframes", KeyframeSettings), ("interpolation", InterpolationSettings)):
            if not isinstance(getattr(self, stage), kind):
                raise KeyFaceError(f"settings.{stage} is no {kind.__name__}; give one, or leave it out")


def settings_from(settings: Settings, **options) -> Settings:
    """Settings with single values changed by name.

    Names are those of `Settings`, `KeyframeSettings` and `InterpolationSettings`; `steps`, `sampler` and
    `interval` change both stages. None keeps what is there.

    Raises:
        KeyFaceError: no setting has that name, or a value is of the wrong kind or out of its range.
    """
    if not isinstance(settings, Settings):
        raise KeyFaceError(f"settings is a {type(settings).__name__}; give Settings, or leave it out")
    options = {name: value for name, value in options.items() if value is not None}
    known = set()
    for stage in ("keyframes", "interpolation"):
        current = getattr(settings, stage)
        names = {field.name for field in fields(current)}
        chosen = {name: value for name, value in options.items() if name in names}
        settings = replace(settings, **{stage: replace(current, **chosen)})
        known |= names
    own = {"seed", "batch", "interpolation_seed"}
    settings = replace(settings, **{name: value for name, value in options.items() if name in own})
    unknown = sorted(set(options) - known - own)
    if unknown:
        choices = ", ".join(sorted(known | own))
        raise KeyFaceError(f"no setting is called '{unknown[0]}'; choose from: {choices}")
    return settings
