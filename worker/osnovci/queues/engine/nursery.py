"""A process that imports the tasks once and forks the children, which so share its memory.

It is a program of its own, with one thread and no connections, so forking it is safe at any time.

    python -m osnovci.queues.engine.nursery FD ONLY_ONE MODULE ...

It is sent one file descriptor for each child, and tells ["ready", names of tasks], ["error", why],
["born", pid] and ["died", pid, exit status] on the socket FD.
"""

import ctypes
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from osnovci.errors import SettingsError
from osnovci.queues.engine.child import serve
from osnovci.queues.tasks import Task, load

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Serve the worker that started this program."""
    fd, only_one, *modules = sys.argv[1:]
    control = socket.socket(fileno=int(fd))
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path.insert(0, str(Path.cwd()))
    try:
        tasks = load(modules)
    except SettingsError as error:
        tell(control, "error", str(error))
        return
    tell(control, "ready", sorted(tasks))
    tend(control, tasks, only_one=only_one == "1")


def tend(control: socket.socket, tasks: Mapping[str, Task], *, only_one: bool) -> None:
    """Fork a child for each descriptor, and report each that ends."""
    wakeup, signalled = socket.socketpair()
    signalled.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
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
    pid = os.fork()
    if pid:
        os.close(fd)
        tell(control, "born", pid)
        return
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    die_with_parent()
    control.close()
    wakeup.close()
    try:
        serve(socket.socket(fileno=fd), tasks, only_one=only_one)
    finally:
        os._exit(1)


def report_dead(control: socket.socket) -> None:
    """Tell of every child that has ended since."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        tell(control, "died", pid, os.waitstatus_to_exitcode(status))


def tell(control: socket.socket, *message: Any) -> None:
    """Send one message to the worker."""
    control.send(json.dumps(message).encode())


def die_with_parent() -> None:
    """Let the kernel end this process with the one that started it: no job outlives its worker."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
