"""Writes the pages and the plots from the numbers."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from benchmarks import chain, imports, polling, saving, schedules, storms, triggerer, wanted
from benchmarks.results import Results, median_of, range_of

PACKAGES = (
    "airflow-provider-orux", "apache-airflow", "apache-airflow-providers-http", "apache-airflow-providers-dbt-cloud",
    "apache-airflow-providers-openai", "httpx", "httptools", "aiohttp", "httpx-aiohttp", "uvloop", "openai", "matplotlib",
)  # fmt: skip
SECTIONS = (
    ("Waiting for many jobs", lambda r: polling.report(r)),
    ("The client that carries the polls", lambda r: polling.report_transports(r)),
    ("The schedule, simulated", lambda r: schedules.report(r)),
    ("A real triggerer", lambda r: triggerer.report(r)),
    ("Storms", lambda r: storms.report(r)),
    ("The cost of a chain", lambda r: chain.report(r)),
    ("Import and parse time", lambda r: imports.report(r)),
    ("Saving", lambda r: saving.report(r)),
)


def machine() -> str:
    """What the numbers were measured on."""
    model = "unknown processor"
    with Path("/proc/cpuinfo").open() as info:
        for line in info:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    curl = subprocess.run(["curl", "--version"], capture_output=True, text=True).stdout.split(" (")[0]
    return f"{os.cpu_count()} cores ({model}), {platform.system()} {platform.release()}, Python {platform.python_version()}, {curl}"


def versions() -> str:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def write(results: Results, folder: Path, *, name: str) -> Path:
    """The page, and its plots beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = draw(results, folder) if name == "index" else []
    lines = [
        *([] if name == "index" else ["---", "orphan: true", "---", ""]),
        "# Benchmarks" if name == "index" else "# Benchmarks, short run",
        "",
        "Written by `python -m benchmarks`. " + (
            "Medians of the runs that `results.json` holds; rows where this provider ties or loses are in the tables like all "
            "others."
            if name == "index"
            else "One run of small sizes, all at the same time: to see that nothing broke, not to quote."
        ),
        "",
        f"- {machine()}",
        f"- {versions()}",
        f"- measured {days(results)}",
        f"- runs by row: {runs(results)}",
        "",
    ]  # fmt: skip
    note = Path(__file__).with_name("notes.md")
    if name == "index" and (table := wanted.report(results)):
        lines += [
            "## What is wanted, and what was reached",
            "",
            table,
            "",
            wanted.fill(note.read_text(), results).strip(),
            "",
        ]
    for title, section in SECTIONS:
        text = section(results)
        if text:
            lines += [f"## {title}", ""]
            lines += [f"![{alt}]({file})\n" for section_title, alt, file in plots if section_title == title]
            lines += [text.strip(), ""]
    path = folder / f"{name}.md"
    path.write_text("\n".join(lines))
    return path


def runs(results: Results) -> str:
    counts = []
    for measurement in (
        "polling",
        "account",
        "transports",
        "schedules",
        "triggerer",
        "storms",
        "chain",
        "imports",
        "saving",
    ):
        sizes = {len(row["runs"]) for row in results.of(measurement)}
        if sizes:
            counts.append(f"{measurement} {min(sizes)}" + (f"–{max(sizes)}" if len(sizes) > 1 else ""))
    return ", ".join(counts) + " (a column says it where it differs by row)"


def days(results: Results) -> str:
    """When the runs were made."""
    found = sorted({run["on"] for rows in results.all().values() for row in rows for run in row["runs"]})
    return found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}" if found else "never"


def draw(results: Results, folder: Path) -> list[tuple[str, str, str]]:
    """Plots as PNG and SVG: (section, alternative text, file)."""
    try:
        import matplotlib
    except ImportError:
        return []
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "orux"
    from matplotlib import pyplot

    made = []

    def keep(figure: Any, section: str, alt: str, name: str) -> None:
        figure.tight_layout()
        for kind in ("png", "svg"):
            extra = {"metadata": {"Date": None}} if kind == "svg" else {"dpi": 120}
            figure.savefig(folder / f"{name}.{kind}", **extra)
        pyplot.close(figure)
        made.append((section, alt, f"{name}.png"))

    rows = results.of("polling")
    if rows:
        sizes = sorted({row["jobs"] for row in rows})
        figure, (left, right) = pyplot.subplots(
            1, 2, figsize=(13, 0.55 * len(polling.SUBJECTS) + 1.6), sharey=True
        )
        names = [name for name, *_ in polling.SUBJECTS][::-1]
        for n, size in enumerate(sizes):
            of = {row["name"]: row for row in rows if row["jobs"] == size}
            height = 0.8 / len(sizes)
            at = [i - 0.4 + height * (n + 0.5) for i, name in enumerate(names) if name in of]
            some = [of[name] for name in names if name in of]
            for axis, key in ((left, "cpu_per_job_ms"), (right, "lag_p95")):
                middle = [median_of(row, key) for row in some]
                low = [m - range_of(row, key)[0] for m, row in zip(middle, some, strict=True)]
                high = [range_of(row, key)[1] - m for m, row in zip(middle, some, strict=True)]
                axis.barh(
                    at, middle, height * 0.9, xerr=[low, high], label=f"{size} jobs", error_kw={"lw": 1}
                )
        left.set_yticks(range(len(names)), [polling.title(name) for name in names])
        left.set_xlabel("CPU per finished job, ms (log)")
        left.set_xscale("log")
        left.set_xlim(left=0.1)
        right.set_xlabel("lag at the 95th percentile, s (log)")
        right.set_xscale("log")
        right.set_xlim(left=0.01)
        left.legend()
        keep(figure, "Waiting for many jobs", "CPU per finished job and lag by trigger", "polling")

    rows = results.of("schedules")
    if rows:
        whats = list(dict.fromkeys(row["what"] for row in rows))
        names = list(dict.fromkeys(row["name"] for row in rows))
        figure, axis = pyplot.subplots(figsize=(11, 0.5 * len(whats) + 1.8))
        for n, name in enumerate(names):
            some = [next(r for r in rows if r["name"] == name and r["what"] == what) for what in whats]
            height = 0.8 / len(names)
            axis.barh(
                [len(whats) - 1 - i + 0.4 - height * (n + 0.5) for i in range(len(whats))],
                [median_of(row, "requests_per_job") for row in some], height * 0.9, label=name,
            )  # fmt: skip
        axis.set_yticks(range(len(whats)), whats[::-1])
        axis.set_xlabel("requests per job")
        axis.legend()
        keep(figure, "The schedule, simulated", "Requests per job by schedule", "schedule")

    rows = [row for row in results.of("transports") if row["slots"] == 64] or results.of("transports")
    if rows:
        rows = sorted(rows, key=lambda r: median_of(r, "cpu_per_poll_ms"))
        figure, axis = pyplot.subplots(figsize=(9, 2.8))
        bars = axis.barh([r["name"] for r in rows], [median_of(r, "cpu_per_poll_ms") for r in rows])
        axis.bar_label(bars, fmt="%.2f", padding=3)
        axis.set_xscale("log")
        axis.set_xlabel("CPU per poll, ms (log), 64 at a time")
        keep(figure, "The client that carries the polls", "CPU per poll by client", "transports")

    rows = results.of("saving")
    if rows:
        figure, axis = pyplot.subplots(figsize=(9, 3))
        labels = [f"{r['mib']} MiB, {r['name']}" for r in rows]
        order = sorted(range(len(rows)), key=lambda i: (-rows[i]["mib"], rows[i]["name"]))
        axis.barh([labels[i] for i in order], [median_of(rows[i], "mb_per_s") for i in order])
        axis.set_xlabel("MB/s")
        keep(figure, "Saving", "MB/s by size", "saving")
    return made
