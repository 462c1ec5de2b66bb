"""Thumbnails show their picture, with a label below and a frame around what is kept."""

import pytest
import torch

from keyface_lib.errors import KeyFaceError
from keyface_lib.media.thumbnails import STRIP, WIDTH, labelled


def test_every_picture_lies_above_its_label():
    pictures = torch.stack([torch.full((8, 16, 3), value) for value in (0.0, 0.6, 1.0)])
    drawn = labelled(pictures, ["0   0.00 s", "1   0.52 s", "2   1.04 s"])
    assert drawn.shape == (3, WIDTH // 2 + STRIP, WIDTH, 3)
    for picture, thumbnail in zip(pictures, drawn, strict=True):
        torch.testing.assert_close(thumbnail[: WIDTH // 2].mean(), picture.mean(), rtol=0, atol=0.01)
    words = drawn[:, WIDTH // 2 :]
    assert not torch.equal(words[0], words[1])
    assert all(part.std() > 0.02 for part in words)


def test_what_is_kept_is_framed():
    pictures = torch.zeros(2, 8, 8, 3)
    plain, kept = labelled(pictures, ["0", "0"], kept={1})
    assert plain[0, 0].max() == 0
    assert kept[0, 0].max() > 0.5
    assert torch.equal(plain[20 : WIDTH - 20, 20:-20], kept[20 : WIDTH - 20, 20:-20])


@pytest.mark.parametrize(
    ("pictures", "labels", "said"),
    [
        (torch.zeros(2, 8, 8, 3), ["0"], "1 labels were given for 2 pictures"),
        (torch.zeros(2, 3, 8, 8), ["0", "1"], "has the shape"),
        (torch.full((1, 8, 8, 3), float("nan")), ["0"], "NaN"),
    ],
)
def test_other_pictures_are_refused(pictures, labels, said):
    with pytest.raises(KeyFaceError, match=said):
        labelled(pictures, labels)
