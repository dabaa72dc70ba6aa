"""``make demo``: imagine and upscale through a real Airflow, on the embedded sandbox, with images to look at."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from demo.airflow_home import ROOT, environment

OUT = ROOT / "build" / "demo"
IMAGES = OUT / "images"
LOG = OUT / "airflow.log"


def main() -> int:
    """Run the chain; 0 when it succeeded."""
    began = time.monotonic()
    key = os.environ.get("ORUX_API_KEY", "").strip()
    shutil.rmtree(OUT, ignore_errors=True)
    IMAGES.mkdir(parents=True)
    with gateway(key) as connection, LOG.open("w") as log:
        env = environment(
            OUT / "airflow",
            bundles={"demo": ROOT / "demo" / "dags"},
            AIRFLOW_CONN_ORUX_DEFAULT=connection,
            AIRFLOW_VAR_ORUX_SAVE_TO=f"file://{IMAGES}",
            AIRFLOW__ORUX__INPUT_ROOTS=f"file://{IMAGES}",
        )
        say("Making a new Airflow database in", relative(OUT / "airflow"))
        run([sys.executable, "-m", "airflow", "db", "migrate"], env, log)
        say("Running the DAG demo_chain (imagine >> hero), log in", relative(LOG))
        chain = subprocess.Popen(
            [sys.executable, str(ROOT / "demo" / "dags" / "demo_chain.py")],
            env=env,
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        told: dict[str, str] = {}
        while chain.poll() is None:
            tell_jobs(told)
            time.sleep(0.2)
        tell_jobs(told)
        if chain.returncode != 0:
            say("The chain failed; the end of its log:")
            print(LOG.read_text()[-3000:])
            return 1
        tell_charges()
    manifests = sorted(IMAGES.glob("*/manifest.json"), key=lambda p: p.stat().st_mtime)
    images = [tell_manifest(path) for path in manifests]
    sheet = contact_sheet(images)
    say("Contact sheet:", relative(sheet))
    say(f"Done in {time.monotonic() - began:.0f} s.")
    return 0


_server = None


@contextlib.contextmanager
def gateway(key: str) -> Iterator[str]:
    """The connection to use: Orux AI itself when a key is set, else a sandbox that lives as long as the demo."""
    global _server
    if key:
        say(
            "ORUX_API_KEY is set: this goes to Orux AI (https://orux.top) and WILL BE CHARGED to that account:"
        )
        say("one imagine and one upscale of midjourney-v7. The price is not documented.")
        if sys.stdin.isatty():
            if input("Type yes to go on: ").strip().lower() != "yes":
                raise SystemExit("Nothing was sent.")
        else:
            say("Going on in 10 s; interrupt to stop.")
            time.sleep(10)
        yield json.dumps({"conn_type": "orux", "host": "https://orux.top", "password": key})
        return
    from orux_sandbox import SandboxServer

    with SandboxServer({"queue_seconds": 0.5, "run_seconds": 1.5}) as server:
        say("No ORUX_API_KEY: the gateway is the sandbox, a real HTTP server at", server.url, "(play money)")
        _server = server
        try:
            yield server.connection()
        finally:
            _server = None


def tell_jobs(told: dict[str, str]) -> None:
    """Print each job of the sandbox when its state changes."""
    if _server is None:
        return
    for job in reversed(_server.jobs()):
        state = str(job["status"]).lower()
        if told.get(job["id"]) != state:
            told[job["id"]] = state
            say(f"  gateway: {job['model']} {job.get('action') or 'generate'} {job['id']} is {state}")


def tell_charges() -> None:
    """Print what the sandbox charged."""
    if _server is None:
        say("What was charged is on the account's page at Orux AI.")
        return
    charges = _server.charges()
    for charge in charges:
        what = f"{charge['model']} {charge.get('action') or ''}"
        say(f"  charged: {charge['credits']:g} Credits for {what} {charge['job_id']}")
    say(
        f"Charged in all: {sum(c['credits'] for c in charges):g} Credits for {len(charges)} submissions (play money)."
    )


def tell_manifest(path: Path) -> Path:
    """Print where a job's images are; returns the path of the first."""
    manifest = json.loads(path.read_text())
    first = path.parent / manifest["artifacts"][0]["name"]
    for artifact in manifest["artifacts"]:
        image = path.parent / artifact["name"]
        say(f"{manifest.get('verb', 'job')}: {relative(image)}  {artifact['width']}x{artifact['height']}")
    say(f"  manifest: {relative(path)}")
    return first


def contact_sheet(images: list[Path]) -> Path:
    """All images on one page."""
    from PIL import Image, ImageDraw, ImageFont

    height, gap, label = 360, 24, 34
    thumbs = []
    for path in images:
        with Image.open(path) as image:
            thumbs.append(image.convert("RGB").resize((round(image.width * height / image.height), height)))
    sheet = Image.new(
        "RGB", (sum(t.width for t in thumbs) + gap * (len(thumbs) + 1), height + 2 * gap + label), "#f4f4f8"
    )
    pen, x = ImageDraw.Draw(sheet), gap
    for path, thumb in zip(images, thumbs, strict=True):
        manifest = json.loads((path.parent / "manifest.json").read_text())
        sheet.paste(thumb, (x, gap))
        pen.text(
            (x, gap + height + 10),
            f"{manifest.get('verb', '')}  {manifest['job_id']}",
            fill="#333344",
            font=ImageFont.load_default(size=16),
        )
        x += thumb.width + gap
    target = OUT / "contact_sheet.png"
    sheet.save(target)
    return target


def run(command: list[str], env: dict[str, str], log: object) -> None:
    """Run a command with its output in the log; its end is shown when it fails."""
    if subprocess.run(
        command, env=env, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False
    ).returncode:  # type: ignore[call-overload]
        print(LOG.read_text()[-3000:])
        raise SystemExit(f"{' '.join(command[1:])} failed")


def relative(path: Path) -> str:
    """A path as seen from here, where it is below."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def say(*words: object) -> None:
    """One line, at once."""
    print(*words, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
