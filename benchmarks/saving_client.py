"""Saves one artifact in a process of its own, as an operator does; prints seconds and peak memory as JSON."""

from __future__ import annotations

import json
import os
import re
import sys
import time


def peak_kib() -> int:
    """The highest resident size since the start of this program; getrusage's would hold that of its parent as well."""
    with open("/proc/self/status") as status:
        found = re.search(r"VmHWM:\s+(\d+)", status.read())
    assert found is not None
    return int(found[1])


def resident_kib() -> int:
    """The resident size now."""
    with open("/proc/self/status") as status:
        found = re.search(r"VmRSS:\s+(\d+)", status.read())
    assert found is not None
    return int(found[1])


def main() -> None:
    order = json.loads(sys.argv[1])
    os.environ["SSL_CERT_FILE"] = order["ca"]
    from airflow_provider_orux.models.job import Artifact, Job, JobStatus
    from airflow_provider_orux.storage import StorageSettings, save_job

    settings = StorageSettings(allow_private_hosts=True, ca_path=order["ca"], max_artifact_mib=1024)
    facts = {"job_id": "warm", "gateway": "orux"}

    def job(name: str, url: str) -> Job:
        return Job(job_id=name, status=JobStatus.SUCCEEDED, gateway="orux", artifacts=(Artifact(url=url),))

    # Imports and certificates first: they are paid once by a process, whatever it saves.
    save_job(
        job("warm", order["small"]),
        order["to"],
        settings=settings,
        provenance=facts,
        conn_id=order.get("conn_id"),
    )
    with open("/proc/self/clear_refs", "w") as reset:
        reset.write("5")
    before = resident_kib()
    began = time.perf_counter()
    saved = save_job(
        job("big", order["url"]), order["to"], settings=settings, provenance={**facts, "job_id": "big"},
        conn_id=order.get("conn_id"),
    )  # fmt: skip
    seconds = time.perf_counter() - began
    peak = peak_kib()
    assert len(saved.artifacts) == 1
    print("RESULT " + json.dumps({
        "seconds": seconds, "peak_growth_mib": (peak - before) / 1024, "peak_mib": peak / 1024}))  # fmt: skip


if __name__ == "__main__":
    main()
