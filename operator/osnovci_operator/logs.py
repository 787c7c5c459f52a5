"""Logs: one JSON object a line on standard error."""

import logging

from pythonjsonlogger.json import JsonFormatter


def configure(level: str) -> None:
    """Log everything from `level` on; of Kopf only what went wrong."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonFormatter(
            "%(asctime)s %(levelname)s %(name)s %(message)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("kopf").setLevel(logging.WARNING)
