"""What ``airflow orux`` offers. Airflow reads it at every call of ``airflow``: nothing heavy is imported here."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, CLICommand, GroupCommand

from airflow_provider_orux.cli.arguments import (
    API,
    MANY,
    MAP_INDEX,
    ONE,
    OUTPUT,
    TO,
    YES,
    SandboxArguments,
    action,
    arg,
    from_date,
    in_state,
    narrowing,
)
from airflow_provider_orux.models.registry import GATEWAYS


def get_commands() -> list[CLICommand]:
    """The commands of this provider (the ``cli`` entry of the provider's info)."""
    return [
        GroupCommand(
            name="orux",
            help="Paid AI generation: ledger, pools, models, results, estimates, examples, sandbox",
            subcommands=COMMANDS,
        )
    ]


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
                *narrowing("Only this DAG. Default: all DAGs you may read"),
                in_state("Only records in this state; open means all but finished"),
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
                in_state("With --dag-id: only records in this state; open means all but finished"),
                arg(
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
                arg("--job-id", metavar="ID", help="The id of the job at the gateway"),
                arg(
                    "--file",
                    metavar="FILE",
                    help="Many records: a CSV file, or - for standard input. list -o csv prints its columns",
                ),
                arg(
                    "--url",
                    action="append",
                    metavar="URL",
                    help="For a synchronous generation, which has no job: the URL of an image it made. Repeat it "
                    "for each image",
                ),
                arg(
                    "--gateway",
                    choices=tuple(GATEWAYS),
                    help="With --url: the gateway, if the connection's type is not readable here",
                ),
                arg(
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
                in_state(
                    "With --dag-id: only records in this state; all includes settled and finished ones",
                    ("intent", "submitted", "all"),
                    "intent",
                ),
                YES,
                arg(
                    "--force",
                    action="store_true",
                    help="Discard even if the task is running or its request may still be answered",
                ),
                OUTPUT,
                *API,
            ),
        ),
        ActionCommand(
            name="prune",
            help="Remove the records of finished tasks that are old enough",
            description="Remove records of results that Airflow recorded as a success. A clear of such a task "
            "pays with or without its record; what was charged for it is forgotten. Submissions without a result stay.",
            func=action("ledger.prune:prune"),
            args=(
                *MANY[:-1],
                arg(
                    "--older-than",
                    metavar="AGE",
                    default="90d",
                    help="Only records last changed longer ago: 1d or more. Default: 90d",
                ),
                arg(
                    "--undelivered",
                    action="store_true",
                    help="Also results that Airflow did not record. A clear of such a task pays again",
                ),
                YES,
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
                arg(
                    "--path",
                    metavar="URI",
                    help="Folder to search, with everything below it. Default: results_path of the section orux",
                ),
                arg(
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
        arg("conn_id", metavar="CONN_ID", help="The Airflow connection of the gateway"),
        arg("--slots", type=int, metavar="N", help="Jobs at once; 1 or more"),
        arg("--name", metavar="NAME", help="The name of the pool. Default: CONN_ID"),
        OUTPUT,
        *API,
    ),
)

MODELS = ActionCommand(
    name="models",
    help="List models, their fields, defaults and limits",
    func=action("models:list_models"),
    args=(
        arg("--gateway", choices=tuple(GATEWAYS), help="Only this gateway"),
        arg("--model", metavar="MODEL", help="Only this model, with its fields"),
        arg("--verb", metavar="VERB", help="Only this verb, like imagine or upscale"),
        arg("--fields", action="store_true", help="With the fields of every model"),
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
        arg("dag_id", metavar="DAG_ID", help="The id of the DAG"),
        from_date("Logical date of the first run"),
        TO,
        arg(
            "--runs",
            type=int,
            metavar="N",
            help="This many runs, instead of --from-date and --to-date. Default: 1",
        ),
        arg(
            "--file",
            metavar="FILE",
            help="The DAG's file. Default: search the configured bundles",
        ),
        arg(
            "--assume-mapped",
            action="append",
            metavar="TASK_ID=N",
            help="Assume that a mapped task, or a mapped task group, has N instances. Repeat it for each",
        ),
        arg(
            "--last-run",
            action="store_true",
            help="Take the lengths of mapped tasks from the last successful run, through Airflow's API",
        ),
        arg(
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
        arg(
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
        arg(
            "--dag-id",
            "--dag",
            dest="dag",
            metavar="DAG_ID",
            help="Only this DAG. Default: all DAGs you may read",
        ),
        arg("--from-date", "--from", dest="from_", metavar="DATE", help="Logical date of the first run"),
        arg("--to-date", "--to", dest="to", metavar="DATE", help="Logical date of the last run"),
        OUTPUT,
        *API,
    ),
)

SANDBOX = ActionCommand(
    name="sandbox",
    help="Start the gateways on your own machine (needs orux-sandbox)",
    description="Gateways on your own machine: accounts in play money, faults on demand, real images.",
    func=action("sandbox:run"),
    args=(SandboxArguments(),),
)


#: All of them, as ``airflow orux`` and ``orux`` have them.
COMMANDS = (LEDGER, RESULTS, POOL, MODELS, ESTIMATE, COST, EXAMPLES, SANDBOX)
