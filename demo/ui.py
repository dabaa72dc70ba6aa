"""``make ui``: a standalone Airflow with the example DAGs, and the sandbox, both on loopback until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from demo.airflow_home import ROOT, environment

OUT = ROOT / "build" / "ui"


def main(argv: list[str] | None = None) -> int:
    """Start both, print where they are, wait, stop both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="port of Airflow's UI")
    parser.add_argument("--sandbox-port", type=int, default=8810, help="port of the sandbox")
    parser.add_argument("--home", type=Path, default=OUT, help="folder for the database, logs and images")
    options = parser.parse_args(argv)
    home: Path = options.home.resolve()
    home.mkdir(parents=True, exist_ok=True)

    from orux_sandbox import SandboxServer

    with SandboxServer(
        {"queue_seconds": 1, "run_seconds": 4}, port=options.sandbox_port, data_dir=home
    ) as server:
        env = environment(
            home / "airflow",
            bundles={"examples": ROOT / "example_dags"},
            AIRFLOW_CONN_ORUX_DEFAULT=server.connection("orux"),
            AIRFLOW_CONN_YESCALE_DEFAULT=server.connection("yescale"),
            AIRFLOW_CONN_OPENGPU_RELAY_DEFAULT=server.connection("opengpu_relay"),
            AIRFLOW_VAR_ORUX_CONTENT_DB=f"{home}/content.sqlite",
            AIRFLOW_VAR_ORUX_SAVE_TO=f"file://{home}/images",
            AIRFLOW__ORUX__GALLERY_ROOTS=f"{home}/images",
            AIRFLOW__ORUX__INPUT_ROOTS=f"file://{home}/images",
            AIRFLOW__API__HOST="127.0.0.1",
            AIRFLOW__API__PORT=str(options.port),
            AIRFLOW__API__BASE_URL=f"http://127.0.0.1:{options.port}",
            AIRFLOW__CORE__EXECUTION_API_SERVER_URL=f"http://127.0.0.1:{options.port}/execution/",
            AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS="True",
            AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False",
        )
        env["PATH"] = f"{quiet_airflow(home)}{os.pathsep}{env['PATH']}"
        print(f"Sandbox:   {server.url}  (jobs, images and charges; play money)")
        print(f"Airflow:   http://127.0.0.1:{options.port}  (no password; ready in about 20 s)")
        print(f"Its log:   {home}/standalone.log")
        print(f"Images:  {home}/images")
        print("Trigger the DAG midjourney_chain. Ctrl-C stops both.", flush=True)
        with (home / "standalone.log").open("w") as log:
            airflow = subprocess.Popen(
                ["airflow", "standalone"],  # noqa: S607  (the wrapper of quiet_airflow)
                env=env, cwd=home, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
            try:
                while airflow.poll() is None:
                    time.sleep(0.5)
                print((home / "standalone.log").read_text()[-3000:])
                print("Airflow stopped by itself; the end of its log is above.")
                return 1
            except KeyboardInterrupt:
                print("\nStopping …", flush=True)
                return 0
            finally:
                stop(airflow)


def quiet_airflow(home: Path) -> Path:
    """A folder with an ``airflow`` that starts no log servers: they would listen on all addresses."""
    folder = home / "bin"
    folder.mkdir(exist_ok=True)
    wrapper = folder / "airflow"
    wrapper.write_text(
        "#!/bin/sh\n"
        'case "$1" in scheduler|triggerer) command="$1"; shift; set -- "$command" --skip-serve-logs "$@";; esac\n'
        f'exec "{sys.executable}" -m airflow "$@"\n'
    )
    wrapper.chmod(0o755)
    return folder


def stop(process: subprocess.Popen[bytes]) -> None:
    """End standalone and its children: they are one process group."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(timeout=15)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


if __name__ == "__main__":
    raise SystemExit(main())
