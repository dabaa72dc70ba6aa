"""The ``airflow orux`` command."""
