"""Links from the Airflow UI to what a task made."""
