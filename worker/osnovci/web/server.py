"""`osnovci serve`: the server processes of a web pod, and the first process, which keeps them running.

All accept from one listening socket, so that what waits in it outlives each of them.
"""

import errno
import gc
import logging
import os
import select
import signal
import socket
import sys
import time
from functools import partial
from types import FrameType

import uvicorn

from osnovci import logs
from osnovci.app_contract import ENV_PROCESS, AppDocument
from osnovci.errors import SettingsError
from osnovci.queues.processes import Process, ended_children
from osnovci.signals import Bell, leave
from osnovci.web.http_protocol import HttpProtocol
from osnovci.web.loading import check_name, load
from osnovci.web.runtime import WebRuntime
from osnovci.words import counted

KEEP_ALIVE_SECONDS = 75
"""Longer than nginx keeps an idle connection (60 s): the one who opened it should close it."""

BACKLOG = 2048
TURN_SECONDS = 0.5
SPARE_SECONDS = 2.0
"""What is left of the grace for the end of the application itself."""

YOUNG_OBJECTS = 10_000
"""So many new ones before the garbage collector looks; of Python's 700, a few dozen waiting requests
have more, and all are looked at in vain."""

MESSAGE_MAX_BYTES = 2**20
"""Of a WebSocket; the default of websockets. With uvicorn's 16 MiB, a dozen strangers fill a pod."""

CANNOT_START = {2, 3}
"""Exit statuses of a process whose settings or application are wrong. Where it is the last one, the
next try is the kubelet's, which shows it to people."""

log = logging.getLogger(__name__)


class Server:
    """The server processes of one pod."""

    def __init__(self, name: str, document: AppDocument, host: str, port: int) -> None:
        self._what = f"{name} on port {port} with {counted(document.processes, 'server')}"
        self._grace_seconds = document.shutdown.grace_seconds
        self._status = 0
        self._bell = Bell()
        check_name(name)
        self._listener = _listen(host, port)
        body = partial(serve, name, self._listener, document)
        self._processes = [
            Process(f"server {n}", partial(body, n), in_child=self._bell.close)
            for n in range(document.processes)
        ]

    def run(self) -> int:
        """Run until told to stop or until a process cannot start; give the exit status."""
        logs.configure("INFO", quiet=("uvicorn.error",))
        self._bell.listen()
        log.info("serving %s", self._what)
        while not self._bell.stops and not self._status:
            for each in self._processes:
                each.start_if_due(time.monotonic())
            self._turn()
        # The processes have it still, and serve who comes while they drain.
        self._listener.close()
        self._end()
        return self._status

    def _turn(self) -> None:
        readable, _, _ = select.select([self._bell], [], [], TURN_SECONDS)
        if readable:
            self._bell.hush()
        for pid, status in ended_children():
            for each in self._processes:
                if each.pid == pid:
                    self._note_end(each, status)

    def _note_end(self, process: Process, status: int) -> None:
        wait = process.ended(time.monotonic())
        if self._bell.stops or self._status:
            return
        # While another serves, it goes on: what this one misses may come back, such as a database.
        if status in CANNOT_START and not any(each.pid for each in self._processes):
            self._status = status
        else:
            log.warning("%s ended with %s, started anew in %ss", process.name, status, wait)

    def _end(self) -> None:
        """Have the processes drain; a second signal hurries them, the end of the grace kills them."""
        deadline = time.monotonic() + self._grace_seconds
        self._signal(signal.SIGTERM)
        hurried = self._bell.stops
        while any(each.pid for each in self._processes):
            if self._bell.stops > hurried:
                hurried = self._bell.stops
                self._signal(signal.SIGTERM)
            if time.monotonic() > deadline:
                self._signal(signal.SIGKILL)
            self._turn()

    def _signal(self, number: int) -> None:
        for each in self._processes:
            each.signal(number)


def _listen(host: str, port: int) -> socket.socket:
    if port not in range(65536):
        raise SettingsError(f"port {port} is none; --port chooses one from 1 to 65535")
    try:
        return socket.create_server((host, port), backlog=BACKLOG)
    except OSError as error:
        # Those of looking a name up are negative.
        if (error.errno or 0) < 0 or error.errno == errno.EADDRNOTAVAIL:
            raise SettingsError(
                f"--host {host}: {error}; it should be an address of this machine, such as 0.0.0.0"
            ) from error
        raise SettingsError(f"port {port}: {error}; --port chooses another") from error


def serve(name: str, listener: socket.socket, document: AppDocument, process: int) -> None:
    """Be one server process."""
    signal.signal(signal.SIGTERM, leave)
    os.environ[ENV_PROCESS] = str(process)
    # before the application, which may want it otherwise
    gc.set_threshold(YOUNG_OBJECTS)
    try:
        app = load(name)
        runtime = app if isinstance(app, WebRuntime) else WebRuntime(app)
    except SettingsError as error:
        print(f"osnovci: {error}", file=sys.stderr)
        sys.exit(2)
    # What is loaded stays; to look through it again would stop every request for 20 ms and more.
    gc.collect()
    gc.freeze()
    # From here on an exception ends the process in order.
    signal.signal(signal.SIGTERM, _exit)
    shutdown = document.shutdown
    left = shutdown.grace_seconds - shutdown.drain_seconds - SPARE_SECONDS
    config = uvicorn.Config(
        runtime,
        http=HttpProtocol,
        ws_max_size=MESSAGE_MAX_BYTES,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(round(left), 1),
        backlog=BACKLOG,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _exit(number: int, frame: FrameType | None) -> None:
    """End by an exception, which lets everything be closed."""
    del number, frame
    sys.exit(0)
