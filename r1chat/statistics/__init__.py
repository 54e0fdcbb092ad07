"""Statistics of the history, as data, text and pictures."""

from __future__ import annotations

from r1chat.statistics.computing import Day, Model, Point, Statistics, compute

__all__ = ["Day", "Model", "Point", "Statistics", "compute"]
