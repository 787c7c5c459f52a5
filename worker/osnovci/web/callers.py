"""Who comes again with the same headers: what was made out of them, and what is asked for it, is kept.

A process has this for one config; with another it begins anew.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from osnovci.limit_contract import Per
from osnovci.limits.fields import Passed
from osnovci.limits.limit import Decision, Question
from osnovci.limits.policies import FORWARDED_KEPT_CHARACTERS, Client, Policies, Rule, windows
from osnovci.limits.with_session import SessionQuestion
from osnovci.line import packed
from osnovci.scripted import Argument
from osnovci.web.asgi import Scope, headers_of

if TYPE_CHECKING:
    from osnovci.sessions.middleware import Sessions
    from osnovci.sessions.visitor import Visitor

CALLERS_KEPT = 2048
"""The one that came first goes first. About 9 MB, and 50 where all send as much as is kept; strangers as well."""

HEADERS_KEPT_BYTES = 4096
"""Whoever sends longer ones is looked at anew each time."""

SENT_KEPT = 16
"""For so many headers and addresses of one session, so that whoever varies another cookie drives nobody out."""

ASKED_KEPT = 16
"""For so many paths of a caller."""

PATH_KEPT_CHARACTERS = 256
"""With the method, which a server need not know."""

RULES_KEPT = 256
"""So many choices of limits, each met by many callers."""


Sent = tuple[bytes | str | None, ...]
"""The headers, and the address, that tell one caller from another."""

Key = tuple[str | None, str, str]
"""Whose request it is, where the application says so; its method and its path."""

Rules = tuple[Rule, ...]

K = TypeVar("K")
V = TypeVar("V")


class Whose(NamedTuple):
    """Where a request comes from, and by whom."""

    client: str
    user: str | None
    session_key: str
    """Empty where the request says that it has none."""
    ttl_ms: int
    """Of the session."""
    is_told: bool
    """Whose it is, the application says, and so it is whatever becomes of the session."""


class Asked:
    """What is asked for a request, how it is sent, and how most answers are read."""

    __slots__ = ("_whose", "has_session", "packed", "passed", "question", "rules")

    def __init__(self, rules: Rules, passed: Passed, whose: Whose) -> None:
        self.rules = rules
        self.passed = passed
        self._whose = whose
        self.has_session = bool(whose.session_key)
        self.question = Question(windows(rules, whose.client, whose.user))
        self.packed = packed(tuple(self._whole.call.command))

    @property
    def in_full(self) -> Sequence[Argument]:
        """Ask a Redis that does not know the script yet."""
        return self._whole.call.in_full

    def parse(self, answer: Any) -> Decision:
        """Read all of an answer."""
        whole = self._whole
        return whole.parse(answer) if isinstance(whole, Question) else whole.parse(answer)[0]

    @property
    def _whole(self) -> Question | SessionQuestion:
        """Ask about the session too; where it turns out to be gone, it is about nobody's request."""
        rules, whose, own = self.rules, self._whose, self.question.windows
        if not self.has_session:
            return self.question
        is_same = whose.is_told or all(rule.per == Per.IP for rule in rules)
        strangers = own if is_same else windows(rules, whose.client, None)
        return SessionQuestion(self.question, strangers, whose.session_key, whose.ttl_ms)


class Caller:
    """Who sends requests, and what is asked for those by whom the application says, method and path."""

    __slots__ = ("asked", "client", "visitor")

    def __init__(
        self, client: Client, visitor: "Visitor | None", asked: dict[Key, Asked] | None = None
    ) -> None:
        self.client = client
        self.visitor = visitor
        self.asked: dict[Key, Asked] = {} if asked is None else asked


class Callers:
    """Those of one config. Who has no session shares what is asked with all of that address."""

    def __init__(self, policies: Policies, sessions: "Sessions | None") -> None:
        self.policies = policies
        self._sessions = sessions
        self._known: dict[Sent, Caller] = {}
        """With a token of ours: others do not get to fill it."""
        self._sent_by: dict[str, list[Sent]] = {}
        """What of that is of one session, by its handle; the oldest first."""
        self._passed = lru_cache(RULES_KEPT)(_passed)
        self._strangers: dict[Sent, Caller] = {}

    def find(self, scope: Scope, user: str | None) -> Caller:
        """Tell who sends a request; `user` where the application said so already."""
        sessions, headers, peer = self._sessions, headers_of(scope), scope.get("client")
        address = peer[0] if peer else ""
        forwarded = b""
        if self.policies.looks_at_proxies:
            forwarded = headers.get(b"x-forwarded-for", b"")
        if sessions is None:
            return self._stranger(address, forwarded, user)
        sent = (
            headers.get(b"cookie"),
            headers.get(b"authorization"),
            headers.get(b"host"),
            forwarded,
            address,
        )
        caller = self._known.get(sent)
        if caller is None:
            visitor = sessions.visitor(headers)
            if visitor.presented:
                client = self.policies.client(address, forwarded.decode("latin-1"))
                caller = Caller(client, visitor)
                if sum(len(each) for each in sent if each) <= HEADERS_KEPT_BYTES:
                    self._know(sent, caller, visitor.presented.handle)
                return caller
        elif caller.visitor and sessions.is_over(caller.visitor):
            visitor = caller.visitor.stranger
        else:
            return caller
        alike = self._stranger(address, forwarded, user)
        return Caller(alike.client, visitor, alike.asked)

    def ask(self, caller: Caller, key: Key, *, is_told: bool) -> Asked:
        """Prepare what is asked for a caller's request, once for all paths that meet the same limits."""
        user, method, path = key
        rules = self.policies.met(caller.client, path, method)
        alike = (each for (whose, *_), each in caller.asked.items() if whose == user)
        asked = next((each for each in alike if each.rules == rules), None)
        if asked is None:
            whose = self._whose(caller, user, is_told=is_told)
            asked = Asked(rules, self._passed(rules), whose)
        if len(method) + len(path) <= PATH_KEPT_CHARACTERS:
            _keep(caller.asked, key, asked, ASKED_KEPT)
        return asked

    def _know(self, sent: Sent, caller: Caller, handle: str) -> None:
        """Keep a caller, as long as neither its session nor all of them have more that came later."""
        self._known[sent] = caller
        own = self._sent_by.setdefault(handle, [])
        own.append(sent)
        if len(own) > SENT_KEPT:
            del self._known[own.pop(0)]
        elif len(self._known) > CALLERS_KEPT:
            visitor = self._known.pop(next(iter(self._known))).visitor
            assert visitor
            assert visitor.presented
            # The oldest of all is the oldest of its session, too.
            theirs = self._sent_by[visitor.presented.handle]
            del theirs[0]
            if not theirs:
                del self._sent_by[visitor.presented.handle]

    def _whose(self, caller: Caller, user: str | None, *, is_told: bool) -> Whose:
        sessions, client = self._sessions, caller.client.subject
        presented = caller.visitor.presented if caller.visitor else None
        if sessions is None or presented is None:
            return Whose(client, user, "", 0, is_told)
        key = sessions.operations.key(presented.handle)
        whose = user if is_told else presented.identity.user
        return Whose(client, whose, key, sessions.ttl_ms, is_told)

    def _stranger(self, address: str, forwarded: bytes, user: str | None) -> Caller:
        sent = (user, address, forwarded)
        caller = self._strangers.get(sent)
        if caller is None:
            caller = Caller(self.policies.client(address, forwarded.decode("latin-1")), None)
            if len(forwarded) <= FORWARDED_KEPT_CHARACTERS:
                _keep(self._strangers, sent, caller, CALLERS_KEPT)
        return caller


def _passed(rules: Rules) -> Passed:
    return Passed([rule.limit for rule in rules])


def _keep(kept: dict[K, V], key: K, value: V, most: int) -> None:
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]
