"""Jobs: a queue worker that speaks rq's keys, and the API by which applications use it.

For applications: tasks (@task), operations (enqueue, get, cancel, ...), client (Queues, AsyncQueues).
The worker: supervisor (the pod's first process), engine (takes and runs jobs).
Both: scripts and the .lua files, job, payload, audit.
"""
