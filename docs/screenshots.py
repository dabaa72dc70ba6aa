"""The screenshots of the Start page, made from a running ``make ui``.

    make ui FAST=1                                              # in one terminal
    pip install playwright pillow && apt-get install chromium   # in an environment of its own
    python docs/screenshots.py                                  # in another one

It writes the DAG of the Start page to the DAG folder of ``make ui``, triggers it, waits for its end, and photographs
what a new user looks at.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import shutil
import time
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

DOCS = Path(__file__).parent
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
COLOURS = 64


class Airflow:
    """The REST API of an Airflow that asks for no login."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.token = self.call("GET", "/auth/token")["access_token"]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer."""
        headers = {"Content-Type": "application/json"}
        if hasattr(self, "token"):
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


def first_dag() -> str:
    """The complete file on the Start page."""
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "start.md").read_text(encoding="utf-8"), re.DOTALL)
    return str(code)


def run_dag(airflow: Airflow, dags: Path, patience: float) -> str:
    """Put the DAG into the folder, run it, and return the id of its run."""
    (dags / "posters.py").write_text(first_dag())
    deadline = time.monotonic() + patience
    run_id = ""
    while time.monotonic() < deadline:
        time.sleep(3)
        try:
            if not run_id:
                run = airflow.call("POST", "/api/v2/dags/posters/dagRuns", {"logical_date": None})
                run_id = run["dag_run_id"]
            run = airflow.call("GET", f"/api/v2/dags/posters/dagRuns/{run_id}")
        except OSError:
            continue  # not parsed yet
        if run["state"] in ("success", "failed"):
            if run["state"] == "failed":
                raise RuntimeError(f"the run failed: {run}")
            return run_id
    raise TimeoutError("the DAG did not end")


def shoot(page: Page, name: str) -> None:
    """Photograph what the page shows; few colours, so that the file is small."""
    page.wait_for_timeout(2500)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image = image.quantize(COLOURS, dither=Image.Dither.NONE)
    file = DOCS / "images" / f"start-{name}.png"
    image.save(file, optimize=True)
    print(f"{file}: {file.stat().st_size // 1000} kB", flush=True)


def look(page: Page, url: str, *, see: str, height: int, width: int = 1280) -> None:
    """Open a page and wait until it shows a text."""
    page.set_viewport_size({"width": width, "height": height})
    page.goto(url)
    page.get_by_text(see).first.wait_for(timeout=90_000)
    page.wait_for_timeout(1500)


def main() -> None:
    """Make them all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--airflow", default="http://127.0.0.1:8080")
    parser.add_argument("--sandbox", default="http://127.0.0.1:8810")
    parser.add_argument("--dags", type=Path, default=DOCS.parent / "build" / "ui" / "dags")
    parser.add_argument("--run-id", help="a run of posters that succeeded, instead of a new one")
    parser.add_argument("--patience", type=float, default=600, help="seconds to wait for the run")
    options = parser.parse_args()
    airflow = Airflow(options.airflow)
    run_id = options.run_id or run_dag(airflow, options.dags, options.patience)
    print(f"run {run_id}")
    run = f"{options.airflow}/dags/posters/runs/{urllib.request.quote(run_id, safe='')}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS), ignore_default_args=False
        )
        page = browser.new_page()
        look(page, f"{options.airflow}/connections", see="orux_default", height=900)
        row = page.get_by_role("row").filter(has=page.get_by_text("orux_default", exact=True))
        row.get_by_role("button", name="Edit Connection").click()
        page.get_by_text("API key").first.wait_for()
        shoot(page, "connection")
        look(page, run, see="hero", height=560)
        shoot(page, "run")
        look(page, f"{run}/tasks/imagine/xcom", see="return_value", height=1000)
        page.get_by_role("button", name=re.compile("expand", re.IGNORECASE)).first.click()
        shoot(page, "result")
        look(page, options.sandbox, see="midjourney", height=640, width=1000)
        page.get_by_text("Jobs, newest first").scroll_into_view_if_needed()
        page.evaluate(
            "document.querySelectorAll('h2').forEach(h => h.innerText.startsWith('Jobs') && h.scrollIntoView())"
        )
        shoot(page, "charges")
        browser.close()


if __name__ == "__main__":
    main()
