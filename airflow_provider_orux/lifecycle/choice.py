"""What a person is asked to choose from, and what the answer means. Pure: the words of a question, and numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

#: Verbs whose one image is a grid of four.
GRIDS = frozenset({"imagine", "variation", "reroll", "blend"})
#: Images that can be chosen from.
MOST = 16
#: What rejects them all, where it has to be one of the options.
NONE = "None of them"
_PLACES = ("top left", "top right", "bottom left", "bottom right")


def labels(count: int) -> list[str]:
    """``U1``, ``U2``, …: Midjourney's names."""
    return [f"U{number}" for number in range(1, count + 1)]


def number_of(label: str) -> int:
    """The number in a label, from 1."""
    return int(label.removeprefix("U"))


def choices(manifest: Mapping[str, Any], images: Sequence[Any]) -> int:
    """How many images there are to choose from: a grid is one image of four.

    :param manifest: of the job. One of a task that only saved the job names no verb.
    :param images: its saved images.
    """
    if len(images) == 1 and manifest.get("verb") in (*GRIDS, None):
        return 4
    return min(len(images), MOST)


def question(addresses: Sequence[str], count: int, *, prompt: Any, page: str) -> str:
    """The images as Markdown, for a person in the Airflow UI.

    :param addresses: of the images, relative to Airflow's own address.
    :param count: how many there are to choose from.
    :param prompt: as it was recorded; None: it was not.
    :param page: the address of the images' own page.
    """
    text = [f"{_quoted(str(prompt))}\n"] if prompt else []
    if len(addresses) == 1:
        text.append(f"![The images to choose from]({addresses[0]})\n")
        if count == 4:
            places = zip(labels(4), _PLACES, strict=True)
            text.append(" · ".join(f"**{label}** {place}" for label, place in places) + "\n")
    else:
        cells = [f"**{label}** ![{label}]({a})" for label, a in zip(labels(count), addresses, strict=False)]
        text.append("| | |\n|---|---|")
        for start in range(0, len(cells), 2):
            text.append("| " + " | ".join((*cells[start : start + 2], "")[:2]) + " |")
        text.append("")
    text.append(f"[Full size]({page})")
    return "\n".join(text)


def _quoted(text: str) -> str:
    """A text as Markdown that shows it as it is: nothing in it is markup, an address or an image."""
    line = " ".join(text.split())[:500]
    fence = "`" * (max((len(run) for run in re.findall(r"`+", line)), default=0) + 1)
    return f"{fence} {line} {fence}"
