"""The policies that are in force in a process, made ready for requests. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from osnovci.app_contract import AppDocument
from osnovci.limit_contract import LimitDocument, Mode, Per, PolicyDocument
from osnovci.limits import clients
from osnovci.limits.limit import Limit, Window, short
from osnovci.limits.matching import Matcher, matcher

CLIENTS_KEPT = 4096

FORWARDED_KEPT_CHARACTERS = 256
"""Whoever sends a longer X-Forwarded-For is looked at anew each time: it would take memory as it likes."""


@dataclass(frozen=True, eq=False)
class Rule:
    """A limit of a policy, and whom it is for."""

    limit: Limit
    per: Per
    is_for: Matcher
    exempt: tuple[clients.Network, ...]
    prefix: str
    """Of the keys of its windows."""

    def window(self, subject: str) -> Window:
        """Give the window of a subject."""
        return Window(self.limit, subject, self.prefix + short(subject))


@dataclass(frozen=True, eq=False)
class Client:
    """Where requests come from, and the limits that are not told to leave it alone."""

    subject: str
    rules: tuple[Rule, ...]
    address: str
    """Empty where there is none."""


class Policies:
    """All policies of one document; a request is held against one of these, never half of two."""

    def __init__(self, namespace: str, document: AppDocument) -> None:
        self._trusted = clients.networks(document.trusted_proxies)
        named = Counter(limit.name for policy in document.policies for limit in policy.limits)
        rules = [
            _rule(namespace, document.app, policy, limit, is_alone=named[limit.name] == 1)
            for policy in document.policies
            for limit in policy.limits
        ]
        # as a question wants its windows
        self.rules = tuple(sorted(rules, key=lambda rule: rule.limit.form))
        # Addresses are slow to read, and a client comes again.
        self._known = lru_cache(CLIENTS_KEPT)(self._client)

    @property
    def looks_at_proxies(self) -> bool:
        """Whether X-Forwarded-For counts at all."""
        return bool(self._trusted)

    def client(self, peer: str, forwarded: str) -> Client:
        """Give who sends a request, and what limits that client."""
        find = self._known if len(forwarded) <= FORWARDED_KEPT_CHARACTERS else self._client
        return find(peer, forwarded)

    def windows(self, client: Client, user: str | None, path: str, method: str) -> list[Window]:
        """Give what a request is counted in."""
        return windows(self.met(client, path, method), client.subject, user)

    def met(self, client: Client, path: str, method: str) -> tuple[Rule, ...]:
        """Give the limits that a request meets."""
        return tuple([rule for rule in client.rules if rule.is_for(path, method)])

    def windows_of(self, user: str) -> list[Window]:
        """Give the windows of a user, whatever is requested."""
        return [rule.window(f"user {user}") for rule in self.rules if rule.per == Per.USER]

    def windows_at(self, address: str) -> list[Window]:
        """Give the windows of a client without a user, whatever is requested."""
        subject = clients.subject(clients.parse(address))
        return [rule.window(subject) for rule in self.rules]

    def _client(self, peer: str, forwarded: str) -> Client:
        address = clients.client(peer, forwarded, self._trusted)
        rules = (rule for rule in self.rules if not clients.is_in(address, rule.exempt))
        return Client(clients.subject(address), tuple(rules), str(address or ""))


def windows(rules: Iterable[Rule], client: str, user: str | None) -> list[Window]:
    """Give what limits count a request in: a user's where that is known and asked for."""
    who = f"user {user}" if user else client
    return [rule.window(who if rule.per == Per.USER else client) for rule in rules]


def _rule(
    namespace: str, app: str, policy: PolicyDocument, document: LimitDocument, *, is_alone: bool
) -> Rule:
    limit = Limit(
        name=document.name,
        max=document.max,
        window_ms=document.window_ms,
        exact=document.exact,
        failure_mode=document.failure_mode,
        policy=policy.name,
        is_tried=policy.mode == Mode.DRY_RUN,
        label="" if is_alone else f"{policy.name}/{document.name}",
    )
    return Rule(
        limit=limit,
        per=document.per,
        is_for=matcher(document.match),
        exempt=clients.networks(policy.exempt),
        prefix=limit.window(namespace, app, "").key,
    )
