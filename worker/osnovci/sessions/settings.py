"""What sessions are told by a pod's environment."""

from collections.abc import Mapping
from dataclasses import dataclass

from osnovci.app_contract import SessionsDocument
from osnovci.contract import ENV_REDIS_URL
from osnovci.errors import SettingsError
from osnovci.sessions.keys import KeyRing
from osnovci.settings import AppSettings, checked_redis_url


@dataclass(frozen=True)
class SessionSettings:
    """Where an app's sessions are kept, what signs them, and how long they live at first."""

    namespace: str
    app: str
    redis_url: str
    keys: KeyRing
    document: SessionsDocument

    @classmethod
    def parse(cls, environment: Mapping[str, str]) -> "SessionSettings":
        """Read the environment. Outside the operator's pods, Redis and keys alone are needed.

        Raises SettingsError, which names the variable and what would be right.
        """
        app = AppSettings.parse(environment, "")
        url = app.redis_url or environment.get(ENV_REDIS_URL, "")
        if not url:
            raise SettingsError(f"{ENV_REDIS_URL} is not set; sessions are kept in Redis")
        return cls(
            namespace=app.namespace,
            app=app.config.document.app,
            redis_url=checked_redis_url(url),
            keys=KeyRing.parse(environment),
            document=app.config.document.sessions,
        )
