"""What ``airflow orux`` offers. Airflow reads it at every call of ``airflow``: nothing heavy is imported here."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from typing import Any

from airflow.cli.cli_config import ActionCommand, Arg, CLICommand, GroupCommand

from airflow_provider_orux.models.registry import GATEWAYS


def get_commands() -> list[CLICommand]:
    """The commands of this provider (the ``cli`` entry of the provider's info)."""
    return [
        GroupCommand(
            name="orux",
            help="Paid AI generation: ledger, pools, models, results, estimates, examples, sandbox",
            subcommands=(LEDGER, RESULTS, POOL, MODELS, ESTIMATE, COST, EXAMPLES, SANDBOX),
        )
    ]


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


def _arg(*flags: str, **described: Any) -> Arg:
    """One argument; Airflow prints its help with rich, which takes a word in brackets for markup."""
    return Arg(flags=flags, **described)


class _Optional(Arg):
    """A positional argument that may be left out, wherever the options stand (``nargs="?"`` may not)."""

    def __init__(self, name: str, **described: Any) -> None:
        super().__init__(flags=(name,), **described)  # type: ignore[no-untyped-call]

    def add_to_parser(self, parser: argparse.ArgumentParser) -> None:
        """Add it."""
        parser.add_argument(*self.flags, **self.kwargs).required = False


class _SandboxArguments(Arg):
    """The arguments of the sandbox's own command line, asked for when the command is."""

    def __init__(self) -> None:
        super().__init__(flags=("--host",))  # type: ignore[no-untyped-call]

    def add_to_parser(self, parser: argparse.ArgumentParser) -> None:
        """Add them."""
        importlib.import_module("airflow_provider_orux.cli.sandbox").add_arguments(parser)


#: As Airflow's own, with CSV instead of its plain table.
OUTPUT = _arg(
    "-o",
    "--output",
    choices=("table", "json", "yaml", "csv"),
    metavar="(table, json, yaml, csv)",
    default="table",
    help="Output format. Allowed values: table, json, yaml, csv (default: table)",
)
API = (
    _arg(
        "--api-url",
        metavar="URL",
        help="Airflow's address, without /api/v2. Default: base_url of the section api, "
        "else http://localhost and its port",
    ),
    _arg(
        "--token",
        metavar="TOKEN",
        help="Token for Airflow's API. Default: AIRFLOW_API_TOKEN from the environment",
    ),
    _arg(
        "--user",
        metavar="NAME",
        help="Get a token with a user name and password. Default: AIRFLOW_API_USER from the environment",
    ),
    _arg(
        "--password",
        metavar="PASSWORD",
        help="Password of --user. Default: AIRFLOW_API_PASSWORD from the environment, else you are asked for it",
    ),
)
ONE = (
    _Optional("dag_id", metavar="DAG_ID", help="One record: the id of the DAG"),
    _Optional("run_id", metavar="RUN_ID", help="The id of the run"),
    _Optional("task_id", metavar="TASK_ID", help="The id of the task"),
)
MAP_INDEX = _arg(
    "--map-index",
    metavar="N",
    type=int,
    default=-1,
    help="Mapped task index. Default: the task is not mapped",
)
YES = _arg("-y", "--yes", action="store_true", help="Do not prompt to confirm. Use with care!")


def _from_date(meaning: str) -> Arg:
    return _arg("--from-date", dest="from_", metavar="DATE", help=meaning)


FROM = _from_date(
    "Logical date of the first run, like 2026-01-01. A run without one counts by when it was due"
)
TO = _arg(
    "--to-date",
    dest="to",
    metavar="DATE",
    help="Logical date of the last run. A day without a time means its end",
)
OLDER = _arg("--older-than", metavar="AGE", help="Only records last changed longer ago: 90s, 30m, 2h, 3d")


def _narrowing(whole: str) -> tuple[Arg, ...]:
    """What chooses many records.

    :param whole: the help of ``--dag-id``.
    """
    return (
        _arg("--dag-id", dest="dag", metavar="DAG_ID", help=whole),
        _arg("--run-id", dest="run", metavar="RUN_ID", help="With --dag-id: only this run"),
        _arg("--task-id", dest="task", metavar="TASK_ID", help="Only this task"),
        FROM,
        TO,
        OLDER,
    )


MANY = _narrowing("Many records: those of this DAG")
STATES = ("intent", "submitted", "settled", "finished", "discarded", "unreadable", "open", "all")


def _state(help_: str, choices: tuple[str, ...] = STATES, default: str = "all") -> Arg:
    return _arg("--state", choices=choices, default=default, help=f"{help_}. Default: {default}")


LEDGER = GroupCommand(
    name="ledger",
    help="Show and settle the records of paid submissions",
    subcommands=(
        ActionCommand(
            name="list",
            help="List the records of task instances",
            description="List the records of one DAG or of all DAGs, through Airflow's API. The API cannot search "
            "records, so the record of every task instance that ever ran is read.",
            func=action("ledger.show:list_records"),
            args=(
                *_narrowing("Only this DAG. Default: all DAGs you may read"),
                _state("Only records in this state; open means all but finished"),
                OUTPUT,
                *API,
            ),
        ),
        ActionCommand(
            name="show",
            help="Show records and what the next execution of the task will do",
            description="Show one record (DAG_ID RUN_ID TASK_ID), or many in short (--dag-id), and what the next "
            "execution of each task will do.",
            func=action("ledger.show:show"),
            args=(
                *ONE,
                MAP_INDEX,
                *MANY,
                _state("With --dag-id: only records in this state; open means all but finished"),
                _arg(
                    "--ask-gateway",
                    action="store_true",
                    help="Also ask the gateway about the job, over the connection as it is readable here. Free",
                ),
                OUTPUT,
                *API,
            ),
        ),
        ActionCommand(
            name="settle",
            help="Say which job an ambiguous submission became. The next execution reattaches and pays nothing",
            description="Settle one record (DAG_ID RUN_ID TASK_ID), or many from a CSV file (--file) with the columns "
            "dag_id, run_id, task_id, map_index, and job_id or url.",
            func=action("ledger.settle:settle"),
            args=(
                *ONE,
                MAP_INDEX,
                _arg("--job-id", metavar="ID", help="The id of the job at the gateway"),
                _arg(
                    "--file",
                    metavar="FILE",
                    help="Many records: a CSV file, or - for standard input. list -o csv prints its columns",
                ),
                _arg(
                    "--url",
                    action="append",
                    metavar="URL",
                    help="For a synchronous generation, which has no job: the URL of an image it made. Repeat it "
                    "for each image",
                ),
                _arg(
                    "--gateway",
                    choices=tuple(GATEWAYS),
                    help="With --url: the gateway, if the connection's type is not readable here",
                ),
                _arg(
                    "--force",
                    action="store_true",
                    help="Settle even if the task is running, or the record is finished or names another job",
                ),
                *API,
            ),
        ),
        ActionCommand(
            name="discard",
            help="Remove a record. The next execution submits a new job and pays for it",
            description="Remove one record (DAG_ID RUN_ID TASK_ID), or many (--dag-id). Look at the gateway first: if "
            "it accepted the submission after all, you pay twice.",
            func=action("ledger.discard:discard"),
            args=(
                *ONE,
                MAP_INDEX,
                *MANY,
                _state(
                    "With --dag-id: only records in this state; all includes settled and finished ones",
                    ("intent", "submitted", "all"),
                    "intent",
                ),
                YES,
                _arg(
                    "--force",
                    action="store_true",
                    help="Discard even if the task is running or its request may still be answered",
                ),
                OUTPUT,
                *API,
            ),
        ),
    ),
)

RESULTS = GroupCommand(
    name="results",
    help="List and verify saved results",
    subcommands=tuple(
        ActionCommand(
            name=name,
            help=text,
            func=action(f"results:{function}"),
            args=(
                _arg(
                    "--path",
                    metavar="URI",
                    help="Folder to search, with everything below it. Default: results_path of the section orux",
                ),
                _arg(
                    "--storage-conn-id",
                    metavar="CONN_ID",
                    help="The Airflow connection of the object store, if it needs one",
                ),
                OUTPUT,
            ),
        )
        for name, function, text in (
            ("list", "list_results", "List the manifests of saved results"),
            ("verify", "verify", "Check that every saved artifact is still what its manifest says"),
        )
    ),
)

POOL = ActionCommand(
    name="pool",
    help="Make the Airflow pool that keeps an account's concurrency",
    description="Create or update an Airflow pool with include_deferred, so that waiting jobs count too. Its slots: "
    "--slots, else the limit that the gateway's usage endpoint reports, else the documented default.",
    func=action("pool:make_pool"),
    args=(
        _arg("conn_id", metavar="CONN_ID", help="The Airflow connection of the gateway"),
        _arg("--slots", type=int, metavar="N", help="Jobs at once; 1 or more"),
        _arg("--name", metavar="NAME", help="The name of the pool. Default: CONN_ID"),
        OUTPUT,
        *API,
    ),
)

MODELS = ActionCommand(
    name="models",
    help="List models, their fields, defaults and limits",
    func=action("models:list_models"),
    args=(
        _arg("--gateway", choices=tuple(GATEWAYS), help="Only this gateway"),
        _arg("--model", metavar="MODEL", help="Only this model, with its fields"),
        _arg("--verb", metavar="VERB", help="Only this verb, like imagine or upscale"),
        _arg("--fields", action="store_true", help="With the fields of every model"),
        OUTPUT,
    ),
)

ESTIMATE = ActionCommand(
    name="estimate",
    help="Count what a run or a backfill of a DAG would pay",
    description="Count the paid submissions that a DAG would make at most, by connection and model, priced by the "
    "configuration (prices in the section orux). An unknown price is shown as unknown. The estimate itself is free.",
    func=action("estimate.command:estimate"),
    args=(
        _arg("dag_id", metavar="DAG_ID", help="The id of the DAG"),
        _from_date("Logical date of the first run"),
        TO,
        _arg(
            "--runs",
            type=int,
            metavar="N",
            help="This many runs, instead of --from-date and --to-date. Default: 1",
        ),
        _arg(
            "--file",
            metavar="FILE",
            help="The DAG's file. Default: search the configured bundles",
        ),
        _arg(
            "--assume-mapped",
            action="append",
            metavar="TASK_ID=N",
            help="Assume that a mapped task, or a mapped task group, has N instances. Repeat it for each",
        ),
        _arg(
            "--last-run",
            action="store_true",
            help="Take the lengths of mapped tasks from the last successful run, through Airflow's API",
        ),
        _arg(
            "--ask-gateway", action="store_true", help="Also read the gateway's own price list, if it has one"
        ),
        OUTPUT,
        *API,
    ),
)

EXAMPLES = ActionCommand(
    name="examples",
    help="Copy the example DAGs to a folder",
    func=action("examples:copy_examples"),
    args=(
        _arg(
            "--to", metavar="DIR", required=True, help="The folder, like $AIRFLOW_HOME/dags. Files there stay"
        ),
    ),
)

COST = ActionCommand(
    name="cost",
    help="Sum up what was spent, from the ledger",
    description="Sum up what the jobs of task instances cost, by DAG, day and model, with those that a clear or a "
    "retry superseded. A price that is not known is shown as unknown.",
    func=action("cost:cost"),
    args=(
        _arg(
            "--dag-id",
            "--dag",
            dest="dag",
            metavar="DAG_ID",
            help="Only this DAG. Default: all DAGs you may read",
        ),
        _arg("--from-date", "--from", dest="from_", metavar="DATE", help="Logical date of the first run"),
        _arg("--to-date", "--to", dest="to", metavar="DATE", help="Logical date of the last run"),
        OUTPUT,
        *API,
    ),
)

SANDBOX = ActionCommand(
    name="sandbox",
    help="Start the gateways on your own machine (needs orux-sandbox)",
    description="Gateways on your own machine: accounts in play money, faults on demand, real images.",
    func=action("sandbox:run"),
    args=(_SandboxArguments(),),
)


def parser() -> argparse.ArgumentParser:
    """A parser of these commands alone: for documentation and tests."""
    from airflow.cli.cli_parser import _add_command

    root: Any = argparse.ArgumentParser(prog="airflow")
    commands = root.add_subparsers(dest="command", required=True)
    for command in get_commands():
        _add_command(commands, command)
    found: argparse.ArgumentParser = root
    return found
