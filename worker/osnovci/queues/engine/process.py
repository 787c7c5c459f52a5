"""Jobs in child processes that live long (Process), or for one job each (Fork).

A child that dies takes only its own job with it: jobs that it had not read are read back from its
socket, which this side holds open, and go to another child.
"""

import asyncio
import json
import logging
import os
import signal
import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from osnovci.queues.engine.child import BUFFER_BYTES, read_job, write_job
from osnovci.queues.engine.executor import Sink, body_of
from osnovci.queues.engine.jobs import Kind, Outcome, Taken
from osnovci.queues.payload import MAX_BYTES, encode_error

log = logging.getLogger(__name__)
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(eq=False)
class Child:
    """One child process: what it was sent and has not answered, the first of which it runs."""

    ours: socket.socket
    theirs: socket.socket
    pid: int = 0
    jobs: deque[Taken] = field(default_factory=deque[Taken])
    verdicts: dict[str, Outcome] = field(default_factory=dict[str, Outcome])
    """By execution: the outcome of a job that it was killed for."""
    silent: bool = False
    """It was killed, or has done all it was made for."""

    @property
    def is_able(self) -> bool:
        """Whether it takes jobs: it was born, and was not killed."""
        return bool(self.pid) and not self.silent

    def kill(self) -> None:
        """End it; its nursery may know already that it has died, and its end is not told here yet."""
        self.silent = True
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


class ProcessExecutor:
    """Runs jobs in children of one nursery."""

    overrun_seconds = 2.0

    def __init__(
        self,
        nursery: socket.socket,
        concurrency: int,
        *,
        only_one: bool,
        memory_max_bytes: int | None,
    ) -> None:
        nursery.setblocking(False)
        self._nursery = nursery
        self.concurrency = concurrency
        self._only_one = only_one
        self._memory_max = memory_max_bytes
        self._children: list[Child] = []
        self._unborn: deque[Child] = deque()

    async def start(self, sink: Sink) -> None:
        """Have the nursery fork the children."""
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._nursery, self._hear_nursery)
        for _ in range(self.concurrency):
            self._bear()

    def _bear(self) -> None:
        """Let the nursery fork one more child."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * BUFFER_BYTES)
        theirs.setblocking(True)
        child = Child(ours, theirs)
        socket.send_fds(self._nursery, [b"child"], [theirs.fileno()])
        self._children.append(child)
        self._unborn.append(child)
        self._loop.add_reader(ours, self._hear, child)

    @property
    def able(self) -> int:
        """So many as there are children: a job would wait unbegun for one that is still to come."""
        return sum(child.is_able for child in self._children)

    def room(self, extra: int) -> int:
        """Say how many jobs fit; a child for one job is given only that one."""
        most = 1 if self._only_one else 1 + extra // self.concurrency
        return sum(max(most - len(child.jobs), 0) for child in self._children if child.is_able)

    def submit(self, job: Taken) -> None:
        """Send a job to the child that has least to do."""
        free = (child for child in self._children if child.is_able)
        child = min(free, key=lambda each: len(each.jobs))
        message = write_job(job.execution, body_of(job))
        if len(message) > BUFFER_BYTES:
            story = (
                f"Job {job.id} was set aside: it has {len(job.data):,} bytes of data, and at most"
                f" {MAX_BYTES:,} run: store the data and pass its name."
            )
            self._loop.call_soon(self._sink.ended, job, Outcome(Kind.REFUSED, encode_error(story)))
            return
        child.jobs.append(job)
        try:
            child.ours.send(message, socket.MSG_DONTWAIT)
        except OSError:
            child.jobs.pop()
            self._loop.call_later(0.01, self._sink.returned, job)

    def take_back(self) -> list[Taken]:
        """Read back what no child has read."""
        return [job for child in self._children for job in self._unread(child)]

    def _unread(self, child: Child) -> list[Taken]:
        found: list[Taken] = []
        with suppress(BlockingIOError, OSError):
            while message := child.theirs.recv(BUFFER_BYTES, socket.MSG_DONTWAIT):
                execution, _ = read_job(message)
                job = next(each for each in child.jobs if each.execution == execution)
                child.jobs.remove(job)
                found.append(job)
        return found

    def stop(self, job: Taken, outcome: Outcome) -> None:
        """Kill the child that runs the job; what else it was sent goes to another."""
        child = next((each for each in self._children if job in each.jobs), None)
        if child is None:
            self._sink.ended(job, outcome)
            return
        for other in self._unread(child):
            if other is job:
                self._sink.ended(job, outcome)
            else:
                self._sink.returned(other)
        if job in child.jobs:
            child.verdicts[job.execution] = outcome
            child.kill()

    def look_after(self) -> None:
        """Kill a child that exceeds its memory; a job that runs in it counts as lost."""
        if self._memory_max is None:
            return
        for child in self._children:
            used = _resident_bytes(child.pid)
            if used > self._memory_max and not child.silent:
                story = (
                    f"Its process used {used >> 20} MiB, more than the {self._memory_max >> 20} MiB"
                    " that one may use."
                )
                for job in child.jobs:
                    child.verdicts[job.execution] = Outcome(Kind.LOST, encode_error(story))
                child.kill()

    def _hear(self, child: Child) -> None:
        """Read a child's answers."""
        with suppress(BlockingIOError, ConnectionError):
            while message := child.ours.recv(BUFFER_BYTES, socket.MSG_DONTWAIT):
                kind, execution, *rest = json.loads(message)
                if kind == "progress":
                    self._sink.progressed(execution, rest[0])
                else:
                    self._answered(child, execution, rest)

    def _answered(self, child: Child, execution: str, rest: list[Any]) -> None:
        job = next(each for each in child.jobs if each.execution == execution)
        child.jobs.remove(job)
        self._sink.ended(job, Outcome(Kind(rest[0]), *rest[1:]))
        if self._only_one:
            child.silent = True

    def _hear_nursery(self) -> None:
        """Learn of births and deaths."""
        with suppress(BlockingIOError, ConnectionError):
            while message := self._nursery.recv(BUFFER_BYTES, socket.MSG_DONTWAIT):
                what, pid, *status = json.loads(message)
                if what == "born":
                    self._born(pid)
                else:
                    child = next(each for each in self._children if each.pid == pid)
                    self._bury(child, status[0])
            # All children ended with it. The supervisor starts this engine anew, which then gives
            # back what it held.
            log.critical("the process that forks the children has died")
            os._exit(1)

    def _born(self, pid: int) -> None:
        child = self._unborn.popleft()
        child.pid = pid
        self._sink.grown()

    def _bury(self, child: Child, status: int) -> None:
        """Settle what a dead child leaves, and replace it."""
        self._hear(child)
        self._loop.remove_reader(child.ours)
        self._children.remove(child)
        for job in self._unread(child):
            self._sink.returned(job)
        lost = Outcome(Kind.LOST, encode_error(_story(status)))
        for job in child.jobs:
            self._sink.ended(job, child.verdicts.get(job.execution, lost))
        child.ours.close()
        child.theirs.close()
        self._bear()

    async def close(self) -> None:
        """End all children at once: their nursery ends with its socket, and they with it."""
        self._loop.remove_reader(self._nursery)
        self._nursery.close()


def _story(status: int) -> str:
    how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"left with {status}"
    return f"Its process {how} while it ran this job."


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0
