"""``python -m tests.distributed.host NAME …``: Airflow's command line on a machine that seems to have a name of its own.

Two Celery workers need two names. Airflow's ``--celery-hostname`` asks the broker whether a name is taken, and leaves a
blocking read behind, at which the worker's processes hang after the fork (Airflow 3.1 and 3.2: kombu 5.6.2, redis 6.4).
"""

import socket
import sys

name = sys.argv.pop(1)
socket.gethostname = lambda: name

if __name__ == "__main__":
    from airflow.__main__ import main

    sys.exit(main())  # type: ignore[func-returns-value]
