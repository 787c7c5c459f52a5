"""Osnovci's data plane: what runs inside the pods of an application."""
