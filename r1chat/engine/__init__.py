"""Engines, which answer questions: `base` has the protocol, `llama` runs GGUF models in process."""
