"""Who sees what: every route asks for Airflow's user and for the right to read that DAG's XComs."""

from __future__ import annotations

import pytest

from airflow_provider_orux.storage.served import Maker
from tests.plugins.conftest import of

pytestmark = pytest.mark.airflow
OPEN = Maker("open_dag", "manual__1", "imagine", -1)
SECRET = Maker("secret_dag", "manual__1", "imagine", -1)


@pytest.fixture
def both(world):
    world.saved(OPEN)
    world.saved(SECRET)
    return world


def routes(maker):
    """Every route about one DAG."""
    base = f"/dags/{maker.dag_id}"
    return [
        (base, {}),
        (f"{base}/run", {"run_id": maker.run_id}),
        (f"{base}/task", of(maker)),
        (f"{base}/artifact", {**of(maker), "name": "1.png"}),
        (f"{base}/file", {**of(maker), "name": "1.png"}),
        (f"{base}/file", {**of(maker), "name": "1.thumb.webp"}),
        (f"{base}/manifest", of(maker)),
    ]


EVERY = [*routes(SECRET), ("/", {}), ("/style.css", {})]


def test_the_list_of_routes_is_whole():
    from airflow_provider_orux.plugins.app import create_app

    paths = {route.path for route in create_app().routes}
    assert {path.replace("secret_dag", "{dag_id}") for path, _ in EVERY} == paths


@pytest.mark.parametrize(("path", "query"), EVERY)
def test_nobody_gets_nothing(both, viewer, path, query):
    answer = viewer(None).get(path, **query)
    assert answer.status_code == 401
    assert "lighthouse" not in answer.text
    assert "Please log in" in answer.text


@pytest.mark.parametrize(("path", "query"), EVERY)
def test_a_token_that_is_not_valid_gets_nothing(both, viewer, path, query):
    assert viewer(token="eyJhbGciOiJub25lIn0.e30.").get(path, **query).status_code == 403


@pytest.mark.parametrize(("path", "query"), routes(SECRET))
@pytest.mark.parametrize("name", ["narrow", "no_xcoms"])
def test_who_may_not_read_a_dags_xcoms_gets_nothing_of_it(both, viewer, path, query, name):
    answer = viewer(name).get(path, **query)
    assert answer.status_code == 403
    assert "lighthouse" not in answer.text


@pytest.mark.parametrize(("path", "query"), routes(OPEN))
@pytest.mark.parametrize("name", ["admin", "narrow"])
def test_who_may_read_them_sees_it(both, viewer, path, query, name):
    assert viewer(name).get(path, **query).status_code == 200


def test_the_page_over_all_dags_shows_only_what_one_may_read(both, viewer):
    everything = viewer("admin").get("/").text
    assert "open_dag" in everything
    assert "secret_dag" in everything
    mine = viewer("narrow").get("/").text
    assert "open_dag" in mine
    assert "secret_dag" not in mine
    assert "secret_dag" not in viewer("narrow").get("/", dag="secret_dag").text.replace(
        "selected>secret_dag", ""
    )
    nothing = viewer("no_xcoms").get("/").text
    assert "open_dag" not in nothing
    assert "Nothing yet" in nothing


@pytest.mark.parametrize("dag_id", ["~", "%7E", "secret_dag%3Fdag_id%3Dopen_dag"])
def test_no_spelling_asks_for_less(both, viewer, dag_id):
    answer = viewer("narrow").get(f"/dags/{dag_id}/run", run_id="manual__1", dag_id="open_dag")
    assert answer.status_code in (403, 404)
    assert "lighthouse" not in answer.text


def test_another_dag_id_in_the_query_changes_nothing(both, viewer):
    assert (
        viewer("narrow").get("/dags/secret_dag/run", run_id="manual__1", dag_id="open_dag").status_code == 403
    )


def test_run_and_task_of_another_dag_show_nothing_of_it(both, viewer):
    answer = viewer("narrow").file(SECRET._replace(dag_id="open_dag", run_id="other"), "1.png")
    assert answer.status_code == 404


@pytest.mark.parametrize(("path", "query"), [*routes(OPEN), ("/", {})])
def test_what_every_answer_says_to_the_browser(both, viewer, path, query):
    headers = viewer().get(path, **query).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"].startswith("private")
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "sandbox" in policy if path.endswith("/file") else "script-src 'none'" in policy


def test_no_method_but_reading(both, viewer):
    assert viewer().client.post("/orux/").status_code in (401, 405)
