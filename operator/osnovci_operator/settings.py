"""What the operator is told by its environment: one frozen value, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from osnovci_operator.errors import SettingsError

PORTS = range(1, 65536)


@dataclass(frozen=True)
class Settings:
    """The operator's settings; the manifests show each with its meaning."""

    namespaces: tuple[str, ...]
    """Where custom resources are served; a RoleBinding in each gives the operator its rights."""
    own_namespace: str
    """Where the operator runs and holds its Lease."""
    identity: str
    """The name of this replica, as the Lease shows it."""
    redis_hosts: frozenset[str]
    """Hosts that a Redis URL may name beyond the Services of the object's own namespace."""
    port: int
    """Where /metrics, /healthz and /readyz answer."""
    log_level: str
    nginx_image: str = "osnovci/nginx:0.1.0"
    """The image of the nginx in front of apps that have a loadBalancer."""
    tick: timedelta = timedelta(seconds=0.25)
    """How often Redis is read."""

    @classmethod
    def parse(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the environment.

        Raises SettingsError, which names the variable, its value and what would be right.
        """
        return cls(
            namespaces=_words(environment, "OSNOVCI_NAMESPACES") or _missing("OSNOVCI_NAMESPACES"),
            own_namespace=environment.get("OSNOVCI_OWN_NAMESPACE", "osnovci-system"),
            identity=environment.get("OSNOVCI_IDENTITY") or _missing("OSNOVCI_IDENTITY")[0],
            redis_hosts=frozenset(_words(environment, "OSNOVCI_REDIS_HOSTS")),
            port=_port(environment.get("OSNOVCI_PORT", "8080")),
            log_level=_level(environment.get("OSNOVCI_LOG_LEVEL", "INFO")),
            nginx_image=environment.get("OSNOVCI_NGINX_IMAGE") or cls.nginx_image,
        )


def _words(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(environment.get(name, "").replace(",", " ").split())


def _missing(name: str) -> tuple[str, ...]:
    raise SettingsError(f"{name} is not set; see the Deployment in manifests/base")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) not in PORTS:
        raise SettingsError(f"OSNOVCI_PORT is {text!r}; it must be a port from 1 to 65535")
    return int(text)


def _level(text: str) -> str:
    levels = ("DEBUG", "INFO", "WARNING", "ERROR")
    if text not in levels:
        raise SettingsError(f"OSNOVCI_LOG_LEVEL is {text!r}; it must be one of {', '.join(levels)}")
    return text
