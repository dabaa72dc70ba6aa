"""The proof of "pay once": a real Airflow whose processes are killed at every boundary of a paid submission.

What runs is the real thing: api-server, scheduler (LocalExecutor), DAG processor and triggerer as processes of their
own on SQLite, all on loopback, and sandbox gateways over HTTP. Nothing of the product is replaced. To die at an exact
place, the DAG file of these tests (``dags/``) calls ``failpoints.arm()``, which wraps a few methods of the product: a
wrapper calls the original and, where the plan of this one run says so, ends the process with SIGKILL (alone or with
its supervisor, as when a machine is lost) or holds it there until the test lets it go. Everything else is done from
outside: faults of the sandbox, SIGKILL and SIGSTOP of Airflow's processes, clears through the REST API, and a proxy
before the execution API that answers 404 or 503 for a while (``proxy.py``).

A *scenario* (``scenarios/``) is one boundary: what it does to one DAG run, and what must come of it: charges at the sandbox,
final state, artifacts that are saved and whole. Most scenarios run side by side against one Airflow, each with a sandbox
and a connection of its own; those that kill a shared process run after them, one by one.

    python -m tests.crash                      all scenarios; the table goes into docs/reliability.md
    python -m tests.crash --only NAME …        some scenarios
    python -m tests.crash --seeds 50           scenarios that seeds make up (``scenarios/seeded.py``)
    python -m tests.crash --list               their names
    pytest tests/crash -k short                the part that runs with every test run

No process is left behind: all live in one temporary folder, by which they are found at the end.
"""
