"""The errors of what runs in the pods.

OsnovciError
├── SettingsError       the environment is wrong: the process does not start
├── SessionsAwayError   see osnovci.sessions.errors
└── QueueError          see osnovci.queues.errors
"""


class OsnovciError(Exception):
    """Anything of Osnovci's own that goes wrong in a pod."""


class SettingsError(OsnovciError):
    """A setting is missing or wrong; the message names it and what would be right."""
