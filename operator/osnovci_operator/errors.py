"""The operator's errors.

OperatorError
├── SettingsError          the environment is wrong: the operator does not start
├── KubeError              the API server refused or did not answer
│   ├── NotFoundError      the object is not there (any more)
│   ├── ConflictError      somebody else was faster
│   ├── RefusedError       what was sent will not be taken, however often it is sent
│   └── TerminatingError   the namespace is going away
├── InvalidSpecError       a kind's spec cannot be read (in resource.py)
└── BackendError           Redis cannot be used: no Secret, a host that is not allowed, no answer
"""

from osnovci_operator.backend import UnreadableReason


class OperatorError(Exception):
    """Anything of the operator's own that goes wrong."""


class SettingsError(OperatorError):
    """A setting is missing or wrong; the message names it and what would be right."""


class KubeError(OperatorError):
    """The API server refused a request or could not be reached; worth another try."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NotFoundError(KubeError):
    """The object does not exist."""


class ConflictError(KubeError):
    """The object exists already, or changed since it was read."""


class RefusedError(KubeError):
    """The API server will not take this object; its message says why."""


class TerminatingError(KubeError):
    """The namespace is being deleted and takes nothing new."""


class BackendError(OperatorError):
    """Redis cannot be read; the reason and the sentence of the condition BackendReachable."""

    def __init__(self, reason: UnreadableReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
