"""Animated squares laid back into the picture that they were cut from."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import torch

from ..errors import KeyFaceError
from ..method.values import real
from .framing import Framing, cropped
from .resampling import resampled

FEATHER = 0.1
"""Width of the soft border, of the square's side."""
LEAST_FEATHER = 12
"""In pixels of the picture, where there is room: a narrower border of a small face shows as a step."""
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
        self._framing, self._size = framing, size
        self._top, self._left, bottom, right = _bounds(framing, height, width)
        self._rows, self._columns = bottom - self._top, right - self._left
        pixels = max(
            real("feather", feather, 0, 0.5), min(LEAST_FEATHER / framing.side, 0.25) if feather else 0
        )
        if mask is None:
            self._weight = self._soft_border(pixels)
        else:
            self._weight = self._cut(mask)
        self._match: tuple[torch.Tensor, torch.Tensor] | None = None
        self._matched = match_colours
        if not match_colours:
            self._match = torch.ones(3, 1, 1), torch.zeros(3, 1, 1)
        self._ring = _ring(framing, size, (height, width), pixels or FEATHER)

    def __call__(self, frame: torch.Tensor, picture: torch.Tensor | None = None) -> torch.Tensor:
        """The whole picture with one frame in it.

        Args:
            frame: (n, n, 3), uint8 or floating point in [0, 1].
            picture: another one to lay it into, of the size and type of the first: a video's frame.

        Returns:
            (height, width, 3) of the picture's type.
        """
        under = self._picture if picture is None else picture.cpu()
        if under.shape != self._picture.shape:
            raise KeyFaceError(
                f"a frame of the video is {under.shape[1]} x {under.shape[0]} pixels, and the face was cut "
                f"from one of {self.width} x {self.height}; give the video it was cut from"
            )
        square = _unit(frame.cpu()).permute(2, 0, 1)
        if self._match is None:
            self.match(frame)
        gain, offset = cast(tuple[torch.Tensor, torch.Tensor], self._match)
        square = square * gain + offset
        whole = under.clone()
        columns = slice(self._left, self._left + self._columns)
        step = max(1, PIXELS_AT_ONCE // self._columns)
        for first in range(0, self._rows, step):
            weight = self._weight[first : first + step]
            rows = slice(self._top + first, self._top + first + len(weight))
            there = resampled(square, self._from(first, frame.shape[0]), (len(weight), self._columns))
            there = there.clamp(0, 1).permute(1, 2, 0)
            below = _unit(under[rows, columns])
            whole[rows, columns] = _like(below + weight[..., None] * (there - below), under)
        return whole

    def match(self, frame: torch.Tensor) -> None:
        """Matches the colours of a frame (n, n, 3) and of all that follow; otherwise the first one's are."""
        if self._matched:
            self._match = self._matching(_unit(frame.cpu()).permute(2, 0, 1))

    @property
    def is_matched(self) -> bool:
        """Whether it is known how colours are changed."""
        return self._match is not None

    @property
    def essence(self) -> tuple[Any, ...]:
        """All that decides what becomes of a frame, beside the first one where colours are matched."""
        return self._picture, self._framing, self._size, self._weight, self._matched

    @property
    def bounds(self) -> tuple[slice, slice]:
        """The rows and columns of the picture that the square reaches."""
        return (
            slice(self._top, self._top + self._rows),
            slice(self._left, self._left + self._columns),
        )

    def depth(self) -> torch.Tensor:
        """How far inside the square each pixel of its bounds lies, (rows, columns), in sides; 0 outside."""
        u, v = self._places()
        return _inside(u, v, (True,) * 4).clamp(min=0).float()

    def fade(self, share: torch.Tensor) -> None:
        """Shows frames by that much less, (rows, columns) in [0, 1], from now on."""
        self._weight = self._weight * share

    def stream(
        self, chunks: Iterable[torch.Tensor], pictures: Iterable[torch.Tensor] | None = None
    ) -> Iterator[torch.Tensor]:
        """Whole pictures one at a time, (1, height, width, 3).

        Args:
            chunks: frames, (n, size, size, 3) at a time.
            pictures: to lay them into, one for every frame; None is the first picture for all.
        """
        below = None if pictures is None else iter(pictures)
        for frames in chunks:
            for frame in frames:
                yield self(frame, None if below is None else next(below))[None]

    def _from(self, first: int, size: int) -> torch.Tensor:
        """The map (2, 3) to a frame of `size` from a strip of the square's bounds that begins at a row."""
        there = self._framing.to_square(size)
        corner = torch.tensor([self._left, self._top + first], dtype=torch.float64)
        there[:, 2] += there[:, :2] @ corner
        return there

    def _soft_border(self, feather: float) -> torch.Tensor:
        """How much of the frame is seen at every pixel of the square's bounds, (rows, columns) in [0, 1]."""
        u, v = self._places()
        inside = _inside(u, v, _open_edges(self._framing, (self.height, self.width)))
        return (_smooth(inside / feather) if feather else (inside >= 0)).float()

    def _cut(self, mask: torch.Tensor) -> torch.Tensor:
        """A mask within the square, (rows, columns) in [0, 1]."""
        if mask.shape != (self.height, self.width):
            raise KeyFaceError(
                f"the mask is {mask.shape[-1]} x {mask.shape[-2]} pixels and the picture {self.width} x "
                f"{self.height}; give a mask of the picture's size"
            )
        u, v = self._places()
        inside = _inside(u, v, (True,) * 4) >= 0
        rows, columns = (
            slice(self._top, self._top + self._rows),
            slice(self._left, self._left + self._columns),
        )
        weight = mask[rows, columns].cpu().float().clamp(0, 1) * inside
        if not weight.any():
            raise KeyFaceError(
                "the mask hides the whole face: nothing of it lies within the face's square; paint the part "
                "that may move, or disconnect it"
            )
        return weight

    def _places(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Where in the square, from 0 to 1, the pixels of its bounds lie: u and v, (rows, columns)."""
        there = self._from(0, 1)
        x = torch.arange(self._columns, dtype=torch.float64) + 0.5
        y = torch.arange(self._rows, dtype=torch.float64) + 0.5
        u, v = (x * there[row, 0] + y[:, None] * there[row, 1] + there[row, 2] for row in (0, 1))
        return u, v

    def _matching(self, frame: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The gain and the offset (3, 1, 1) that bring a frame's colours (3, n, n) to the picture's."""
        size = frame.shape[-1]
        if size != self._size:
            frame = resampled(frame, _scaled(size / self._size), (self._size, self._size))
        shown = _unit(self._picture).permute(2, 0, 1) * 2 - 1
        wanted = (cropped(shown, self._framing, self._size) + 1) / 2
        gain, offset = zip(*map(_line, frame[:, self._ring], wanted[:, self._ring]), strict=True)
        return torch.stack(gain)[:, None, None], torch.stack(offset)[:, None, None]


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


def _bounds(framing: Framing, height: int, width: int) -> tuple[int, int, int, int]:
    """The rows and columns of a picture that a framing reaches: top, left, bottom, right."""
    corners = framing.to_picture(1) @ torch.tensor([[0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]]).double()
    (x0, y0), (x1, y1) = corners.amin(1).tolist(), corners.amax(1).tolist()
    return (
        max(0, math.floor(y0)),
        max(0, math.floor(x0)),
        min(height, math.ceil(y1)),
        min(width, math.ceil(x1)),
    )


def _ring(framing: Framing, size: int, picture: tuple[int, int], feather: float) -> torch.Tensor:
    """Which pixels of a frame lie in its soft border, (size, size); all where there is no such border."""
    places = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    inside = _inside(places[None, :], places[:, None], _open_edges(framing, picture))
    ring = (inside >= 0) & (inside < feather)
    return ring if ring.any() else torch.ones_like(ring)


def _open_edges(framing: Framing, picture: tuple[int, int]) -> tuple[bool, bool, bool, bool]:
    """Which edges of a square border on more of the picture: left, upper, right, lower."""
    if framing.angle:
        return (True,) * 4
    height, width = picture
    x, y, half = framing.x, framing.y, framing.side / 2
    return x - half > 0, y - half > 0, x + half < width, y + half < height


def _inside(u: torch.Tensor, v: torch.Tensor, edges: tuple[bool, bool, bool, bool]) -> torch.Tensor:
    """How far inside the square a place (u, v) of it lies, from the nearest edge that counts, in sides."""
    distances = [
        distance + torch.zeros_like(u + v)
        for distance, counts in zip((u, v, 1 - u, 1 - v), edges, strict=True)
        if counts
    ]
    return torch.stack(distances).amin(0) if distances else torch.ones_like(u + v)


def _smooth(rise: torch.Tensor) -> torch.Tensor:
    """From 0 to 1 without a corner at either end."""
    rise = rise.clamp(0, 1)
    return rise * rise * (3 - 2 * rise)
