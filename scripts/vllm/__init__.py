"""Runs a real vLLM on this machine's processors, for tests of the remote engine."""
