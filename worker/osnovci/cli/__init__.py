"""The command `osnovci`."""
