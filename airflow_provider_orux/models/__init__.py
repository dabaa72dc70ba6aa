"""The vocabulary: jobs, artifacts, errors and one typed request per model. Imports neither Airflow nor HTTP."""
