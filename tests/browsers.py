"""A browser for tests: keeps the cookies that it is told, and shows how it was told."""

import json
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148"


@dataclass
class Browser:
    """A browser of one user, on one device."""

    port: int
    agent: str = FIREFOX
    host: str = "localhost"
    cookies: dict[str, str] = field(default_factory=dict[str, str])
    told: list[str] = field(default_factory=list[str])
    """The Set-Cookie headers of the last answer."""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    status: int = 0

    def ask(self, method: str, path: str, body: Any = None, **more: str) -> Any:
        """Send a request and keep the cookies of the answer; give its JSON."""
        sent = {"User-Agent": self.agent, "Host": self.host, **more}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, sent)
            response = connection.getresponse()
            self.told = response.headers.get_all("Set-Cookie", [])
            self.headers = {name.lower(): value for name, value in response.headers.items()}
            self.status = response.status
            text = response.read().decode()
        finally:
            connection.close()
        for each in self.told:
            self._keep(each)
        return json.loads(text) if text.startswith(("{", "[", "n")) else text

    def get(self, path: str, **more: str) -> Any:
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: str) -> Any:
        return self.ask("POST", path, body, **more)

    def log_in(self, user: str = "ana", **more: Any) -> dict[str, str]:
        return self.post("/login", {"user": user, **more})

    def whom(self) -> str | None:
        """Ask whom the application takes it for."""
        return self.user

    @property
    def user(self) -> str | None:
        """Whom the application takes it for."""
        found = self.get("/me")
        return found and found["user_id"]

    def _keep(self, header: str) -> None:
        pair, *attributes = header.split("; ")
        name, _, value = pair.partition("=")
        if "Max-Age=0" in attributes:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value
