"""HTTP in, HTTP out: httpx, sync and async around the same sans-IO flows. Knows no Airflow."""
