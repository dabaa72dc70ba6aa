"""The trigger that waits for a job."""
