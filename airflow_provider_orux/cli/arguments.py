"""The arguments that commands share, and how a command is imported when it is run."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any

from airflow.cli.cli_config import Arg


def action(path: str) -> Callable[[argparse.Namespace], None]:
    """A command that is imported when it is run.

    :param path: ``module:function`` under ``airflow_provider_orux.cli``; the function takes the parsed arguments and
        where to print, and returns the exit status: 0 done, 1 refused or failed, 2 used wrongly.
    """

    def run(args: argparse.Namespace) -> None:
        module, _, function = path.partition(":")
        runner = importlib.import_module("airflow_provider_orux.cli.runner")
        implementation = getattr(importlib.import_module(f"airflow_provider_orux.cli.{module}"), function)
        if status := runner.run_command(implementation, args):
            raise SystemExit(status)

    return run


def arg(*flags: str, **described: Any) -> Arg:
    """One argument; Airflow prints its help with rich, which takes a word in brackets for markup."""
    return Arg(flags=flags, **described)


class OptionalArg(Arg):
    """A positional argument that may be left out, wherever the options stand (``nargs="?"`` may not)."""

    def __init__(self, name: str, **described: Any) -> None:
        super().__init__(flags=(name,), **described)  # type: ignore[no-untyped-call]

    def add_to_parser(self, parser: argparse.ArgumentParser) -> None:
        """Add it."""
        parser.add_argument(*self.flags, **self.kwargs).required = False


class SandboxArguments(Arg):
    """The arguments of the sandbox's own command line, asked for when the command is."""

    def __init__(self) -> None:
        super().__init__(flags=("--host",))  # type: ignore[no-untyped-call]

    def add_to_parser(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        importlib.import_module("airflow_provider_orux.cli.sandbox").add_arguments(parser)


#: As Airflow's own, with CSV instead of its plain table.
OUTPUT = arg(
    "-o",
    "--output",
    choices=("table", "json", "yaml", "csv"),
    metavar="(table, json, yaml, csv)",
    default="table",
    help="Output format. Allowed values: table, json, yaml, csv (default: table)",
)
API = (
    arg(
        "--api-url",
        metavar="URL",
        help="Airflow's address, without /api/v2. Default: base_url of the section api, "
        "else http://localhost and its port",
    ),
    arg(
        "--token",
        metavar="TOKEN",
        help="Token for Airflow's API. Default: AIRFLOW_API_TOKEN from the environment",
    ),
    arg(
        "--user",
        metavar="NAME",
        help="Get a token with a user name and password. Default: AIRFLOW_API_USER from the environment",
    ),
    arg(
        "--password",
        metavar="PASSWORD",
        help="Password of --user. Default: AIRFLOW_API_PASSWORD from the environment, else you are asked for it",
    ),
)
ONE = (
    OptionalArg("dag_id", metavar="DAG_ID", help="One record: the id of the DAG"),
    OptionalArg("run_id", metavar="RUN_ID", help="The id of the run"),
    OptionalArg("task_id", metavar="TASK_ID", help="The id of the task"),
)
MAP_INDEX = arg(
    "--map-index",
    metavar="N",
    type=int,
    default=-1,
    help="Mapped task index. Default: the task is not mapped",
)
YES = arg("-y", "--yes", action="store_true", help="Do not prompt to confirm. Use with care!")


def from_date(meaning: str) -> Arg:
    return arg("--from-date", dest="from_", metavar="DATE", help=meaning)


FROM = from_date(
    "Logical date of the first run, like 2026-01-01. A run without one counts by when it was due"
)
TO = arg(
    "--to-date",
    dest="to",
    metavar="DATE",
    help="Logical date of the last run. A day without a time means its end",
)
OLDER = arg("--older-than", metavar="AGE", help="Only records last changed longer ago: 90s, 30m, 2h, 3d")


def narrowing(whole: str) -> tuple[Arg, ...]:
    """What chooses many records.

    :param whole: the help of ``--dag-id``.
    """
    return (
        arg("--dag-id", dest="dag", metavar="DAG_ID", help=whole),
        arg("--run-id", dest="run", metavar="RUN_ID", help="With --dag-id: only this run"),
        arg("--task-id", dest="task", metavar="TASK_ID", help="Only this task"),
        FROM,
        TO,
        OLDER,
    )


MANY = narrowing("Many records: those of this DAG")
STATES = ("intent", "submitted", "settled", "finished", "discarded", "unreadable", "open", "all")


def in_state(help_: str, choices: tuple[str, ...] = STATES, default: str = "all") -> Arg:
    return arg("--state", choices=choices, default=default, help=f"{help_}. Default: {default}")
