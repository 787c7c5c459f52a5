"""The watches feed the store on the event loop, and Kopf's retries are no errors."""

import inspect
import logging

from osnovci_operator.kinds import KINDS
from osnovci_operator.watches import RetriesAreWarnings, registry


def test_events_are_taken_in_on_the_event_loop() -> None:
    """Kopf runs a plain function in threads of its own, in any order."""
    handlers = vars(registry(lambda _, __: None))["_watching"].get_all_handlers()
    assert len(handlers) == sum(1 + len(kind.children) for kind in KINDS)
    assert all(inspect.iscoroutinefunction(handler.fn) for handler in handlers)


def test_an_attempt_that_is_repeated_is_a_warning() -> None:
    demote = RetriesAreWarnings()
    given = {
        ("kopf.clients", "Request attempt #1/9 failed; will retry: GET"): "WARNING",
        ("kopf.clients", "Request attempt #9/9 failed; escalating: GET"): "ERROR",
        ("osnovci_operator", "it will retry"): "ERROR",
    }
    for (name, message), level in given.items():
        record = logging.LogRecord(name, logging.ERROR, "", 0, message, None, None)
        assert demote.filter(record)
        assert record.levelname == level
