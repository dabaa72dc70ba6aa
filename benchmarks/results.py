"""The numbers of all measurements, kept as JSON beside the pages that are made of them."""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from typing import Any

#: Runs of one row that are kept.
KEPT = 12


class Results:
    """Rows by measurement: what was measured (the key) and the values of its runs.

    :param path: the JSON file.
    :param keep: add to the runs that it holds, instead of replacing those of a part that is measured again.
    """

    def __init__(self, path: Path, *, keep: bool = False) -> None:
        self.keep = keep
        self.path = path
        self._rows: dict[str, list[dict[str, Any]]] = json.loads(path.read_text()) if path.exists() else {}
        self._fresh: set[tuple[str, str]] = set()

    def add(
        self, measurement: str, key: dict[str, Any], values: dict[str, Any], *, part: str = "all"
    ) -> None:
        """Add a run.

        The first of this process throws away the earlier runs of the same part, and nothing else: so a measurement can be
        made part by part, on several days.

        :param part: which rows are measured together.
        """
        rows = self._rows.setdefault(measurement, [])
        if not self.keep and (measurement, part) not in self._fresh:
            rows[:] = [row for row in rows if row.get("part", "all") != part]
        self._fresh.add((measurement, part))
        row = next((r for r in rows if all(r.get(k) == v for k, v in key.items())), None)
        if row is None:
            row = {**key, "part": part, "runs": []}
            rows.append(row)
        row["runs"] = (row["runs"] + [{"on": time.strftime("%Y-%m-%d"), **_short(values)}])[-KEPT:]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: a run of an hour may be stopped at any moment.
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(self._rows, indent=1) + "\n")
        new.replace(self.path)

    def all(self) -> dict[str, list[dict[str, Any]]]:
        """Every row."""
        return self._rows

    def of(self, measurement: str) -> list[dict[str, Any]]:
        """The rows of a measurement."""
        return self._rows.get(measurement, [])


def median_of(row: dict[str, Any], name: str) -> float:
    """The median of a value over the runs of a row; NaN without any."""
    values = [run[name] for run in row["runs"] if run.get(name) is not None]
    return statistics.median(values) if values else float("nan")


def range_of(row: dict[str, Any], name: str) -> tuple[float, float]:
    """The smallest and the largest value over the runs of a row."""
    values = [run[name] for run in row["runs"] if run.get(name) is not None]
    return (min(values), max(values)) if values else (float("nan"), float("nan"))


def _short(values: dict[str, Any]) -> dict[str, Any]:
    return {k: (round(v, 5) if isinstance(v, float) else v) for k, v in values.items()}
