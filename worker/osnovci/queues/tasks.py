"""Tasks: the functions that workers may run, and no others.

    @task(queue="email")
    def send(to: str, subject: str) -> None: ...

A worker imports the modules its pool names, and runs the tasks it finds in them by their names.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar, overload

from osnovci.errors import SettingsError
from osnovci.queues.errors import UnknownTaskError

F = TypeVar("F", bound=Callable[..., Any])
MARK = "__osnovci_task__"
_declared: dict[str, "Task"] = {}
"""Every task of this process, by name."""


@dataclass(frozen=True)
class Task:
    """A function that workers may run."""

    name: str
    function: Callable[..., Any]
    queue: str
    is_async: bool


@overload
def task(function: F, /) -> F: ...
@overload
def task(*, queue: str = "default") -> Callable[[F], F]: ...
def task(function: Any = None, /, *, queue: str = "default") -> Any:
    """Declare a task; the function itself stays as it is, and can be called as before."""

    def declare(function: F) -> F:
        name = f"{function.__module__}.{function.__qualname__}"
        found = Task(name, function, queue, inspect.iscoroutinefunction(function))
        setattr(function, MARK, found)
        _declared[name] = found
        return function

    return declare if function is None else declare(function)


def task_of(function: Callable[..., Any]) -> Task:
    """Give the task a function was declared as."""
    found = getattr(function, MARK, None)
    if found is None:
        raise UnknownTaskError(f"{function!r} is no task: decorate it with @task")
    return found


def load(modules: Sequence[str]) -> Mapping[str, Task]:
    """Import modules and give the tasks declared in them, and in what they import below them, by name.

    Raises SettingsError for one that cannot be imported.
    """
    for name in modules:
        try:
            import_module(name)
        except Exception as error:
            raise SettingsError(
                f"spec.tasks names the module {name}, which this image cannot import "
                f"({type(error).__name__}: {error}): install it there, or set PYTHONPATH"
            ) from error
    return {each.name: each for each in _declared.values() if _within(each, modules)}


def _within(task: Task, modules: Sequence[str]) -> bool:
    home = f"{task.function.__module__}."
    return any(home.startswith(f"{module}.") for module in modules)


def find(tasks: Mapping[str, Task], name: str) -> Task:
    """Give a task by its name; raises UnknownTaskError where there is none."""
    if name not in tasks:
        raise UnknownTaskError(
            f"it names {name}, which is no task of this pool: declare it with @task in a module"
            " that spec.tasks names, or enqueue another function"
        )
    return tasks[name]
