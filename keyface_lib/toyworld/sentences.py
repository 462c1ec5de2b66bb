"""Seeded English sentences from a small grammar, divided for good into spoken-in-training and held out."""

import zlib
from typing import Literal

import numpy as np

from ..errors import KeyFaceError

Split = Literal["train", "test"]
HELD_OUT_OF = 10
"""One sentence in so many is held out."""

TEMPLATES = (
    "{the} {adjective} {noun} {past} {the2} {noun2} {place}.",
    "{who} {modal} {verb} {the} {noun} {when}.",
    "Why did {who2} {verb} {the} {adjective} {noun}?",
    "{when_first}, {who2} {past} {the} {noun} and {past2} {the2} {adjective} {noun2}.",
    "I think {who2} {modal} {verb} {number} {plural} {when}.",
    "Have you ever seen {number} {adjective} {plural} {place}?",
    "{number} {plural} {past} {the} {noun} {place}.",
    "Please {verb} {the} {noun} before {who2} {past} {number} {plural}.",
    "Oh, what {adjective} {plural}! {who} {modal} {verb} them {when}.",
    "{the} {noun} and {the2} {noun2} are {adjective}, but {the} {plural} are not.",
)

CHOICES = {
    "the": "the|my|your|our|this|that|her|his|their|another|every|one",
    "adjective": (
        "happy|little|big|yellow|purple|blue|green|brown|warm|cold|quiet|loud|old|young|round|smooth|funny|"
        "brave|clever|gentle|golden|heavy|hollow|lovely|modern|narrow|open|polite|proud|rapid|shiny|simple|"
        "soft|strange|sweet|tall|tiny|useful|vivid|wooden|wild|wise|foggy|marble|bumpy|fuzzy|peaceful|violet"
    ),
    "noun": (
        "baker|boat|bird|bottle|bridge|button|camera|castle|cherry|clock|cloud|coffee|dog|door|dragon|engine|"
        "farmer|feather|fiddle|fish|flower|forest|fox|garden|ghost|guitar|hammer|harbour|house|island|jacket|"
        "kettle|lamp|lemon|letter|lion|market|mirror|moon|mountain|mouse|music|needle|ocean|orange|painter|"
        "paper|pepper|piano|pillow|planet|pocket|potato|puppy|queen|rabbit|river|robot|rocket|school|shadow|"
        "shoe|singer|snow|spoon|story|summer|table|teacher|theatre|thunder|tiger|tower|train|treasure|valley|"
        "village|violin|voice|wagon|water|weather|whale|window|winter|wizard|wolf|zebra"
    ),
    "plural": (
        "apples|balloons|beans|bees|boots|bubbles|cakes|candles|coins|cows|cups|drums|eggs|flags|frogs|geese|"
        "jewels|keys|maps|mushrooms|onions|owls|pears|penguins|photos|plums|poems|pumpkins|roses|ships|"
        "shoes|songs|stars|stones|thoughts|toys|trees|umbrellas|voices|waves|wheels|wishes|worms|yachts"
    ),
    "verb": (
        "admire|borrow|bring|build|buy|carry|catch|choose|clean|cook|draw|find|follow|forget|give up|help|"
        "hide|hold|imagine|invite|kiss|leave|lift|love|move|open|paint|phone|push|remember|save|show|"
        "sing about|steal|touch|trade|understand|visit|warm|wash|watch|welcome|wish for|write about"
    ),
    "past": (
        "admired|borrowed|brought|built|bought|carried|caught|chose|cleaned|dropped|found|followed|forgot|"
        "helped|hid|imagined|invited|loved|moved|opened|painted|passed|phoned|pushed|remembered|saved|showed|"
        "shouted at|threw|touched|visited|warmed|washed|watched|welcomed|whistled at|woke"
    ),
    "who": "He|She|They|We|You|I|Mum|Papa|Bob|Mary|Paul|Fiona|Oliver|Emma|Thomas|Zoe|Victor|Beth",
    "modal": "will|would|could|should|might|may|must|won't|wouldn't|can|used to",
    "number": (
        "two|three|four|five|six|seven|eight|nine|ten|twelve|forty|a few|many|some|a hundred|"
        "no|both|all of the"
    ),
    "place": (
        "at home|by the sea|in the park|near the old mill|on the roof|under the bed|over there|in my room|"
        "behind the barn|at the airport|above the clouds|beside the fire|in Paris|down the road|up north"
    ),
    "when": (
        "tomorrow|tonight|before lunch|after the show|on Sunday|every morning|in the evening|now and then|"
        "next month|at five o'clock|in a moment|once more|for a while|twice a week|all year"
    ),
}
WORDS = {kind: words.split("|") for kind, words in CHOICES.items()}


def draw_sentence(rng: np.random.Generator, split: Split = "train") -> str:
    """A random sentence of the split; no sentence is ever in both."""
    check_split(split)
    while True:
        sentence = _sentence(rng)
        if split_of(sentence) == split:
            return sentence


def split_of(sentence: str) -> Split:
    """Which split a sentence belongs to, by its letters alone."""
    return "test" if zlib.crc32(sentence.encode()) % HELD_OUT_OF == 0 else "train"


def check_split(split: str) -> None:
    """Refuses, with a `KeyFaceError`, what is neither "train" nor "test"."""
    if split not in ("train", "test"):
        raise KeyFaceError(f"split {split!r} is unknown; use 'train' or 'test'")


def _sentence(rng: np.random.Generator) -> str:
    word = {key: choices[rng.integers(len(choices))] for key, choices in WORDS.items()}
    for key in ("the", "noun", "past"):
        word[f"{key}2"] = WORDS[key][rng.integers(len(WORDS[key]))]
    names = [name for name in WORDS["who"] if name not in ("He", "She", "They", "We", "You")]
    word["who2"] = names[rng.integers(len(names))]
    word["when_first"] = word["when"]
    sentence = TEMPLATES[rng.integers(len(TEMPLATES))].format(**word)
    return sentence[0].upper() + sentence[1:]
