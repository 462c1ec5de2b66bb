"""The process that speaks: reads a job as JSON, writes the samples and phoneme times as JSON.

Run as a script, it knows nothing of the package and needs nothing but Python and the shared library.
"""

import base64
import ctypes
import json
import sys

# speak_lib.h of eSpeak NG
SYNCHRONOUS, PHONEME_EVENTS, DONT_EXIT, UTF8, OK = 2, 0x0001, 0x8000, 1, 0
RATE, PITCH, PITCH_RANGE = 1, 3, 4
END_OF_LIST, PHONEME = 0, 7


class Id(ctypes.Union):
    """What an event is about; a phoneme's mnemonic is in `string`."""

    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class Event(ctypes.Structure):
    """espeak_EVENT; `sample` counts from the start of the sentence."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", Id),
    )


Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))


def main() -> None:
    """Speaks the job on standard input."""
    job = json.load(sys.stdin)
    voice, library = job["voice"], ctypes.CDLL(job["library"])
    data = job["data"] and job["data"].encode()
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, data, PHONEME_EVENTS | DONT_EXIT)
    if rate <= 0:
        sys.exit("its data files are missing")
    if library.espeak_SetVoiceByName(voice["name"].encode()) != OK:
        sys.exit("it has no such voice")
    library.espeak_SetParameter(RATE, voice["rate"], 0)
    library.espeak_SetParameter(PITCH, voice["pitch"], 0)
    library.espeak_SetParameter(PITCH_RANGE, voice["pitch_range"], 0)
    json.dump({"rate": rate, "sentences": [spoken(library, text) for text in job["sentences"]]}, sys.stdout)


def spoken(library: ctypes.CDLL, text: str) -> dict:
    """One sentence: its samples, base64, and its phonemes as [first sample, mnemonic]."""
    samples, phonemes = bytearray(), []

    def collect(block, length, events):
        if block and length > 0:
            samples.extend(ctypes.string_at(block, 2 * length))
        index = 0
        while events[index].type != END_OF_LIST:
            event = events[index]
            if event.type == PHONEME:
                phonemes.append([event.sample, event.id.string.decode(errors="replace")])
            index += 1
        return 0

    callback = Callback(collect)
    library.espeak_SetSynthCallback(callback)
    text = text.encode()
    if library.espeak_Synth(text, len(text) + 1, 0, 1, 0, UTF8, None, None) != OK:
        sys.exit("it refuses a sentence")
    return {"samples": base64.b64encode(samples).decode(), "phonemes": phonemes}


if __name__ == "__main__":
    main()
