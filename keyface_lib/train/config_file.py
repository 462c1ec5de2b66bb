"""Reads the TOML file of a training run: every key known, every value of its kind and in its range."""

import difflib
import logging
import math
import re
import sys
import types
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from ..errors import KeyFaceError
from ..files import open_file
from ..messages import one_line, shown
from ..method.values import real
from ..weights.architecture import GROUPS
from ..weights.metadata import KNOWS_RULES, UNET_RULES, VAE_RULES, check_heads
from ..weights.schema import check
from .config import Config

_SECTIONS = get_type_hints(Config)
_VAE_SECTIONS = ("run", "data", "optimizer", "vae")
CONFIG_BYTES = 2**20
LONGEST_TEXT, LONGEST_LIST = 4_096, 1_000
_ONLY = {
    "noise.ends": (("interpolation", "reduced"), "only the interpolation has end frames"),
    "network.guidance_auto": (("interpolation", "reduced"), "it is the interpolation's default scale"),
    "network.guidance_audio": (("keyframes",), "it is the keyframes' default scale"),
    "network.guidance_identity": (("keyframes",), "it is the keyframes' default scale"),
    "reduced.step": (("interpolation", "reduced"), "the reduced network is an early interpolation network"),
    "data.anchor": (("keyframes",), "only keyframe sequences have a slot for it"),
    "data.cut_short": (("keyframes", "interpolation", "reduced"), "pictures are no sequences"),
}
"""Keys that do something in some stages only, and why."""
_log = logging.getLogger(__name__)


def read_config(path: str | Path, stage: str) -> Config:
    """Reads the TOML file of a run of `stage`.

    Raises:
        KeyFaceError: the file cannot be read; a section or key is unknown (the message suggests one), missing
            or belongs to another stage; a value is of the wrong kind or out of its range.
    """
    tomllib = _toml_reader()
    try:
        with open_file(path, "configuration") as file:
            content = file.read(CONFIG_BYTES + 1)
        if len(content) > CONFIG_BYTES:
            raise KeyFaceError(
                f"{one_line(path)} has more than {CONFIG_BYTES:,} bytes, which no config needs; shorten it"
            )
        entries = tomllib.loads(content.decode("utf-8").replace("\r\n", "\n"))
    except RecursionError:
        raise KeyFaceError(
            f"{one_line(path)} is no valid TOML: it lies too deep in itself; correct it"
        ) from None
    except (tomllib.TOMLDecodeError, ValueError) as error:
        if isinstance(error, KeyFaceError):
            raise
        raise KeyFaceError(f"{one_line(path)} is no valid TOML: {one_line(error)}; correct it") from error
    try:
        return config_from(entries, stage)
    except KeyFaceError as error:
        raise KeyFaceError(f"{one_line(path)}: {error}") from error


def config_from(entries: dict[str, Any], stage: str) -> Config:
    """The configuration in the entries of a TOML file; raises as `read_config`."""
    allowed = _VAE_SECTIONS if stage == "vae" else [name for name in _SECTIONS if name != "vae"]
    for name in entries:
        if name in _SECTIONS and name not in allowed:
            raise KeyFaceError(f"the section [{name}] is not used when training {stage}; take it out")
        _require_known(name, allowed, "section")
    sections = {}
    for name in allowed:
        given = entries.get(name, {})
        if not isinstance(given, dict):
            raise KeyFaceError(f"{name} is {shown(given)}; it must be a section, [{name}]")
        sections[name] = _section(_SECTIONS[name], given, name)
    config = Config(**sections)
    _check_together(config, stage)
    _check_sizes(config, stage)
    _tell_idle(entries, stage)
    return config


def _toml_reader():
    if sys.version_info >= (3, 11):
        import tomllib

        return tomllib
    try:
        import tomli
    except ImportError as error:
        raise KeyFaceError(
            "a config needs tomli on Python 3.10; pip install '.[train]' in a clone of KeyFace"
        ) from error
    return tomli


def _require_known(name: str, known, kind: str) -> None:
    if name not in known:
        close = difflib.get_close_matches(name[:60], known, n=1, cutoff=0.5)
        remedy = f"did you mean '{close[0]}'?" if close else f"there are: {', '.join(known)}"
        raise KeyFaceError(f"no {kind} is called '{one_line(name, 60)}'; {remedy}")


def _section(section: type, given: dict[str, Any], name: str) -> Any:
    hints = get_type_hints(section)
    for key in given:
        _require_known(key, hints, f"key of [{name}]")
    values = {}
    for entry in fields(section):
        full = f"{name}.{entry.name}"
        if entry.name in given:
            values[entry.name] = _value(given[entry.name], hints[entry.name], full, entry.metadata)
        elif entry.default is MISSING and entry.default_factory is MISSING:
            raise KeyFaceError(f"{full} is missing; every run needs it")
    return section(**values)


def _value(value: Any, hint: Any, name: str, rules: types.MappingProxyType) -> Any:
    if get_origin(hint) is tuple:
        items = value if isinstance(value, list) else [value]
        if len(items) > LONGEST_LIST:
            raise KeyFaceError(f"{name} has {len(items):,} values; it may have {LONGEST_LIST:,}")
        return tuple(_value(item, get_args(hint)[0], name, rules) for item in items)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = real(name, value)
    if type(value) is not hint:
        raise KeyFaceError(f"{name} is {shown(value)}; it must be of type {hint.__name__}")
    if hint is float and not math.isfinite(value):
        raise KeyFaceError(f"{name} is {value}; it must be a finite number")
    if hint is int and abs(value) >= 2**63:
        raise KeyFaceError(f"{name} is {shown(value)}; it must be below 2 to the power of 63")
    if hint is str and (len(value) > LONGEST_TEXT or "\0" in value):
        raise KeyFaceError(f"{name} is {shown(value)}; it may have {LONGEST_TEXT} characters, no zeros")
    low, high = rules.get("within", (None, None))
    if low is not None and not low <= value <= high:
        raise KeyFaceError(f"{name} is {shown(value)}; it must be in [{low}, {high}]")
    if "choices" in rules and value not in rules["choices"]:
        raise KeyFaceError(f"{name} is {shown(value)}; choose from: {', '.join(rules['choices'])}")
    return value


def _check_together(config: Config, stage: str) -> None:
    network, loss, optimizer = config.network, config.loss, config.optimizer
    if not config.data.shards:
        raise KeyFaceError("data.shards is empty; name the tar files to train on")
    if len(optimizer.betas) != 2:
        raise KeyFaceError(f"optimizer.betas has {len(optimizer.betas)} values; AdamW takes two")
    if max(optimizer.betas) >= 1:
        raise KeyFaceError(f"optimizer.betas is {list(optimizer.betas)}; both must be below 1")
    if optimizer.batch % optimizer.accumulation:
        raise KeyFaceError(
            f"optimizer.batch {optimizer.batch} is not a multiple of optimizer.accumulation "
            f"{optimizer.accumulation}; choose one that is"
        )
    if stage == "vae":
        if config.vae.lpips and not config.vae.lpips_weights:
            raise KeyFaceError("vae.lpips needs the weights of LPIPS-VGG; name them as vae.lpips_weights")
        if config.vae.added_levels and not config.vae.start:
            raise KeyFaceError("vae.added_levels go around those of vae.start; name an autoencoder there")
        if config.vae.decoder_only and not config.vae.start:
            raise KeyFaceError("vae.decoder_only keeps the encoder of vae.start; name an autoencoder there")
        return
    if loss.on_pixels and not loss.vae:
        raise KeyFaceError(
            "the pixel losses decode frames; name an autoencoder as loss.vae, "
            "or set pixel_l2, pixel_l1 and pixel_lpips to 0"
        )
    if loss.pixel_lpips and not loss.lpips:
        raise KeyFaceError(
            "loss.pixel_lpips needs the weights of LPIPS-VGG; name their files as loss.lpips, or set it to 0"
        )
    if (network.freeze_temporal or config.lora.rank) and not network.start:
        key = "network.freeze_temporal" if network.freeze_temporal else "lora.rank"
        raise KeyFaceError(f"{key} keeps weights as they are in network.start; name a checkpoint there")
    if not network.encoders:
        raise KeyFaceError("network.encoders is empty; name the audio encoders whose features the data has")
    for name in network.encoders:
        if not re.fullmatch(r"[\w-]{1,64}", name) or name in ("latents", "emotion", "frames"):
            raise KeyFaceError(
                f"network.encoders names {shown(name)}; an encoder's name has letters, digits, _ and -, and "
                "is none of latents, emotion and frames"
            )


def _check_sizes(config: Config, stage: str) -> None:
    """Sizes as the weights' metadata may have them, before anything of that size is built."""
    if stage == "vae":
        sizes = {name: getattr(config.vae, name) for name in ("ch", "ch_mult", "num_res_blocks")}
        check(sizes, VAE_RULES, "[vae]", "choose other sizes", missing_ok=True)
        if config.vae.ch % GROUPS:
            raise KeyFaceError(f"vae.ch is {config.vae.ch}; norms need a multiple of {GROUPS}")
        if config.vae.knows and (broken := KNOWS_RULES["pictures"](config.vae.knows)):
            raise KeyFaceError(f"vae.knows is {shown(config.vae.knows)}; it must be {broken}")
        return
    check(asdict(config.network), UNET_RULES, "[network]", "choose other sizes", missing_ok=True)
    check_heads(asdict(config.network), "[network]")


def _tell_idle(entries: dict[str, Any], stage: str) -> None:
    """Warns of what is set and does nothing in this stage."""
    for name, (stages, reason) in _ONLY.items():
        section, key = name.split(".")
        if key in entries.get(section, {}) and stage not in stages:
            _log.warning("%s does nothing when training %s: %s", name, stage, reason)
