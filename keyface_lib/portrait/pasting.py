"""Animated squares laid back into the picture that they were cut from."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch

from ..errors import KeyFaceError
from ..method.values import real
from .border import FEATHER, Patch, feather_of, inside, patch_of, ring
from .framing import Framing, cropped
from .resampling import resampled

MOST_GAIN = 1.25
"""By which a colour channel is stretched or pressed at most to match the picture."""
MOST_OFFSET = 0.1
"""By which a colour channel is moved at most to match the picture, of its range."""
SAME_SHARE, FITS = 0.6, 5
"""Of the border's pixels, those taken to show the same in frame and picture; how often they are chosen."""
FLAT = 2 / 255
"""A border whose colours differ by no more says little of a gain: it stays near 1."""
PIXELS_AT_ONCE = 1 << 17
"""Blended at a time, so that a frame of any size needs little more memory than itself."""


class Pasting:
    """Lays frames into a picture; everything outside their square stays the picture's, bit for bit.

    The border of the square is feathered except where it is the picture's own. Colours are matched once, on
    the first frame, so nothing flickers: the mean and the spread of every channel in the soft border become
    the picture's there (after Reinhard et al., Color Transfer between Images, 2001).
    """

    def __init__(
        self,
        picture: torch.Tensor,
        framing: Framing,
        size: int,
        *,
        feather: float = FEATHER,
        mask: torch.Tensor | None = None,
        match_colours: bool = True,
    ):
        """Prepares what all frames share.

        Args:
            picture: (height, width, 3), uint8 or floating point in [0, 1]. Results are of its type.
            framing: of the square that the frames show.
            size: of the frames that are expected, in pixels a side; others (upscaled ones) are shown in the
                same place.
            feather: width of the soft border, of the square's side, in [0, 0.5]; not used with a mask.
            mask: (height, width) in [0, 1], how much of the frames is seen within the square.
            match_colours: see above.

        Raises:
            KeyFaceError: the mask has another size than the picture, or hides every pixel of the square.
        """
        height, width = picture.shape[:2]
        self.height, self.width = height, width
        self._picture = picture.cpu().contiguous()
        self._size, self._share = size, real("feather", feather, 0, 0.5)
        self._patch = patch_of(framing, height, width)
        width_of_border = feather_of(self._share, framing)
        self._weight = self._patch.soft(width_of_border) if mask is None else self._cut(mask)
        self._match: tuple[torch.Tensor, torch.Tensor] | None = None
        self._matches = match_colours
        if not match_colours:
            self._match = torch.ones(3, 1, 1), torch.zeros(3, 1, 1)
        self._ring = ring(framing, size, (height, width), width_of_border or FEATHER)

    def __call__(
        self, frame: torch.Tensor, picture: torch.Tensor | None = None, framing: Framing | None = None
    ) -> torch.Tensor:
        """The whole picture with one frame in it.

        Args:
            frame: (n, n, 3), uint8 or floating point in [0, 1].
            picture: another one to lay it into, of the size and type of the first: a video's frame.
            framing: where the square lies in that one, if it moves; its corners are not seen then, and a mask
                is not looked at.

        Returns:
            (height, width, 3) of the picture's type.
        """
        under = self._under(picture)
        square = _unit(frame.cpu()).permute(2, 0, 1)
        gain, offset = self._matched(square)
        square = square * gain + offset
        whole = under.clone()
        patch = self._patch if framing is None else patch_of(framing, self.height, self.width)
        step = max(1, PIXELS_AT_ONCE // max(1, patch.columns))
        for first in range(0, patch.rows, step):
            count = min(step, patch.rows - first)
            weight = (
                self._weight[first : first + count] if framing is None else self._moved(patch, first, count)
            )
            rows = slice(patch.top + first, patch.top + first + count)
            columns = patch.bounds[1]
            there = resampled(square, patch.to_square(first, frame.shape[0]), (count, patch.columns))
            there = there.clamp(0, 1).permute(1, 2, 0)
            below = _unit(under[rows, columns])
            whole[rows, columns] = _like(below + weight[..., None] * (there - below), under)
        return whole

    def match(self, frame: torch.Tensor) -> None:
        """Matches the colours of all frames by one of them, (n, n, 3); otherwise the first that comes."""
        self._matched(_unit(frame.cpu()).permute(2, 0, 1))

    @property
    def is_matched(self) -> bool:
        """Whether it is known how colours are changed."""
        return self._match is not None

    @property
    def essence(self) -> tuple[Any, ...]:
        """All that decides what becomes of a frame, beside the first one where colours are matched."""
        return self._picture, self._patch.framing, self._size, self._share, self._weight, self._matches

    @property
    def bounds(self) -> tuple[slice, slice]:
        """The rows and columns of the picture that the square reaches."""
        return self._patch.bounds

    def depth(self) -> torch.Tensor:
        """How far inside the square each pixel of its bounds lies, (rows, columns), in sides; 0 outside."""
        return inside(*self._patch.places(), (True,) * 4).clamp(min=0).float()

    def fade(self, share: torch.Tensor) -> None:
        """Shows frames by that much less, (rows, columns) in [0, 1], from now on."""
        self._weight = self._weight * share

    def stream(
        self,
        chunks: Iterable[torch.Tensor],
        pictures: Iterable[torch.Tensor] | None = None,
        framings: Iterable[Framing | None] | None = None,
    ) -> Iterator[torch.Tensor]:
        """Whole pictures one at a time, (1, height, width, 3).

        Args:
            chunks: frames, (n, size, size, 3) at a time.
            pictures: to lay them into, one for every frame; None is the first picture for all.
            framings: where the square lies in each of those; None leaves a picture as it is.
        """
        below = None if pictures is None else iter(pictures)
        places = None if framings is None else iter(framings)
        for frame in (frame for frames in chunks for frame in frames):
            picture = None if below is None else next(below)
            place = self._patch.framing if places is None else next(places)
            if place is None:
                self._matched(_unit(frame.cpu()).permute(2, 0, 1))
                yield self._under(picture)[None]
            else:
                yield self(frame, picture, None if places is None else place)[None]

    def _under(self, picture: torch.Tensor | None) -> torch.Tensor:
        under = self._picture if picture is None else picture.cpu()
        if under.shape != self._picture.shape:
            raise KeyFaceError(
                f"a frame of the video is {under.shape[1]} x {under.shape[0]} pixels, and the face was cut "
                f"from one of {self.width} x {self.height}; give the video it was cut from"
            )
        return under

    def _moved(self, patch: Patch, first: int, rows: int) -> torch.Tensor:
        return patch.round(feather_of(self._share, patch.framing), first, rows)

    def _cut(self, mask: torch.Tensor) -> torch.Tensor:
        """A mask within the square, (rows, columns) in [0, 1]."""
        if mask.shape != (self.height, self.width):
            raise KeyFaceError(
                f"the mask is {mask.shape[-1]} x {mask.shape[-2]} pixels and the picture {self.width} x "
                f"{self.height}; give a mask of the picture's size"
            )
        within = inside(*self._patch.places(), (True,) * 4) >= 0
        weight = mask[self.bounds].cpu().float().clamp(0, 1) * within
        if not weight.any():
            raise KeyFaceError(
                "the mask hides the whole face: nothing of it lies within the face's square; paint the part "
                "that may move, or disconnect it"
            )
        return weight

    def _matched(self, frame: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The gain and the offset (3, 1, 1) of all frames, by the first one (3, n, n) that comes here."""
        if self._match is None:
            self._match = self._matching(frame)
        return self._match

    def _matching(self, frame: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The gain and the offset (3, 1, 1) that bring a frame's colours (3, n, n) to the picture's."""
        size = frame.shape[-1]
        if size != self._size:
            frame = resampled(frame, _scaled(size / self._size), (self._size, self._size))
        shown = _unit(self._picture).permute(2, 0, 1) * 2 - 1
        wanted = (cropped(shown, self._patch.framing, self._size) + 1) / 2
        gain, offset = zip(*map(_line, frame[:, self._ring], wanted[:, self._ring]), strict=True)
        return torch.stack(gain)[:, None, None], torch.stack(offset)[:, None, None]


def in_bytes(picture: torch.Tensor) -> torch.Tensor:
    """A picture (3, height, width) in [-1, 1] as frames are laid into it: (height, width, 3) uint8."""
    return picture.add(1).mul_(127.5).round_().clamp_(0, 255).byte().permute(1, 2, 0).contiguous()


def share(pastings: Sequence[Pasting]) -> None:
    """Gives each pixel in several squares of one picture to those it lies deepest in.

    Faces laid into the picture one after the other would cover each other's edges with what stood there.
    """
    total = torch.zeros(max(p.height for p in pastings), max(p.width for p in pastings))
    depths = [pasting.depth().square() for pasting in pastings]
    for pasting, depth in zip(pastings, depths, strict=True):
        total[pasting.bounds] += depth
    for pasting, depth in zip(pastings, depths, strict=True):
        pasting.fade(depth / total[pasting.bounds].clamp(min=1e-9))


def _line(seen: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The gain and the offset that bring most of one channel's pixels, (n,), to those wanted.

    Least squares over the pixels that fit best: hair and shoulders that moved across the border would
    otherwise stretch or press the colours of the whole face.
    """
    gain, offset = seen.new_ones(()), (wanted - seen).median()
    for _ in range(FITS):
        error = (gain * seen + offset - wanted).abs()
        same = error <= error.quantile(SAME_SHARE)
        x, y = seen[same], wanted[same]
        spread = ((x - x.mean()) ** 2).mean() + FLAT**2
        gain = ((x - x.mean()) * (y - y.mean())).mean().add(FLAT**2) / spread
        gain = gain.clamp(1 / MOST_GAIN, MOST_GAIN)
        offset = y.mean() - gain * x.mean()
    moved = (offset + (gain - 1) * x.mean()).clamp(-MOST_OFFSET, MOST_OFFSET)
    return gain, moved - (gain - 1) * x.mean()


def _unit(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels.float()


def _like(pixels: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
    return (pixels * 255).round().byte() if picture.dtype == torch.uint8 else pixels.to(picture.dtype)


def _scaled(factor: float) -> torch.Tensor:
    return torch.tensor([[factor, 0, 0], [0, factor, 0]], dtype=torch.float64)
