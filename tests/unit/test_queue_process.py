"""What is done about a child process."""

import socket
import subprocess

from osnovci.queues.engine.process import Child


def test_a_child_that_has_just_died_may_be_killed() -> None:
    """Its nursery has seen its end, and the engine is not told yet when a timeout or a renewal ends its job."""
    ours, theirs = socket.socketpair()
    with ours, theirs, subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE) as process:
        child = Child(ours, theirs, process.pid)
        assert child.is_able
        child.kill()
        process.wait(10)
        child.kill()
        assert not child.is_able
