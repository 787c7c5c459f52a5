"""Who asks: the user of the session. The routes take the pupil from here."""

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from homework import pupils
from homework.pupils import Pupil
from osnovci.session_contract import SessionDocument
from osnovci.sessions.visit import SCOPE, Visit

UNAUTHORIZED, FORBIDDEN = 401, 403


def visit_of(connection: HTTPConnection) -> Visit:
    """Give the visit of a request or a socket."""
    return connection.scope[SCOPE]


def session_of(connection: HTTPConnection) -> SessionDocument:
    """Give the session of who asks.

    Raises HTTPException where nobody is logged in, and SessionsAwayError.
    """
    session = visit_of(connection).session
    if session is None:
        raise HTTPException(UNAUTHORIZED, "you are not logged in; POST /api/auth/login logs in")
    return session


def pupil_of(connection: HTTPConnection) -> Pupil:
    """Give the pupil that a request or a socket comes from.

    Raises HTTPException where it is none, and SessionsAwayError.
    """
    name = session_of(connection).user_id
    pupil = pupils.named(name)
    if pupil is None:
        raise HTTPException(FORBIDDEN, f"{name} is no pupil, and has no homework")
    return pupil
