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
            help="Paid AI generation: ledger, pools, models, results, estimates, sandbox",
            subcommands=(LEDGER, RESULTS, POOL, MODELS, ESTIMATE, SANDBOX),
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


JSON = _arg("--json", help="print JSON instead of a table", action="store_true")
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
        help="token for Airflow's API. Default: the environment's AIRFLOW_API_TOKEN",
    ),
    _arg(
        "--user",
        metavar="NAME",
        help="get a token with a user name and password instead. Default: the environment's AIRFLOW_API_USER",
    ),
    _arg(
        "--password",
        metavar="PASSWORD",
        help="password of --user. Default: the environment's AIRFLOW_API_PASSWORD, else it is asked for",
    ),
)
ONE = (
    _Optional("dag_id", metavar="DAG", help="one record: the DAG's id"),
    _Optional("run_id", metavar="RUN", help="the run's id"),
    _Optional("task_id", metavar="TASK", help="the task's id"),
)
MAP_INDEX = _arg(
    "--map-index",
    metavar="N",
    type=int,
    default=-1,
    help="which instance of a mapped task. Default: not mapped",
)


def _from(meaning: str) -> Arg:
    return _arg("--from", dest="from_", metavar="DATE", help=meaning)


FROM = _from("logical date of the first run, like 2026-01-01; for runs without one, when they were due")
TO = _arg("--to", metavar="DATE", help="logical date of the last run; a day without a time means its end")
OLDER = _arg(
    "--older-than", metavar="AGE", help="only records whose last change is older, like 90s, 30m, 2h, 3d"
)
MANY = (
    _arg("--dag", metavar="DAG", help="many records: those of this DAG"),
    _arg("--run", metavar="RUN", help="with --dag: only this run"),
    _arg("--task", metavar="TASK", help="with --dag: only this task"),
    FROM,
    TO,
    OLDER,
)
STATES = ("intent", "submitted", "settled", "finished", "unreadable", "open", "all")

LEDGER = GroupCommand(
    name="ledger",
    help="See and settle the records of paid submissions",
    subcommands=(
        ActionCommand(
            name="list",
            help="List the records of task instances",
            description="Lists the records over the task instances of a DAG or of all DAGs, through Airflow's API. "
            "Airflow's API has no search over the records, so the record of every instance that ever ran is read.",
            func=action("ledger.show:list_records"),
            args=(
                _arg("--dag", metavar="DAG", help="only this DAG. Default: all that the user may read"),
                _arg("--run", metavar="RUN", help="only this run; needs --dag"),
                _arg("--task", metavar="TASK", help="only this task"),
                _arg(
                    "--state",
                    choices=STATES,
                    default="all",
                    help="only records in this state; open: all but finished. Default: all",
                ),
                FROM,
                TO,
                OLDER,
                _arg(
                    "--csv",
                    action="store_true",
                    help="print CSV instead of a table, with the columns that settle --file reads",
                ),
                JSON,
                *API,
            ),
        ),
        ActionCommand(
            name="show",
            help="Show records and what the next execution of the task will do",
            description="Shows one record (DAG RUN TASK), or many in short (--dag and what narrows it), and what the "
            "next execution of each task will do.",
            func=action("ledger.show:show"),
            args=(
                *ONE,
                MAP_INDEX,
                *MANY,
                _arg(
                    "--state",
                    choices=STATES,
                    default="all",
                    help="with --dag: only records in this state; open: all but finished. Default: all",
                ),
                _arg(
                    "--ask-gateway",
                    action="store_true",
                    help="also ask the gateway how the job is, over the connection as it is readable here; free",
                ),
                JSON,
                *API,
            ),
        ),
        ActionCommand(
            name="settle",
            help="Say which job an ambiguous submission became; the next execution takes it up and pays nothing",
            description="Settles one record (DAG RUN TASK), or many from a CSV file (--file) with the columns dag_id, "
            "run_id, task_id, map_index and job_id, or url.",
            func=action("ledger.settle:settle"),
            args=(
                *ONE,
                MAP_INDEX,
                _arg("--job-id", metavar="ID", help="the job's id at the gateway"),
                _arg(
                    "--file",
                    metavar="FILE",
                    help="many records: a CSV file, or - for the standard input; list --csv prints the columns",
                ),
                _arg(
                    "--url",
                    action="append",
                    metavar="URL",
                    help="for a synchronous generation, which has no job: a link of a picture that it made; "
                    "once for each picture",
                ),
                _arg(
                    "--gateway",
                    choices=tuple(GATEWAYS),
                    help="with --url: the gateway, where the connection's type is not readable here",
                ),
                _arg(
                    "--force",
                    action="store_true",
                    help="also when the task is running, or the record names another job or is finished",
                ),
                *API,
            ),
        ),
        ActionCommand(
            name="discard",
            help="Remove a record: the next execution submits anew and pays",
            description="Removes one record (DAG RUN TASK), or many (--dag and what narrows it). A submission that "
            "was accepted after all is then paid for twice: look at the gateway first.",
            func=action("ledger.discard:discard"),
            args=(
                *ONE,
                MAP_INDEX,
                *MANY,
                _arg(
                    "--state",
                    choices=("intent", "submitted", "all"),
                    default="intent",
                    help="with --dag: only records in this state; all: also settled and finished ones. Default: intent",
                ),
                _arg("--yes", action="store_true", help="with --dag: do not ask"),
                _arg(
                    "--force",
                    action="store_true",
                    help="also when the task is running or its request may still be under way",
                ),
                *API,
            ),
        ),
    ),
)

RESULTS = GroupCommand(
    name="results",
    help="See and check what was saved",
    subcommands=tuple(
        ActionCommand(
            name=name,
            help=text,
            func=action(f"results:{function}"),
            args=(
                _arg(
                    "--path",
                    metavar="URI",
                    help="folder to look in, with all below it. Default: results_path of the section orux",
                ),
                _arg(
                    "--storage-conn-id",
                    metavar="CONN",
                    help="the Airflow connection of the store, where it needs one",
                ),
                JSON,
            ),
        )
        for name, function, text in (
            ("list", "list_results", "List the manifests of saved results"),
            (
                "verify",
                "verify",
                "Check that every saved artifact is there with the content its manifest says",
            ),
        )
    ),
)

POOL = ActionCommand(
    name="pool",
    help="Make the Airflow pool that keeps an account's concurrency",
    description="Creates or updates an Airflow pool with include_deferred, so that waiting jobs count too. Its slots "
    "are --slots, else what the gateway's usage endpoint tells, else the gateway's documented default.",
    func=action("pool:make_pool"),
    args=(
        _arg("conn_id", metavar="CONN_ID", help="the Airflow connection of the gateway"),
        _arg("--slots", type=int, metavar="N", help="jobs at once; 1 or more"),
        _arg("--name", metavar="NAME", help="the pool's name. Default: the connection's id"),
        JSON,
        *API,
    ),
)

MODELS = ActionCommand(
    name="models",
    help="List models, their fields, defaults and limits",
    func=action("models:list_models"),
    args=(
        _arg("--gateway", choices=tuple(GATEWAYS), help="only this gateway"),
        _arg("--model", metavar="MODEL", help="only this model, with its fields"),
        _arg("--verb", metavar="VERB", help="only this verb, like imagine or upscale"),
        _arg("--fields", action="store_true", help="with the fields of every model"),
        JSON,
    ),
)

ESTIMATE = ActionCommand(
    name="estimate",
    help="Count what a run or a backfill of a DAG would pay",
    description="Counts the paid submissions that a DAG would make at most, by connection and model, with the prices "
    "of the configuration (prices in the section orux). A price that is not known is shown as unknown. Nothing is "
    "sent that costs.",
    func=action("estimate.command:estimate"),
    args=(
        _arg("dag_id", metavar="DAG_ID", help="the DAG's id"),
        _from("logical date of the first run"),
        TO,
        _arg("--runs", type=int, metavar="N", help="this many runs, instead of --from and --to. Default: 1"),
        _arg(
            "--file",
            metavar="FILE",
            help="the DAG's file. Default: it is looked for in the configured bundles",
        ),
        _arg(
            "--assume-mapped",
            action="append",
            metavar="TASK=N",
            help="how many instances a mapped task, or a mapped task group, will have; for each such task",
        ),
        _arg(
            "--last-run",
            action="store_true",
            help="take the lengths of mapped tasks from the last successful run, through Airflow's API",
        ),
        _arg(
            "--ask-gateway",
            action="store_true",
            help="also take the gateway's own price list, where it has one",
        ),
        JSON,
        *API,
    ),
)

SANDBOX = ActionCommand(
    name="sandbox",
    help="Start the gateways that run on your own machine (needs orux-sandbox)",
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
