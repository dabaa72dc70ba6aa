"""``airflow orux estimate``: what a run or a backfill of a DAG would pay, counted before it is paid."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_provider_orux.cli.airflow_api import AirflowApi, segment
from airflow_provider_orux.cli.connections import FoundConnection, find_connection
from airflow_provider_orux.cli.errors import CommandError, UsageError
from airflow_provider_orux.cli.estimate.calls import Call, Line, mapped_names, paid_tasks
from airflow_provider_orux.cli.estimate.prices import Price, PriceTable
from airflow_provider_orux.cli.output import Output, plural
from airflow_provider_orux.cli.times import parse_window
from airflow_provider_orux.compat import load_dags, serialized
from airflow_provider_orux.models.errors import ConfigurationError, redact

COLUMNS = {
    "conn_id": "CONNECTION",
    "gateway": "GATEWAY",
    "model": "MODEL",
    "verb": "VERB",
    "tasks": "TASKS",
    "count": "SUBMISSIONS",
    "price": "EACH",
    "cost": "COST",
}
CSV = (
    "conn_id",
    "gateway",
    "model",
    "verb",
    "tasks",
    "low",
    "high",
    "price_low",
    "price_high",
    "currency",
    "price_source",
)
#: Runs that are counted at most.
LONGEST = 100_000


def estimate(args: argparse.Namespace, out: Output) -> int:
    """Count the paid submissions of a DAG."""
    if args.runs is not None and (args.from_ or args.to):
        raise UsageError("Give --runs, or --from-date and --to-date; not both.")
    if args.runs is not None and args.runs < 0:
        raise UsageError(f"--runs is {args.runs}; it is 0 or more.")
    if bool(args.from_) != bool(args.to):
        raise UsageError("--from-date and --to-date go together.")
    assumed = _assumed(args.assume_mapped or [])
    dag = load_dag(args.dag_id, args.file)
    names = mapped_names(dag)
    for name in assumed:
        if name not in names:
            raise UsageError(
                f"--assume-mapped {name}: {args.dag_id} has no mapped task of that name that pays. "
                f"Mapped: {', '.join(sorted(names)) or 'none'}."
            )
    runs, notes = _runs(dag, args)
    api = AirflowApi.of(args) if args.last_run or args.api_url else None
    try:
        last: dict[str, int] = {}
        if api and args.last_run:
            last, source = _last_lengths(api, args.dag_id)
            notes.append(source)
        lines = list(paid_tasks(dag, assumed=assumed, last=last, most=_most()))
        rows = _priced(lines, runs, args, api, notes)
    finally:
        if api:
            api.__exit__()
    totals = _totals(rows)
    notes += _remarks(lines, rows)
    if args.output != "table":
        value = {"dag_id": args.dag_id, "runs": runs, "rows": rows, "totals": totals, "notes": notes}
        flat = [{**row, "tasks": ", ".join(row["tasks"])} for row in rows]
        out.data(args.output, value, rows=flat, columns=CSV)
        return 0
    if not lines:
        out.say(f"{args.dag_id} has no task of this provider that pays.")
        return 0
    out.say(f"{args.dag_id}: {plural(runs, 'run')}")
    out.say()
    out.table([_shown(row) for row in rows], COLUMNS)
    out.say()
    low, high = sum(r["low"] for r in rows), sum(r["high"] for r in rows)
    out.say(f"Paid submissions: {_range(low, high)}")
    for currency, (least, most) in totals["known"].items():
        out.say(f"Known cost: {_range(round(least, 4), round(most, 4))} {currency}".rstrip())
    if totals["unknown"][1]:
        out.say(f"Of unknown price: {_range(*totals['unknown'])} submissions. They are not free.")
    for remark in notes:
        out.say(f"- {remark}")
    return 0


def load_dag(dag_id: str, file: str | None = None) -> Any:
    """A DAG as its file gives it; the database is not needed.

    :param file: its file; None: all files of the configured bundles.
    :raises CommandError: it is not found; the errors of files that could not be imported are told.
    """
    errors: dict[str, str] = {}
    for folder, bundle_path, bundle_name in _places(file):
        from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager

        with _airflow_parsing_context_manager(dag_id=dag_id):
            bag = load_dags(folder, bundle_path=bundle_path, bundle_name=bundle_name, safe_mode=file is None)
        if dag_id in bag.dags:
            return bag.dags[dag_id]
        errors |= bag.import_errors
        if file is not None and bag.dags:
            raise CommandError(f"{file} has no DAG {dag_id!r}; it has: {', '.join(sorted(bag.dags))}.")
    told = [f"{name}: {_last_line(text)}" for name, text in sorted(errors.items())]
    where = file or "the configured bundles"
    raise CommandError(
        f"{where} has no DAG {dag_id!r}." + (" Files that could not be imported:" if told else ""), *told
    )


def count_runs(dag: Any, first: datetime, last: datetime) -> int:
    """The runs of a window, as a backfill of it would make them.

    :raises CommandError: the DAG has no schedule to count by.
    """
    scheduled = serialized(dag)
    if not scheduled.timetable.periodic:
        raise CommandError(f"{dag.dag_id} has no schedule to count its runs by: give --runs N.")
    count = 0
    for count, _ in enumerate(scheduled.iter_dagrun_infos_between(first, last), start=1):
        if count > LONGEST:
            raise CommandError(f"The window has more than {LONGEST} runs.")
    return count


def _places(file: str | None) -> list[tuple[Path, Path, str | None]]:
    if file is not None:
        path = Path(file).expanduser().resolve()
        if not path.is_file():
            raise CommandError(f"There is no file {file}.")
        return [(path, path.parent, None)]
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    places: list[tuple[Path, Path, str | None]] = []
    for bundle in DagBundlesManager().get_all_dag_bundles():
        bundle.initialize()
        places.append((bundle.path, bundle.path, bundle.name))
    return places


def _runs(dag: Any, args: argparse.Namespace) -> tuple[int, list[str]]:
    if not args.from_:
        return (1 if args.runs is None else args.runs), []
    first, last = parse_window(args.from_, args.to)
    if first is None or last is None:
        raise UsageError("--from-date and --to-date go together.")
    return count_runs(dag, first, last), [
        "Existing runs are counted too; a backfill repeats them only with --reprocess-behavior."
    ]


def _assumed(given: list[str]) -> dict[str, int]:
    assumed: dict[str, int] = {}
    for text in given:
        name, equals, number = text.rpartition("=")
        if not equals or not name or not number.strip().isdigit():
            raise UsageError(f"--assume-mapped is {text!r}; write TASK_ID=N, like imagine=12.")
        assumed[name.strip()] = int(number)
    return assumed


def _last_lengths(api: AirflowApi, dag_id: str) -> tuple[dict[str, int], str]:
    """How many instances each mapped task had in the last successful run, and a sentence on that run."""
    path = f"/dags/{segment(dag_id)}/dagRuns"
    params = {"state": "success", "order_by": "-run_after"}
    run = next(iter(api.rows(path, "dag_runs", params=params, limit=1)), None)
    if run is None:
        return {}, "No run has succeeded yet, so the lengths of mapped tasks are not known from one."
    lengths: dict[str, int] = {}
    run_id = str(run["dag_run_id"])
    for row in api.rows(
        f"{path}/{segment(run_id)}/taskInstances", "task_instances", params={"order_by": "id"}
    ):
        task_id = str(row["task_id"])
        # Mapped over nothing: one instance without an index is left, and it was skipped.
        lengths[task_id] = lengths.get(task_id, 0) + (1 if int(row.get("map_index", -1)) >= 0 else 0)
    return lengths, f"Lengths of mapped tasks are those of run {run_id}."


def _priced(
    lines: list[Line], runs: int, args: argparse.Namespace, api: AirflowApi | None, notes: list[str]
) -> list[dict[str, Any]]:
    """One row for each connection, model, verb and price."""
    table = PriceTable.configured()
    found: dict[str, FoundConnection] = {}
    for conn_id in sorted({line.call.conn_id for line in lines if line.call.conn_id}):
        try:
            found[conn_id] = find_connection(conn_id, api)
        except ConfigurationError as e:
            raise CommandError(f"{e.message}.") from e
        if found[conn_id].connection is None:
            notes.append(
                f"{found[conn_id].why[:1].upper()}{found[conn_id].why[1:]}: its gateway is not known."
            )
        elif args.ask_gateway and (why := table.ask(conn_id, found[conn_id])):
            notes.append(f"{conn_id}: {why}.")
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    uncounted: dict[str, list[str]] = {}
    for line in lines:
        call = line.call
        gateway = found[call.conn_id].gateway_name if call.conn_id else None
        models = call.models(gateway)
        price = _price(table, call, gateway)
        if call.images is None and call.model is not None and (price is None or price[0] != price[1]):
            most = call.most_images(gateway)
            between = "" if most is None else f", 1 to {most}"
            uncounted.setdefault(between, []).append(call.task_id)
        each = (price[0].amount, price[1].amount, price[1].currency, price[1].source) if price else None
        model = models[0] if len(models) == 1 else None
        row = rows.setdefault(
            (call.conn_id, model, call.verb, each),
            {
                "conn_id": call.conn_id,
                "gateway": gateway,
                "model": model,
                "verb": call.verb,
                "tasks": [],
                "low": 0,
                "high": 0,
                "price": price[0].amount if price and price[0] == price[1] else None,
                "price_low": price[0].amount if price else None,
                "price_high": price[1].amount if price else None,
                "currency": price[1].currency if price else None,
                "price_source": price[1].source if price else None,
            },
        )
        if call.task_id not in row["tasks"]:
            row["tasks"].append(call.task_id)
        row["low"] += line.low * runs
        row["high"] += line.high * runs
    for between, tasks in uncounted.items():
        names = ", ".join(dict.fromkeys(tasks))
        notes.append(f"{names}: how many images a submission asks for is only known when it runs{between}.")
    return list(rows.values())


def _price(table: PriceTable, call: Call, gateway: str | None) -> tuple[Price, Price] | None:
    """The price of one submission, at least and at most; None: unknown."""

    def of(images: int | None) -> Price | None:
        return table.price(
            conn_id=call.conn_id or "",
            gateway=gateway,
            models=call.models(gateway),
            verb=call.verb,
            images=images,
            billed=call.billed,
        )

    most = call.most_images(gateway)
    high = of(most)
    low = of(1) if call.images is None and most is not None else high
    return (low, high) if low and high else None


def _totals(rows: list[dict[str, Any]]) -> dict[str, Any]:
    known: dict[str, list[float]] = {}
    unknown = [0, 0]
    for row in rows:
        if row["price_high"] is None:
            unknown[0] += row["low"]
            unknown[1] += row["high"]
        else:
            sums = known.setdefault(row["currency"], [0.0, 0.0])
            sums[0] += row["low"] * row["price_low"]
            sums[1] += row["high"] * row["price_high"]
    return {"known": known, "unknown": unknown}


def _remarks(lines: list[Line], rows: list[dict[str, Any]]) -> list[str]:
    lengths: dict[str, list[str]] = {}
    for line in lines:
        if line.why and line.why != "known from the file":
            tasks = lengths.setdefault(f"{_range(line.low, line.high)} a run, {line.why}.", [])
            if line.call.task_id not in tasks:
                tasks.append(line.call.task_id)
    remarks = [f"{', '.join(tasks)}: {text}" for text, tasks in lengths.items()]
    if any(row["price_high"] is None for row in rows):
        remarks.append("Prices come from [orux] prices, and with --ask-gateway from the gateway's own list.")
    if any(line.call.reuse for line in lines):
        remarks.append(
            "Tasks with reuse='always' pay nothing for results that are already saved; they are counted in full."
        )
    if lines:
        remarks.append("Counted as if no task is skipped, no job fails and none is paid for again.")
    return remarks


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    least, most = row["price_low"], row["price_high"]
    if most is None:
        price = cost = "unknown"
    else:
        price = f"{_range(least, most)} {row['currency']}".rstrip()
        cost = f"{_range(row['low'] * least, row['high'] * most)} {row['currency']}".rstrip()
    return {
        **row,
        "conn_id": row["conn_id"] or "known when it runs",
        "gateway": row["gateway"] or "?",
        "model": row["model"] or ("known when it runs" if row["verb"] == "generate" else "the gateway's"),
        "tasks": ", ".join(row["tasks"]),
        "count": _range(row["low"], row["high"]),
        "price": price,
        "cost": cost,
    }


def _range(low: float, high: float) -> str:
    return _number(low) if low == high else f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _most() -> int:
    from airflow.configuration import conf

    return conf.getint("core", "max_map_length", fallback=1024)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return redact(lines[-1].strip())[:300] if lines else "unknown"
