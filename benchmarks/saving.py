"""6. Saving an artifact: MB/s and peak memory by size, to a file and to an S3-compatible server, beside curl."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.loopback import ROOT, certificates
from benchmarks.progress import say
from benchmarks.results import Results, median_of
from benchmarks.subject import finish, start

MIB = 1024 * 1024
PEERS = {"file": "curl", "s3": "curl to s3"}
#: Where ``make bench`` puts moto, s3fs and the Amazon provider (``benchmarks/s3.txt``): not into the environment, whose
#: Airflow would have another provider then.
S3_PACKAGES = ROOT / "build" / "bench-s3"


def with_s3(env: Mapping[str, str]) -> dict[str, str]:
    """An environment in which these packages are found."""
    return {**env, "PYTHONPATH": os.pathsep.join((str(S3_PACKAGES), os.environ.get("PYTHONPATH", "")))}


def image(path: Path, mib: int) -> None:
    """A PNG of noise of about that size: it does not compress, and is checked as any image is."""
    from PIL import Image

    side = int((mib * MIB / 3) ** 0.5)
    Image.frombytes("RGB", (side, side), random.Random(mib).randbytes(side * side * 3)).save(
        path, compress_level=0
    )


@contextlib.contextmanager
def s3() -> Iterator[str | None]:
    """The address of an S3-compatible server (moto's) with a bucket; None where moto and s3fs are not installed."""
    if not (S3_PACKAGES / "moto").exists():
        yield None
        return
    env = with_s3(os.environ)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env,
    )  # fmt: skip
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.2)
        url = f"http://127.0.0.1:{port}"
        urllib.request.urlopen(urllib.request.Request(f"{url}/bench", method="PUT"), timeout=60).close()
        yield url
    finally:
        server.terminate()
        server.wait(20)


def measure(results: Results, *, sizes: tuple[int, ...], repeats: int) -> None:
    """curl and the provider in turn, shuffled."""
    with tempfile.TemporaryDirectory() as name, s3() as bucket:
        folder = Path(name)
        certificate, key = certificates(folder)
        files = folder / "files"
        files.mkdir()
        for size in (*sizes, 0):
            image(files / f"{size}.png", size) if size else image(files / "0.png", 1)
        server = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.files", certificate, key, str(files)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        assert server.stdout is not None
        assert server.stdin is not None
        url = f"https://127.0.0.1:{int(server.stdout.readline())}"
        ways = ["curl", "file", *(["curl to s3", "s3"] if bucket else [])]
        if bucket:
            os.environ["AIRFLOW_CONN_B_S3"] = json.dumps({
                "conn_type": "aws", "login": "x", "password": "x",
                "extra": {"endpoint_url": bucket, "region_name": "us-east-1"}})  # fmt: skip
        orders = [(way, size) for way in ways for size in sizes for _ in range(repeats)]
        random.Random(time.time()).shuffle(orders)
        try:
            for way, size in orders:
                real = (files / f"{size}.png").stat().st_size
                target = folder / "target"
                shutil.rmtree(target, ignore_errors=True)
                target.mkdir()
                if way in PEERS.values():
                    began = time.perf_counter()
                    curl = ["curl", "-sS", "--fail", "--cacert", certificate]
                    subprocess.run([*curl, "-o", target / "x.png", f"{url}/{size}.png"], check=True)
                    if way == "curl to s3":
                        to = f"{bucket}/bench/{time.time_ns()}"
                        subprocess.run(
                            [*curl, "-T", target / "x.png", to], check=True, stdout=subprocess.DEVNULL
                        )
                    result = {"seconds": time.perf_counter() - began}
                else:
                    to = f"file://{target}" if way == "file" else f"s3://bench/{time.time_ns()}"
                    order = {"ca": certificate, "url": f"{url}/{size}.png", "small": f"{url}/0.png", "to": to}
                    if way == "s3":
                        order["conn_id"] = "b_s3"
                    result = finish(
                        start("benchmarks.saving_client", order, with_s3({}) if way == "s3" else {})
                    )
                result["mb_per_s"] = real / 1e6 / result["seconds"]
                results.add("saving", {"name": way, "mib": size}, result, part="saving")
                say(f"saving: {way}, {size} MiB: {result['mb_per_s']:.0f} MB/s")
        finally:
            server.stdin.close()
            server.wait(20)


def report(results: Results) -> str:
    rows = results.of("saving")
    if not rows:
        return ""
    lines = [
        "One artifact (a PNG of noise) from a TLS server on loopback, checked, hashed and published as every artifact is; the "
        "process is warm (imports and certificates are not counted), curl starts anew each time. Memory: by how much the "
        "process grew at its peak.",
        "",
        "| size | to | seconds | MB/s | × curl's time | memory grew by |",
        "|--:|---|--:|--:|--:|--:|",
    ]
    if not any(r["name"] == "s3" for r in rows):
        lines.insert(
            0,
            "The S3-compatible server was not measured: `make bench` installs what it takes.\n",
        )
    for row in sorted(rows, key=lambda r: (r["mib"], r["name"])):
        peer = PEERS.get(row["name"])
        curl = next((r for r in rows if r["name"] == peer and r["mib"] == row["mib"]), None)
        seconds = median_of(row, "seconds")
        times = f"{seconds / median_of(curl, 'seconds'):.2f}" if curl else "–"
        grew = "–" if peer is None else f"{median_of(row, 'peak_growth_mib'):.1f} MiB"
        title = {
            "curl": "a file, by curl",
            "curl to s3": "S3 (moto), by curl: to a file, and from there in one PUT",
            "file": "a file, by the provider",
            "s3": "S3 (moto), by the provider",
        }[row["name"]]
        lines.append(
            f"| {row['mib']} MiB | {title} | {seconds:.3f} | {median_of(row, 'mb_per_s'):.0f} | {times} | {grew} |"
        )
    return "\n".join(lines) + "\n"
