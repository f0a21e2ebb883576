"""Figures of Nuketown, each measured beside what it is compared with: ``python -m benchmarks``."""
