"""The sensor for jobs that another task submitted."""
