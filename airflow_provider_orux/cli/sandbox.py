"""``airflow orux sandbox``: the sandbox's own command line under another name."""

from __future__ import annotations

import argparse
import contextlib

from airflow_provider_orux.cli.output import Output
from airflow_provider_orux.sandbox import cli


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted; the exit status."""
    with contextlib.redirect_stdout(Output.stream):
        return cli.run(args)
