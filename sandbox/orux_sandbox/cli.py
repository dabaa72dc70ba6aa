"""The command line of the sandbox. Cheap to import: the web server is loaded when it is started."""

from __future__ import annotations

import argparse
import errno
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the sandbox's arguments on any parser."""
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (%(default)s); the control routes need no key, so leave it on this machine",
    )
    parser.add_argument("--port", type=int, default=8810, help="port (%(default)s); 0 for any free one")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        dest="allow_hosts",
        help="answer to this name, too: NAME or NAME:PORT, repeatable. By default only to localhost and the"
        " loopback addresses with its port, so that no web page can use it",
    )
    parser.add_argument(
        "--data-dir", type=Path, help="folder that keeps jobs, charges and accounts (default: in memory)"
    )
    parser.add_argument("--queue-seconds", type=float, help="seconds a job is queued (0.5)")
    parser.add_argument("--run-seconds", type=float, help="seconds a job runs after that (2)")
    parser.add_argument("--sync-seconds", type=float, help="seconds a synchronous call takes (1)")
    parser.add_argument(
        "--grid", choices=("one", "four"), help="a Midjourney grid is one image or four (one)"
    )
    parser.add_argument("--max-concurrency", type=int, help="requests in flight per user (3); 0: no limit")
    parser.add_argument("--credits", type=float, help="balance a new Orux account starts with (20000)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=JSON",
        dest="other_settings",
        help="any other setting, repeatable (GET /_sandbox/settings lists them)",
    )
    parser.add_argument("--access-log", action="store_true", help="log a line for every request")


def settings_of(args: argparse.Namespace) -> dict[str, Any]:
    """The settings given on the command line.

    :raises ValueError: a ``--set`` that is not NAME=JSON.
    """
    named = ("queue_seconds", "run_seconds", "sync_seconds", "grid", "max_concurrency", "credits")
    given = {name: getattr(args, name) for name in named if getattr(args, name, None) is not None}
    for setting in args.other_settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise ValueError(f"--set wants NAME=JSON, not {setting!r}")
        try:
            given[name] = json.loads(value)
        except ValueError:
            given[name] = value  # a plain word
    return given


def run(args: argparse.Namespace) -> int:
    """Start the sandbox and serve until interrupted; the exit status."""
    from orux_sandbox.http.server import SandboxServer

    try:
        server = SandboxServer(
            settings_of(args),
            host=args.host,
            port=args.port,
            data_dir=args.data_dir,
            access_log=args.access_log,
            allow_hosts=args.allow_hosts,
        )
        server.serve(announce=_announce)
    except ValueError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        other = f"; choose another port: --port {args.port + 1}" if error.errno == errno.EADDRINUSE else ""
        print(f"sandbox: cannot listen on {args.host}:{args.port}: {error}{other}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _announce(url: str, gateways: Sequence[dict[str, Any]]) -> None:
    lines = [f"The sandbox listens on {url}", f"  start page   {url}/"]
    for one in gateways:
        lines += [
            f"{one['title']}",
            f"  key          {one['key']}",
            f"  connection   export {one['variable']}='{json.dumps(one['connection'])}'",
        ]
    print("\n".join([*lines, "Stop it with Ctrl-C."]), flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """``orux-sandbox``, also ``python -m orux_sandbox``."""
    parser = argparse.ArgumentParser(
        prog="orux-sandbox",
        description="Gateways on your own machine: the wires of Orux, YEScale and OpenGPU Relay,"
        " accounts in play money, real images.",
    )
    add_arguments(parser)
    return run(parser.parse_args(argv))
