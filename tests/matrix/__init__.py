"""The same tests on each Airflow and Python that we say we support: ``python -m tests.matrix``."""
