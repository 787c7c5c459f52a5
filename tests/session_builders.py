"""Sessions for tests: operations of one app, and a login by keywords."""

from typing import Protocol

from redis_server import RedisServer
from web_pods import RunningPod

from osnovci.app_contract import AppDocument, SessionsDocument
from osnovci.session_contract import DeviceType, Login
from osnovci.sessions.operations import Operations

NAMESPACE = "homework"
APP = "homework"
OPERATIONS = Operations(NAMESPACE, APP)
SETTINGS = SessionsDocument()
SESSION_KEYS = "one:" + "1" * 32
LONG_AGO_MS = 0
"""A moment at which no session has ended yet."""


def login(
    user: str = "ana", *, role: str = "student", device_type: DeviceType = DeviceType.DESKTOP
) -> Login:
    return Login(
        user_id=user,
        email=f"{user}@example.com",
        role=role,
        ip_address="192.0.2.7",
        user_agent="Firefox/140 «Ana»",
        device_id="laptop",
        device_type=device_type,
    )


def settings(
    *, ttl: float = 86400, refresh_ttl: float = 30 * 86400, most: int = 0
) -> SessionsDocument:
    return SessionsDocument(ttl_seconds=ttl, refresh_ttl_seconds=refresh_ttl, max_per_user=most)


class StartSessionPod(Protocol):
    """The fixture `start_sessions`: start a web pod with sessions on a Redis."""

    def __call__(
        self,
        server: RedisServer,
        document: AppDocument | None = None,
        *,
        keys: str = SESSION_KEYS,
        pod: str = "web-1",
        module: str = "session_app",
    ) -> RunningPod: ...
