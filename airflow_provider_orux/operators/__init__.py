"""The operators that DAG authors use."""
