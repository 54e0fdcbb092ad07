"""Pure machines that follow a thought: no I/O, no clock, no model."""
