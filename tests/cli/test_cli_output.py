"""What the commands print cannot steer a terminal or a spreadsheet, and a program reads back exactly what it was."""

from __future__ import annotations

import csv
import io
import itertools
import json
from urllib.parse import unquote

import httpx
import pytest
import yaml

from airflow_provider_orux.cli.airflow_api import AirflowApi
from airflow_provider_orux.cli.errors import CommandError
from airflow_provider_orux.cli.output import Output, csv_cell, csv_text, visible
from airflow_provider_orux.cli.runner import run_command
from airflow_provider_orux.compat import COMMAND
from airflow_provider_orux.lifecycle.record import Record, State
from airflow_provider_orux.models.errors import AuthenticationError, ConfigurationError

ESC, BEL, CSI, RLO, ZWSP, LSEP, DEL = "\x1b", "\x07", "\x9b", "\u202e", "\u200b", "\u2028", "\x7f"
FORMULA = '=HYPERLINK("https://evil.example","x")'
HOSTILE = [
    f"{ESC}[31mred{ESC}[0m",
    f"{ESC}]0;title{BEL}",
    f"{CSI}2J",
    f"a{RLO}gnp.exe",
    f"a{ZWSP}b{LSEP}c{DEL}",
    "one\ntwo\r\nthree\ttabs",
    "\U000e0041\udcff",
    FORMULA,
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "'=1",
    "'quoted'",
    "\uff1d1",
    "\\x1b[31m",
    "\\x5cx1b",
    f"\\{ESC}",
    "C:\\users\\u00e9",
    "Löwe 獅子 🦁",
    "",
]


def printed(print_):
    stream = io.StringIO(newline="")
    print_(Output(stream, stream))
    return stream.getvalue()


def is_safe(text):
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"{ESC}[31mred", "\\x1b[31mred"),
        (f"{CSI}2J", "\\x9b2J"),
        (f"a{RLO}gnp", "a\\u202egnp"),
        ("one\ntwo", "one\\x0atwo"),
        ("\U000e0041", "\\U000e0041"),
        ("Löwe 獅子 🦁", "Löwe 獅子 🦁"),
    ],
)
def test_what_is_not_printable_is_shown_by_its_number(text, shown):
    assert visible(text) == shown


@pytest.mark.parametrize("text", HOSTILE)
def test_no_way_of_printing_lets_a_value_steer_the_terminal(text):
    row = {"a": text, "b": "x"}
    for print_ in (
        lambda out: out.say(f"job {text} failed"),
        lambda out: out.note(text),
        lambda out: out.table([row], {"a": "A", "b": "B"}),
        lambda out: out.facts(row),
        *(
            lambda out, output=output: out.data(output, [row], rows=[row], columns=["a", "b"])
            for output in ("json", "yaml", "csv")
        ),
    ):
        assert is_safe(printed(print_))


def test_a_value_stays_on_its_line():
    assert printed(lambda out: out.say("job x\nDiscarded everything.")).count("\n") == 1
    table = printed(lambda out: out.table([{"a": "x\ny", "b": "z"}], {"a": "A", "b": "B"}))
    assert table == "A    B\nx y  z\n"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_program_reads_back_what_it_was(text):
    value = [{"a": text, "n": -1, "none": None}]

    def data(output):
        return printed(lambda out: out.data(output, value, rows=value, columns=["a", "n", "none"]))

    assert json.loads(data("json")) == value
    if text.isprintable() or "\udcff" not in text:  # YAML knows no lone surrogates
        assert yaml.safe_load(data("yaml")) == value
    (row,) = csv.DictReader(io.StringIO(data("csv"), newline=""))
    assert csv_text(row["a"]) == text
    assert (row["n"], row["none"]) == ("-1", "")  # a number is no formula


@pytest.mark.parametrize("text", [t for t in HOSTILE if t.lstrip("' \t\r")[:1] in tuple("=+-@\uff1d")])
def test_no_cell_begins_like_a_formula(text):
    cell = csv_cell(text)
    assert not text or cell.startswith("'")


def test_a_cell_is_read_back_unmistakably():
    """Whatever stands in front: quotes, what we make of characters, and what only looks like it."""
    parts = ("'", "=", "-", " ", "\t", "\\", "x1b", "\\x5c", ESC, "a", RLO, "\\u202e")
    for length in range(5):
        for text in map("".join, itertools.product(parts, repeat=length)):
            cell = csv_cell(text)
            assert csv_text(cell) == text
            assert is_safe(cell)
            assert cell[:1] not in tuple("=+-@\t\r")


@pytest.mark.parametrize("kind", [AuthenticationError, ConfigurationError, CommandError])
def test_an_error_is_one_line_whoever_wrote_it(kind, capsys):
    def command(args, out):
        raise kind(f"the gateway says: no{ESC}[2J\nSettled: everything")

    assert run_command(command, None) == 1
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith(f"{COMMAND}: the gateway says: no\\x1b[2J Settled: everything")


# -- through the commands --------------------------------------------------------------------------------------------
#: A job id may begin like a formula.
FORMULA_ID = '=HYPERLINK("evil","x")'
DAG, RUN, TASK = f"=dag{ESC}[2J", f"run{RLO}1", "-task"
RECORD = Record(
    state=State.SUBMITTED, max_tries=1, fingerprint="f" * 64, conn_id="nowhere", host="https://orux.top",
    updated_at=1.0, submission_id="gen-1", job_id=FORMULA_ID,
)  # fmt: skip


@pytest.fixture
def hostile_airflow(monkeypatch):
    """An Airflow whose ids, records and refusals are hostile."""
    written = []
    stored = {"value": RECORD.to_json()}
    instance = {
        "dag_id": DAG, "dag_run_id": RUN, "task_id": TASK, "map_index": -1, "state": f"failed{ESC}[5m",
        "try_number": 1, "max_tries": 1,
    }  # fmt: skip
    base = f"/api/v2/dags/{DAG}/dagRuns/{RUN}/taskInstances/{TASK}"

    def answer(request):
        path = unquote(request.url.raw_path.decode().partition("?")[0])
        if request.method != "GET":
            written.append((request.method, path))
            stored["value"] = json.loads(request.content)["value"]
            return httpx.Response(204)
        if path.endswith("/taskInstances"):
            return httpx.Response(200, json={"task_instances": [instance], "total_entries": 1})
        if path == base:
            return httpx.Response(200, json=instance)
        if path == f"{base}/state-store/orux_ledger":
            return httpx.Response(200, json=stored)
        return httpx.Response(404, json={"detail": f"no {ESC}[31m{RLO}such\nthing"})

    def of(cls, args):
        return AirflowApi("http://airflow", token="t", transport=httpx.MockTransport(answer))

    monkeypatch.setattr(AirflowApi, "of", classmethod(of))
    return written


@pytest.mark.parametrize("output", ["table", "json", "yaml", "csv"])
@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["show", "--", DAG, RUN, TASK],
        ["show", "--dag-id", DAG],
        ["discard", "--dag-id", DAG, "--state", "all", "--yes"],
        ["discard", "--", DAG, RUN, TASK],
        ["show", DAG, RUN, f"{ESC}nothing"],
    ],
)
def test_no_command_prints_what_steers_a_terminal(orux, hostile_airflow, words, output):
    verb, *rest = words
    ended = orux("ledger", verb, "-o", output, *rest)
    assert is_safe(ended.out)
    assert is_safe(ended.err)
    assert ended.status != 2
    assert any(shown in ended.out + ended.err for shown in ("\\x1b", "\\u001b", "\\e"))


def test_what_became_of_each_record_is_told_to_a_program(orux, hostile_airflow):
    ended = orux("ledger", "discard", "--dag-id", DAG, "--state", "all", "--yes", "-o", "json")
    (row,) = ended.json
    assert (row["dag_id"], row["record"]["job_id"], row["outcome"]) == (DAG, FORMULA_ID, "discarded")
    assert "Discarded 1 record." in ended.err
    assert [method for method, _ in hostile_airflow] == ["PUT"]


def test_what_became_of_one_record_is_told_to_a_program(orux, hostile_airflow):
    (one,) = csv.DictReader(io.StringIO(orux("ledger", "discard", "-o", "csv", "--", DAG, RUN, TASK).out))
    assert (csv_text(one["run_id"]), one["outcome"]) == (RUN, "discarded")


def test_what_list_prints_settle_reads(orux, hostile_airflow, tmp_path):
    listed = orux("ledger", "list", "-o", "csv")
    path = tmp_path / "listed.csv"
    path.write_text(listed.out, encoding="utf-8")
    ended = orux("ledger", "settle", "--file", path)
    assert ended.status == 0, ended.out + ended.err
    assert "1 task instance: 0 settled, 1 unchanged, 0 refused." in ended.out
    assert hostile_airflow == []
    assert is_safe(ended.out)


@pytest.mark.parametrize("job_id", [f"task{RLO}1", f"task{ESC}[0m", "task 1", "x" * 501])
def test_a_job_id_that_cannot_be_one_is_not_written(orux, hostile_airflow, job_id):
    """The connection is not readable here, so the gateway's own pattern is not known."""
    ended = orux("ledger", "settle", "--job-id", job_id, "--force", "--", DAG, RUN, TASK)
    assert ended.status == 1
    assert "is not a job id" in ended.err
    assert hostile_airflow == []
    assert is_safe(ended.err)


def test_an_error_of_a_dag_file_keeps_its_lines_and_no_escapes(orux, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text(f"from airflow.sdk import DAG\nraise RuntimeError('the {ESC}[31mreason')\n")
    ended = orux("estimate", "x", "--file", path)
    assert ended.status == 1
    (line,) = [line for line in ended.err.splitlines() if line.startswith("broken.py: ")]
    assert line.endswith("RuntimeError: the \\x1b[31mreason")
