"""Models on the Hugging Face Hub: search, fit, verified download, local files."""
