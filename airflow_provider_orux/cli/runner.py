"""Runs one command: what is output and what is not, its exit status, and errors on stderr without a traceback."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
from collections.abc import Callable

from airflow_provider_orux.cli.errors import CommandError
from airflow_provider_orux.cli.output import Output
from airflow_provider_orux.compat import COMMAND
from airflow_provider_orux.models.errors import ConfigurationError, InvalidRequestError, OruxError

#: What runs a command: it takes the parsed arguments and where to print, and returns the exit status.
Command = Callable[[argparse.Namespace, Output], int]


def run_command(command: Command, args: argparse.Namespace) -> int:
    """Run a command; the exit status.

    Its output goes to stdout as it is now. All else that is printed meanwhile (log lines, what a DAG file prints)
    goes to stderr, for the output may be read by a program.
    """
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout:
            handler.setStream(sys.stderr)
    out = Output(sys.stdout, sys.stderr)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            status = command(args, out)
        sys.stdout.flush()
    except CommandError as e:
        _tell(out, str(e), *e.details)
        return e.status
    except (ConfigurationError, InvalidRequestError) as e:
        advice = f" {e.next_step}" if e.next_step else ""  # what a class advises in general is about tasks
        _tell(out, f"{e.message.rstrip('.')}.{advice}")
        return 1
    except OruxError as e:
        _tell(out, str(e))
        return 1
    except BrokenPipeError:
        # The reader (head, less) has seen enough; nothing more may be written, at exit neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _tell(out: Output, message: str, *details: str) -> None:
    """Print an error on one line: a line break in it may be a gateway's, which would forge another."""
    for line in (f"{COMMAND}: {message}", *details):
        out.note(" ".join(line.split()))
