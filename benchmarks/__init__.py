"""Measurements, one file a question; `python -m benchmarks` runs them and writes results/."""
