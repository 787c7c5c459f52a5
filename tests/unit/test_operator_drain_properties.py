"""What holds of draining, whatever the crew, and where jobs of any length come and go."""

from dataclasses import dataclass

from crews import BOUND, NOW, beat, worker
from hypothesis import given, settings
from hypothesis import strategies as st

from osnovci.contract import DrainRequest, WorkerState
from osnovci_operator.queuepool.crew import Crew, Worker
from osnovci_operator.queuepool.drain import Plan, plan

PODS, BUSY = st.uuids().map(str), st.none() | st.integers(0, 3)
FRESH = st.builds(worker, pod=PODS, busy=BUSY, ready=st.booleans())
"""Workers of which nobody asked anything."""
WORKERS = FRESH | st.builds(
    worker,
    pod=PODS,
    busy=BUSY,
    asked=st.none() | st.integers(NOW - 400_000, NOW),
    done=st.booleans(),
    marked=st.booleans(),
    ready=st.booleans(),
)


@st.composite
def crews(draw: st.DrawFn, kind: st.SearchStrategy[Worker] = WORKERS) -> tuple[Crew, int]:
    """Give a crew and a count, often a little less than there are."""
    workers = draw(st.lists(kind, max_size=8, unique_by=lambda each: each.pod))
    asked = max(len(workers) + draw(st.integers(-2, 2)), 0)
    return Crew(asked, tuple(workers), NOW), draw(st.integers(0, asked + 1))


unhurried = settings(deadline=None)


@unhurried
@given(crews(FRESH) | crews())
def test_a_busy_one_is_never_asked_while_an_idle_one_is_not(
    given_crew: tuple[Crew, int],
) -> None:
    crew, count = given_crew
    found = plan(crew, count, BOUND)
    asked = [w for w in crew.workers if w.pod in found.requests and not w.request]
    spared = [w for w in crew.workers if w.pod not in found.requests]
    if any(each.busy for each in asked):
        assert not [each for each in spared if each.beat and not each.busy]


@unhurried
@given(given_crew=crews(), holds=st.booleans())
def test_the_count_is_lowered_only_for_those_who_confirmed(
    given_crew: tuple[Crew, int], *, holds: bool
) -> None:
    crew, count = given_crew
    found = plan(crew, count, BOUND, holds=holds)
    assert found.replicas >= count
    if count < crew.asked:
        sure = sum(each.drained(NOW) and each.first_to_go for each in crew.workers)
        gone = 0 if holds else crew.missing + max(sure - crew.released, 0)
        assert crew.asked - gone <= found.replicas <= crew.asked
    else:
        assert found.replicas == count


@unhurried
@given(crews())
def test_every_request_is_kept_or_withdrawn(given_crew: tuple[Crew, int]) -> None:
    crew, count = given_crew
    found = plan(crew, count, BOUND)
    assert crew.draining <= found.requests.keys() | found.withdrawn
    assert not found.requests.keys() & found.withdrawn
    assert not found.marked & found.unmarked
    if count >= crew.asked:
        assert len(found.requests) == crew.released


@dataclass
class Pod:
    """A pod of the world below."""

    job_until: int = 0
    request: DrainRequest | None = None
    answered: int | None = None
    marked: bool = False


class World:
    """Workers that run jobs, and Kubernetes, which ends the marked ones first and else any."""

    def __init__(self, lengths: list[int]) -> None:
        self.now = 0
        self.asked = len(lengths)
        self.pods = {f"pod-{n}": Pod(job_until=length) for n, length in enumerate(lengths)}
        self.interrupted: list[str] = []

    def crew(self) -> Crew:
        workers = (
            Worker(
                pod=name,
                first_to_go=pod.marked,
                beat=beat(
                    name,
                    int(pod.job_until > self.now),
                    WorkerState.DRAINED if pod.answered else WorkerState.RUNNING,
                    pod.answered,
                ),
                request=pod.request,
            )
            for name, pod in self.pods.items()
        )
        return Crew(self.asked, tuple(workers), NOW + self.now * 1000)

    def apply(self, step: Plan) -> None:
        for name, pod in self.pods.items():
            pod.request = step.requests.get(name)
            pod.marked = (pod.marked or name in step.marked) and name not in step.unmarked
        self.asked = step.replicas
        while len(self.pods) > self.asked:
            # among equals the busiest, as the worst that may befall
            name, pod = min(
                self.pods.items(), key=lambda each: (not each[1].marked, -each[1].job_until)
            )
            if pod.job_until > self.now:
                self.interrupted.append(name)
            del self.pods[name]

    def second(self, new_jobs: list[int]) -> None:
        """Let a second pass: who is not asked takes a job, who is and has none confirms."""
        self.now += 1
        lengths = iter(new_jobs)
        for pod in self.pods.values():
            idle = pod.job_until <= self.now
            pod.answered = pod.request.asked_ms if pod.request and idle else None
            if idle and not pod.request:
                pod.job_until = self.now + next(lengths, 0)


@unhurried
@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=8),
    st.data(),
    st.lists(st.lists(st.integers(0, 60), max_size=3), max_size=20),
)
def test_no_job_is_interrupted_and_the_count_is_reached(
    lengths: list[int], data: st.DataObject, arrivals: list[list[int]]
) -> None:
    world = World(lengths)
    count = data.draw(st.integers(0, len(lengths)))
    for new_jobs in [*arrivals, *[[]] * 75]:
        world.apply(plan(world.crew(), count, BOUND))
        world.second(new_jobs)
        assert world.asked >= count
    assert world.interrupted == []
    assert (world.asked, len(world.pods)) == (count, count)
