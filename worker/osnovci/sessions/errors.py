"""The error of sessions."""

from osnovci.errors import OsnovciError


class SessionsAwayError(OsnovciError):
    """Redis gave no answer in time, so it is not known who is asking; where none handles it, a 503."""


def unread() -> SessionsAwayError:
    """Say what it means to a visit."""
    return SessionsAwayError("sessions cannot be read now; try again in a second")
