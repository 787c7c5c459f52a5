"""The config channel: one document an app in Redis, under a revision and a checksum.

The operator publishes, pods find it by announcement or, where that was lost, by looking.
"""
