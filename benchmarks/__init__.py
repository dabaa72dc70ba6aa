"""Measurements: ``python -m benchmarks [--full] [--only N]`` writes ``docs/benchmarks/``. No test asserts them."""
