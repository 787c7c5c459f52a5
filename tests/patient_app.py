"""The application with sessions, whose limits do not wait for Redis as long as its sessions do."""

import session_app

from osnovci.sessions.middleware import Sessions
from osnovci.web.limits import WebLimits
from osnovci.web.runtime import WebRuntime

app = WebRuntime(
    session_app.starlette,
    sessions=Sessions(plain_http=True, budget_seconds=20),
    limits=WebLimits(budget_seconds=0.05),
)
