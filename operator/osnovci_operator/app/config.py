"""What an OsnovciApp says that reaches running pods by their config document. Pure."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from osnovci.app_contract import (
    MOST_LOGINS,
    HealthDocument,
    SessionsDocument,
    ShutdownDocument,
)
from osnovci_operator.resource import Duration, Model, rule, rules


class Sessions(Model):
    """How long the sessions of the app's users live, where it uses `osnovci.sessions`."""

    model_config = {
        "json_schema_extra": rules(
            rule(
                "duration(self.ttl) <= duration(self.refreshTTL)",
                "ttl is above refreshTTL, after which a session ends in any case: lower it",
                ".ttl",
            )
        )
    }

    ttl: Duration = timedelta(hours=24)
    """How long a session lives without activity."""
    refresh_ttl: Annotated[Duration, Field(alias="refreshTTL")] = timedelta(days=30)
    """How long a session lives at most, and how long a login that is remembered can be renewed."""
    max_per_user: Annotated[int, Field(ge=0, le=MOST_LOGINS)] = 0
    """So many logins a user may have; beyond it the one least active ends. 0 is any number."""

    def document(self) -> SessionsDocument:
        """Give what the pods are told."""
        return SessionsDocument(
            ttl_seconds=self.ttl.total_seconds(),
            refresh_ttl_seconds=self.refresh_ttl.total_seconds(),
            max_per_user=self.max_per_user,
        )


class Health(Model):
    """When a replica counts as strained, and when it turns requests away."""

    model_config = {
        "json_schema_extra": rules(
            rule(
                "self.memoryWarnPercent <= self.memoryMaxPercent",
                "memoryWarnPercent is above memoryMaxPercent: lower it, or raise memoryMaxPercent",
                ".memoryWarnPercent",
            )
        )
    }

    memory_warn_percent: Annotated[int, Field(ge=1, le=100)] = 80
    """Above so much of its memory, a replica says that it is strained."""
    memory_max_percent: Annotated[int, Field(ge=1, le=100)] = 95
    """Above so much of its memory, a replica turns requests away."""
    max_in_flight: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    """So many requests a replica answers at a time; it turns away more."""

    def document(self) -> HealthDocument:
        """Give what the pods are told."""
        return HealthDocument(
            memory_warn_percent=self.memory_warn_percent,
            memory_max_percent=self.memory_max_percent,
            max_in_flight=self.max_in_flight,
        )


class Shutdown(Model):
    """How a replica stops."""

    model_config = {
        "json_schema_extra": rules(
            rule(
                "duration(self.drain) < duration(self.grace)",
                "drain is not below grace, within which a stop has to end: lower it, or raise grace",
                ".drain",
            )
        )
    }

    drain: Duration = timedelta(seconds=5)
    """How long a replica that is to stop serves on, so that nobody meets a closed port."""
    grace: Duration = timedelta(seconds=30)
    """After how long it is killed."""

    def document(self) -> ShutdownDocument:
        """Give what the pods are told."""
        return ShutdownDocument(
            drain_seconds=self.drain.total_seconds(), grace_seconds=self.grace.total_seconds()
        )
