"""Who was denied how often, since it was last written to Redis. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from osnovci.limit_contract import (
    STATISTICS_KEPT_SECONDS,
    TOP_KEPT,
    denials_key,
    top_key,
)
from osnovci.limits.limit import Window, short
from osnovci.scripted import Argument

SUBJECTS_MAX = 1_000
"""So many subjects are told apart between two writes; who comes later is in the sums only."""


@dataclass
class Denials:
    """Counts of one process."""

    sums: Counter[str] = field(default_factory=Counter[str])
    """By `POLICY/denied` or `POLICY/wouldDeny`."""
    subjects: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """By policy and `LIMIT SUBJECT`."""

    def note(self, window: Window) -> None:
        """Count a request that a limit denied, or would have; limits of no policy are not counted."""
        limit = window.limit
        if not limit.policy:
            return
        self.sums[f"{limit.policy}/{'wouldDeny' if limit.is_tried else 'denied'}"] += 1
        who = limit.policy, f"{limit.name} {short(window.subject)}"
        if who in self.subjects or len(self.subjects) < SUBJECTS_MAX:
            self.subjects[who] += 1

    def take(self) -> "Denials":
        """Give what was counted, and begin anew."""
        taken = Denials(self.sums, self.subjects)
        self.sums, self.subjects = Counter(), Counter()
        return taken

    def put_back(self, taken: "Denials") -> None:
        """Count what could not be written with what is written next."""
        self.sums += taken.sums
        for who, count in taken.subjects.most_common(SUBJECTS_MAX - len(self.subjects)):
            self.subjects[who] += count

    def commands(self, namespace: str, app: str) -> list[Sequence[Argument]]:
        """Give what writes it."""
        if not self.sums:
            return []
        key = denials_key(namespace, app)
        written: list[Sequence[Argument]] = [
            ("HINCRBY", key, name, count) for name, count in self.sums.items()
        ]
        written.append(("EXPIRE", key, STATISTICS_KEPT_SECONDS))
        for (policy, who), count in self.subjects.items():
            written.append(("ZINCRBY", top_key(namespace, app, policy), count, who))
        for policy in {policy for policy, _ in self.subjects}:
            top = top_key(namespace, app, policy)
            written.append(("ZREMRANGEBYRANK", top, 0, -TOP_KEPT - 1))
            written.append(("EXPIRE", top, STATISTICS_KEPT_SECONDS))
        return written
