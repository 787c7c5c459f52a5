"""The cluster's programs are told from others by pid and start time."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import eventually

from cluster.console import ClusterError
from cluster.processes import Processes, Started, end, found, parse_stat

NAME = "patient"


def stat(*, pid: int = 7, name: str = NAME, state: str = "S", start_ticks: int = 1000) -> str:
    """Write a line as of /proc/PID/stat."""
    return f"{pid} ({name}) {state} {'0 ' * 18}{start_ticks} 0 0\n"


@pytest.mark.parametrize(
    ("line", "process"),
    [
        pytest.param(stat(), Started(7, 1000), id="a process"),
        pytest.param(stat(name="a) Z (b"), Started(7, 1000), id="a name that looks like the rest"),
        pytest.param(stat(state="Z"), None, id="one that has ended"),
    ],
)
def test_a_line_of_the_kernels(line: str, process: Started | None) -> None:
    assert parse_stat(line) == process


def test_a_line_of_this_kernels() -> None:
    mine = found(os.getpid())
    assert mine
    assert (mine.pid, mine.start_ticks > 0) == (os.getpid(), True)


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path)


@pytest.fixture
def patient(processes: Processes) -> Iterator[Started]:
    """A program that runs until it is stopped."""
    processes.start(NAME, ["sleep", "600"])
    started = processes.running(NAME)
    assert started
    yield started
    end(started, force=True)


def test_a_program_that_runs_is_found_again(tmp_path: Path, patient: Started) -> None:
    later = Processes(tmp_path)
    assert later.running(NAME) == patient
    later.start(NAME, ["false"])
    assert later.running(NAME) == patient
    later.check(NAME)


def test_a_stopped_program_has_ended(processes: Processes, patient: Started) -> None:
    processes.stop(NAME)
    assert processes.running(NAME) is None
    assert found(patient.pid) is None


def test_a_recycled_pid_is_not_taken_for_ours(
    tmp_path: Path, processes: Processes, patient: Started
) -> None:
    """The record names a living process that began at another time; stopping leaves it alone."""
    line = stat(pid=patient.pid, start_ticks=patient.start_ticks - 1)
    (tmp_path / "run" / f"{NAME}.stat").write_text(line)
    assert processes.running(NAME) is None
    processes.stop(NAME)
    assert found(patient.pid) == patient


def test_a_recycled_pid_gets_no_signal(patient: Started) -> None:
    end(Started(patient.pid, patient.start_ticks - 1), force=True)
    assert found(patient.pid) == patient


def test_a_program_that_ended_says_its_last_words(processes: Processes) -> None:
    processes.start(NAME, ["sh", "-c", "echo the port is in use >&2"])
    eventually(lambda: not processes.running(NAME))
    with pytest.raises(ClusterError, match="patient ended:\nthe port is in use"):
        processes.check(NAME)
