"""The kind QueuePool: workers that follow the backlog of their queues."""
