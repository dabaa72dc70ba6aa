"""``airflow orux estimate``: paid submissions are counted as Airflow makes them; unknown prices stay unknown."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from airflow_provider_orux.cli.errors import CommandError
from airflow_provider_orux.cli.estimate.prices import PriceTable
from tests.conftest import ROOT

EXAMPLES = ROOT / "example_dags"
PRICES = {
    "orux": {
        "currency": "credits",
        "midjourney-v7": 20,
        "midjourney-v7:upscale": 5,
        "gpt-image-2": {"per_image": 8},
    }
}

DAG_FILE = """
import pendulum
from airflow.sdk import DAG, task, task_group
from airflow_provider_orux.operators.images import OruxGenerateImageOperator
from airflow_provider_orux.operators.jobs import OruxSubmitJobOperator
from airflow_provider_orux.operators.midjourney import OruxImagineOperator, OruxUpscaleOperator

print("a DAG file that prints")
with DAG("estimated", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), schedule="30 6 * * 1-5") as dag:
    imagine = OruxImagineOperator(task_id="imagine", prompt="a lighthouse")
    OruxUpscaleOperator.partial(task_id="heroes", parent_job_id=imagine.output["job_id"]).expand(index=[1, 2, 4])
    OruxGenerateImageOperator(task_id="two", model="gpt-image-2", prompt="x", options={"n": 2})
    OruxGenerateImageOperator(task_id="some", model="gpt-image-2", prompt="x", options={"n": "{{ params.n }}"})
    OruxGenerateImageOperator(task_id="any", model="{{ params.model }}", prompt="x", conn_id="other")
    OruxSubmitJobOperator.partial(task_id="songs", model="suno-v5").expand(
        prompt=["a", "b"], options=[{"duration": 30}, {"duration": 60}]
    )
    OruxGenerateImageOperator.partial(task_id="kinds").expand_kwargs(
        [{"model": "gpt-image-2", "prompt": "a"}, {"model": "recraft-v3", "prompt": "b"}]
    )

    @task.orux_image(model="gpt-image-2")
    def drawn(word: str) -> str:
        return word

    drawn.expand(word=["x", "y"])

    @task
    def words() -> list[str]:
        return ["a", "b"]

    @task_group
    def each(word: str) -> None:
        OruxImagineOperator(task_id="grid", prompt=word)

    each.expand(word=words())
    OruxImagineOperator.partial(task_id="flat").expand(prompt=words())
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "estimated.py"
    path.write_text(DAG_FILE)
    return path


@pytest.fixture
def connection(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_ORUX_DEFAULT", json.dumps({"conn_type": "orux", "password": "sk-app-x"}))


def by_task(value):
    return {tuple(row["tasks"]): (row["low"], row["high"], row["price"]) for row in value["rows"]}


def test_every_kind_of_task_is_counted(orux, file, connection, monkeypatch):
    monkeypatch.setenv("AIRFLOW__ORUX__PRICES", json.dumps(PRICES))
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "100")
    ended = orux("estimate", "estimated", "--file", file, "--runs", 2, "-o", "json")
    assert ended.status == 0, ended.err
    assert "a DAG file that prints" in ended.err
    assert by_task(ended.json) == {
        ("imagine", "each.grid", "flat"): (2, 402, 20.0),
        ("heroes",): (6, 6, 5.0),
        ("two",): (2, 2, 16.0),
        ("some",): (2, 2, None),  # priced by image, and their number, 1 to 4, is known when it runs
        ("any",): (2, 2, None),
        ("songs",): (8, 8, None),
        ("kinds", "drawn"): (6, 6, 8.0),
    } | {("kinds",): (2, 2, None)}
    assert ended.json["totals"] == {
        "known": {
            "credits": [
                2 * 20 + 6 * 5 + 2 * 16 + 6 * 8 + 2 * 8,
                402 * 20 + 6 * 5 + 2 * 16 + 6 * 8 + 2 * 4 * 8,
            ]
        },
        "unknown": [12, 12],
    }
    as_csv = orux("estimate", "estimated", "--file", file, "--runs", 2, "-o", "csv").out
    assert {r["tasks"]: (r["low"], r["price_high"]) for r in csv.DictReader(io.StringIO(as_csv))}["two"] == (
        "2",
        "16.0",
    )


DECORATED = """
import pendulum
from airflow.sdk import DAG, task

with DAG("decorated", schedule=None) as dag:
    @task.orux_imagine
    def grid(word: str) -> str:
        return word

    @task.orux_upscale(parent_job_id="task_1")
    def hero(index: int) -> int:
        return index

    @task.orux_job(model="suno-v5")
    def song():
        return {"prompt": "x"}

    grid.expand(word=["x", "y"])
    hero.expand(index=[1, 2, 3])
    song()
"""


def test_every_decorator_is_counted(orux, tmp_path, connection, monkeypatch):
    monkeypatch.setenv("AIRFLOW__ORUX__PRICES", json.dumps({"orux": {**PRICES["orux"], "suno-v5": 24}}))
    path = tmp_path / "decorated.py"
    path.write_text(DECORATED)
    ended = orux("estimate", "decorated", "--file", path, "-o", "json")
    assert ended.status == 0, ended.err
    assert by_task(ended.json) == {("grid",): (2, 2, 20.0), ("hero",): (3, 3, 5.0), ("song",): (1, 1, 24.0)}


UNCOUNTED = """
import pendulum
from airflow.sdk import DAG, task
from airflow_provider_orux.models.requests import CustomRequest
from airflow_provider_orux.operators.images import OruxGenerateImageOperator

with DAG("uncounted", schedule=None) as dag:
    @task.orux_image(model="gpt-image-2")
    def fields():
        return {"prompt": "x", "n": 4}

    @task.orux_image(model="gpt-image-2", options={"n": 2})
    def prompt() -> str:
        return "x"

    @task
    def items():
        return [{"prompt": "x", "options": {"n": 4}}]

    @task.orux_image(model="recraft-v3")
    def single():
        return {"prompt": "x"}

    one = {"model": "gpt-image-2", "prompt": "x"}
    image = OruxGenerateImageOperator
    fields(), prompt(), single()
    image.partial(task_id="mapped", model="gpt-image-2").expand_kwargs(items())
    image.partial(task_id="said", model="gpt-image-2", options={"n": 3}).expand_kwargs(items())
    image.partial(task_id="loose", model="gpt-image-2").expand_kwargs(items(), strict=False)
    image.partial(task_id="each", **one).expand(options=items())
    image(task_id="templated", options={"n": "{{ params.n }}"}, **one)
    image(task_id="newer", request=CustomRequest(name="brand-new", body={"prompt": "x"}))
"""


def test_an_unknown_number_of_pictures_is_never_priced_as_one(orux, tmp_path, connection, monkeypatch):
    table = {"recraft-v3": {"per_image": 3}, "brand-new": {"per_image": 5}}
    monkeypatch.setenv("AIRFLOW__ORUX__PRICES", json.dumps({"orux": {**PRICES["orux"], **table}}))
    path = tmp_path / "uncounted.py"
    path.write_text(UNCOUNTED)
    many = [w for name in ("mapped", "said", "loose", "each") for w in ("--assume-mapped", f"{name}=2")]
    ended = orux("estimate", "uncounted", "--file", path, *many, "-o", "json")
    assert ended.status == 0, ended.err
    prices = {
        name: (row["price"], row["price_low"], row["price_high"])
        for row in ended.json["rows"]
        for name in row["tasks"]
    }
    between = (None, 8.0, 32.0)  # gpt-image-2 makes four at most
    assert prices == {
        **dict.fromkeys(("fields", "mapped", "each", "templated"), between),
        "prompt": (16.0, 16.0, 16.0),
        "said": (24.0, 24.0, 24.0),
        "single": (3.0, 3.0, 3.0),
        "loose": (None, None, None),
        "newer": (None, None, None),
    }
    assert ended.json["totals"]["known"]["credits"] == [16 + 48 + 3 + 6 * 8, 16 + 48 + 3 + 6 * 32]
    assert ended.json["totals"]["unknown"] == [3, 3]
    (note,) = [text for text in ended.json["notes"] if "1 to 4" in text]
    assert note.startswith("fields, mapped, each, templated: how many images")
    assert "8 to 32 credits" in orux("estimate", "uncounted", "--file", path, *many).out


def test_assumed_lengths_narrow_the_range(orux, file, connection, monkeypatch):
    monkeypatch.setenv("AIRFLOW__ORUX__PRICES", json.dumps(PRICES))
    words = ["--assume-mapped", "each=4", "--assume-mapped", "flat=3"]
    ended = orux("estimate", "estimated", "--file", file, *words, "-o", "json")
    assert by_task(ended.json)[("imagine", "each.grid", "flat")] == (8, 8, 20.0)
    wrong = orux("estimate", "estimated", "--file", file, "--assume-mapped", "two=4")
    assert wrong.status == 2
    assert "each, each.grid, flat" in wrong.err


def test_the_table_never_shows_an_unknown_price_as_free(orux, file, connection):
    ended = orux(
        "estimate", "estimated", "--file", file, "--assume-mapped", "each=1", "--assume-mapped", "flat=1"
    )
    assert ended.status == 0, ended.err
    assert "Paid submissions: 17" in ended.out
    assert "Of unknown price: 17 submissions. They are not free." in ended.out
    assert "Known cost" not in ended.out
    rows = [line for line in ended.out.splitlines() if line.startswith(("orux_default", "other"))]
    assert len(rows) == 6
    assert all(row.rstrip().endswith("unknown") for row in rows)


@pytest.mark.parametrize(
    ("first", "last", "runs"),
    [
        ("2026-01-01", "2026-01-30", 22),  # working days
        ("2026-01-05", "2026-01-05", 1),
        ("2026-01-05T07:00:00", "2026-01-05T23:00:00", 0),  # after that day's run
        ("2026-01-03", "2026-01-04", 0),  # a weekend
    ],
)
def test_runs_are_those_of_the_timetable(orux, file, connection, first, last, runs):
    value = orux(
        "estimate", "estimated", "--file", file, "--from-date", first, "--to-date", last, "-o", "json"
    ).json
    assert value["runs"] == runs
    assert by_task(value)[("heroes",)][0] == 3 * runs


def test_the_example_dags(orux, connection):
    def estimated(name, *words):
        ended = orux("estimate", name, "--file", EXAMPLES / f"{name}.py", "-o", "json", *words)
        assert ended.status == 0, ended.err
        return ended.json

    chain = estimated("midjourney_chain")
    assert {r["verb"]: (r["low"], r["high"], r["model"]) for r in chain["rows"]} == dict.fromkeys(
        ("imagine", "upscale", "variation", "reroll"), (1, 1, "midjourney-v7")
    )
    mapped = estimated("midjourney_mapped", "--assume-mapped", "grid_and_upscales=10", "--runs", "3")
    assert {r["verb"]: r["low"] for r in mapped["rows"]} == {"imagine": 30, "upscale": 120}
    month = estimated(
        "content_pipeline",
        "--from-date",
        "2026-01-01",
        "--to-date",
        "2026-01-30",
        "--assume-mapped",
        "product_image=2",
    )
    assert (month["runs"], month["rows"][0]["low"], month["rows"][0]["model"]) == (30, 60, "gpt-image-2")


def test_without_a_schedule_the_number_of_runs_has_to_be_told(orux, connection):
    words = ["--from-date", "2026-01-01", "--to-date", "2026-01-02"]
    ended = orux("estimate", "midjourney_chain", "--file", EXAMPLES / "midjourney_chain.py", *words)
    assert ended.status == 1
    assert "--runs" in ended.err


def test_a_dag_is_found_in_the_configured_bundles(orux, connection, tmp_path):
    assert orux("estimate", "midjourney_chain", "-o", "json").json["rows"]
    missing = orux("estimate", "no_such_dag")
    assert missing.status == 1
    assert "no DAG 'no_such_dag'" in missing.err
    broken = tmp_path / "broken.py"
    broken.write_text("from airflow.sdk import DAG\nraise RuntimeError('the reason')\n")
    told = orux("estimate", "x", "--file", broken)
    assert told.status == 1
    assert "RuntimeError: the reason" in told.err


def test_prices_that_cannot_be_used_are_refused(orux, file, connection, monkeypatch):
    for text in (
        "{",
        "[]",
        '{"orux": 3}',
        '{"orux": {"gpt-image-2": "much"}}',
        '{"orux": {"gpt-image-2": -1}}',
    ):
        monkeypatch.setenv("AIRFLOW__ORUX__PRICES", text)
        ended = orux("estimate", "estimated", "--file", file)
        assert ended.status == 1
        assert "[orux] prices" in ended.err


def test_a_connections_own_prices_win():
    table = PriceTable(
        {"orux": {"m": 2, "currency": "credits"}, "cheap": {"m": {"per_image": 1}, "currency": "USD"}}
    )

    def price(**facts):
        found = table.price(
            **({"models": ("m",), "verb": "generate", "images": 3, "gateway": "orux"} | facts)
        )
        return (found.amount, found.currency) if found else None

    assert price(conn_id="cheap") == (3.0, "USD")
    assert price(conn_id="cheap", images=None) is None
    assert price(conn_id="orux_default") == (2.0, "credits")
    assert price(conn_id="orux_default", gateway=None) is None
    assert price(conn_id="orux_default", models=("other",)) is None
    assert price(conn_id="orux_default", models=()) is None
    with pytest.raises(CommandError):
        PriceTable({"orux": {"m": {"per_image": "x"}}})


@pytest.fixture
def price_list() -> Iterator[str]:
    """Relay's documented ``GET /v2/pricing`` on a real port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            rows = [
                {
                    "mode": "direct",
                    "model": "bfl.black-forest-labs/FLUX-2-pro",
                    "billing_type": "per_image",
                    "per_image": 0.036,
                },
                {
                    "mode": "direct",
                    "model": "google.google/gemini-3-pro-image",
                    "per_image_resolution": {"1K": 0.14, "2K": 0.14, "4K": 0.24},
                },
            ]
            body = json.dumps({"pricing": rows}).encode()
            self.send_response(200 if self.path == "/v2/pricing" else 404)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_gateways_own_list_is_asked_on_demand(orux, tmp_path, price_list, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_RELAY", json.dumps({"conn_type": "opengpu_relay", "host": price_list}))
    path = tmp_path / "relayed.py"
    path.write_text(
        """
from airflow.sdk import DAG
from airflow_provider_orux.operators.images import OruxGenerateImageOperator
with DAG("relayed", schedule=None, default_args={"conn_id": "relay"}) as dag:
    for name, model, options in (
        ("flux", "black-forest-labs/FLUX-2-pro", {}),
        ("small", "google/gemini-3-pro-image", {"image_size": "1K"}),
        ("large", "google/gemini-3-pro-image", {"image_size": "4K"}),
        ("qwen", "Qwen/qwen-image", {}),
    ):
        OruxGenerateImageOperator(task_id=name, model=model, prompt="x", options=options)
"""
    )
    asked = orux("estimate", "relayed", "--file", path, "--runs", "10", "--ask-gateway", "-o", "json")
    assert asked.status == 0, asked.err
    assert by_task(asked.json) == {
        ("flux",): (10, 10, 0.036),
        ("small",): (10, 10, 0.14),
        ("large",): (10, 10, 0.24),
        ("qwen",): (10, 10, None),
    }
    assert asked.json["totals"]["unknown"] == [10, 10]
    assert all(
        price is None
        for *_, price in by_task(orux("estimate", "relayed", "--file", path, "-o", "json").json).values()
    )


@pytest.mark.airflow
def test_the_last_run_tells_the_lengths(sandbox, load_dag, run, at_api):
    dag = load_dag("""
        import pendulum
        from airflow.sdk import DAG, task
        from airflow_provider_orux.operators.midjourney import OruxImagineOperator
        with DAG("DAG_ID", start_date=pendulum.datetime(2026, 1, 1), schedule=None) as dag:
            @task
            def words():
                return ["a", "b"]
            OruxImagineOperator.partial(task_id="imagine", wait_for_completion=False).expand(prompt=words())
    """)
    nothing = at_api("estimate", dag.dag_id, "--last-run", "-o", "json")
    assert nothing.status in (0, 1)  # Airflow does not know the DAG before its first run
    assert run(dag).state == "success"
    value = at_api("estimate", dag.dag_id, "--last-run", "-o", "json", "--runs", "5").json
    assert by_task(value) == {("imagine",): (10, 10, None)}
    assert any("as in the last run" in note for note in value["notes"])
