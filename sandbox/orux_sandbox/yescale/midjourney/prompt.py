"""Midjourney's options inside the prompt text: ``--ar 16:9 --stylize 100 --weird 0 --chaos 0 --tile`` (yescale.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

#: An option and its values.
_OPTION = re.compile(r"(?:^|\s)(?:--|\u2014)([A-Za-z]+)((?:\s+(?!--|\u2014)\S+)*)")
#: ``16:9``.
_RATIO = re.compile(r"([1-9]\d{0,3}):([1-9]\d{0,3})")
#: Short names of options.
_NAMES = {"aspect": "ar", "s": "stylize", "w": "weird", "c": "chaos"}
#: Values an option takes.
_RANGES = {"stylize": (0, 1000), "weird": (0, 3000), "chaos": (0, 100)}


@dataclass
class Prompt:
    """A prompt taken apart. ``wrong`` is Midjourney's message about a value it does not accept."""

    text: str
    ratio: tuple[int, int] = (1, 1)
    drawing: dict[str, Any] = field(default_factory=dict)
    wrong: str | None = None


def read_prompt(prompt: str) -> Prompt:
    """Take a prompt apart. Options the drawing does not know have no effect."""
    found = Prompt(text=" ".join(_OPTION.sub(" ", prompt).split()))
    for name, rest in _OPTION.findall(prompt):
        option, value = _NAMES.get(name.lower(), name.lower()), rest.split()
        if option == "tile":
            found.drawing["tile"] = True
        elif option == "ar":
            ratio = _RATIO.fullmatch(value[0]) if len(value) == 1 else None
            if ratio is None:
                found.wrong = f"Invalid parameter: --ar {rest.strip()}"
            else:
                found.ratio = (int(ratio[1]), int(ratio[2]))
        elif option in _RANGES:
            low, high = _RANGES[option]
            if len(value) != 1 or not value[0].isdecimal() or not low <= int(value[0]) <= high:
                found.wrong = f"Invalid parameter: --{option} must be from {low} to {high}"
            else:
                found.drawing[option] = int(value[0])
        elif option == "seed" and value:
            found.drawing["seed"] = value[0]
    return found
