"""The errors of what runs in the pods.

OsnovciError
├── SettingsError          the environment is wrong: the process does not start
└── TaskNotAllowedError    a job names a function outside the pool's tasks: it fails and is not retried
"""


class OsnovciError(Exception):
    """Anything of Osnovci's own that goes wrong in a pod."""


class SettingsError(OsnovciError):
    """A setting is missing or wrong; the message names it and what would be right."""


class TaskNotAllowedError(OsnovciError):
    """A job's function is in none of the modules that the pool allows."""

    def __init__(self, job: str, function: str, tasks: tuple[str, ...]) -> None:
        super().__init__(
            f"job {job} names {function}, which is in none of the pool's tasks "
            f"({', '.join(tasks)}): add its module to spec.tasks, or enqueue another function"
        )
