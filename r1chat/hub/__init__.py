"""Models from the Hugging Face Hub: which there are, which fit, how they get here and stay whole."""
