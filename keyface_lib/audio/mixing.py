"""Any number of channels become one in which no voice is lost.

The channels' mean, as long as they are about equally loud: so two equal channels stay exactly as they are. In
every twenty-fifth of a second, and gliding from one to the next,

- a channel counts in proportion to its power (fully within 3 dB of the loudest), as an automatic mixer shares
  out its gain: a voice that is alone in its channel keeps its level, wherever that channel is;
- a channel that runs against the loudest is turned over, so that they do not cancel;
- the sum is raised to no less than 4.5 dB below the loudest channel (two strangers lie 3 dB below).

How loud a channel is and how it runs is judged where voices are: below 4 kHz, and rising towards it.
"""

import warnings
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

HOPS_A_SECOND = 25
FULL_SHARE = 0.5
"""Power of a channel, as a part of the loudest one's, from which on it counts fully."""
AGAINST = -0.5
"""Correlation with the loudest channel below which a channel is turned over."""
FLOOR = 10**-0.45
"""Power of the sum as a part of the loudest channel's."""
_SILENT = 1e-12
_NOTABLE = 0.05
"""Part of the sound that has to be turned over to be worth a warning."""


HOPS_AT_ONCE = 100
"""Twenty-fifths of a second that are mixed together, which is quick; sound that arrives waits for as many."""


def mixed(
    blocks: Iterable[np.ndarray], rate: int, name: str, hops: int = HOPS_AT_ONCE
) -> Iterator[np.ndarray]:
    """One channel (samples,) of blocks (channels, samples), all float32; warns where channels cancelled.

    Args:
        rate: samples a second.
        name: of the recording, for the warning.
        hops: mixed together, at most.
    """
    blocks = iter(blocks)
    first = next(blocks, None)
    if first is None:
        return
    blocks = chain([first], blocks)
    if len(first) == 1:
        yield from (block[0] for block in blocks)
        return
    mixer = _Mixer(len(first), rate, hops)
    with np.errstate(all="ignore"):  # what is not finite shows in the result
        for block in blocks:
            yield from mixer.add(block)
        yield from mixer.end()
    if mixer.turned > _NOTABLE * mixer.heard:
        warnings.warn(
            f"{name}: its channels cancel each other (one is the other turned over, as by a miswired cable); "
            "they are turned back before they are mixed. Check the recording",
            stacklevel=2,
        )


class _Mixer:
    """Holds back the samples whose hop has not ended, and what the last hop was like."""

    def __init__(self, channels: int, rate: int, hops: int):
        self._hop = max(8, rate // HOPS_A_SECOND)
        self._step = max(1, rate // 8000)
        self._enough = max(2, min(hops, 2**21 // (channels * self._hop))) * self._hop
        self._waiting: list[np.ndarray] = []
        self._before = np.zeros((1, channels, channels))
        self._weights = np.full(channels, 1 / channels)
        self.turned, self.heard = 0.0, 0.0

    def add(self, block: np.ndarray) -> Iterator[np.ndarray]:
        self._waiting.append(block)
        if sum(part.shape[1] for part in self._waiting) > self._enough:
            samples = np.concatenate(self._waiting, axis=1)
            hops = samples.shape[1] // self._hop
            moments = self._moments(samples[:, : hops * self._hop])
            done = (hops - 1) * self._hop  # the last one only shows what comes
            self._waiting = [samples[:, done:]]
            yield self._mix(samples[:, :done], np.concatenate([self._before, moments]))
            self._before = moments[-2:-1]

    def end(self) -> Iterator[np.ndarray]:
        samples = np.concatenate(self._waiting, axis=1)
        length = samples.shape[1]
        samples = np.pad(samples, ((0, 0), (0, -length % self._hop)), mode="edge")
        moments = self._moments(samples)
        yield self._mix(samples, np.concatenate([self._before, moments, np.zeros_like(self._before)]))[
            :length
        ]

    def _moments(self, samples: np.ndarray) -> np.ndarray:
        """(hops, channels, channels): products of the channels where voices are, summed over each hop."""
        hops = samples.reshape(len(samples), -1, self._hop)
        steps = self._hop // self._step
        voice = hops[..., : steps * self._step].reshape(*hops.shape[:2], steps, self._step).mean(axis=-1)
        voice = np.diff(voice.astype(np.float64), axis=-1).transpose(1, 0, 2)
        return voice @ voice.transpose(0, 2, 1)

    def _mix(self, samples: np.ndarray, moments: np.ndarray) -> np.ndarray:
        """(channels, n * hop) samples by the weights at the n + 1 ends of their hops."""
        weights = self._weights_at(moments[:-1] + moments[1:])
        if (weights == weights[0, 0]).all() and weights[0, 0] * len(samples) == 1:
            return samples.mean(axis=0, dtype=np.float64).astype(np.float32)
        glide = np.linspace(0, 1, self._hop, endpoint=False, dtype=np.float32)
        start = weights[:-1].T[..., None].astype(np.float32)
        change = np.diff(weights, axis=0).T[..., None].astype(np.float32)
        mono = np.zeros(samples.shape[1] // self._hop * self._hop, np.float32).reshape(-1, self._hop)
        for channel, w, dw in zip(samples, start, change, strict=True):
            mono += channel.reshape(-1, self._hop) * (w + dw * glide)
        return mono.ravel()

    def _weights_at(self, moments: np.ndarray) -> np.ndarray:
        """(places, channels) of (places, channels, channels)."""
        power = np.einsum("nii->ni", moments)
        loudest, at = power.max(axis=1, keepdims=True), power.argmax(axis=1)
        silent = loudest[:, 0] <= _SILENT
        safe = np.where(silent[:, None], 1, loudest)
        with_loudest = np.take_along_axis(moments, at[:, None, None], axis=1)[:, 0]
        against = with_loudest < AGAINST * np.sqrt(power * safe)
        share = np.minimum(power / (FULL_SHARE * safe), 1)
        share[silent] = 1
        weights = share / share.sum(axis=1, keepdims=True) * np.where(against, -1, 1)
        mixed_power = np.einsum("ni,nij,nj->n", weights, moments, weights)
        short = (mixed_power < FLOOR * loudest[:, 0]) & ~silent
        gain = np.sqrt(FLOOR * loudest[:, 0] / np.maximum(mixed_power, _SILENT))
        weights[short] *= np.minimum(gain, len(self._weights))[short, None]
        turned = (against & (share > 0.1)).any(axis=1) & ~silent
        self.heard += float(loudest[:, 0].sum())
        self.turned += float(loudest[turned, 0].sum())
        if turned.any() or (self._weights < 0).any():
            self._keep_direction(weights, moments)
        self._weights = weights[-1]
        return weights

    def _keep_direction(self, weights: np.ndarray, moments: np.ndarray) -> None:
        """Turns weights over that would run against those before them, whichever channel is the loudest."""
        before = self._weights
        for i, now in enumerate(weights):
            if now @ moments[i] @ before < 0:
                now *= -1
            before = now
