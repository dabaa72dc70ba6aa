"""Many jobs, one poller per event loop and connection."""
