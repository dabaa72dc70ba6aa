"""The screenshots of the Start page, made from a running ``make ui``.

    make ui                                                     # in one terminal
    pip install playwright pillow && apt-get install chromium   # in an environment of its own
    python docs/screenshots.py                                  # in another one

It writes the DAG of the Start page to the DAG folder of ``make ui``, triggers it, waits for its end, and photographs
what a new user looks at. What they would not have is taken away first: earlier runs of that DAG, and all jobs of the
sandbox. While it is photographed, the connection leads to the sandbox's usual port.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import shutil
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

DOCS = Path(__file__).parent
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
COLOURS = 64


class Api:
    """The REST API of an Airflow that asks for no login, or of the sandbox."""

    token = ""

    def __init__(self, url: str) -> None:
        self.url = url

    @classmethod
    def of_airflow(cls, url: str) -> Api:
        """With a token."""
        api = cls(url)
        api.token = api.call("GET", "/auth/token")["access_token"]
        return api

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")


def first_dag() -> str:
    """The complete file on the Start page."""
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "start.md").read_text(encoding="utf-8"), re.DOTALL)
    return str(code)


def run_dag(airflow: Api, sandbox: Api, dags: Path, patience: float) -> str:
    """Put the DAG into the folder, and run it until no task needed a second try; the id of that run."""
    (dags / "posters.py").write_text(first_dag())
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        sandbox.call("POST", "/_sandbox/reset")
        sandbox.call("PATCH", "/_sandbox/settings", {"queue_seconds": 0.5, "run_seconds": 10})
        run = ended_run(airflow, deadline)
        if run["state"] == "failed":
            raise RuntimeError(f"the run failed: {run}")
        path = f"/api/v2/dags/posters/dagRuns/{urllib.request.quote(run['dag_run_id'], safe='')}"
        tries = [t["try_number"] for t in airflow.call("GET", f"{path}/taskInstances")["task_instances"]]
        if set(tries) == {1}:
            return str(run["dag_run_id"])
        print(f"tries: {tries}; once more", flush=True)
    raise TimeoutError("the DAG did not end")


def ended_run(airflow: Api, deadline: float) -> Any:
    """A new run of the DAG, its only one, once it has ended."""
    runs = "/api/v2/dags/posters/dagRuns"
    run: Any = None
    while time.monotonic() < deadline:
        time.sleep(3)
        try:
            if run is None:
                for old in airflow.call("GET", runs)["dag_runs"]:
                    airflow.call("DELETE", f"{runs}/{urllib.request.quote(old['dag_run_id'], safe='')}")
                run = airflow.call("POST", runs, {"logical_date": None})
            run = airflow.call("GET", f"{runs}/{urllib.request.quote(run['dag_run_id'], safe='')}")
        except OSError:
            continue  # not parsed yet
        if run["state"] in ("success", "failed"):
            return run
    raise TimeoutError("the DAG did not end")


@contextlib.contextmanager
def usual_port(airflow: Api) -> Iterator[None]:
    """Show the connection as the Start page makes it."""
    path = "/api/v2/connections/orux_default"
    now = airflow.call("GET", path)
    body = {"connection_id": "orux_default", "conn_type": now["conn_type"]}
    try:
        airflow.call("PATCH", f"{path}?update_mask=host", {**body, "host": "http://127.0.0.1:8810"})
        yield
    finally:
        airflow.call("PATCH", f"{path}?update_mask=host", {**body, "host": now["host"]})


def shoot(page: Page, name: str, *, of: Locator | None = None, whole: bool = False) -> None:
    """Photograph what the page shows, or a part of it, or all of it; few colours, so that the file is small."""
    page.wait_for_timeout(2500)
    taken = of.screenshot() if of is not None else page.screenshot(full_page=whole)
    image = Image.open(io.BytesIO(taken)).convert("RGB")
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
    airflow = Api.of_airflow(options.airflow)
    run_id = options.run_id or run_dag(airflow, Api(options.sandbox), options.dags, options.patience)
    print(f"run {run_id}")
    run = f"{options.airflow}/dags/posters/runs/{urllib.request.quote(run_id, safe='')}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS), ignore_default_args=False
        )
        page = browser.new_page()
        with usual_port(airflow):
            look(page, f"{options.airflow}/connections", see="orux_default", height=900)
            row = page.get_by_role("row").filter(has=page.get_by_text("orux_default", exact=True))
            row.get_by_role("button", name="Edit Connection").click()
            page.get_by_text("API key").first.wait_for()
            shoot(page, "connection", of=page.get_by_role("dialog"))
        look(page, run, see="hero", height=560, width=1440)
        shoot(page, "run")
        look(page, f"{run}/tasks/imagine/xcom?key_pattern=return_value", see="Key: return_value", height=750)
        page.get_by_role("button", name=re.compile("expand", re.IGNORECASE)).first.click()
        shoot(page, "result")
        look(page, options.sandbox, see="midjourney", height=640, width=1000)
        shoot(page, "charges", whole=True)
        browser.close()


if __name__ == "__main__":
    main()
