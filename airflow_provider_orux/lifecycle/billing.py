"""What a price depends on, and what a job costs by a gateway's own list. What is not known is unknown, never zero."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_orux.models.listed import KEPT

#: A list of prices: ``{model: (amount, "USD/second")}``; ``model@tier`` where the price depends on more.
Listed = Mapping[str, tuple[float, str]]

_SIZE = re.compile(r"(\d{2,5})x(\d{2,5})")
#: Facts of a result that are seconds, the one that is billed first.
_SECONDS = ("billable_seconds", "duration", "audio_duration_secs")
#: Fields that hold what is spoken, where the answer does not count its characters.
_SPOKEN = ("text", "input")
_REFERENCES = ("reference_video_url", "base_video_url")


@dataclass(frozen=True)
class Billed:
    """What one submission is billed by, as far as it is known.

    :param images: how many.
    :param seconds: of video or sound.
    :param characters: of what is spoken.
    :param tiers: names under which a list may have its price, the first that it has counts.
    :param kept: the retention that the request asks for; None: the connection decides; empty: known only later.
    """

    images: int | None = None
    seconds: float | None = None
    characters: int | None = None
    tiers: tuple[str, ...] = ()
    kept: str | None = None

    @classmethod
    def of(
        cls,
        fields: Mapping[str, Any],
        *,
        details: Mapping[str, Any] | None = None,
        images: int | None = None,
        pending: Collection[str] = (),
    ) -> Billed:
        """Of a request, and of the facts that its result tells.

        :param fields: those whose values are known.
        :param details: facts of the result; they win.
        :param pending: names of fields that are given, and whose values come later.
        """
        facts = details or {}
        seconds = next((n for name in _SECONDS if (n := _number(facts.get(name))) is not None), None)
        # How the shots of a clip add up is not documented.
        if (
            seconds is None
            and details is None
            and not fields.get("multi_prompt")
            and "multi_prompt" not in pending
        ):
            seconds = _number(fields.get("duration"))
        characters = _number(facts.get("characters"))
        if characters is None:
            characters = next((len(fields[n]) for n in _SPOKEN if isinstance(fields.get(n), str)), None)
        known = {**fields, **facts}
        return cls(
            images=images,
            seconds=seconds,
            characters=None if characters is None else int(characters),
            tiers=_tiers(known, pending),
            kept="" if "store_output" in pending else _text(fields.get("store_output")),
        )

    def cost(self, listed: Listed, model: str, *, at_most: bool = False) -> tuple[float, str] | None:
        """Amount and currency of one submission; None: unknown.

        :param at_most: of a price that depends on what is not known here, the highest, and the fee of its retention.
            Else what the vendor does then: its default, or the cheapest. (No answer tells whether it is kept.)
        """
        row = self._row(listed, model, at_most=at_most)
        if row is None:
            return None
        currency, _, unit = row[1].partition("/")
        many: Mapping[str, float | None] = {
            "": 1,
            "image": self.images,
            "second": self.seconds,
            "1000 characters": None if self.characters is None else self.characters / 1000,
        }
        number = many.get(unit)
        if number is None:
            return None
        return round(row[0] * number + (self._fee(listed, model) if at_most else 0), 9), currency

    def _fee(self, listed: Listed, model: str) -> float:
        """What its retention costs; 0 where the list names no such fee, or the vendor keeps nothing then."""
        names = [f"{KEPT}{model if self.kept is None else self.kept}"]
        if self.kept == "":
            names = [name for name in listed if name.startswith(KEPT)]
        return max((listed[name][0] for name in names if name in listed), default=0.0) * (self.images or 1)

    def _row(self, listed: Listed, model: str, *, at_most: bool) -> tuple[float, str] | None:
        cells = {
            name.removeprefix(f"{model}@").lower(): row
            for name, row in listed.items()
            if name.startswith(f"{model}@")
        }
        for tier in self.tiers:
            if tier.lower() in cells:
                return cells[tier.lower()]
        if not cells or at_most:
            return listed.get(model)
        return cells.get("default") or min(cells.values())


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _tiers(fields: Mapping[str, Any], pending: Collection[str]) -> tuple[str, ...]:
    """``resolution|quality|sound``, ``quality|sound``, ``quality|ref``, ``quality``, ``resolution`` (Relay's order)."""
    size = _SIZE.fullmatch(str(fields.get("size", "")))
    resolution = fields.get("image_size") or fields.get("resolution") or fields.get("size")
    if size:
        resolution = f"{min(int(size[1]), int(size[2]))}p"
    quality, sound = fields.get("quality_mode"), fields.get("sound")
    heard = {True: "sound", False: "silent"}.get(sound) if isinstance(sound, bool) else None
    reference: str | None = "w-ref" if any(fields.get(name) for name in _REFERENCES) else "no-ref"
    if reference == "no-ref" and any(name in pending for name in _REFERENCES):
        reference = None
    candidates = (
        (resolution, quality, heard),
        (quality, heard),
        (quality, reference),
        (quality,),
        (resolution,),
        (size[0] if size else None,),
    )
    return tuple("|".join(map(str, parts)) for parts in candidates if all(isinstance(p, str) for p in parts))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        return None
    return float(value)
