"""Which functions a pool runs as jobs: those defined in its `tasks` modules or below, and no others."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from rq.exceptions import DeserializationError
from rq.job import Job
from rq.utils import import_attribute

from osnovci.errors import SettingsError, TaskRefusedError

CALLBACKS = ("success_callback_name", "failure_callback_name", "stopped_callback_name")


def load(modules: Sequence[str]) -> None:
    """Import the pool's modules once, before the processes that run their functions are forked.

    Raises SettingsError for one that cannot be imported.
    """
    for module in modules:
        try:
            import_module(module)
        except Exception as error:
            raise SettingsError(
                f"spec.tasks names the module {module}, which this image cannot import "
                f"({type(error).__name__}: {error}): install it there, or set PYTHONPATH"
            ) from error


def check(job: Job, modules: Sequence[str]) -> None:
    """See that a job's function and callbacks are the pool's, by name before anything is imported.

    Raises TaskRefusedError.
    """
    names = _names(job)
    for name in names:
        if not _within(name, modules):
            raise _not_allowed(job, name, modules)
    for name in names:
        # rq would follow homework.jobs.os.system through what homework.jobs itself imported.
        if not _within(f"{_home(job, name)}.", modules):
            raise _not_allowed(job, name, modules)


def _names(job: Job) -> list[str]:
    try:
        function = str(job.func_name)
    except DeserializationError as error:
        raise TaskRefusedError(
            f"job {job.id} cannot be read: its data is neither rq's JSON nor rq's pickle"
        ) from error
    raw: dict[str, Any] = job.to_dict(include_meta=False, include_result=False)
    return [function, *(raw[field] for field in CALLBACKS if raw[field])]


def _home(job: Job, name: str) -> str:
    try:
        return str(getattr(import_attribute(name), "__module__", ""))
    except Exception as error:
        raise TaskRefusedError(
            f"job {job.id} names {name}, which cannot be loaded ({type(error).__name__}: {error})"
        ) from error


def _within(name: str, modules: Sequence[str]) -> bool:
    return any(name.startswith(f"{module}.") for module in modules)


def _not_allowed(job: Job, name: str, modules: Sequence[str]) -> TaskRefusedError:
    return TaskRefusedError(
        f"job {job.id} names {name}, which is not defined in the pool's tasks "
        f"({', '.join(modules)}): add its module to spec.tasks, or enqueue another function"
    )
