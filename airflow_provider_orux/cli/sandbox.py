"""``airflow orux sandbox``: the command line of ``orux-sandbox`` under another name, where that is installed."""

from __future__ import annotations

import argparse
import contextlib
from importlib.util import find_spec

from airflow_provider_orux.cli.errors import CommandError
from airflow_provider_orux.cli.output import Output


def _installed() -> bool:
    return find_spec("orux_sandbox") is not None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the sandbox's own arguments.

    Where it is not installed any words are taken, so that ``run`` can say what is missing.
    """
    if not _installed():
        parser.prefix_chars = "\0"  # nothing is an option
        parser.add_argument("words", nargs=argparse.REMAINDER, help="orux-sandbox is not installed")
        return
    from orux_sandbox import cli

    cli.add_arguments(parser)


def run(args: argparse.Namespace, out: Output) -> int:
    """Serve until interrupted; the exit status.

    :raises CommandError: the sandbox is not installed.
    """
    if not _installed():
        raise CommandError(
            "The sandbox is not installed. Install it with: pip install 'airflow-provider-orux[sandbox]'"
        )
    from orux_sandbox import cli

    with contextlib.redirect_stdout(out.stream):
        return cli.run(args)
