"""The web console: the one place reports are read."""
