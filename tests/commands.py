"""The command `osnovci` in the test's own process; that it is a program too, a few tests show."""

from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO

import pytest

from osnovci import cli


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def osnovci(*words: str) -> Ended:
    """Run it; a process would import for 0.2 s of a core first."""
    with (
        redirect_stdout(StringIO()) as printed,
        redirect_stderr(StringIO()) as complaints,
        pytest.raises(SystemExit) as ended,
    ):
        cli.main(words)
    assert isinstance(ended.value.code, int)
    return Ended(ended.value.code, printed.getvalue(), complaints.getvalue())
