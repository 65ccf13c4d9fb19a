"""Measured figures, always as ratios in one run: `python -m benchmarks`."""
