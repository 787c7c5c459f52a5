"""What commands are told, before anything is asked of Redis or Kubernetes."""

import pytest
from commands import osnovci


@pytest.mark.parametrize("last", ["0", "-3", "two", "1.5", ""])
@pytest.mark.parametrize("words", [("explain", "qpool/jobs"), ("limits", "top", "app/homework")])
def test_a_count_is_a_number_from_one(words: tuple[str, ...], last: str) -> None:
    ended = osnovci(*words, f"--last={last}")
    assert ended.returncode == 2
    assert ended.stderr.endswith(f"{last!r} is no count: it is a number from 1\n")
