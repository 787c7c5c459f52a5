"""Which requests a limit is for. Pure."""

from collections.abc import Callable, Sequence

from osnovci.limit_contract import MatchDocument

Matcher = Callable[[str, str], bool]
"""Of a path and a method."""


def matcher(matches: Sequence[MatchDocument]) -> Matcher:
    """Give what tells whether any of these holds; none of them is every request."""
    parts = [(each.path.rstrip("/"), frozenset(each.methods)) for each in matches]
    if not parts or ("", frozenset()) in parts:
        return lambda _path, _method: True

    def is_met(path: str, method: str) -> bool:
        return any(
            _begins(path, prefix) and (not methods or method in methods)
            for prefix, methods in parts
        )

    return is_met


def _begins(path: str, prefix: str) -> bool:
    """Tell whether whole segments of the path are the prefix."""
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in {"", "/"}
