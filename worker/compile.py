"""Compiles what every request of a web pod runs: `python compile.py build_ext --inplace`, beside `osnovci`.

A module and its library lie side by side, and Python takes the library. All other modules stay plain, and
so do these where nothing was compiled (docs/decisions/0045-the-path-is-compiled.md).
"""

from typing import Any

from mypyc.build import mypycify
from setuptools import setup

# Not for what only the first request of a caller needs. A cached_property would lose its cache.
MODULES = (
    "breaker",
    "limits/fields",
    "limits/guard",
    "line",
    "sessions/gone",
    "sessions/middleware",
    "sessions/visit",
    "sessions/visitor",
    "web/admission",
    "web/asgi",
    "web/callers",
    "web/replica",
    "web/reply",
    "web/runtime",
    "web/traffic",
    "wire",
)

# Without the types of what happens to be installed, so that the same comes of it everywhere.
OPTIONS = [
    "--cache-dir=/dev/null",
    "--follow-imports=silent",
    "--ignore-missing-imports",
    "--no-site-packages",
]

extensions: Any = mypycify(
    [*OPTIONS, *(f"osnovci/{module}.py" for module in MODULES)],
    group_name="osnovci",
    # More than this takes longer, and is not faster.
    opt_level="1",
    debug_level="0",
)
setup(name="osnovci-compiled", packages=[], ext_modules=extensions)
