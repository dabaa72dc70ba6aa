"""How a command ends: its exit status, and errors on stderr without a traceback."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable

from airflow_provider_orux.models.errors import ConfigurationError, InvalidRequestError, OruxError, redact


class CommandError(Exception):
    """The command was refused or failed.

    :param message: what is wrong and what to do, for a person.
    :param status: 1: refused or failed; 2: used wrongly.
    """

    def __init__(self, message: str, *, status: int = 1) -> None:
        super().__init__(redact(message))
        self.status = status


class UsageError(CommandError):
    """The arguments do not go together."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=2)


def carry_out(implementation: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Run a command; the exit status. Log lines go to stderr: the output may be read by a program."""
    from airflow.cli.utils import redirect_stdout_log_handlers_to_stderr

    from airflow_provider_orux.cli.output import Output

    redirect_stdout_log_handlers_to_stderr()
    Output.stream = sys.stdout
    try:
        # What is logged from here on, or printed by a DAG file, is not output.
        with contextlib.redirect_stdout(sys.stderr):
            status = implementation(args)
        sys.stdout.flush()
    except CommandError as e:
        print(f"airflow orux: {e}", file=sys.stderr)
        return e.status
    except (ConfigurationError, InvalidRequestError) as e:
        advice = f" {e.next_step}" if e.next_step else ""  # what a class advises in general is about tasks
        print(f"airflow orux: {e.message.rstrip('.')}.{advice}".rstrip(), file=sys.stderr)
        return 1
    except OruxError as e:
        print(f"airflow orux: {e}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader (head, less) has seen enough; nothing more may be written, at exit neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        Output.stream = None
    return status


def note(text: str) -> None:
    """A remark that is not part of the output."""
    print(text, file=sys.stderr)
