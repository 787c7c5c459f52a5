"""Which Redis the operator dials: what a namespace's Secret may name. Pure."""

from urllib.parse import urlsplit, urlunsplit

from osnovci.contract import REDIS_SECRET
from osnovci_operator.backend import UnreadableReason
from osnovci_operator.errors import BackendError

NO_URL = (
    f"the url of the Secret {REDIS_SECRET} must be redis://HOST:PORT/DB or rediss://HOST:PORT/DB, "
    "with special characters of a password written as %XX"
)


def allowed_url(url: str, namespace: str, hosts: frozenset[str]) -> str:
    """Give the URL as the operator may dial it: a Service of the namespace, or a host allowed.

    A bare name, which pods resolve in their own namespace, is completed for the operator's; a
    query is dropped, since it could set anything of the client. Raises BackendError for any other
    host; no message repeats what may be a password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        int(parts.path.strip("/") or 0)
    except ValueError:
        raise BackendError(UnreadableReason.NO_URL, NO_URL) from None
    if parts.scheme not in {"redis", "rediss"} or not host or "@" in parts.path:
        raise BackendError(UnreadableReason.NO_URL, NO_URL)
    name, _, rest = host.partition(".")
    if host not in {each.lower() for each in hosts}:
        if rest not in {"", namespace, f"{namespace}.svc", f"{namespace}.svc.cluster.local"}:
            message = (
                f"the Secret {REDIS_SECRET} names the host {host}, which is no Service of namespace "
                f"{namespace}: use one, or allow the host in the operator's OSNOVCI_REDIS_HOSTS"
            )
            raise BackendError(UnreadableReason.REFUSED_HOST, message)
        host = f"{name}.{namespace}.svc"
    user, at, _ = parts.netloc.rpartition("@")
    bracketed = f"[{host}]" if ":" in host else host
    netloc = f"{user}{at}{bracketed}" + (f":{port}" if port else "")
    return urlunsplit((parts.scheme, netloc, parts.path, "", ""))
