"""Every block of code in the README and the documentation: complete, importable, and made of commands that exist."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import BUNDLE, ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "sandbox" / "README.md",
    *sorted(p for p in (ROOT / "docs").rglob("*.md") if "_build" not in p.parts),
]
FENCE = re.compile(r"^```(?P<language>[\w-]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
#: Of Airflow, pip and the system; the rest is looked up.
OTHERS = {
    "cp",
    "cd",
    "curl",
    "docker",
    "grep",
    "export",
    "helm",
    "kubectl",
    "mkdir",
    "python",
    "python3",
    "source",
    "astro",
    "git",
    "unzip",
}


def blocks(*languages: str) -> list[Any]:
    """The blocks of these languages, by page and line."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            if match["language"] in languages:
                where = f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}"
                found.append(pytest.param(match["text"], id=where))
    return found


def test_no_language_escapes_these_tests():
    known = {"python", "console", "bash", "json", "ini", "text", "yaml", "dockerfile"}
    for page in PAGES:
        assert {m["language"] for m in FENCE.finditer(page.read_text(encoding="utf-8"))} <= known, page


@pytest.mark.parametrize("text", blocks("python"))
def test_python_is_complete(text, tmp_path):
    """No name comes from nowhere, every import is there and used, and what is imported exists."""
    file = tmp_path / "block.py"
    file.write_text(text)
    told = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select=E9,F", "--output-format=concise", file],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout
    imports = [n for n in ast.parse(text).body if isinstance(n, (ast.Import, ast.ImportFrom))]
    assert imports
    exec(compile(ast.Module(imports, []), str(file), "exec"), {})


def test_python_passes_the_strict_type_checker_of_a_user(tmp_path):
    """Without this project's configuration of mypy, as in a project of DAGs."""
    for number, block in enumerate(blocks("python")):
        (tmp_path / f"block_{number}.py").write_text(f"# {block.id}\n{block.values[0]}")
    told = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path}/.cache", tmp_path],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize("text", [p for p in blocks("python") if "DAG(" in p.values[0]])
def test_python_with_a_dag_is_a_dag_file(text, load_dag):
    """Airflow takes it as it stands, and it has what it names; a test in it passes."""
    dag = load_dag(
        text.replace('DAG("posters"', 'DAG("DAG_ID"')
        + ("" if " as dag:" in text else "\ndag = imagine.dag\n")
    )
    assert dag.tasks
    for task in dag.tasks:
        assert task.retries is not None


def test_the_test_in_the_documentation_passes(database, short_pauses, monkeypatch):
    (text,) = [p.values[0] for p in blocks("python") if "\ndef test_" in p.values[0]]
    path = BUNDLE / "documented_test.py"
    path.write_text(text)
    try:
        module: dict[str, Any] = {"__file__": str(path), "__name__": "documented_test"}
        exec(compile(text, str(path), "exec"), module)
        for name, value in module.items():
            if name.startswith("test_"):
                value(monkeypatch)
    finally:
        path.unlink()


def test_nothing_that_is_shown_needs_a_logical_date():
    """The command line, the API and asset events start runs without one."""
    shown = [*PAGES, *(ROOT / "example_dags").glob("*.py"), *(ROOT / "demo").rglob("*.py")]
    for path in shown:
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r"\{\{ *(?:ds|ts|logical_date|data_interval\w*)\b", text), path
        assert not re.findall(
            r"^ *def .*\b(?:ds|logical_date|data_interval\w*)\b *[:,)=]", text, re.MULTILINE
        ), path


@pytest.mark.parametrize("text", blocks("json"))
def test_json_is_json(text):
    json.loads(text)


# -- commands ----------------------------------------------------------------------------------------------------
def commands(text: str) -> Iterator[str]:
    """The commands of a block: after ``$``, or each line of a script; without comments."""
    text = text.replace("\\\n", " ")
    lines = text.splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    yield from (line for line in lines if line.strip() and not line.lstrip().startswith("#"))


def words_of(line: str) -> list[list[str]]:
    """The words of each command of a line."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&>")
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("|;&"):
            parts.append([])
        elif set(word) <= set(">"):
            parts[-1] += [">"]
        else:
            parts[-1].append(word)
    for part in parts:
        if ">" in part:
            del part[part.index(">") :]
        while part and re.fullmatch(r"\w+=.*", part[0]):
            del part[0]
    return [part for part in parts if part]


def airflow_parser() -> Any:
    from airflow.cli.cli_parser import get_parser

    return get_parser()


def check_airflow(words: list[str]) -> None:
    """The verbs and flags of an ``airflow`` command exist; all arguments fit, unless some are left out (``…``)."""
    from airflow_provider_orux.cli.main import parser

    root: Any = parser() if words[1] == "orux" else airflow_parser()
    at, rest = root, words[1:]
    while (
        group := next((a for a in at._actions if getattr(a, "choices", None) and a.nargs == "A..."), None)
    ) and rest[:1] not in ([], ["…"]):
        assert rest[0] in group.choices, f"{' '.join(words)}: no verb {rest[0]!r}"
        at, rest = group.choices[rest[0]], rest[1:]
    flags = [word for word in rest if word.startswith("-") and len(word) > 1 and not word[1].isdigit()]
    for flag in flags:
        assert flag.partition("=")[0] in at._option_string_actions, f"{' '.join(words)}: no flag {flag!r}"
    if not any("…" in word for word in words):
        try:
            at.parse_args(rest)
        except SystemExit as e:
            assert e.code == 0, " ".join(words)


def check(words: list[str]) -> None:
    """A command exists.

    :raises AssertionError: it does not, or has no such argument.
    """
    name = words[0]
    if name == "airflow":
        check_airflow(words)
    elif name == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        for word in words[1:]:
            assert word in targets or re.fullmatch(r"(ARGS|DAGS|FAST|PYTHON|JOBS|REPEATS)=.*", word), words
    elif name == "orux-sandbox":
        import argparse

        from orux_sandbox.cli import add_arguments

        parser = argparse.ArgumentParser(exit_on_error=False, add_help=True)
        add_arguments(parser)
        for word in words[1:]:
            assert not word.startswith("--") or word in parser._option_string_actions, words
    elif name in ("pip", ".venv/bin/python"):
        for word in words[2:]:
            if word.startswith(("./", ".[", ".")) and not word.startswith(".."):
                assert (ROOT / word.partition("[")[0]).exists(), words
    else:
        assert name in OTHERS, words


@pytest.mark.parametrize("text", blocks("console", "bash"))
def test_commands_exist(text):
    if text.startswith("export AIRFLOW_CONN"):
        return  # read in the next test
    for line in commands(text):
        for words in words_of(line):
            check(words)


@pytest.mark.parametrize(
    "text", [p for p in blocks("console", "bash") if "export AIRFLOW_CONN" in p.values[0]]
)
def test_a_connection_in_the_environment_is_one(text, monkeypatch):
    from airflow_provider_orux.hooks.base import GatewayHook

    (assigned,) = [word for word in shlex.split(text) if word.startswith("AIRFLOW_CONN_")]
    name, _, value = assigned.partition("=")
    monkeypatch.setenv(name, value.replace("…", "x"))
    with GatewayHook.for_conn(name.removeprefix("AIRFLOW_CONN_").lower()) as hook:
        assert hook.connection.gateway.name == "orux"


INLINE = re.compile(r"`((?:airflow|orux-sandbox|make) [^`\n]+)`")


def test_commands_in_sentences_exist():
    for page in PAGES:
        text = FENCE.sub("", page.read_text(encoding="utf-8"))
        for command in INLINE.findall(re.sub(r"\s*\n\s*", " ", text)):
            words = shlex.split(command)
            if words[0] == "airflow" and not any("…" in word for word in words):
                words.append("…")
            check(words)


@pytest.mark.parametrize(
    "line",
    [
        "airflow orux ledger shew a b c",
        "airflow orux ledger show --no-such-flag",
        "airflow orux pool",
        "airflow dags trigger",
        "make nothing",
        "orux-sandboks",
        "pip install ./no-such-folder",
    ],
)
def test_a_command_that_does_not_exist_is_noticed(line, capsys):
    with pytest.raises(AssertionError):
        check(shlex.split(line))
