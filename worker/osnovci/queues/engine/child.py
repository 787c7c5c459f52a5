"""What runs in a child process: jobs from its socket, one after another. It has no connection to Redis.

A message is one job or one answer (SOCK_SEQPACKET keeps them apart). Jobs that were sent but not
read can be read by the parent instead, which holds this end too: whoever reads a job owns it.
"""

import json
import os
import signal
import socket
from collections.abc import Mapping
from typing import Any

from osnovci.queues.engine.body import Body, arm_time_limits, run
from osnovci.queues.payload import MAX_BYTES
from osnovci.queues.tasks import Task

BUFFER_BYTES = 2 * MAX_BYTES
"""A payload and its header; or a result, which is base64 in JSON."""


def write_job(execution: str, body: Body) -> bytes:
    """Write a job for a child: a line of JSON, and the payload as it is."""
    header = [execution, body.job_id, body.timeout, body.on_success, body.on_failure]
    return json.dumps(header).encode() + b"\n" + body.data


def read_job(message: bytes | memoryview) -> tuple[str, Body]:
    """Read a job that the parent sent."""
    header, _, data = bytes(message).partition(b"\n")
    execution, job_id, timeout, on_success, on_failure = json.loads(header)
    return execution, Body(job_id, data, timeout, on_success, on_failure)


def serve(jobs: socket.socket, tasks: Mapping[str, Task], *, only_one: bool) -> None:
    """Run jobs until the parent closes the socket."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    buffer = memoryview(bytearray(BUFFER_BYTES))
    arm_time_limits()
    while size := jobs.recv_into(buffer):
        execution, body = read_job(buffer[:size])

        def report(fraction: float, execution: str = execution) -> None:
            _send(jobs, ["progress", execution, fraction])

        outcome = run(tasks, body, report)
        _send(
            jobs, ["ended", execution, outcome.kind, outcome.value, outcome.started, outcome.ended]
        )
        if only_one:
            break
        arm_time_limits()  # in case that the job used SIGALRM itself
    os._exit(0)


def _send(jobs: socket.socket, message: list[Any]) -> None:
    jobs.send(json.dumps(message).encode())
