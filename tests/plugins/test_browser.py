"""A person with a browser and a real Airflow: see a job in flight, see the grid, choose, see the result and its cost.

Set ORUX_SCREENSHOTS to a folder to keep what was seen: docs/images is made like that.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from airflow.sdk.bases.xcom import BaseXCom
from airflow.sdk.definitions.param import ParamsDict

from tests.conftest import ROOT
from tests.crash.airflow_processes import AirflowProcesses, until
from tests.plugins.installed import install_gallery

pytestmark = [pytest.mark.standalone, pytest.mark.timeout(1200)]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
#: Whether four options are four buttons. On 3.1 they are neither that nor a list, so there are five.
BUTTONS = hasattr(ParamsDict, "filter_params_by_source")
#: Milliseconds for anything to appear: the machine may be busy.
PATIENCE = 240_000
PRICES = {"orux": {"currency": "credits", "midjourney-v7": 20, "midjourney-v7:upscale": 5}}
DAG, MAPPED, REROLL, SLOW = "review_chain", "review_mapped", "review_reroll", "gallery_progress"
#: As Airflow names its runs: a "+" is not the same in an address.
RUN = "manual__2026-03-02T08:00:00+00:00"
#: Seconds of a job that nobody needs to see in flight, and longer than the scheduler takes to hear of the deferral.
QUICK = 6
SLOW_DAG = f"""
import pendulum
from airflow.sdk import DAG
from airflow_provider_orux.operators.midjourney import OruxImagineOperator

with DAG("{SLOW}", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
    OruxImagineOperator(task_id="imagine", conn_id="yescale_default", prompt="a harbour at night", poll_interval=1)
"""


class GalleryAirflow(AirflowProcesses):
    dag_ids = (DAG, MAPPED, REROLL, SLOW)

    def __init__(self, folder: Path, sandbox: Any) -> None:
        self.dags = folder / "dags"
        self.dags.mkdir()
        for dag_id in (DAG, MAPPED, REROLL):
            shutil.copy(ROOT / "example_dags" / f"{dag_id}.py", self.dags)
        (self.dags / f"{SLOW}.py").write_text(SLOW_DAG)
        super().__init__(workers=3)
        self.sandbox = sandbox
        self.env |= {
            "AIRFLOW_CONN_ORUX_DEFAULT": sandbox.connection(),
            "AIRFLOW_CONN_YESCALE_DEFAULT": sandbox.connection("yescale"),
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
        install_gallery(self.home / "airflow")

    def trigger(self, dag_id: str) -> None:
        self.api("POST", f"/dags/{dag_id}/dagRuns", json={"dag_run_id": RUN, "logical_date": None})

    def instance(self, task_id: str, dag_id: str, map_index: int | None) -> dict[str, Any]:
        mapped = "" if map_index is None else f"/{map_index}"
        try:
            found = self.api("GET", f"/dags/{dag_id}/dagRuns/{quote(RUN)}/taskInstances/{task_id}{mapped}")
        except httpx.TransportError:
            return {}  # a busy machine: whoever waits looks again
        return found or {}

    def state(self, task_id: str, dag_id: str = DAG, map_index: int | None = None) -> str | None:
        return self.instance(task_id, dag_id, map_index).get("state")

    def asks(self, task_id: str, dag_id: str, map_index: int | None) -> bool:
        """Whether a task waits for a person, and the scheduler knows that it does."""
        found = self.instance(task_id, dag_id, map_index)
        return found.get("state") in ("awaiting_input", "deferred") and self.heard(found)

    def charges(self, *prompts: str) -> list[str]:
        """What was charged of jobs that come from these prompts: their verbs."""
        jobs = {job["id"]: job for job in self.sandbox.jobs()}
        found = []
        for charge in self.sandbox.charges():
            job = jobs[charge["job_id"]]
            while job["parent_id"]:
                job = jobs[job["parent_id"]]
            if job["prompt"] in prompts:
                found.append(charge["action"] or "imagine")
        return sorted(found)


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
        self.log_in()  # on 3.1 the way to a page is forgotten over the login
        self.page.goto(f"{self.airflow.root}{path}", wait_until="commit")
        return self.page.frame_locator("iframe")

    def choose(self, dag_id: str, task: str, label: str, *, shot: str | None = None) -> None:
        """Answer a question of a run, by a button, or from a list where Airflow shows one (3.1).

        :param task: its id, with ``/mapped/…``.
        """
        page = self.page
        self.open(f"/dags/{dag_id}/runs/{quote(RUN, safe='')}/tasks/{task}/required_actions")
        loaded(page.get_by_alt_text("The images to choose from"))
        if shot:
            self.keep(shot)
        if BUTTONS:
            page.get_by_role("button", name=label, exact=True).click()
            return
        page.get_by_role("combobox").click()
        page.get_by_role("option", name=label, exact=True).click()
        page.get_by_role("button", name="Respond").click()

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


def wait_for(
    airflow: GalleryAirflow, dag_id: str, *tasks: tuple[str, int | None], question: bool = False
) -> None:
    """Until these task instances succeeded, or ask a person."""
    for task_id, map_index in tasks:
        until(
            lambda t=task_id, m=map_index: (
                airflow.asks(t, dag_id, m) if question else airflow.state(t, dag_id, m) == "success"
            ),
            f"{dag_id}.{task_id} {map_index}",
        )


def run_tab(dag_id: str) -> str:
    return f"/dags/{dag_id}/runs/{quote(RUN, safe='')}/plugin/orux-dag-run"


def test_from_the_prompt_to_the_upscaled_image(person: Person, airflow: GalleryAirflow) -> None:
    airflow.trigger(DAG)

    # The job in flight, on the tab of the run. (The page loads itself again.)
    until(lambda: airflow.state("imagine") == "deferred" or None, "the grid's job to be accepted")
    frame = person.open(run_tab(DAG))
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
    wait_for(airflow, DAG, ("pick", None), question=True)
    person.choose(DAG, "pick", "U2", shot="review")
    wait_for(airflow, DAG, ("hero", None))
    assert airflow.charges("a lighthouse at dawn") == ["imagine", "upscale"]

    # The upscaled image beside its grid, and what both cost.
    frame = person.open(run_tab(DAG))
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
    # The frame of 3.1 and 3.2 allows no download: the browser's own menu on the image is left.
    if "allow-downloads" in (person.page.locator("iframe").get_attribute("sandbox") or ""):
        with person.page.expect_download() as download:
            frame.get_by_role("link", name="Download").click()
        assert download.value.suggested_filename == "1.png"
    frame.get_by_role("link", name=RUN).click()
    frame.locator(".chain.long").wait_for()

    # The links of the task.
    links = airflow.api("GET", f"/dags/{DAG}/dagRuns/{quote(RUN)}/taskInstances/hero/links")["extra_links"]
    assert {name for name, link in links.items() if link} >= {"Gallery", "Artifact", "Manifest"}
    frame = person.open(links["Gallery"].removeprefix(airflow.root))
    loaded(frame.locator(".card.done .image img"))
    assert '"task_id": "hero"' in person.page.request.get(links["Manifest"]).text()


def test_each_product_is_chosen_for_on_its_own(person: Person, airflow: GalleryAirflow) -> None:
    airflow.sandbox.configure(run_seconds=QUICK)
    airflow.trigger(MAPPED)
    wait_for(airflow, MAPPED, ("poster.pick", 0), ("poster.pick", 1), question=True)
    asked = airflow.api("GET", f"/dags/{MAPPED}/dagRuns/{quote(RUN)}/hitlDetails")["hitl_details"]
    assert [set(one["params"]) for one in asked] == [{"reject"}] * 2, "the DAG's own are nothing to ask for"
    person.choose(MAPPED, "poster.pick/mapped/1", "U3", shot="review-mapped")
    wait_for(airflow, MAPPED, ("poster.hero", 1))
    person.choose(MAPPED, "poster.pick/mapped/0", "U1")
    wait_for(airflow, MAPPED, ("poster.hero", 0))
    verbs = airflow.charges("a red bicycle", "a tea pot")
    assert verbs == ["imagine", "imagine", "upscale", "upscale"]

    frame = person.open(run_tab(MAPPED))
    frame.get_by_text("upscale U3").wait_for()
    frame.get_by_text("upscale U1").wait_for()
    assert frame.locator(".chain.long").count() == 2
    assert frame.locator(".total").inner_text() == "50 credits"
    person.keep("gallery-mapped")
    task = (
        f"/dags/{MAPPED}/runs/{quote(RUN, safe='')}/tasks/poster.imagine/mapped/1/plugin/orux-task-instance"
    )
    frame = person.open(task)
    loaded(frame.locator("img"))
    assert frame.locator(".card").count() == 1
    frame.locator(".prompt").get_by_text("a tea pot").wait_for()


def test_rejected_images_are_rolled_again(person: Person, airflow: GalleryAirflow) -> None:
    before = len(airflow.charges("a lighthouse at dawn"))
    airflow.sandbox.configure(run_seconds=QUICK)
    airflow.trigger(REROLL)
    wait_for(airflow, REROLL, ("pick", None), question=True)
    if BUTTONS:
        person.open(f"/dags/{REROLL}/runs/{quote(RUN, safe='')}/tasks/pick/required_actions")
        loaded(person.page.get_by_alt_text("The images to choose from"))
        person.page.get_by_text("Reject all").wait_for()
        # The first switch of the page pauses the DAG.
        person.page.locator("[data-scope=switch][data-part=control]").last.click()
        person.page.get_by_role("button", name="U1", exact=True).click()
    else:
        person.choose(REROLL, "pick", "None of them")
    wait_for(airflow, REROLL, ("reroll", None))
    assert airflow.state("pick", REROLL) == airflow.state("hero", REROLL) == "skipped"
    wait_for(airflow, REROLL, ("pick_again", None), question=True)
    person.choose(REROLL, "pick_again", "U4")
    wait_for(airflow, REROLL, ("hero_again", None))
    assert len(airflow.charges("a lighthouse at dawn")) == before + 3
    frame = person.open(run_tab(REROLL))
    frame.get_by_text("upscale U4").wait_for()
    assert frame.locator(".chain.long .card").count() == 3
    person.keep("gallery-reroll")


@pytest.mark.skipif(not hasattr(BaseXCom, "aset"), reason="a trigger tells progress on Airflow 3.3 and newer")
def test_how_much_of_a_job_in_flight_is_done(person: Person, airflow: GalleryAirflow) -> None:
    airflow.sandbox.configure(run_seconds=120)
    airflow.trigger(SLOW)
    until(lambda: airflow.state("imagine", SLOW) == "deferred" or None, "the job to be accepted")
    frame = person.open(run_tab(SLOW))
    frame.locator("progress").wait_for()
    assert frame.locator(".blank").inner_text().strip().startswith("in flight: ")
    assert frame.locator("progress").evaluate("p => p.value") in (25, 50, 75)
    person.keep("gallery-progress")
    airflow.sandbox.advance_clock(120)
    wait_for(airflow, SLOW, ("imagine", None))


def test_every_tab_and_the_page_over_all_dags(person: Person, airflow: GalleryAirflow) -> None:
    """After the first test: each place shows the same images."""
    for path in (
        f"/dags/{DAG}/plugin/orux-dag",
        f"/dags/{DAG}/runs/{quote(RUN, safe='')}/tasks/imagine/plugin/orux-task-instance",
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
    page.goto(f"{airflow.root}/orux/dags/{DAG}/run?run_id={quote(RUN, safe='')}")
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
    page.goto(f"{airflow.root}/orux/dags/{DAG}/run?run_id={quote(RUN, safe='')}")
    loaded(page.locator("img").first)
    assert all(url.startswith(f"{airflow.root}/orux/") for url in asked)
    assert page.locator("script").count() == 0
