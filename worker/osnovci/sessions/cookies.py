"""The two cookies, in the words of HTTP. Pure.

`__Host-` has the browser keep a cookie to this very host, and refuse it without Secure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

Header = tuple[bytes, bytes]
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True)
class Names:
    """What the cookies are called, and what is said of each of them."""

    session: str
    refresh: str
    attributes: str

    def set(self, name: str, value: str, max_age_seconds: int | None) -> Header:
        """Write the header that sets one; without an age the browser's end is its own."""
        age = "" if max_age_seconds is None else f"; Max-Age={max_age_seconds}"
        return (b"set-cookie", f"{name}={value}{age}{self.attributes}".encode("latin-1"))

    def clear(self, name: str) -> Header:
        """Write the header that takes one away."""
        return self.set(name, "", 0)


SECURE = Names("__Host-session", "__Host-refresh", "; Path=/; HttpOnly; Secure; SameSite=Lax")
PLAIN = Names("session", "refresh", "; Path=/; HttpOnly; SameSite=Lax")
"""For plain HTTP on the loopback alone."""


def is_loopback(host: str) -> bool:
    """Tell whether a Host header names the machine itself."""
    name = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host
    return name.partition(":")[0] in LOOPBACK or name in LOOPBACK


def read(header: str) -> Mapping[str, str]:
    """Give the cookies of a request; of two of a name the first, as it has the longer path."""
    found: dict[str, str] = {}
    for pair in header.split(";"):
        # Not what else Python takes for a space: a browser guards the name with it as another one.
        key, _, text = pair.strip(" \t").partition("=")
        found.setdefault(key, text)
    return found
