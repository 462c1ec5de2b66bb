"""Checks that a video has sound and picture of the same length as a recording: probe.py VIDEO AUDIO."""

import sys

import av


def seconds(path: str, kind: str) -> float:
    """Length of the first stream of that kind, by decoding all of it."""
    with av.open(path) as container:
        stream = container.streams.get(**{kind: 0})[0]
        total = 0.0
        for frame in container.decode(stream):
            total += 1 / float(stream.average_rate) if kind == "video" else frame.samples / frame.sample_rate
    return total


video, audio = sys.argv[1:]
picture, sound, recording = seconds(video, "video"), seconds(video, "audio"), seconds(audio, "audio")
print(f"{video}: picture {picture:.3f} s, sound {sound:.3f} s; {audio}: {recording:.3f} s")
if not (0 <= picture - recording < 0.04 and abs(picture - sound) < 0.05):
    sys.exit("the video is not as long as the recording")
