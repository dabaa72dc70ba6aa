"""The Midjourney chain on CeleryExecutor with Redis and PostgreSQL: two workers, one of them killed in mid-run.

Six runs of imagine, upscale, variation and reroll go side by side. Their imagine tasks are held at different places of
the protocol (before the intent, after the job id is written, at the resume, between artifacts, …; see
``tests/crash/failpoints.py``). When all are there, the worker that holds the most of them is killed with SIGKILL, with all
that it runs. Airflow gives its tasks up, the other worker goes on. Wanted: four charges a run and not one more, every
image saved and whole.

Redis and PostgreSQL come from Debian's packages (``setup.sh`` installs them when they are missing); servers of their
own are started on loopback, in a temporary folder, and stopped at the end. The Celery provider is the extra
``distributed``.

    python -m tests.distributed
"""
