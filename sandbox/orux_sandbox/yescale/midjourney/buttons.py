"""The buttons under a Midjourney job (yescale_more.md, 5.3), all inferred: their ids, and what each does."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any

from orux_sandbox.engine.records import Job

#: Actions that make a grid.
GRIDS = (
    "IMAGINE", "VARIATION", "REROLL", "BLEND", "LOW_VARIATION", "HIGH_VARIATION", "PAN", "ZOOM", "CUSTOM_ZOOM",
    "INPAINT",
)  # fmt: skip
#: Button of an upscale: its label, the id around the upstream's own job, and the action it starts.
_OF_UPSCALE = (
    ("Upscale (Subtle)", "MJ::JOB::upsample_v6_2x_subtle::1::{}::SOLO", "UPSCALE"),
    ("Upscale (Creative)", "MJ::JOB::upsample_v6_2x_creative::1::{}::SOLO", "UPSCALE"),
    ("Vary (Subtle)", "MJ::JOB::low_variation::1::{}::SOLO", "LOW_VARIATION"),
    ("Vary (Strong)", "MJ::JOB::high_variation::1::{}::SOLO", "HIGH_VARIATION"),
    ("Vary (Region)", "MJ::Inpaint::1::{}::SOLO", "INPAINT"),
    ("Zoom Out 2x", "MJ::Outpaint::50::1::{}::SOLO", "ZOOM"),
    ("Zoom Out 1.5x", "MJ::Outpaint::75::1::{}::SOLO", "ZOOM"),
    ("Custom Zoom", "MJ::CustomZoom::{}", "CUSTOM_ZOOM"),
    *(("", f"MJ::JOB::pan_{way}::1::{{}}::SOLO", "PAN") for way in ("left", "right", "up", "down")),
)
_OF_GRID = (
    *((f"U{n}", f"MJ::JOB::upsample::{n}::{{}}", "UPSCALE") for n in range(1, 5)),
    ("", "MJ::JOB::reroll::0::{}::SOLO", "REROLL"),
    *((f"V{n}", f"MJ::JOB::variation::{n}::{{}}", "VARIATION") for n in range(1, 5)),
)
_OF_DESCRIPTION = (
    *((str(n), f"MJ::Job::PicReader::{n}", "IMAGINE") for n in range(1, 5)),
    ("Imagine all", "MJ::Job::PicReader::all", "IMAGINE"),
)
#: Actions that wait for words or a region.
WAITING = ("CUSTOM_ZOOM", "INPAINT")


@dataclass(frozen=True)
class Button:
    """One button: its id, and what it starts on which panel."""

    custom_id: str
    label: str
    action: str
    index: int


def buttons_of(job: Job) -> list[Button]:
    """What can be pressed under a job that succeeded. The upstream's job has an id of its own, in theirs."""
    own = uuid.uuid5(uuid.NAMESPACE_URL, job.id)
    kinds = (
        _OF_GRID
        if job.action in GRIDS
        else _OF_UPSCALE
        if job.action == "UPSCALE"
        else _OF_DESCRIPTION
        if job.action == "DESCRIBE"
        else ()
    )
    return [
        Button(
            template.format(own),
            label,
            action,
            int(found[1]) if (found := re.search(r"::([1-4])(?:::|$)", template)) else 1,
        )
        for label, template, action in kinds
    ]


def shown(job: Job) -> list[dict[str, Any]]:
    """The same as a task shows them."""
    return [
        {
            "customId": one.custom_id,
            "emoji": "" if one.label else "⬅️",
            "label": one.label,
            "type": 2,
            "style": 2,
        }
        for one in buttons_of(job)
    ]
