"""Follows and steers a thought with pure state machines: no I/O, no clock, no model."""
