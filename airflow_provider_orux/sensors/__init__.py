"""What waits for a job that another task submitted."""
