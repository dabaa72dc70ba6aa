"""Links in the Airflow UI to what a task made."""
