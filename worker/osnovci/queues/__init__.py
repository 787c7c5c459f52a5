"""Queues: taking jobs and running them."""
