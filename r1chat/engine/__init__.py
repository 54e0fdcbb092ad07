"""Engines answer questions: `base` says what one is, `llama` runs GGUF models in process."""
