"""Models from the Hugging Face Hub: which there are, which fit, and how they get here whole."""
