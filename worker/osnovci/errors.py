"""The errors of what runs in the pods.

OsnovciError
├── SettingsError       the environment is wrong: the process does not start
└── TaskRefusedError    a job names what the pool does not run: it fails and is not retried
"""


class OsnovciError(Exception):
    """Anything of Osnovci's own that goes wrong in a pod."""


class SettingsError(OsnovciError):
    """A setting is missing or wrong; the message names it and what would be right."""


class TaskRefusedError(OsnovciError):
    """A job that is not run; the message names the job, its function and what is allowed."""
