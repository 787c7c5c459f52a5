"""What an OsnovciApp says: the models of its spec and status, from which the CRD is generated.

Pure: no I/O, no clock. Defaults are the figures of docs/reference/osnovciapp.md.
"""

from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field
from pydantic.alias_generators import to_camel

from osnovci.app_contract import AppDocument
from osnovci_operator.app.config import Health, Sessions, Shutdown
from osnovci_operator.app.front import Ingress, LoadBalancer
from osnovci_operator.conditions import Conditions
from osnovci_operator.database import Database
from osnovci_operator.labels import MOST_PROCESSES
from osnovci_operator.pods import PodSection
from osnovci_operator.resource import Cidr, Duration, Model, Resource, rule, rules

KIND = "OsnovciApp"
PLURAL = "osnovciapps"
UNSCALED_REPLICAS = 3
"""The count of an app that sets neither replicas nor scaling."""

OF_A_REVISION = (
    "pod",
    "port",
    "processes",
    "database",
    "sessions",
    "health",
    "shutdown",
    "trusted_proxies",
    "migration",
)
"""The fields of the spec that its pods and their config are made of; the others are put back by nobody."""

NAME_RULE = rule(
    "self.metadata.name.matches('^[a-z]([a-z0-9-]*[a-z0-9])?$')",
    "metadata.name becomes the name of a Service: begin with a letter, with letters, digits and - after it",
)

LONG_NAME_RULE = rule(
    f"!has(self.spec.loadBalancer) || size(self.metadata.name) <= {63 - len('-nginx')}",
    "metadata.name is too long for an app with a loadBalancer, whose Service is NAME-nginx: shorten it to 57 characters",
)


class Rollout(Model):
    """How a new revision takes the place of the old one."""

    model_config = {
        "json_schema_extra": rules(
            rule(
                "self.maxSurge + self.maxUnavailable > 0",
                "maxSurge and maxUnavailable are both 0, so no pod could be replaced: raise maxSurge",
                ".maxSurge",
            ),
            rule(
                "duration(self.minReady) < duration(self.deadline)",
                "minReady is not below deadline, so no revision could succeed: raise deadline",
                ".minReady",
            ),
        )
    }

    max_surge: Annotated[int, Field(ge=0, le=1000)] = 1
    """So many pods there may be beyond the count while the revision changes."""
    max_unavailable: Annotated[int, Field(ge=0, le=1000)] = 0
    """So many of the count may be missing meanwhile."""
    min_ready: Duration = timedelta(seconds=10)
    """How long a new pod has to be ready before the next is replaced."""
    deadline: Duration = timedelta(minutes=3)
    """How long a rollout may stand still before the last good revision is put back."""


class Migration(Model):
    """What runs once before the pods of a new revision, such as a change of the database."""

    command: Annotated[list[str], Field(min_length=1, max_length=64)]
    """What it runs, in a pod with the image, environment and volumes of the new revision."""
    timeout: Duration = timedelta(minutes=10)
    """How long it may take, its retries included; then it has failed."""


class Scaling(Model):
    """The count follows the load that the pods report, between two bounds."""

    model_config = {
        "json_schema_extra": rules(
            rule(
                "self.minReplicas <= self.maxReplicas",
                "minReplicas is above maxReplicas: lower it, or raise maxReplicas",
                ".minReplicas",
            )
        )
    }

    min_replicas: Annotated[int, Field(ge=1, le=1000)] = UNSCALED_REPLICAS
    """The fewest web pods."""
    max_replicas: Annotated[int, Field(ge=1, le=1000)]
    """The most web pods."""
    target_in_flight: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Requests that each pod answers at a time; as many pods are asked for as that takes."""
    cpu_percent: Annotated[int, Field(ge=1, le=100)] = 70
    """The use of CPU that is right, of what a pod may use."""
    memory_percent: Annotated[int, Field(ge=1, le=100)] = 80
    """The use of memory that is right, of what a pod may use."""


class Spec(Model):
    """What the app should be."""

    model_config = {
        "json_schema_extra": rules(
            rule(
                "!(has(self.replicas) && has(self.scaling))",
                "replicas and scaling exclude each other: remove scaling to fix the count",
                ".replicas",
            )
        )
    }

    pod: PodSection
    """The web pods: their image, environment and resources."""
    port: Annotated[int, Field(ge=1024, le=65535)] = 3000
    """Where the app listens in the pod."""
    processes: Annotated[int, Field(ge=1, le=MOST_PROCESSES)] = 1
    """Server processes in each pod."""
    replicas: Annotated[int, Field(ge=0, le=1000)] | None = None
    """A fixed count of web pods; `kubectl scale` sets it. Excludes scaling."""
    scaling: Scaling | None = None
    """Let the count follow the load that the pods report. Excludes replicas."""
    database: Database | None = None
    """The app's database; by default it has none."""
    sessions: Sessions = Sessions()
    """How long the sessions of its users live."""
    health: Health = Health()
    """When a replica is strained or turns requests away."""
    shutdown: Shutdown = Shutdown()
    """How a replica stops."""
    rollout: Rollout = Rollout()
    """How a new revision takes the place of the old one."""
    trusted_proxies: Annotated[
        list[Cidr],
        Field(max_length=128, json_schema_extra={"x-kubernetes-list-type": "set"}),
    ] = []
    """Networks of the proxies whose X-Forwarded-For tells a client's address; by default none is believed."""
    migration: Migration | None = None
    """What has to succeed before the pods of a new revision come; by default nothing."""
    ingress: Ingress | None = None
    """The way in from outside; by default the app answers inside the cluster alone."""
    load_balancer: LoadBalancer | None = None
    """An nginx in front of the pods; by default requests go to them by their Service."""

    def document(self, name: str) -> AppDocument:
        """Give what the app's pods are told."""
        return AppDocument(
            app=name,
            port=self.port,
            processes=self.processes,
            database=self.database and self.database.document(),
            sessions=self.sessions.document(),
            health=self.health.document(),
            shutdown=self.shutdown.document(),
            trusted_proxies=tuple(self.trusted_proxies),
        )

    def revision(self) -> dict[str, Any]:
        """Give what of the spec makes a revision, as a resource has it; None is what is not set."""
        written = self.model_dump(mode="json", include=set(OF_A_REVISION), exclude_none=True)
        return {to_camel(field): written.get(to_camel(field)) for field in OF_A_REVISION}


class TrafficStatus(Model):
    """The requests of the last ten seconds, as the pods report them."""

    requests_per_second: int
    """Of all pods together."""
    error_rate: str
    """The share of answers of status 500 and above."""
    p95: str | None = None
    """The time within which 95 of 100 requests were answered, on the slowest pod."""


class DatabaseStatus(Model):
    """The connections to the database."""

    budget: int
    """The most that all pods of the app may open."""
    in_use: int | None = None
    """Those that are in use, as the pods report them; kept as last seen while Redis cannot be read."""


class Status(Model):
    """What the operator observed and decided."""

    observed_generation: int = -1
    """The generation of the spec that this status is about."""
    replicas: int | None = None
    """Web pods that exist."""
    ready_replicas: int | None = None
    """Web pods that are ready to take requests."""
    updated_replicas: int | None = None
    """Web pods of the revision that is rolled out."""
    desired_replicas: int | None = None
    """Web pods that the operator asks for."""
    selector: str | None = None
    """The label selector of the web pods, for the scale subresource."""
    url: str | None = None
    """Where the app answers."""
    revision: str | None = None
    """The revision that the spec asks for, by a digest of its pods and config."""
    good_revision: str | None = None
    """The last one that was good: `osnovci rollback` puts it back where the spec asks for another."""
    database: DatabaseStatus | None = None
    """The connections to the database."""
    config_revision: int | None = None
    """The revision of the config that is published to the pods."""
    traffic: TrafficStatus | None = None
    """The requests of the last ten seconds; kept as last seen while Redis cannot be read."""
    conditions: Conditions = []
    """Ready, Progressing, ScalingActive, ConfigEnforced; with a database, DatabaseBudget; with rate limits, RateLimitPolicyAffected."""


class App(Resource[Spec]):
    """One OsnovciApp."""

    kind = KIND
    model = Spec
