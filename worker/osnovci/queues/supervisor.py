"""The first process of a worker pod: keeps the others running, answers probes, stops in order.

SIGTERM means: take no new job, let those that run end within the pool's grace, leave. A second one
hurries. It has no thread, so that it may fork at any time, and asks nothing of Redis, so that it
answers whatever happens there.
"""

import logging
import select
import signal
import time
from functools import partial

from osnovci import logs
from osnovci.queues import heartbeat, probes, tasks
from osnovci.queues.board import Board
from osnovci.queues.drain import Drain
from osnovci.queues.engine.worker import run_jobs
from osnovci.queues.heartbeat import report
from osnovci.queues.processes import Process, ended_children
from osnovci.settings import WorkerSettings
from osnovci.signals import Bell

SILENCE_SECONDS = 3.0
"""Redis counts as away when it has not answered for so long."""

TURN_SECONDS = 0.5
LEAVE_SECONDS = 5.0
"""How long the last heartbeat may take to be taken back."""

log = logging.getLogger(__name__)


class Supervisor:
    """One worker pod."""

    def __init__(self, settings: WorkerSettings, probe_port: int) -> None:
        self._settings = settings
        self._board = Board()
        self._engine = self._process("engine", partial(run_jobs, settings, self._board))
        self._reporter = self._process("heartbeat", partial(report, settings, self._board))
        self._server = probes.listen(
            probe_port, {"/alive": lambda: "", "/ready": self._why_not_ready}
        )
        self._bell = Bell()

    def run(self) -> int:
        """Run until told to stop; give the exit status."""
        logs.configure("INFO")
        tasks.load(self._settings.pool.tasks)
        self._bell.listen()
        while not self._bell.stops:
            for process in (self._engine, self._reporter):
                process.start_if_due(time.monotonic())
            self._turn()
        self._drain()
        self._leave()
        return 0

    def _process(self, name: str, body: partial[None]) -> Process:
        return Process(name, body, in_child=self._forget)

    def _forget(self) -> None:
        """Close, in a forked process, what is the supervisor's own."""
        self._server.server_close()
        self._bell.close()

    def _why_not_ready(self) -> str:
        if self._bell.stops:
            return "draining: no new job is taken"
        if self._board.silence > SILENCE_SECONDS:
            return "Redis does not answer"
        return "" if self._engine.pid else "the engine is being started anew"

    def _turn(self) -> None:
        """Wait for a signal, a probe or the end of the turn, and see to each."""
        readable, _, _ = select.select([self._server, self._bell], [], [], TURN_SECONDS)
        if self._bell in readable:
            self._bell.hush()
        if self._server in readable:
            self._server.handle_request()
        self._reap()

    def _reap(self) -> None:
        """Note which processes ended; as process 1 of the pod, also bury those that others left."""
        for pid, status in ended_children():
            for process in (self._engine, self._reporter):
                if process.pid == pid:
                    self._note_end(process, status)

    def _note_end(self, process: Process, status: int) -> None:
        if process is self._engine:
            self._board.count(0)
            self._board.rest(0, 0)
        wait = process.ended(time.monotonic())
        # While Redis is away they end again and again, and that was said already.
        if not self._bell.stops and self._board.silence < SILENCE_SECONDS:
            log.warning("process %s ended with %s, started anew in %ss", process.name, status, wait)

    def _drain(self) -> None:
        """End the engine: the jobs that run get the grace to end."""
        log.info("draining: no new job is taken, %d run", self._board.busy)
        self._board.drain()
        self._reporter.signal(heartbeat.NOW)
        drain = Drain.begin(time.monotonic(), self._settings.pool.grace_seconds)
        heard = 1
        while self._engine.pid:
            if self._bell.stops > heard:
                heard = self._bell.stops
                drain = drain.hurried(time.monotonic())
            number, drain = drain.due(time.monotonic())
            if number:
                self._engine.signal(number)
            self._turn()

    def _leave(self) -> None:
        """Take back the heartbeat."""
        self._reporter.signal(signal.SIGTERM)
        deadline = time.monotonic() + LEAVE_SECONDS
        while self._reporter.pid and time.monotonic() < deadline:
            self._turn()
        self._reporter.signal(signal.SIGKILL)
        log.info("left")
