"""What all the thinking came to: figures of the history, as data, as text and as a picture."""

from __future__ import annotations

from r1chat.statistics.computing import Day, Model, Point, Statistics, compute

__all__ = ["Day", "Model", "Point", "Statistics", "compute"]
