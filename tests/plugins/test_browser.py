"""A person with a browser and a real Airflow: see a job in flight, see the grid, choose, see the result and its cost.

Set ORUX_SCREENSHOTS to a folder to keep what was seen: docs/images is made like that.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT
from tests.crash.airflow_processes import AirflowProcesses, until

pytestmark = [pytest.mark.standalone, pytest.mark.timeout(1200)]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
#: Milliseconds for anything to appear: the machine may be busy.
PATIENCE = 240_000
PRICES = {"orux": {"currency": "credits", "midjourney-v7": 20, "midjourney-v7:upscale": 5}}
DAG = "review_chain"


class GalleryAirflow(AirflowProcesses):
    dag_ids = (DAG,)

    def __init__(self, folder: Path, sandbox: Any) -> None:
        self.dags = folder / "dags"
        self.dags.mkdir()
        shutil.copy(ROOT / "example_dags" / f"{DAG}.py", self.dags)
        super().__init__(workers=3)
        self.env |= {
            "AIRFLOW_CONN_ORUX_DEFAULT": sandbox.connection(),
            "AIRFLOW_VAR_ORUX_SAVE_TO": f"file://{folder}/images",
            "AIRFLOW__ORUX__GALLERY_ROOTS": str(folder / "images"),
            "AIRFLOW__ORUX__PRICES": json.dumps(PRICES),
            # Below a base path, as behind a proxy.
            "AIRFLOW__API__BASE_URL": f"{self.url}/airflow",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.proxy.url}/airflow/execution/",
        }
        self.root = self.url = f"{self.url}/airflow"
        self._http.base_url = f"{self.root}/api/v2"

    def prepare(self) -> None:
        """As installed, the package's entry point brings the gallery; else the plugins folder does."""
        if not any(e.name == "orux" for e in entry_points(group="airflow.plugins")):
            plugins = self.home / "airflow" / "plugins"
            plugins.mkdir(parents=True)
            (plugins / "gallery.py").write_text(
                "from airflow_provider_orux.plugins.plugin import OruxPlugin\n"
            )

    def state(self, run_id: str, task_id: str) -> str | None:
        try:
            found = self.api("GET", f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/{task_id}")
        except httpx.TransportError:
            return None  # a busy machine: whoever waits looks again
        return found["state"] if found else None


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GalleryAirflow]:
    pytest.importorskip("playwright.sync_api", reason="needs Playwright (pip install playwright)")
    if CHROMIUM is None:
        pytest.skip("needs chromium (apt-get install chromium)")
    from orux_sandbox import SandboxServer

    folder = tmp_path_factory.mktemp("gallery")
    with (
        SandboxServer({"queue_seconds": 2, "run_seconds": 25}) as sandbox,
        GalleryAirflow(folder, sandbox) as airflow,
    ):
        yield airflow


class Person:
    """A browser window, and where its screenshots go."""

    def __init__(self, page: Any, airflow: GalleryAirflow) -> None:
        self.page = page
        self.airflow = airflow
        self.folder = os.environ.get("ORUX_SCREENSHOTS")

    def log_in(self) -> None:
        """As Airflow's own pages do."""
        airflow = self.airflow
        token = airflow._http.get(f"{airflow.root}/auth/token").json()["access_token"]
        self.page.context.add_cookies([{"name": "_token", "value": token, "url": airflow.root}])

    def open(self, path: str) -> Any:
        """Open one of Airflow's own pages; the frame in it."""
        self.page.goto(f"{self.airflow.root}{path}", wait_until="commit")
        return self.page.frame_locator("iframe")

    def keep(self, name: str) -> None:
        if self.folder:
            self.page.wait_for_timeout(1500)
            self.page.screenshot(path=f"{self.folder}/{name}.png")


@pytest.fixture
def person(airflow: GalleryAirflow) -> Iterator[Person]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(viewport={"width": 1280, "height": 860})
        context.set_default_timeout(PATIENCE)
        context.set_default_navigation_timeout(PATIENCE)
        yield Person(context.new_page(), airflow)
        browser.close()


def loaded(image: Any) -> None:
    """The image is there and can be looked at."""
    image.wait_for()
    until(lambda: image.evaluate("i => i.complete && i.naturalWidth"), "the image to load")


def test_from_the_prompt_to_the_upscaled_image(person: Person, airflow: GalleryAirflow) -> None:
    run_id = "cover"
    airflow.api("POST", f"/dags/{DAG}/dagRuns", json={"dag_run_id": run_id, "logical_date": None})
    run_page = f"/dags/{DAG}/runs/{run_id}/plugin/orux-dag-run"

    # The job in flight, on the tab of the run. (The page loads itself again.)
    until(lambda: airflow.state(run_id, "imagine") == "deferred" or None, "the grid's job to be accepted")
    frame = person.open(run_page)
    frame.get_by_text("1 in flight").wait_for()
    frame.get_by_text("waiting for").wait_for()
    person.keep("gallery-in-flight")

    # The grid, with its four numbered quarters.
    loaded(frame.locator(".card.done .image img"))
    assert frame.locator(".q").all_inner_texts() == ["U1", "U2", "U3", "U4"]
    frame.get_by_text("a lighthouse at dawn").wait_for()
    assert frame.locator(".total").inner_text() == "20 credits"
    person.keep("gallery-grid")

    # A person chooses by a click.
    waits = ("awaiting_input", "deferred")
    until(lambda: airflow.state(run_id, "pick") in waits or None, "the question")
    person.open(f"/dags/{DAG}/runs/{run_id}/tasks/pick/required_actions")
    loaded(person.page.get_by_alt_text("The images to choose from"))
    person.keep("review")
    person.page.get_by_role("button", name="U2", exact=True).click()
    until(lambda: airflow.state(run_id, "hero") == "success" or None, "the upscaled image")

    # The upscaled image beside its grid, and what both cost.
    frame = person.open(run_page)
    chain = frame.locator(".chain.long")
    chain.get_by_text("upscale U2").wait_for()
    assert chain.locator(".card").count() == 2
    loaded(chain.locator(".card").nth(1).locator("img"))
    assert frame.locator(".total").inner_text() == "25 credits"
    person.keep("gallery-chain")

    # Full size, inside the frame, and back.
    chain.locator(".card").nth(1).locator("a.image").click()
    loaded(frame.locator(".full img"))
    size = frame.locator(".full img").evaluate("i => [i.naturalWidth, i.naturalHeight]")
    assert min(size) > 800
    person.keep("gallery-full-size")
    with person.page.expect_download() as download:
        frame.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "1.png"
    frame.get_by_role("link", name=run_id).click()
    frame.locator(".chain.long").wait_for()


def test_every_tab_and_the_page_over_all_dags(person: Person, airflow: GalleryAirflow) -> None:
    """After the first test: each place shows the same images."""
    for path in (
        f"/dags/{DAG}/plugin/orux-dag",
        f"/dags/{DAG}/runs/cover/tasks/imagine/plugin/orux-task-instance",
        "/plugin/orux-nav",
    ):
        frame = person.open(path)
        loaded(frame.locator("img").first)
    person.keep("gallery-browse")
    frame.get_by_label("State").select_option("waiting")
    frame.get_by_role("button", name="Show").click()
    frame.get_by_text("Nothing fits").wait_for()


def test_on_a_phone_and_in_the_dark(person: Person, airflow: GalleryAirflow) -> None:
    page = person.page
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    person.log_in()
    page.goto(f"{airflow.root}/orux/dags/{DAG}/run?run_id=cover")
    loaded(page.locator("img").first)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 19, 24)"
    person.keep("gallery-phone")


def test_nothing_is_run_and_nothing_is_fetched_from_elsewhere(
    person: Person, airflow: GalleryAirflow
) -> None:
    page, asked = person.page, []
    person.log_in()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{airflow.root}/orux/dags/{DAG}/run?run_id=cover")
    loaded(page.locator("img").first)
    assert all(url.startswith(f"{airflow.root}/orux/") for url in asked)
    assert page.locator("script").count() == 0
