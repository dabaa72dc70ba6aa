"""The decisions, pure: what a retry does, when to ask again, when to give up. No Airflow, no HTTP, no clock."""
