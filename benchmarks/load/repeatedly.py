"""Something done every few seconds, in a thread of its own, while a block runs."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def repeatedly(do: Callable[[], None], every_seconds: float) -> Generator[None]:
    """Do it until the end of the block."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(every_seconds):
            do()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
