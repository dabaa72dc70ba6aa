"""Did you mean: the nearest of the names that are known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most similar to the given one, if any is similar."""
    return next(iter(nearest_few(name, known)), None)


def nearest_few(name: str, known: Iterable[str]) -> list[str]:
    """The three known names most similar to the given one, as far as they are similar, the nearest first."""
    lowered = {k.lower(): k for k in known}
    return [lowered[hit] for hit in difflib.get_close_matches(name.lower(), sorted(lowered), n=3, cutoff=0.6)]
