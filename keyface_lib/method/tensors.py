"""What a tensor must be before anything is computed with it, in the same words at every door.

Every check names the tensor as the caller calls it ("the portrait"), says what it is and what it must be, and
raises a KeyFaceError. Checks of form are free; those of values wait for the device once.
"""

from collections.abc import Sequence

import torch

from ..errors import KeyFaceError

OVERSHOOT = 0.5
"""How far beyond its range a picture may reach, as sharpening and resizing leave it; that much is clamped."""


def check_tensor(tensor: torch.Tensor, what: str, form: str) -> None:
    """Checks type and shape: a tensor of floating point numbers with the axes of `form`, none of them empty.

    Args:
        form: the axes in words and numbers, such as "(3, height, width)"; a number is exact.
    """
    if not isinstance(tensor, torch.Tensor):
        kind = "missing" if tensor is None else f"a {type(tensor).__name__}"
        raise KeyFaceError(f"{what} is {kind}; give a float tensor {form}")
    axes = [axis.strip() for axis in form.strip("()").split(",") if axis.strip()]
    fits = tensor.ndim == len(axes) and all(
        size == int(axis) if axis.isdigit() else size > 0
        for size, axis in zip(tensor.shape, axes, strict=True)
    )
    if not fits:
        raise KeyFaceError(f"{what} has the shape {tuple(tensor.shape)}; give {form}, no side of 0")
    if not tensor.is_floating_point():
        kind = str(tensor.dtype).removeprefix("torch.")
        raise KeyFaceError(
            f"{what} is of {kind}; give floating point numbers in the range that belongs to it"
        )


def check_finite(tensor: torch.Tensor, what: str, remedy: str = "repair it where it was made") -> None:
    """Checks that no value is NaN or infinite; a tensor without values ("meta") passes."""
    if not tensor.is_meta and not tensor.isfinite().all():
        wrong = int(tensor.numel() - tensor.isfinite().sum())
        raise KeyFaceError(f"{what}: {wrong:,} of {tensor.numel():,} values are NaN or infinite; {remedy}")


def check_range(tensor: torch.Tensor, what: str, low: float, high: float, slack: float = 0.0) -> None:
    """Checks that all values are finite and lie in [low, high], or at most `slack` beyond."""
    check_finite(tensor, what)
    if tensor.is_meta:
        return
    smallest, largest = (float(value) for value in tensor.aminmax())
    if smallest < low - slack or largest > high + slack:
        raise KeyFaceError(
            f"{what} reaches from {smallest:g} to {largest:g}; its values must lie in [{low:g}, {high:g}]: "
            "scale them"
        )


def check_images(
    images: torch.Tensor, what: str, form: str = "(3, height, width)", low: float = -1.0, high: float = 1.0
) -> None:
    """Checks pictures: form, and values in [low, high] but for `OVERSHOOT`.

    Args:
        form: as in `check_tensor`; ComfyUI's IMAGE is "(batch, height, width, 3)" from 0 to 1.
    """
    check_tensor(images, what, form)
    check_range(images, what, low, high, OVERSHOOT)


def check_latents(latents: torch.Tensor, what: str, form: str = "(n, 4, h, w)") -> None:
    """Checks latents: form, and finite values."""
    check_tensor(latents, what, form)
    check_finite(latents, what)


def check_sound(waveform: torch.Tensor, what: str, form: str = "(samples,)") -> None:
    """Checks a sound: form, finite values, and a level that was not left in whole numbers.

    Full scale is [-1, 1]; louder sound is heard as it is, up to 100 times that (40 dB).
    """
    check_tensor(waveform, what, form)
    check_range(waveform, what, -1.0, 1.0, slack=99.0)


def check_steps(finite: Sequence[torch.Tensor], stage: str) -> None:
    """Checks the walk down the noise levels after its end.

    A value that is not finite stays so until the end, so every step only notes `x.isfinite().all()` on the
    device and nothing waits for it; one transfer of all notes then tells the first bad step.

    Args:
        finite: for every step whether its result was finite, each a boolean tensor ().
        stage: what was sampled, such as "the keyframes".
    """
    if not finite or finite[0].is_meta:
        return
    steps = torch.stack(list(finite)).tolist()
    if not all(steps):
        raise KeyFaceError(
            f"not a number after step {steps.index(False) + 1} of {stage}: try fp32; if it is that already, "
            "its weights or its inputs are broken"
        )
