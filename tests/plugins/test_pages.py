"""What the pages say, from what tasks told: states, costs, chains, filters, and no more than a few reads for it."""

from __future__ import annotations

import random
import re
import time
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_orux.storage.served import Maker
from tests.plugins.conftest import START, of

pytestmark = pytest.mark.airflow
RUN = "manual__1"


def maker(task_id="imagine", map_index=-1, dag_id="dag", run_id=RUN):
    return Maker(dag_id, run_id, task_id, map_index)


def job(job_id, **more):
    return {"job_id": job_id, "conn_id": "orux_default", "gateway": "orux", "model": "midjourney-v7", **more}


def text_of(answer):
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def run_page(viewer, **query):
    return viewer().get("/dags/dag/run", run_id=RUN, **query)


def test_a_finished_grid(world, viewer):
    world.saved(maker())
    answer = run_page(viewer)
    text = text_of(answer)
    for word in ("midjourney-v7 · imagine", "U1", "U4", "20 credits", "64 × 48", "job-1", "Orux AI", "42 s"):
        assert word in text
    assert "a &lt;b&gt;lighthouse&lt;/b&gt; 1" in answer.text
    assert "<b>lighthouse" not in answer.text
    assert 'http-equiv="refresh"' not in answer.text


def test_below_a_base_path_every_address_is_below_it(world, viewer, airflow_app):
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    world.saved(maker())
    outer = FastAPI()
    outer.mount("/airflow", airflow_app)
    client = TestClient(outer, cookies={"_token": viewer().token})
    page = client.get("/airflow/orux/dags/dag/run", params={"run_id": RUN}).text
    found = re.findall(r'(?:href|src|action)="([^"]*)"', page)
    assert found
    assert all(address.startswith("/airflow/orux/") for address in found), found
    assert client.get(next(a for a in found if "/file?" in a).replace("&amp;", "&")).status_code == 200


def test_names_of_any_kind_are_addresses_and_text(world, viewer):
    odd = Maker("dag", "manual__2026-03-02T08:00:00+00:00/ä&<b>", "grp.imagine", 3)
    world.saved(odd, facts={"model": "<script>alert(1)</script>"})
    answer = viewer().get("/dags/dag/run", run_id=odd.run_id)
    assert "<script" not in answer.text
    assert "&lt;script&gt;" in answer.text
    source = re.search(r'src="(/orux/[^"]*)"', answer.text)[1].replace("&amp;", "&")
    v = viewer()
    v.client.cookies.set("_token", v.token)
    assert v.client.get(source).status_code == 200


def test_a_run_id_as_airflow_3_1_puts_it_into_a_tabs_address(world, viewer):
    """Unquoted: its "+" arrives as a space."""
    plus = maker(run_id="manual__2026-03-02T08:00:00+00:00")
    world.saved(plus)
    space = maker(run_id="a run")
    world.saved(space)
    world.run("dag", "a+run")
    v = viewer()
    v.client.cookies.set("_token", v.token)
    for route in (
        f"run?run_id={plus.run_id}",
        f"task?run_id={plus.run_id}&task_id=imagine&map_index={{MAP_INDEX}}",
    ):
        page = v.client.get(f"/orux/dags/dag/{route}").text
        assert page.count("<article") == 1
        assert "run_id=manual__2026-03-02T08%3A00%3A00%2B00%3A00" in page
    assert "job-2" in v.get("/dags/dag/run", run_id="a run").text
    assert "No task of this run" in v.get("/dags/dag/run", run_id="a+run").text


def test_a_job_in_flight_says_how_long_it_waits_and_how_long_such_jobs_take(world, viewer):
    for number, seconds in enumerate((30, 40, 50)):
        facts = {"at": START.timestamp(), "ended_at": START.timestamp() + seconds}
        world.saved(maker(map_index=number, run_id="earlier"), facts=facts)
    world.task(maker(), {"orux_job": job("j", verb="imagine", at=time.time() - 130)}, state="deferred")
    answer = run_page(viewer)
    text = text_of(answer)
    assert "1 in flight" in text
    assert re.search(r"waiting for 2 min 1\d s ?; such jobs usually take 40 s", text)
    assert 'http-equiv="refresh"' in answer.text


def test_a_result_that_is_about_to_be_told_is_waited_for(world, viewer):
    """The facts of an ended job come a moment before its result: without it there is no image to show."""
    facts = job("j", at=1.0, ended_at=2.0, artifacts=1, charged="yes", price=20.0, currency="credits")
    world.task(maker(), {"orux_job": facts}, state="running")
    answer = run_page(viewer)
    assert 'http-equiv="refresh"' in answer.text
    assert "1 in flight" in text_of(answer)


def test_how_much_of_a_job_in_flight_is_done(world, viewer):
    facts = {"orux_job": job("j", at=time.time()), "orux_progress": {"job_id": "j", "percent": 50}}
    world.task(maker(), facts, state="deferred")
    text = text_of(run_page(viewer))
    assert "in flight: 50 % done" in text
    assert "1 in flight" in text


@pytest.mark.parametrize(
    "percent",
    [
        {"job_id": "another", "percent": 50},
        {"job_id": "j", "percent": "<b>"},
        {"job_id": "j", "percent": 900},
        {},
    ],
)
def test_progress_of_another_job_or_of_any_form_is_not_shown(world, viewer, percent):
    world.task(maker(), {"orux_job": job("j", at=time.time()), "orux_progress": percent}, state="deferred")
    world.task(maker(map_index=4), {"orux_progress": percent}, state="deferred")
    text = text_of(run_page(viewer))
    assert "% done" not in text
    assert "1 in flight" in text, "progress alone is no job"


@pytest.mark.parametrize(
    ("charged", "words"), [("yes", "charged"), ("no", "not charged"), ("unknown", "may have been charged")]
)
def test_a_failure_says_what_happened_and_whether_it_was_charged(world, viewer, charged, words):
    error = {"error": "JobFailedError", "line": "It <broke>", "charged": charged, "at": 1.0, "job_id": "j"}
    world.task(maker(), {"orux_job": job("j", at=1.0), "orux_error": error}, state="failed")
    answer = run_page(viewer)
    assert "JobFailedError : It &lt;broke&gt;" in text_of(answer)
    assert re.search(rf'class="charged {charged}">{words}<', answer.text)


def test_a_failure_before_any_job(world, viewer):
    error = {"error": "ConfigurationError", "line": "No connection", "charged": "no", "at": 1.0}
    world.task(maker(), {"orux_error": error}, state="failed")
    text = text_of(run_page(viewer))
    assert "ConfigurationError : No connection" in text
    assert "cost: nothing" in text


def test_a_task_that_died_without_a_word(world, viewer):
    world.task(maker(), {"orux_job": job("j", at=1.0)}, state="failed")
    assert "it told of no error" in text_of(run_page(viewer))


def test_one_that_waits_for_a_slot_is_no_failure(world, viewer):
    error = {"error": "RateLimitedError", "line": "Full", "charged": "no", "at": 1.0}
    world.task(maker(), {"orux_error": error}, state="up_for_reschedule")
    assert 'class="card waiting"' in run_page(viewer).text


def test_a_chain_is_shown_together(world, viewer):
    world.saved(maker())
    world.saved(maker("other"))
    world.saved(maker("hero"), facts={"parent_job_id": "job-1", "index": 2, "verb": "upscale"})
    page = run_page(viewer).text
    assert page.count('<section class="chain long">') == 1
    chain = page.split('<section class="chain long">')[1].split("</section>")[0]
    assert "imagine" in chain
    assert "upscale U2" in chain
    assert "other" not in chain


def test_three_tasks_of_one_job_are_one_card_and_one_price(world, viewer):
    facts = job("j", at=1.0, verb="imagine", charged="unknown", ended_at=2.0, artifacts=0)
    world.task(maker("submit"), {"orux_job": facts})
    world.task(maker("wait"), {"orux_job": job("j", charged="yes", ended_at=40.0, artifacts=1)})
    world.saved(maker("save"), facts={"job_id": "j", "verb": None, "price": 7.0, "at": None})
    page = run_page(viewer)
    assert page.text.count("<article") == 1
    assert "midjourney-v7 · imagine" in text_of(page)
    assert "cost: 7 credits" in text_of(page)


def test_a_clear_that_paid_again_counts_twice(world, viewer):
    earlier = [{"job_id": "old", "charged": "yes", "price": 20.0, "currency": "credits", "at": 1.0}]
    world.saved(maker(), facts={"earlier": earlier})
    text = text_of(run_page(viewer))
    assert "cost: 40 credits" in text
    assert "(superseded)" in text


def test_an_unknown_price_is_not_free(world, viewer):
    world.saved(maker(), facts={"price": None})
    world.saved(maker("b"))
    assert "cost: 20 credits + 1 of unknown price" in text_of(run_page(viewer))


def test_the_line_of_cost_says_how_many_jobs_are_charged_and_how_many_are_open(world, viewer):
    world.saved(maker(), facts={"price": None})
    assert "1 job · cost: price unknown " in text_of(run_page(viewer))
    for name in ("b", "c"):
        world.task(
            maker(name), {"orux_job": job(name, at=1.0, charged="unknown", price=None)}, state="deferred"
        )
    assert "3 jobs, 2 in flight · cost: prices unknown (1 charged, 2 still open)" in text_of(run_page(viewer))
    lost = {"error": "AmbiguousSubmitError", "line": "No answer", "charged": "unknown"}
    world.task(maker("d"), {"orux_error": lost}, state="failed")
    assert "(1 charged, 2 still open, 1 perhaps charged)" in text_of(run_page(viewer))


def test_a_gallery_without_roots_says_so_once(world, viewer, monkeypatch):
    for name in ("a", "b"):
        world.saved(maker(name))
    monkeypatch.setenv("AIRFLOW__ORUX__GALLERY_ROOTS", "")
    text = text_of(run_page(viewer))
    assert (text.count("gallery_roots"), text.count("No folder is shown")) == (1, 0)


def test_a_reused_result_costs_nothing_and_leads_to_who_made_it(world, viewer):
    first = maker(run_id="earlier")
    world.saved(first)
    result = {
        "job_id": "job-1",
        "manifest": f"file://{world.folder}/dag/job-1/manifest.json",
        "artifacts": [],
    }
    facts = job("job-1", charged="no", reused=True, ended_at=2.0, artifacts=1)
    world.task(maker(), {"orux_job": facts, "return_value": result})
    page = run_page(viewer)
    assert "cost: nothing" in text_of(page)
    assert "Made by dag, earlier" in text_of(page)
    source = re.search(r'src="(/orux/[^"]*)"', page.text)[1]
    assert "run_id=earlier" in source


def test_a_reused_result_of_a_dag_that_one_may_not_read(world, viewer):
    world.saved(maker(dag_id="secret"))
    result = {
        "job_id": "job-1",
        "manifest": f"file://{world.folder}/secret/job-1/manifest.json",
        "artifacts": [],
    }
    world.task(
        maker(dag_id="open"),
        {"orux_job": job("job-1", reused=True, charged="no", ended_at=2.0), "return_value": result},
    )
    page = viewer("narrow").get("/dags/open/run", run_id=RUN).text
    assert "lighthouse" not in page
    assert "secret" not in page
    assert "may not read" in page


def test_prices_of_several_images_are_shown_each(world, viewer):
    world.saved(maker(), count=4)
    assert "20 credits (5 credits each)" in text_of(run_page(viewer))


def test_a_prompt_kept_as_a_hash(world, viewer):
    world.saved(maker(), manifest={"prompt_sha256": "ab" * 32})
    text = text_of(run_page(viewer))
    assert "SHA-256 abababababab…" in text


def test_a_clip_has_a_player_and_what_no_browser_plays_an_icon(world, viewer):
    entries = [
        {"name": "1.mp4", "media_type": "video/mp4"},
        {"name": "2.mp3", "media_type": "audio/mpeg"},
        {"name": "3.mkv", "media_type": "video/x-matroska"},
        {"name": "4.svg", "media_type": "image/svg+xml"},
    ]
    world.saved(maker(), manifest={"artifacts": entries})
    page = run_page(viewer).text
    assert "<video controls" in page
    assert "<audio controls" in page
    assert page.count("<img") == 0
    assert "video/x-matroska" in page


def test_filters(world, viewer):
    world.saved(maker("a"), facts={"model": "m1"})
    world.saved(maker("b"), facts={"model": "m2"}, changed=START + timedelta(days=1))
    world.task(maker("c"), {"orux_job": job("j", at=1.0)}, state="deferred")

    def tasks(**query):
        return set(re.findall(r">(\w)</a></dd>", run_page(viewer, **query).text)) or set(
            re.findall(r"<dt>Task</dt><dd><a[^>]*>(\w)", run_page(viewer, **query).text)
        )

    assert tasks() == {"a", "b", "c"}
    assert tasks(model="m1") == {"a"}
    assert tasks(state="waiting") == {"c"}
    assert tasks(day="2026-03-03") == {"b"}
    assert tasks(day="2026-03-02", model="m2") == set()
    assert tasks(day="yesterday", state="odd") == {"a", "b", "c"}
    assert "Nothing fits" in text_of(run_page(viewer, model="m9"))


def test_pages(world, viewer):
    for number in range(30):
        world.saved(maker(map_index=number))
    first = run_page(viewer)
    assert first.text.count("<article") == 24
    assert "Page 1 of 2" in text_of(first)
    second = run_page(viewer, page=2)
    assert second.text.count("<article") == 6
    assert "cost: 600 credits" in text_of(second)
    assert run_page(viewer, page=99).text.count("<article") == 6
    assert run_page(viewer, page="x").text.count("<article") == 24


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        ("/dags/dag/run", {"run_id": RUN}, "No task of this run"),
        ("/dags/dag/task", of(maker()), "This task has asked a gateway for nothing"),
        ("/dags/dag", {}, "No task of this DAG"),
        ("/", {}, "Nothing yet"),
    ],
)
def test_an_empty_page_says_why(world, viewer, path, query, words):
    world.run("dag")
    assert words in text_of(viewer().get(path, **query))


@pytest.mark.parametrize(
    "value",
    [
        "text", 5, [], None, {}, {"job_id": 5, "at": "now", "earlier": [5, {}, {"price": "x"}], "artifacts": -1},
        {"job_id": "x" * 10_000, "model": ["m"], "price": float("1e300"), "parent_job_id": "x" * 10_000},
    ],
)  # fmt: skip
def test_whatever_was_pushed_the_page_is_there(world, viewer, value):
    world.task(maker(), {"orux_job": value, "orux_error": value, "return_value": value})
    assert run_page(viewer).status_code == 200
    assert viewer().get("/").status_code == 200


ODD = [
    None, True, False, 0, -1, 1.5, 10**30, -1e300, float("1e300"), "", "text", "yes", "<script>alert(1)</script>", "\0",
    "half \ud83d", "x" * 5000, [], {}, [[]], [{}], {"a": {}}, ["yes"], {"job_id": "j"}, "2026-03-02", "\u202e",
    '"><img src=x onerror=alert(1)>', "javascript:alert(1)", "../..", "{{ 7 * 7 }}", "%s%n", "file:///etc/passwd",
]  # fmt: skip
FACTS = (
    "job_id", "conn_id", "gateway", "model", "verb", "parent_job_id", "index", "at", "ended_at", "artifacts", "reused",
    "charged", "price", "currency", "earlier", "error", "line", "percent",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_whatever_stands_in_xcoms_and_manifests_every_page_is_there(world, viewer, seed):
    """Sixty jobs whose facts are of any type; a page is one answer for all of them."""
    dice = random.Random(seed)

    def odd(known):
        return {n: v if dice.random() < 0.6 else dice.choice(ODD) for n, v in known.items()}

    def item():
        entry = {
            "name": "1.png",
            "thumbnail": "1.thumb.webp",
            "media_type": "image/png",
            "width": 64,
            "height": 48,
        }
        return odd({**entry, "bytes": 9}) if dice.random() < 0.9 else dice.choice(ODD)

    for number in range(60):
        one = maker(map_index=number)
        facts = {"job_id": f"job-{number + 1}", "at": 1.0, "ended_at": 9.0, "price": 2.0, "charged": "yes"}
        facts = odd({name: facts.get(name, "text") for name in FACTS})
        facts["earlier"] = [
            odd({"job_id": f"old-{number}", "charged": "yes", "price": 1.0}) for _ in range(9)
        ]
        found = world.saved(
            one,
            xcoms={"orux_error": odd(facts), "orux_progress": odd(facts)} if dice.random() < 0.4 else {},
            manifest={
                "prompt": dice.choice(ODD),
                "prompt_sha256": dice.choice(ODD),
                "missing": dice.choice(ODD),
                "artifacts": [item() for _ in range(3)],
            },
            facts={"job_id": f"job-{number + 1}"},
            state=dice.choice(["success", "failed", "deferred", "skipped", None]),
        )
        world.change(found, "orux_job", facts)
    for page in range(1, 4):
        answer = run_page(viewer, page=page)
        assert answer.status_code == 200
        for bad in ("<script", "onerror=alert(1)>", 'href="javascript:', "onload="):
            assert bad not in answer.text
        for source in re.findall(r'(?:src|href|action)="([^"]*)"', answer.text):
            assert source.startswith("/orux/")
    for path, query in (("/", {}), ("/dags/dag", {}), ("/dags/dag/task", of(maker(map_index=7)))):
        assert viewer().get(path, **query).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {"run_id": "a\0b"}, {"run_id": RUN, "day": "9999-12-31"}, {"run_id": RUN, "day": "0001-01-01"},
        {"run_id": RUN, "model": "\0"}, {"run_id": "x" * 20_000}, {"run_id": RUN, "page": "9" * 5000},
        {"run_id": RUN, "map_index": "9" * 30}, {"run_id": RUN, "state": "<script>"}, {"run_id": "'; DROP TABLE xcom; --"},
    ],
)  # fmt: skip
def test_whatever_is_asked_for_there_is_an_answer(world, viewer, query):
    world.saved(maker())
    for path in (
        "/dags/dag/run",
        "/dags/dag/task",
        "/dags/dag/file",
        "/dags/dag/artifact",
        "/dags/dag/manifest",
        "/",
    ):
        more = {"task_id": "imagine", "name": "1.png"}
        answer = viewer().get(path, **{**more, **query})
        assert answer.status_code in (200, 404), answer.text
        assert "script-src 'none'" in answer.headers["content-security-policy"] or path.endswith("/file")
    assert viewer().get("/dags/da%00g").status_code == 404


def test_a_task_of_many_artifacts_shows_them_on_its_own_page(world, viewer):
    world.saved(maker(), count=12)
    wall = run_page(viewer)
    assert wall.text.count("<img") == 8
    more = re.search(r'<a href="([^"]*)">and 4 more</a>', wall.text)[1].replace("&amp;", "&")
    v = viewer()
    v.client.cookies.set("_token", v.token)
    assert v.client.get(more).text.count("<img") == 12
    world.saved(
        maker("huge"),
        manifest={"artifacts": [{"name": f"{n}.png", "media_type": "image/png"} for n in range(5000)]},
    )
    page = v.get("/dags/dag/task", **of(maker("huge"))).text
    assert page.count("<a class=") == 256
    assert "and 4744 more, which the manifest lists" in page
    last = v.get("/dags/dag/artifact", **of(maker("huge")), name="4999.png").text
    assert last.count("/artifact?") < 110


def test_what_superseded_jobs_cost_is_told_of_five_and_counted_of_all(world, viewer):
    earlier = [
        {"job_id": f"old-{n}", "charged": "yes", "price": 1.0, "currency": "credits"} for n in range(300)
    ]
    world.saved(maker(), facts={"earlier": earlier})
    text = text_of(run_page(viewer))
    assert "cost: 320 credits" in text
    assert "and 295 more (superseded)" in text


def test_jobs_that_follow_from_each_other_in_a_circle(world, viewer):
    world.task(maker("a"), {"orux_job": job("a", parent_job_id="b", at=1.0)})
    world.task(maker("b"), {"orux_job": job("b", parent_job_id="a", at=1.0)})
    assert run_page(viewer).text.count("<article") == 2


# -- what a page costs --------------------------------------------------------------------------------------------
def test_a_thousand_artifacts(world, viewer, monkeypatch):
    """At most ten queries and a bounded number of reads; under a second where nothing else runs."""
    from airflow.settings import engine
    from sqlalchemy import event

    from airflow_provider_orux.storage.destination import Folder

    for number in range(250):
        world.saved(maker(map_index=number), count=4)
    queries, reads = [], []
    opened = Folder.open
    monkeypatch.setattr(Folder, "open", lambda self, name: reads.append(name) or opened(self, name))
    run_page(viewer)
    reads.clear()
    count = lambda *args: queries.append(args[2])  # noqa: E731
    event.listen(engine, "before_cursor_execute", count)
    try:
        started = time.process_time()
        answer = run_page(viewer)
        spent = time.process_time() - started
    finally:
        event.remove(engine, "before_cursor_execute", count)
    assert answer.text.count("<img") == 96
    assert "250 jobs" in text_of(answer)
    assert len(queries) <= 10, queries
    assert len(reads) <= 24
    assert spent < 1.0
    print(f"{len(queries)} queries, {len(reads)} reads, {spent:.2f} s")


def test_times_are_of_utc(world):
    from airflow_provider_orux.plugins.pages import _moment, span_text

    assert _moment(datetime(2026, 3, 2, 1, tzinfo=timezone(timedelta(hours=7)))) == "2026-03-01 18:00 UTC"
    assert [span_text(s) for s in (-1, 0, 59.4, 60, 3600, 7505)] == [
        "0 s", "0 s", "59 s", "1 min 0 s", "1 h 0 min", "2 h 5 min",
    ]  # fmt: skip
