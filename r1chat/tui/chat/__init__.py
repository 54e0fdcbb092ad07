"""The chat screen and the parts that it is composed of."""
