"""The console script ``orux``: the commands of ``airflow orux``, where Airflow's own command line is not at hand."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from airflow_provider_orux.cli.commands import COMMANDS, get_commands


def parser(prog: str = "airflow") -> argparse.ArgumentParser:
    """A parser of these commands alone.

    :param prog: ``airflow``: they are below ``orux``, as Airflow shows them; ``orux``: they are its own.
    """
    from airflow.cli.cli_parser import _add_command

    root: Any = argparse.ArgumentParser(prog=prog)
    commands = root.add_subparsers(dest="command", required=True)
    for command in get_commands() if prog == "airflow" else COMMANDS:
        _add_command(commands, command)
    found: argparse.ArgumentParser = root
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """The console script ``orux``."""
    args = parser("orux").parse_args(argv)
    args.func(args)


if __name__ == "__main__":
    main()
