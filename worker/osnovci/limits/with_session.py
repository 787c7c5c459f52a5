"""Limits and the session of a request, asked for together: one command, one answer. Pure."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from osnovci.limits.limit import SCRIPT, Decision, Question, Window
from osnovci.scripted import Called, Script

SESSION_SCRIPT = Script.of(
    Script.read("osnovci.limits", "with_session").text.replace(
        "\n-- check.lua\n", f"\n{SCRIPT.text}"
    )
)


class SessionQuestion(NamedTuple):
    """A question about a request that comes with a session, which is read and renewed by it."""

    question: Question
    strangers: Sequence[Window]
    """What it is about where the session is gone: windows of the same limits, in the same order."""
    key: str
    """Of the session."""
    ttl_ms: int

    @property
    def call(self) -> Called:
        """Ask Redis."""
        question, strangers = self.question, self.strangers
        keys = [self.key, *(window.key for window in question.windows)]
        if strangers is not question.windows:
            keys += (window.key for window in strangers)
        arguments = [*question.arguments(), self.ttl_ms, len(strangers)]
        return SESSION_SCRIPT.call([len(keys), *keys, *arguments])

    def parse(self, reply: Any) -> tuple[Decision, bytes | None]:
        """Read Redis's answer: the decision, and the session's document."""
        counted, session = reply
        of = self.question if session else self.question._replace(windows=self.strangers)
        return of.parse(counted), session
