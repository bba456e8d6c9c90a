"""Palio: one contract in front, many providers racing behind it."""

__version__ = "0.1.0"
