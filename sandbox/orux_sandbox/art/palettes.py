"""Colours and subjects: which light an image has and what it shows. The sandbox's own taste."""

from __future__ import annotations

import colorsys
import random
from collections.abc import Mapping, Sequence
from typing import Any

#: Red, green, blue.
Colour = tuple[int, int, int]

#: Per light: sky from top to horizon, sun or moon, farthest and nearest ground, water, accent.
PALETTES: Mapping[str, Sequence[Colour]] = {
    light: [(int(c[:2], 16), int(c[2:4], 16), int(c[4:], 16)) for c in colours.split()]
    for light, colours in {
        "dawn": "424c8a d68098 ffd09e fff0cd ac80a4 2e264e 8474a4 ff8a6c",
        "noon": "408ed6 82c0ea def0f6 fffae0 84b0be 1c4e48 3a8ab0 f4b042",
        "dusk": "2e1c54 a83a6e ff9458 ffda82 8a4270 221234 703468 ff6054",
        "night": "0a0e28 1a2858 486298 f0f0de 324276 080c1e 1e3062 ffce6e",
        "ember": "46141e be3c2c faaa54 ffe8a0 a0463c 28101a 883634 ffc64a",
        "mint": "16586c 5eb2a8 e2f0ce fffce2 70b0a2 0e3640 3c8e8e fa8072",
        "rose": "78589e e896b4 ffe0d6 fff6e6 bc8ab2 462c5c a07cac ff788c",
        "gold": "5c688c e2b07c ffe6a8 fff8d6 c49c78 48322e a48a7a d6543a",
        "aurora": "081430 125c68 78d6a4 e2ffe8 205464 061222 145060 be78ff",
        "neon": "120a34 5c187a ec488e ffe2f0 52227a 0e0824 3c1662 2ce2e8",
    }.items()
}

#: Which words in the prompt make the image show which subject.
SUBJECTS: Mapping[str, Sequence[str]] = {
    subject: words.split()
    for subject, words in {
        "sea": "sea ocean wave lighthouse beach boat ship harbour harbor coast island whale fish sail",
        "city": "city street alley neon tokyo skyline building urban car robot office shop rain",
        "forest": "forest tree wood pine fox deer bear owl mushroom jungle mist",
        "dunes": "desert dune sand camel pyramid cactus sahara savanna",
        "space": "space star planet galaxy moon astronaut rocket cosmic nebula alien",
        "peaks": "mountain peak snow lake alps fjord winter glacier ski climb",
        "hills": "hill field meadow farm flower garden village balloon horse bicycle spring",
    }.items()
}


class Dice:
    """A stream of numbers that is the same for the same seed, on every version of Python."""

    def __init__(self, seed: str) -> None:
        # Not secret. Seeding with text and `random()` are the two parts that Python promises to keep stable.
        self._source = random.Random(seed)  # noqa: S311

    def between(self, low: float, high: float) -> float:
        """A number in the range."""
        return low + (high - low) * self._source.random()

    def below(self, count: int) -> int:
        """A whole number from 0 to ``count`` - 1."""
        return int(self._source.random() * count)

    def chance(self, probability: float) -> bool:
        """True so often."""
        return self._source.random() < probability


def mix(one: Sequence[int], other: Sequence[int], share: float) -> Colour:
    """A colour between two."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return (red, green, blue)


def turned(colour: Sequence[int], *, hue: float = 0.0, saturation: float = 1.0) -> Colour:
    """A colour with its hue turned (1.0 is once around) and its saturation scaled."""
    h, s, v = colorsys.rgb_to_hsv(*(part / 255 for part in colour))
    red, green, blue = colorsys.hsv_to_rgb((h + hue) % 1.0, min(1.0, s * saturation), v)
    return (round(red * 255), round(green * 255), round(blue * 255))


def subject_of(prompt: str, dice: Dice) -> str:
    """The subject the prompt names first, else one by chance."""
    for word in "".join(letter if letter.isalnum() else " " for letter in prompt.lower()).split():
        for subject, words in SUBJECTS.items():
            if word in words or (word.endswith("s") and word[:-1] in words):
                return subject
    return tuple(SUBJECTS)[dice.below(len(SUBJECTS))]


def _light_of(prompt: str, dice: Dice) -> str:
    words = prompt.lower()
    for light, signs in {
        "dawn": ("dawn", "sunrise", "morning"),
        "dusk": ("dusk", "sunset", "evening"),
        "night": ("night", "midnight", "moonlit"),
        "neon": ("neon", "cyber"),
        "noon": ("noon", "daylight", "sunny"),
        "gold": ("golden",),
        "aurora": ("aurora", "northern light"),
    }.items():
        if any(sign in words for sign in signs):
            return light
    return tuple(PALETTES)[dice.below(len(PALETTES))]


def look_of(
    prompt: str, seed: str, *, panel: int = 0, chaos: int = 0, stylize: int = 100, weird: int = 0
) -> dict[str, Any]:
    """The look of one scene: subject, colours, where the sun stands. Plain JSON; a variation keeps it.

    The four panels of a grid share subject and light; ``chaos`` lets them drift apart.
    """
    common, own = Dice(seed), Dice(f"{seed}/{panel}")
    light, subject = _light_of(prompt, common), subject_of(prompt, common)
    others = [name for name in PALETTES if name != light]
    other = others[(common.below(len(others)) + 2 * panel) % len(others)]
    drift = (0.0 if panel == 0 else 0.22) + 0.7 * chaos / 100 * own.between(0.5, 1.0)
    if panel and own.chance((chaos - 40) / 100):
        subject = tuple(SUBJECTS)[own.below(len(SUBJECTS))]
    saturation = 0.8 + 0.2 * min(stylize, 300) / 100 if stylize < 100 else 1.0 + 0.4 * (stylize - 100) / 900
    hue = 0.35 * weird / 3000
    colours = [
        turned(mix(a, b, drift), hue=hue, saturation=saturation)
        for a, b in zip(PALETTES[light], PALETTES[other], strict=True)
    ]
    # Each panel has its own quarter of the sky for its sun: nobody takes one panel for another.
    side = (0.24, 0.74, 0.42, 0.6)[panel % 4]
    return {
        "subject": subject,
        "colours": [list(colour) for colour in colours],
        "sun": [round(side + own.between(-0.06, 0.06), 4), round(own.between(0.2, 0.36), 4)],
        "sun_size": round(own.between(0.07, 0.12), 4),
        "horizon": round(own.between(0.5, 0.6), 4),
        "dark": light in ("night", "aurora", "neon"),
    }
