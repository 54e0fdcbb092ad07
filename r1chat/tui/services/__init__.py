"""The app's services: each owns one kind of state and knows of the app only what `Host` says."""
