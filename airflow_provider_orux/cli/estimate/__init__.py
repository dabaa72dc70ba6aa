"""``airflow orux estimate``: what a DAG would pay, counted before it is paid."""
