"""Where a command prints, and how: tables, facts, JSON, CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from typing import IO, Any


class Output:
    """Where a command prints.

    :param stream: its result.
    :param remarks: what is not part of the result.
    """

    def __init__(self, stream: IO[str], remarks: IO[str]) -> None:
        self.stream = stream
        self._remarks = remarks

    def say(self, text: str = "") -> None:
        """Print one line of the result."""
        print(text, file=self.stream)

    def note(self, text: str) -> None:
        """Print one line that is not part of the result."""
        print(text, file=self._remarks)

    def json(self, value: Any) -> None:
        """Print a JSON value."""
        self.stream.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
        """Print rows in columns that are as wide as they need to be.

        :param columns: key of a row -> heading. A column whose values are all empty is left out.
        """
        kept = {k: title for k, title in columns.items() if any(_text(row.get(k)) for row in rows)}
        cells = [list(kept.values()), *([_text(row.get(k)) for k in kept] for row in rows)]
        widths = [max(len(line[i]) for line in cells) for i in range(len(kept))]
        for line in cells:
            self.say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())

    def facts(self, facts: Mapping[str, Any]) -> None:
        """Print names and values one below the other; empty values are left out."""
        shown = {name: text for name, value in facts.items() if (text := _text(value))}
        width = max((len(name) for name in shown), default=0)
        for name, value in shown.items():
            self.say(f"{name.ljust(width)}  {value}")

    def csv(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Print rows as CSV with a header; a value that a row lacks is empty."""
        writer = csv.writer(self.stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([row.get(name) for name in columns] for row in rows)


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 record``, ``2 records``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def _text(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(str(value).split())
