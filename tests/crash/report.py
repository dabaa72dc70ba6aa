"""The table of the scenarios, on the terminal and in ``docs/reliability.md``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

from airflow_provider_orux.models.registry import GATEWAYS
from demo.airflow_home import ROOT
from tests.crash.runner import Row

PAGE = ROOT / "docs" / "reliability.md"


def table(rows: Sequence[Row]) -> str:
    """For the terminal."""
    lines = [f"{'scenario':28} {'end':8} {'charges':>7} {'POSTs':>6} {'saved':>6} {'runs':>5}  seen"]
    for row in rows:
        f = row.found
        lines.append(
            f"{row.scenario.name:28} {f.state:8} {f.charges:7} {f.posts:6} {f.saved:6} {f.executions:5}  "
            + ("" if row.passed else "WRONG: " + "; ".join(p.splitlines()[0] for p in f.problems) + " ")
            + ", ".join(f.notes)
        )
    return "\n".join(lines)


def summary(rows: Sequence[Row]) -> str:
    """One sentence of counts."""
    double = sum(row.found.charges > row.scenario.charges for row in rows)
    lost = sum(row.found.saved < row.scenario.saved for row in rows)
    asked = sum(row.asked for row in rows)
    wrong = sum(not row.passed for row in rows)
    given_up = sum(row.scenario.given_up for row in rows)
    gateways = Counter(GATEWAYS[row.scenario.gateway].title for row in rows)
    where = ", ".join(f"{number} on {title}" for title, number in gateways.items())
    return (
        f"{len(rows)} scenarios ({where}): {double} double charges, {lost} lost results, {wrong} not as expected; "
        f"{len(rows) - asked} healed by themselves, in {asked} a person was asked, and {given_up} of these gave a "
        "synchronous result up, knowingly."
    )


def markdown(rows: Sequence[Row]) -> str:
    """The section of the page."""
    lines = [
        summary(rows),
        "",
        f"Airflow {version('apache-airflow')}, LocalExecutor, SQLite.",
    ]
    for part, group in groupby(rows, key=lambda r: r.scenario.part):
        lines += [
            "",
            f"### {part}",
            "",
            "| What is done | Who decides | Charges | Paid requests | Executions | Task in the end | Artifacts saved and whole | As expected |",
            "|---|---|--:|--:|--:|---|--:|---|",
        ]
        for row in group:
            f, c = row.found, row.scenario
            who = "a person: " + ", ".join(f.notes) if row.asked else "Airflow alone"
            lines.append(
                f"| {_cell(c.what)} | {_cell(who)} | {f.charges} | {f.posts} | {f.executions} | {f.state} | {f.saved} | "
                f"{'yes' if row.passed else '**no**'} |"
            )
    return "\n".join(lines)


def publish(section: str, text: str, *, page: Path | None = None) -> None:
    """Replace what stands between the markers of a section in the page."""
    page = page or PAGE
    begin, end = f"<!-- begin generated: {section} -->", f"<!-- end generated: {section} -->"
    old = page.read_text()
    new, found = re.subn(
        f"(?s){re.escape(begin)}.*?{re.escape(end)}", lambda _: f"{begin}\n{text}\n{end}", old
    )
    if not found:
        raise ValueError(f"{page} has no section {section!r}")
    page.write_text(new)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
