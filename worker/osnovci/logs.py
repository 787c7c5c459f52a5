"""Logs: one JSON object a line on standard error, the same in pods and operator."""

import logging

from pythonjsonlogger.json import JsonFormatter


def configure(level: str, quiet: tuple[str, ...] = ()) -> None:
    """Log everything from `level` on; of the loggers named, only what went wrong."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in quiet:
        logging.getLogger(name).setLevel(logging.WARNING)
