"""Commands that Redis refuses: what to do about each is told once in the log, not with each request.

Pure but for the log.
"""

import logging

REMEDIES = {
    "NOPERM": "grant the Redis user of the url all commands on the keys osnovci:*",
    "NOAUTH": "the url needs a password: put one into the Secret osnovci-redis",
    "WRONGPASS": "the url's user or password is wrong: mend the Secret osnovci-redis",
    "READONLY": "this Redis is a replica: have the url lead to the primary, unless a failover is on",
    "OOM": "Redis is at its maxmemory: raise it, or see what else fills it",
    "MISCONF": "Redis cannot save to its disk: see its log, and make room there",
    "NOREPLICAS": "Redis has too few replicas for min-replicas-to-write: mend them, or lower it",
    "LOADING": "it reads its data: that ends by itself",
    "BUSY": "a script of somebody's runs there for long: see its SLOWLOG",
    "MASTERDOWN": "this Redis is a replica without its primary: see to the primary",
    "max": "Redis has as many clients as its maxclients lets it have: raise it, or see who they are",
    "WRONGTYPE": "another program has written to a key of Osnovci's: find it, and delete the key",
}
"""By the first word of Redis's answer that is not ERR."""

PARSED = {
    "NoPermissionError": "NOPERM",
    "ReadOnlyError": "READONLY",
    "OutOfMemoryError": "OOM",
    "MasterDownError": "MASTERDOWN",
}
"""redis-py takes the word away where it has a class for it."""

OF_ONE_KEY = "WRONGTYPE"

OTHERWISE = "Redis should be version 7 or newer, or Valkey, and let scripts run"

log = logging.getLogger(__name__)


def code_of(error: Exception) -> str:
    """Give the first word of Redis's answer that is not ERR."""
    return PARSED.get(type(error).__name__) or str(error).removeprefix("ERR ").partition(" ")[0]


class Refusals:
    """Those that a process has told of, by what was asked and the first word of the answer."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._told: set[tuple[str, str]] = set()

    def tell(self, error: Exception, of: str = "") -> None:
        """Say it, unless it was said of the same."""
        code = code_of(error)
        if (of, code) not in self._told:
            self._told.add((of, code))
            remedy = REMEDIES.get(code, OTHERWISE)
            log.warning("Redis refused %s: %s; %s", f"{self._what} {of}".strip(), error, remedy)
