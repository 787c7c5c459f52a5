"""Redis as a backend of an object: why it could not be read. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class UnreadableReason(StrEnum):
    """Why Redis could not be read, as the condition BackendReachable says it."""

    NO_URL = "SecretMissing"
    REFUSED_HOST = "HostNotAllowed"
    UNREACHABLE = "Unreachable"
    NONSENSE = "UnexpectedAnswer"


@dataclass(frozen=True)
class Unreadable:
    """There is no reading; unknown is not zero."""

    reason: UnreadableReason
    message: str
