"""The table of our kinds: what each is called, how it is read, and what its objects own. Pure.

The store, the watches, the lists, the CRDs and the metrics go by it, so none of them knows a kind
by name. What reconciles a kind is beside its name in `__main__`, which puts the parts together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from osnovci_operator import labels
from osnovci_operator.app import spec as app
from osnovci_operator.queuepool import spec as queuepool
from osnovci_operator.ratelimit import spec as ratelimit
from osnovci_operator.resource import GROUP, VERSION, Key, Model, Resource

DEPLOYMENT = "Deployment"
REPLICA_SET = "ReplicaSet"
SERVICE = "Service"
INGRESS = "Ingress"
HTTP_ROUTE = "HTTPRoute"
SERVICE_ACCOUNT = "ServiceAccount"
CONFIG_MAP = "ConfigMap"
DISRUPTION_BUDGET = "PodDisruptionBudget"
JOB = "Job"
POD = "Pod"


@dataclass(frozen=True)
class Api:
    """Where the API server has the objects of a kind."""

    group: str
    version: str
    plural: str

    def path(self, namespace: str) -> str:
        """Give the path of all of a namespace."""
        root = f"/apis/{self.group}" if self.group else "/api"
        return f"{root}/{self.version}/namespaces/{namespace}/{self.plural}"


@dataclass(frozen=True)
class Column:
    """One column of `kubectl get`."""

    name: str
    path: str
    type: str
    description: str
    wide: bool = False
    """Only with `-o wide`."""


@dataclass(frozen=True)
class Kind:
    """One kind of ours."""

    name: str
    plural: str
    short: str
    noun: str
    """What people and metrics call one."""
    description: str
    spec: type[Model]
    status: type[Model]
    columns: tuple[Column, ...]
    parse: Callable[[dict[str, Any]], Resource[Any]]
    """Raises InvalidSpecError."""
    shares: Callable[[Any], frozenset[Key]]
    """What an object shares with others of its namespace: a change of one is the others' concern too."""
    label: str = ""
    """Carried by what belongs to an object; its value is the object's name."""
    children: tuple[str, ...] = ()
    """Kinds of what its objects own, in the order in which they are listed."""
    follows: Callable[[Any], tuple[Key, ...]] = lambda _: ()
    """Objects of other kinds that one follows: a change of them is its concern too."""
    rules: tuple[dict[str, str], ...] = ()
    """CEL rules of the whole object."""
    scales: bool = True
    """Whether it has pods that `kubectl scale` counts."""


def condition(kind: str, field: str) -> str:
    """Give the path of a condition's field."""
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


def queue_place(namespace: str, queue: str) -> Key:
    """Name a queue, as what pools share."""
    return Key("Queue", namespace, queue)


def database_place(namespace: str) -> Key:
    """Name a namespace's database, whose connections are divided among those who use it."""
    return Key("Database", namespace, "")


def _shared_by_pool(pool: queuepool.Pool) -> frozenset[Key]:
    """Its queues, and the database that the app which it follows may have."""
    namespace = pool.identity.namespace
    queues = {queue_place(namespace, name) for name in pool.spec.names}
    return frozenset(queues | ({database_place(namespace)} if pool.spec.app_ref else set()))


def _shared_by_app(app: app.App) -> frozenset[Key]:
    """Itself, with the policies that target it, and its database."""
    database = database_place(app.identity.namespace)
    return frozenset({app.key, database} if app.spec.database else {app.key})


STATUS = Column("Status", condition("Ready", "reason"), "string", "The reason of Ready.")
SCALING = Column(
    "Scaling", condition("ScalingActive", "reason"), "string", "Why this count.", wide=True
)

QUEUE_POOL = Kind(
    name=queuepool.KIND,
    plural=queuepool.PLURAL,
    short="qpool",
    noun="pool",
    label=labels.POOL,
    description="Workers for a set of queues; their count follows the backlog.",
    spec=queuepool.Spec,
    status=queuepool.Status,
    columns=(
        Column("Desired", ".status.desiredReplicas", "integer", "Workers asked for."),
        Column("Ready", ".status.readyReplicas", "integer", "Workers ready to take jobs."),
        Column("Busy", ".status.busy", "integer", "Jobs that run."),
        Column("Waiting", ".status.waiting", "integer", "Jobs that wait."),
        STATUS,
        Column("Age", ".metadata.creationTimestamp", "date", "Time since the pool was made."),
        SCALING,
        Column(
            "Message",
            condition("ScalingActive", "message"),
            "string",
            "In a sentence.",
            wide=True,
        ),
    ),
    parse=queuepool.Pool.parse,
    children=(POD, DEPLOYMENT),
    shares=_shared_by_pool,
    follows=lambda pool: (
        (Key(app.KIND, pool.identity.namespace, pool.spec.app_ref.name),)
        if pool.spec.app_ref
        else ()
    ),
)

OSNOVCI_APP = Kind(
    name=app.KIND,
    plural=app.PLURAL,
    short="oapp",
    noun="app",
    label=labels.APP,
    description="A web application: its pods, rolled out, scaled, and reachable.",
    spec=app.Spec,
    status=app.Status,
    columns=(
        Column("Desired", ".status.desiredReplicas", "integer", "Pods asked for."),
        Column("Ready", ".status.readyReplicas", "integer", "Pods ready to take requests."),
        Column("Updated", ".status.updatedReplicas", "integer", "Pods of the newest revision."),
        Column("URL", ".status.url", "string", "Where the app answers."),
        STATUS,
        Column("Age", ".metadata.creationTimestamp", "date", "Time since the app was made."),
        SCALING,
        Column("Message", condition("Ready", "message"), "string", "In a sentence.", wide=True),
    ),
    parse=app.App.parse,
    children=(
        POD,
        REPLICA_SET,
        DEPLOYMENT,
        SERVICE,
        INGRESS,
        HTTP_ROUTE,
        SERVICE_ACCOUNT,
        CONFIG_MAP,
        DISRUPTION_BUDGET,
        JOB,
    ),
    shares=_shared_by_app,
    rules=(app.NAME_RULE, app.LONG_NAME_RULE),
)

RATE_LIMIT_POLICY = Kind(
    name=ratelimit.KIND,
    plural=ratelimit.PLURAL,
    short="rlp",
    noun="policy",
    description="Limits of the requests to an OsnovciApp, enforced by its pods.",
    spec=ratelimit.Spec,
    status=ratelimit.Status,
    columns=(
        Column("Target", ".spec.targetRef.name", "string", "The app whose requests are limited."),
        Column(
            "Accepted", condition("Accepted", "reason"), "string", "Whether it belongs to the app."
        ),
        Column(
            "Programmed",
            condition("Programmed", "reason"),
            "string",
            "Whether the pods enforce it.",
        ),
        Column("Pods", ".status.enforcedPods", "integer", "Ready pods that enforce it."),
        Column("Denied", ".status.denied", "integer", "Requests turned away."),
        Column("Age", ".metadata.creationTimestamp", "date", "Time since the policy was made."),
        Column("Of", ".status.targetPods", "integer", "Ready pods of the app.", wide=True),
        Column("Mode", ".spec.mode", "string", "Enforce or DryRun.", wide=True),
        Column(
            "Message", condition("Programmed", "message"), "string", "In a sentence.", wide=True
        ),
    ),
    parse=ratelimit.Policy.parse,
    shares=lambda policy: frozenset({policy.target}),
    scales=False,
)

KINDS = (QUEUE_POOL, RATE_LIMIT_POLICY, OSNOVCI_APP)
"""In the order in which they are listed: no app is known before the policies that limit it."""

BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}

APIS: Mapping[str, Api] = {
    **{kind.name: Api(GROUP, VERSION, kind.plural) for kind in KINDS},
    DEPLOYMENT: Api("apps", "v1", "deployments"),
    REPLICA_SET: Api("apps", "v1", "replicasets"),
    POD: Api("", "v1", "pods"),
    SERVICE: Api("", "v1", "services"),
    INGRESS: Api("networking.k8s.io", "v1", "ingresses"),
    HTTP_ROUTE: Api("gateway.networking.k8s.io", "v1", "httproutes"),
    SERVICE_ACCOUNT: Api("", "v1", "serviceaccounts"),
    CONFIG_MAP: Api("", "v1", "configmaps"),
    DISRUPTION_BUDGET: Api("policy", "v1", "poddisruptionbudgets"),
    JOB: Api("batch", "v1", "jobs"),
    "Secret": Api("", "v1", "secrets"),
    "Lease": Api("coordination.k8s.io", "v1", "leases"),
    "Event": Api("events.k8s.io", "v1", "events"),
}

OPTIONAL = frozenset({HTTP_ROUTE})
"""What a cluster may not have: the Gateway API comes as CRDs."""


def shared(kind: str, each: Any) -> frozenset[Key]:
    """Give what an object shares with others; one that cannot be read shares nothing."""
    return BY_NAME[kind].shares(each) if isinstance(each, Resource) else frozenset()


def followed(kind: str, each: Any) -> tuple[Key, ...]:
    """Name the objects of other kinds that one follows."""
    return BY_NAME[kind].follows(each) if isinstance(each, Resource) else ()


def labels_of_children() -> dict[str, list[str]]:
    """Give each kind of children with the labels of those who own such."""
    found: dict[str, list[str]] = {}
    for kind in KINDS:
        for child in kind.children:
            found.setdefault(child, []).append(kind.label)
    return found


def object_key(body: dict[str, Any]) -> Key:
    """Name any object."""
    return Key(body["kind"], body["metadata"]["namespace"], body["metadata"]["name"])


def owner_of(body: dict[str, Any]) -> Key:
    """Name the object of ours that a labelled object belongs to."""
    metadata = body["metadata"]
    kind = next(kind for kind in KINDS if kind.label in metadata["labels"])
    return Key(kind.name, metadata["namespace"], metadata["labels"][kind.label])
