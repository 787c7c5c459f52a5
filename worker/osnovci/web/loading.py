"""The application that `osnovci serve MODULE:NAME` names, or one sentence why there is none."""

import inspect
import sys
import traceback
from importlib import import_module

from osnovci.errors import SettingsError
from osnovci.web.asgi import App


def check_name(name: str) -> None:
    """Check that a name can be one, before anything is started.

    Raises SettingsError.
    """
    module, _, attribute = name.partition(":")
    words = [*module.split("."), *([attribute] if attribute else [])]
    if not all(word.isidentifier() for word in words):
        raise SettingsError(
            f"{name!r} names no application; it should be MODULE:NAME, such as shop.web:app, which "
            "is the name that `import` takes and no path"
        )


def load(name: str) -> App:
    """Import the application.

    Raises SettingsError where there is none, or where it cannot be imported; what else the module
    raises goes through, since it may be for the moment.
    """
    module, _, attribute = name.partition(":")
    attribute = attribute or "app"
    sys.path.insert(0, "")
    try:
        app: App | None = getattr(import_module(module), attribute, None)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise _broken(module, error) from error
        raise SettingsError(
            f"there is no module {error.name}; {name!r} should be MODULE:NAME, and PYTHONPATH where it is"
        ) from error
    except (ImportError, SyntaxError) as error:
        raise _broken(module, error) from error
    if not callable(app):
        raise SettingsError(f"{module} has no application {attribute!r}")
    if not _takes_requests(app):
        raise SettingsError(
            f"{module}:{attribute} does not take (scope, receive, send), as an ASGI application "
            f"does; where it makes one, write `app = {attribute}()` in {module} and name that"
        )
    return app


def _broken(module: str, error: ImportError | SyntaxError) -> SettingsError:
    if isinstance(error, SyntaxError):
        place, words = f"{error.filename}, line {error.lineno}", error.msg
    else:
        frames = traceback.extract_tb(error.__traceback__)
        last = next(each for each in reversed(frames) if "importlib" not in each.filename)
        place, words = f"{last.filename}, line {last.lineno}", str(error)
    return SettingsError(f"{module} cannot be imported: {place}: {words}")


def _takes_requests(app: App) -> bool:
    if inspect.isclass(app):
        return False
    try:
        inspect.signature(app).bind({}, None, None)
    except TypeError:
        return False
    except ValueError:  # Not written in Python: it has no signature.
        return True
    return True
