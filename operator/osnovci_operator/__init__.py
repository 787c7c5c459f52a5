"""Osnovci's control plane: the operator."""
