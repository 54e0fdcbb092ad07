"""The models screen: what there is, what can be downloaded, and what is done with it."""
