"""Which requests a limit is for. Pure.

Frameworks answer HEAD as they do GET, with the same work and without the body: a limit for GET that had
no HEAD would be one that everybody goes around. An OPTIONS is a request of its own, also a browser's
question before one to another origin. Some frameworks, as Litestar, take several slashes for one: so do
limits, for which //api would else be another path than the one that is served.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from osnovci.limit_contract import MatchDocument

Matcher = Callable[[str, str], bool]
"""Of a path and a method."""

SLASHES = re.compile("/{2,}")

WHOLE = frozenset({"", "/"})
"""What follows whole segments of a path."""


def matcher(matches: Sequence[MatchDocument]) -> Matcher:
    """Give what tells whether any of these holds; none of them is every request."""
    parts = [(each.path.rstrip("/"), _methods(each.methods)) for each in matches]
    if not parts or ("", frozenset()) in parts:
        return lambda _path, _method: True

    def is_met(path: str, method: str) -> bool:
        if "//" in path:
            path = SLASHES.sub("/", path)
        for prefix, methods in parts:
            is_begun = path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in WHOLE
            if is_begun and (not methods or method in methods):
                return True
        return False

    return is_met


def _methods(named: Iterable[str]) -> frozenset[str]:
    methods = frozenset(named)
    return methods | {"HEAD"} if "GET" in methods else methods
