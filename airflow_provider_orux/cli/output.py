"""Where a command prints, and how: lines, tables, JSON, YAML, CSV. Nothing that it prints can steer a terminal.

Job ids, error messages and DAG ids come from elsewhere. A terminal obeys escape sequences in them, bidirectional
overrides reorder what a person reads, and a spreadsheet runs a cell that begins like a formula.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from typing import IO, Any

#: What a spreadsheet takes for a formula, behind any number of our own quotes.
_FORMULA = re.compile(r"'*(?:[\t\r\n]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20])")
#: What :func:`visible` makes of a character.
_ESCAPED = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U000[0-9a-f]{5}|U0010[0-9a-f]{4})")


def visible(text: str) -> str:
    r"""A text on one line that is safe to print: what is not printable is shown as ``\x1b``, ``\u202e``.

    That is everything Python's ``repr`` escapes: control characters, line breaks, bidirectional overrides, characters
    without a width.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def csv_cell(value: Any) -> Any:
    r"""A value for a CSV cell: safe to print, and text that a spreadsheet would run gets a ``'`` in front.

    So does text that looks as if it had got one, and the backslash of a text like ``\x1b`` becomes ``\x5c``: so
    :func:`csv_text` always gives back what it was.
    """
    if not isinstance(value, str):
        return value
    quoted = f"'{value}" if _FORMULA.match(value) else value
    return visible(_ESCAPED.sub(lambda m: "\\x5c" + m[0][1:], quoted))


def csv_text(cell: str) -> str:
    """The text that :func:`csv_cell` wrote; what a person typed stays as it is."""
    text = _ESCAPED.sub(lambda m: chr(int(m[0][2:], 16)), cell)
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


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
        self.stream.write(visible(text) + "\n")

    def note(self, text: str) -> None:
        """Print one line that is not part of the result."""
        self._remarks.write(visible(text) + "\n")

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> None:
        """Print rows in columns that are as wide as they need to be.

        :param columns: key of a row -> heading. A column whose values are all empty is left out.
        """
        kept = {k: title for k, title in columns.items() if any(_cell(row.get(k)) for row in rows)}
        cells = [list(kept.values()), *([_cell(row.get(k)) for k in kept] for row in rows)]
        widths = [max(len(line[i]) for line in cells) for i in range(len(kept))]
        for line in cells:
            self.say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())

    def facts(self, facts: Mapping[str, Any]) -> None:
        """Print names and values one below the other; empty values are left out."""
        shown = {name: text for name, value in facts.items() if (text := _cell(value))}
        width = max((len(name) for name in shown), default=0)
        for name, value in shown.items():
            self.say(f"{name.ljust(width)}  {value}")

    def data(
        self,
        output: str,
        value: Any,
        *,
        rows: Sequence[Mapping[str, Any]],
        columns: Sequence[str],
    ) -> None:
        """Print what a program reads.

        :param output: ``json``, ``yaml`` or ``csv``.
        :param value: all of it, for JSON and YAML.
        :param rows: the same as rows, for CSV.
        :param columns: of the CSV.
        """
        if output == "csv":
            self._csv(rows, columns)
        elif output == "yaml":
            self._yaml(value)
        else:
            self._json(value)

    def _json(self, value: Any) -> None:
        text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
        # Between the strings there is nothing but line breaks and ASCII.
        self.stream.write("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))
        self.stream.write("\n")

    def _yaml(self, value: Any) -> None:
        import yaml  # type: ignore[import-untyped]

        plain = json.loads(json.dumps(value, default=str))
        self.stream.write(yaml.safe_dump(plain, sort_keys=False, width=10_000))

    def _csv(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """With a header; a value that a row lacks is empty."""
        writer = csv.writer(self.stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([csv_cell(row.get(name)) for name in columns] for row in rows)


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 record``, ``2 records``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def _cell(value: Any) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return visible(" ".join(str(value).split()))


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
