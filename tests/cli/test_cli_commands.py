"""The parser of ``airflow orux``: cheap to load, and it takes what our messages tell people to type."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest

from airflow_provider_orux.cli import commands, times
from airflow_provider_orux.cli.errors import UsageError
from airflow_provider_orux.cli.main import parser
from airflow_provider_orux.cli.output import Output
from airflow_provider_orux.durable.identity import TaskIdentity
from airflow_provider_orux.get_provider_info import get_provider_info

AWKWARD = [
    ("dag", "manual__2026-01-01T00:00:00+00:00", "task", -1),
    ("dag.sub", "scheduled__2026-01-01T06:30:00.123456+00:00_x", "group.task", 0),
    ("a dag", "it's a run", 'ta"sk', 1023),
    ("-dag", "-run", "--task", 2),
]


@pytest.mark.parametrize(("dag_id", "run_id", "task_id", "map_index"), AWKWARD)
@pytest.mark.parametrize(
    ("verb", "job_id"),
    [
        ("show", None),
        ("settle", "task_01HZX"),
        ("settle", "mj:14001929738841620"),
        ("settle", "-x"),
        ("discard", None),
    ],
)
def test_the_commands_of_our_messages_are_understood(dag_id, run_id, task_id, map_index, verb, job_id):
    identity = TaskIdentity(dag_id, run_id, task_id, map_index, 1, 0)
    words = shlex.split(identity.command(verb, job_id=job_id))
    args = parser().parse_args(words[words.index("orux") :])
    assert (args.dag_id, args.run_id, args.task_id, args.map_index) == (dag_id, run_id, task_id, map_index)
    assert getattr(args, "job_id", None) == job_id


def test_options_may_stand_before_the_task_instance():
    parse = parser().parse_args
    args = parse(["orux", "ledger", "discard", "--force", "--map-index", "3", "d", "r", "t"])
    assert (args.dag_id, args.run_id, args.task_id, args.map_index, args.force) == ("d", "r", "t", 3, True)
    args = parse(["orux", "ledger", "discard", "--dag-id", "d", "--from-date", "2026-01-01", "--yes"])
    assert (args.dag_id, args.dag, args.from_) == (None, "d", "2026-01-01")


@pytest.mark.parametrize(
    "words",
    [
        ["ledger", "discard"],
        ["ledger", "discard", "d"],
        ["ledger", "discard", "d", "r", "t", "--dag-id", "d"],
        ["ledger", "discard", "d", "r", "t", "--older-than", "1h"],
        ["ledger", "settle", "d", "r", "t"],
        ["ledger", "list", "--run-id", "r"],
        ["ledger", "list", "--older-than", "soon"],
        ["ledger", "list", "--from-date", "yesterday"],
        ["ledger", "list", "--from-date", "2026-02-01", "--to-date", "2026-01-01"],
        ["ledger", "list", "--api-url", "airflow.example.com"],
        ["ledger", "list", "--api-url", "https://me:secret@airflow.example.com"],
        ["ledger", "list", "--state", "lost"],
        ["ledger", "list", "-o", "plain"],
        ["ledger", "show", "d", "r"],
        ["pool", "orux_default", "--slots", "0"],
        ["estimate", "d", "--runs", "3", "--from-date", "2026-01-01", "--to-date", "2026-01-02"],
        ["estimate", "d", "--from-date", "2026-01-01"],
        ["estimate", "d", "--assume-mapped", "imagine"],
        ["results", "list"],
        ["nothing"],
    ],
)
def test_wrong_use_is_exit_status_2(orux, words):
    ended = orux(*words)
    assert ended.status == 2
    assert ended.err.strip()
    assert "Traceback" not in ended.err
    assert "secret" not in ended.err


def test_ages_and_dates():
    assert times.parse_age("90s", option="x") == 90
    assert times.parse_age("1.5 h", option="x") == 5400
    assert times.parse_age("2d", option="x") == 172_800
    first, last = times.parse_window("2026-01-31", "2026-01-31")
    assert first is not None
    assert last is not None
    assert first.isoformat() == "2026-01-31T00:00:00+00:00"
    assert (last.hour, last.minute, last.utcoffset()) == (23, 59, first.utcoffset())
    exact, _ = times.parse_window("2026-01-31T06:00:00Z", None)
    assert exact is not None
    assert exact.hour == 6
    with pytest.raises(UsageError, match="--from-date"):
        times.parse_window("31.1.2026", None)
    assert [times.age_text(s) for s in (5, 600, 9000, 400_000)] == ["5 s", "10 min", "2.5 h", "4.6 d"]


def test_a_table_has_no_empty_columns(capsys):
    Output(sys.stdout, sys.stderr).table(
        [{"a": 1, "b": None}, {"a": "long\nvalue", "b": ""}], {"a": "A", "b": "B"}
    )
    assert capsys.readouterr().out == "A\n1\nlong value\n"


def test_the_commands_load_nothing_heavy():
    script = (
        "import sys, json, airflow.cli.cli_config\n"
        "before = set(sys.modules)\n"
        "from airflow_provider_orux.cli.commands import get_commands\n"
        "get_commands()\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert "airflow_provider_orux.cli.commands" in loaded
    assert "orux_sandbox" not in loaded
    light = {"airflow_provider_orux.models", "airflow_provider_orux.models.registry"}  # names, nothing else
    loaded = [m for m in loaded if m not in light]
    for heavy in ("models", "client", "hooks", "operators", "storage", "gateways", "cli.airflow_api"):
        assert not [m for m in loaded if m.startswith(f"airflow_provider_orux.{heavy}")], heavy
    assert not {"httpx", "pydantic", "fastapi", "uvicorn", "PIL"} & set(loaded)
    assert len(loaded) < 20


def test_airflow_itself_has_the_command():
    (path,) = get_provider_info()["cli"]
    assert path == f"{commands.get_commands.__module__}.{commands.get_commands.__qualname__}"
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "orux", "models", "--model", "no-such-model"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "No model no-such-model" in done.stderr
    assert done.stdout == ""


def test_the_sandbox_has_its_own_arguments_here_too(orux, monkeypatch):
    args = parser().parse_args(["orux", "sandbox", "--port", "0", "--grid", "four"])
    assert (args.port, args.grid) == (0, "four")
    from orux_sandbox import cli as sandbox_cli

    seen = []

    def run(args):
        seen.append(args.port)
        return 1

    monkeypatch.setattr(sandbox_cli, "run", run)
    assert orux("sandbox", "--port", "0").status == 1
    assert seen == [0]


def test_without_the_sandbox_the_command_says_how_to_install_it(orux, monkeypatch):
    monkeypatch.setattr("airflow_provider_orux.cli.sandbox.find_spec", lambda name: None)
    for words in ([], ["--port", "0"], ["--help"]):
        ended = orux("sandbox", *words)
        assert ended.status == 1
        assert "pip install 'airflow-provider-orux[sandbox]'" in ended.err
