"""From AUDIO to the features that the networks are conditioned on."""

from dataclasses import dataclass

import comfy.model_management as mm
import comfy.utils
import torch
from comfy_api.latest import io

from ..keyface_lib.audio import AudioFeatures, Vocalization, encode_audio, find_vocalizations, mono_16k
from ..keyface_lib.audio.peaks import peaks_of
from ..keyface_lib.audio.silence_gate import gated
from ..keyface_lib.audio.vocalizations import THRESHOLD
from ..keyface_lib.errors import KeyFaceError
from ..keyface_lib.method.timeline import SAMPLE_RATE
from . import edges, inputs
from .compat import found_by, where_known
from .loaders import Encoders
from .node_text import show


@dataclass(frozen=True)
class EncodedAudio:
    """KEYFACE_FEATURES: a sound as the networks hear it, and what a picture of it needs.

    Attributes:
        features: of every encoder.
        peaks: (n_frames, 2), lowest and highest sample of each video frame.
        vocalizations: laughter, sighs and the like; empty without a BEATs that knows them.
        muted_s: seconds that the silence gate has muted.
    """

    features: AudioFeatures
    peaks: torch.Tensor
    vocalizations: tuple[Vocalization, ...]
    muted_s: float = 0.0


edges.carries("KEYFACE_ENCODERS", Encoders, "Load KeyFace Audio Encoders")
edges.carries("KEYFACE_FEATURES", EncodedAudio, "Encode Audio")


def waveform_of(audio: dict) -> torch.Tensor:
    """A checked AUDIO (see `media.audio`) as mono 16 kHz (samples,)."""
    return mono_16k(audio["waveform"][0].cpu(), audio["sample_rate"])


def encode_recording(
    audio: dict, encoders: Encoders, threshold: float = THRESHOLD, silence_gate: bool = False
) -> EncodedAudio:
    """Encodes a sound with every encoder of the set, under one progress bar.

    Peaks and vocalizations are those of the whole sound, whatever the gate mutes for the networks.

    Raises:
        KeyFaceError: the set is empty.
    """
    if not encoders.by_name:
        raise KeyFaceError("there is no audio encoder; choose some in Load KeyFace Audio Encoders")
    waveform = waveform_of(audio)
    heard = gated(waveform) if silence_gate else waveform
    muted_s = float(((heard == 0) & (waveform != 0)).sum()) / SAMPLE_RATE
    beats = encoders.by_name.get("beats")
    searched = beats is not None and beats.model.labels is not None
    bar, rounds = comfy.utils.ProgressBar(1000), len(encoders.by_name) + searched
    features, vocalizations = {}, []

    def tick(done: int, total: int) -> None:
        mm.throw_exception_if_processing_interrupted()
        bar.update_absolute(round(1000 * (len(features) + done / total) / rounds), 1000)

    # One encoder after the other is loaded, so that the largest alone has to fit.
    for name in encoders.by_name:
        show(f"listening: {name}")
        encoded = encode_audio(heard, {name: encoders.loaded(name)}, tick)
        features[name] = encoded.by_encoder[name]
    if searched:
        show("listening: laughter, sighs and the like")
        vocalizations = find_vocalizations(waveform, encoders.loaded("beats"), threshold, tick)
    whole = AudioFeatures(encoded.n_frames, features)
    return EncodedAudio(whole, peaks_of(waveform), tuple(vocalizations), muted_s)


class EncodeAudio(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="KeyFaceEncodeAudio",
            display_name="Encode Audio (KeyFace)",
            category="KeyFace",
            **found_by("speech features"),
            description="Turns a recording of any length into what KeyFace's networks hear.",
            inputs=[
                io.Audio.Input("audio", tooltip="The voice, at any rate; stereo is mixed down."),
                io.Custom("KEYFACE_ENCODERS").Input("encoders", tooltip="From Load KeyFace Audio Encoders."),
                io.Float.Input(
                    "threshold",
                    default=THRESHOLD,
                    min=0.01,
                    max=1.0,
                    step=0.01,
                    tooltip="How certain a laugh, sigh or cough must be to be listed. It changes only the "
                    "list, not the animation.",
                ),
                inputs.silence_gate(),
            ],
            outputs=[
                io.Custom("KEYFACE_FEATURES").Output(
                    "features", display_name="features", tooltip="The sound as the networks hear it."
                ),
                io.String.Output(
                    "vocalizations",
                    display_name="vocalizations",
                    tooltip="Laughter, sighs and the like, one a line: from second, to second, what, how "
                    "certain.",
                ),
            ],
            **where_known(has_intermediate_output=True),  # for the editor, in cached runs too
        )

    @classmethod
    @edges.checked
    def execute(
        cls, audio: dict, encoders: Encoders, threshold: float, silence_gate: bool = False
    ) -> io.NodeOutput:
        heard = encode_recording(audio, encoders, threshold, silence_gate)
        found = [f"{v.start_s:.2f} {v.end_s:.2f} {v.label} {v.score:.2f}" for v in heard.vocalizations]
        shown = [{"start": v.start_s, "end": v.end_s, "label": v.label} for v in heard.vocalizations]
        text = "\n".join(found)
        muted = f"; {heard.muted_s:.1f} s muted" if silence_gate else ""
        show(f"{heard.features.n_frames} frames; {len(found)} found beside speech{muted}")
        return io.NodeOutput(
            heard, text, ui={"text": [text or "speech only"], "keyface_vocalizations": shown}
        )
