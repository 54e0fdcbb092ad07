"""The version of r1chat; nothing else has it."""

__version__ = "0.1.0"
