"""How long Airflow waits before a retry."""
