"""What the queues refuse.

QueueError
├── PayloadError        arguments or a result that are not plain data, or too large
└── UnknownTaskError    a function that is no task, or of a module that the pool does not allow
JobTimeoutError         raised inside a job that runs longer than its timeout
"""

from osnovci.errors import OsnovciError


class QueueError(OsnovciError):
    """A queue refused something; the message says what and what to do."""


class PayloadError(QueueError):
    """Arguments or a result that are not plain data, or too large."""


class UnknownTaskError(QueueError):
    """A function that is no task, or of a module that the pool does not allow."""


class JobTimeoutError(Exception):
    """The job ran longer than its timeout."""
