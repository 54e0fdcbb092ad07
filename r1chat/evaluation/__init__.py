"""Measures a model: questions with reference answers, under budgets, with samples and seeds."""

from __future__ import annotations
