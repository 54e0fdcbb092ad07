"""Everything that makes the built-in tiny model."""
