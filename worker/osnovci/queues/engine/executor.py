"""What the engine asks of whatever runs its jobs, and what it is told in return."""

from typing import Protocol

from osnovci.queues.engine.body import Body
from osnovci.queues.engine.jobs import Outcome, Taken


class Sink(Protocol):
    """The engine, as an executor sees it."""

    def ended(self, job: Taken, outcome: Outcome) -> None:
        """A job ended."""
        ...

    def progressed(self, execution: str, fraction: float) -> None:
        """A job reported how far it is."""
        ...

    def returned(self, job: Taken) -> None:
        """A job was not begun after all, and may be handed out again."""
        ...

    def grown(self) -> None:
        """One more job can run now."""
        ...


class Executor(Protocol):
    """Runs jobs: at most `concurrency` at a time; some more may wait inside it, not begun."""

    overrun_seconds: float
    """How long after its timeout a job is ended by force; before that it can end itself."""

    async def start(self, sink: Sink) -> None:
        """Get ready."""
        ...

    concurrency: int
    """How many jobs run at a time."""

    @property
    def able(self) -> int:
        """How many can run now: fewer than `concurrency` while processes are being started."""
        ...

    def room(self, extra: int) -> int:
        """Say how many jobs it takes now, where so many may wait in it."""
        ...

    def submit(self, job: Taken) -> None:
        """Run a job."""
        ...

    def take_back(self) -> list[Taken]:
        """Give up the jobs that were not begun."""
        ...

    def stop(self, job: Taken, outcome: Outcome) -> None:
        """End a job by force; it is told as ended with `outcome`."""
        ...

    def look_after(self) -> None:
        """Once a second: see to memory and to what needs replacing."""
        ...

    async def close(self) -> None:
        """End everything."""
        ...


def body_of(job: Taken) -> Body:
    """Give what an executor needs of a job."""
    return Body(job.id, job.data, job.timeout, job.on_success, job.on_failure)
