"""A process that has the tasks loaded and forks the children, which so share its memory.

It is forked before the engine has threads and connections, and has none itself, so forking it again
is safe at any time. It is sent one file descriptor for each child, and tells ["born", pid] and
["died", pid, exit status] on its socket.
"""

import gc
import json
import os
import select
import signal
import socket
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

from osnovci.queues.engine.child import serve
from osnovci.queues.processes import die_with_parent, ended_children
from osnovci.queues.tasks import Task, load


def start(modules: Sequence[str], *, only_one: bool) -> socket.socket:
    """Fork the nursery; give the socket to it. Raises SettingsError where tasks cannot be loaded."""
    tasks = load(modules)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent = os.getpid()
    if os.fork():
        theirs.close()
        return ours
    try:
        ours.close()
        die_with_parent(parent)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        gc.freeze()
        tend(theirs, tasks, only_one=only_one)
    finally:
        os._exit(1)


def tend(control: socket.socket, tasks: Mapping[str, Task], *, only_one: bool) -> None:
    """Fork a child for each descriptor, and report each that ends."""
    wakeup, signalled = socket.socketpair()
    signalled.setblocking(False)
    signal.signal(signal.SIGCHLD, _heard)
    signal.set_wakeup_fd(signalled.fileno(), warn_on_full_buffer=False)
    while True:
        readable, _, _ = select.select([control, wakeup], [], [])
        if wakeup in readable:
            wakeup.recv(4096)
            report_dead(control)
        if control in readable:
            message, fds, _, _ = socket.recv_fds(control, 16, 1)
            if not message:
                return
            fork(control, wakeup, fds[0], tasks, only_one=only_one)


def fork(
    control: socket.socket,
    wakeup: socket.socket,
    fd: int,
    tasks: Mapping[str, Task],
    *,
    only_one: bool,
) -> None:
    """Start one child on its socket."""
    parent = os.getpid()
    pid = os.fork()
    if pid:
        os.close(fd)
        tell(control, "born", pid)
        return
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    die_with_parent(parent)
    control.close()
    wakeup.close()
    try:
        serve(socket.socket(fileno=fd), tasks, only_one=only_one)
    finally:
        os._exit(1)


def report_dead(control: socket.socket) -> None:
    """Tell of every child that has ended since."""
    for pid, status in ended_children():
        tell(control, "died", pid, status)


def tell(control: socket.socket, *message: Any) -> None:
    """Send one message to the worker."""
    control.send(json.dumps(message).encode())


def _heard(number: int, frame: FrameType | None) -> None:
    """Do nothing: the signal's number in the wake-up socket has ended the wait."""
