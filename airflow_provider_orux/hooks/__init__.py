"""From an Airflow connection to a client of its gateway."""
