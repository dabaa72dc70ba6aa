"""The numbers of all measurements, kept as JSON beside the pages that are made of them."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

KEPT = 12
"""Runs of one row that are kept."""


class Results:
    """Rows by measurement: what was measured (the key) and the values of its runs.

    :param path: the JSON file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[str, list[dict[str, Any]]] = json.loads(path.read_text()) if path.exists() else {}
        self._fresh: set[str] = set()

    def add(self, measurement: str, key: dict[str, Any], values: dict[str, Any]) -> None:
        """Add a run. The first of this process throws the earlier ones of its measurement away."""
        if measurement not in self._fresh:
            self._fresh.add(measurement)
            self._rows[measurement] = []
        rows = self._rows[measurement]
        row = next((r for r in rows if all(r.get(k) == v for k, v in key.items())), None)
        if row is None:
            row = {**key, "runs": []}
            rows.append(row)
        row["runs"] = (row["runs"] + [_short(values)])[-KEPT:]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self._rows, indent=1) + "\n")

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
