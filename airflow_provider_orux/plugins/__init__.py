"""The Airflow UI: the gallery of what tasks made, and what it cost."""
