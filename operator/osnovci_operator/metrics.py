"""The operator's own metrics, in Prometheus's text format. docs/reference/metrics.md lists them."""

from collections.abc import Iterator

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from osnovci_operator.kinds import KINDS, RATE_LIMIT_POLICY, Kind
from osnovci_operator.store import Store

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

LEADER = Gauge("osnovci_leader", "1 while this replica leads.")
RECONCILE_SECONDS = Histogram(
    "osnovci_reconcile_seconds", "How long one reconcile takes.", buckets=_SECONDS
)
RECONCILE_ERRORS = Counter("osnovci_reconcile_errors", "Reconciles that failed and are retried.")
REDIS_READ_SECONDS = Histogram(
    "osnovci_redis_read_seconds", "How long one read of a namespace takes.", buckets=_SECONDS
)
REDIS_READABLE = Gauge("osnovci_redis_readable", "1 while Redis answers.", ["namespace"])
DECISIONS = Counter(
    "osnovci_decisions", "Changes of a worker count, by reason.", ["namespace", "pool", "reason"]
)
SCHEDULES = Counter(
    "osnovci_schedule_times",
    "Times at which a schedule was due, by outcome.",
    ["namespace", "pool", "schedule", "outcome"],
)


AUDIT_SECONDS = Histogram(
    "osnovci_audit_seconds",
    "How long one audit of a namespace's jobs takes.",
    buckets=(0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 900),
)
MENDED = Counter(
    "osnovci_jobs_mended",
    "Jobs that the audit put where they belong, and workers without a lease that it freed.",
    ["namespace", "pool"],
)
FREED = Counter(
    "osnovci_jobs_freed", "Jobs taken back from pods that are gone.", ["namespace", "pool"]
)


CONDITION_VALUES = {"True": 1, "False": 0}


class StatusCollector(Collector):
    """Figures of our objects, read from their last status when they are asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterator[Metric]:
        """Give one sample for each object and queue; those that are gone leave none behind."""
        for kind in KINDS:
            if kind.scales:
                yield from self._replicas(kind)
        yield from self._policies()
        yield self._conditions()
        jobs = GaugeMetricFamily(
            "osnovci_queue_jobs",
            "Jobs of a queue, by state.",
            labels=["namespace", "pool", "queue", "state"],
        )
        for pool in self._store.pools():
            place = [pool.identity.namespace, pool.identity.name]
            for queue in pool.status.get("queues", ()):
                for state in ("waiting", "active", "scheduled", "completed", "failed"):
                    jobs.add_metric([*place, queue["name"], state], queue.get(state, 0))
        yield jobs

    def _conditions(self) -> Metric:
        gauge = GaugeMetricFamily(
            "osnovci_condition",
            "1 while a condition is True, 0 while it is False; none while it is Unknown.",
            labels=["namespace", "kind", "name", "type", "reason"],
        )
        for key in self._store.all_keys():
            each = self._store.get(key)
            for of in each.status.get("conditions", ()) if each else ():
                if of["status"] in CONDITION_VALUES:
                    labels = [key.namespace, key.kind, key.name, of["type"], of["reason"]]
                    gauge.add_metric(labels, CONDITION_VALUES[of["status"]])
        return gauge

    def _policies(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "osnovci_limited_requests",
            "Requests beyond a rate limit, by what became of them.",
            labels=["namespace", "policy", "outcome"],
        )
        pods = GaugeMetricFamily(
            "osnovci_ratelimitpolicy_pods",
            "Ready pods of a RateLimitPolicy's app, by whether they enforce it.",
            labels=["namespace", "policy", "enforcing"],
        )
        for policy in self._store.objects(RATE_LIMIT_POLICY.name):
            place, status = [policy.identity.namespace, policy.identity.name], policy.status
            for outcome, fieldname in (("denied", "denied"), ("would_deny", "wouldDeny")):
                requests.add_metric([*place, outcome], status.get(fieldname, 0))
            enforcing = status.get("enforcedPods", 0)
            pods.add_metric([*place, "true"], enforcing)
            pods.add_metric([*place, "false"], status.get("targetPods", 0) - enforcing)
        yield requests
        yield pods

    def _replicas(self, kind: Kind) -> Iterator[GaugeMetricFamily]:
        for state in ("desired", "ready"):
            gauge = GaugeMetricFamily(
                f"osnovci_{kind.name.lower()}_{state}_replicas",
                f"Pods of a {kind.name} that are {state}.",
                labels=["namespace", kind.noun],
            )
            for each in self._store.objects(kind.name):
                place = [each.identity.namespace, each.identity.name]
                gauge.add_metric(place, each.status.get(f"{state}Replicas", 0))
            yield gauge


def publish_statuses(store: Store) -> None:
    """Add the figures of our objects to what /metrics answers."""
    REGISTRY.register(StatusCollector(store))
