"""Where and in which precision a clip is computed, checked against what this machine has."""

import torch

from ..errors import KeyFaceError
from ..messages import shown
from .inputs import DTYPES


def device_of(name: str | torch.device | None) -> torch.device:
    """The device of that name; of None the best there is.

    Raises:
        KeyFaceError: it is no name, or nothing that this machine has; the message says what it has.
    """
    if name is None:
        return torch.device(best_device())
    if not isinstance(name, (str, torch.device)):
        raise KeyFaceError(f"device is {shown(name)}; give one of: {', '.join(available_devices())}")
    there = available_devices()
    try:
        device = torch.device(name)
        known = str(device) in there or (device.type in there and device.index == 0)
    except RuntimeError:
        known = False
    if not known:
        raise KeyFaceError(f"device is {shown(str(name))}; this machine has {', '.join(there)}: choose one")
    return device


def best_device() -> str:
    """ "cuda", "mps" or "cpu", the first that works here."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def available_devices() -> list[str]:
    """The names that `device_of` takes on this machine."""
    devices = ["cpu"]
    for kind in ("cuda", "xpu"):
        module = getattr(torch, kind)
        if module.is_available():
            devices += [kind, *(f"{kind}:{index}" for index in range(module.device_count()))]
    return devices + ["mps"] * torch.backends.mps.is_available()


def dtype_of(dtype: str | torch.dtype | None) -> torch.dtype | None:
    """What the networks compute in, by itself or its name; None stays None.

    Raises:
        KeyFaceError: networks do not compute in it.
    """
    if dtype is None or (isinstance(dtype, torch.dtype) and str(dtype).removeprefix("torch.") in DTYPES):
        return dtype
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise KeyFaceError(f"dtype is {shown(dtype)}; choose one of: {', '.join(DTYPES)}")
    return getattr(torch, dtype)
