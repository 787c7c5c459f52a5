"""What one server process is at this moment: the pulse renews it, requests read it."""

from osnovci.app_contract import AppHeartbeat, AppState, PoolUse, Refusal
from osnovci.config.revision import Config
from osnovci.container import Usage
from osnovci.limit_contract import LimiterState
from osnovci.settings import AppSettings
from osnovci.web.database import Database
from osnovci.web.traffic import Figures, Traffic


class Replica:
    """One server process of an app. What each request reads is held ready as plain attributes."""

    def __init__(self, settings: AppSettings, database: Database | None, now: float) -> None:
        self.settings = settings
        self.database = database
        self.traffic = Traffic()
        self.started = False
        self.draining = False
        self.refused: Refusal | None = None
        self.usage: Usage | None = None
        self.cpu_percent: float | None = None
        self.memory_full = False
        self._processes = settings.config.document.processes
        self._began = now
        self._server_id = settings.server_id.encode("latin-1", "replace")
        self.put_in_force(settings.config)
        self.tell_uptime(now)

    def put_in_force(self, config: Config) -> None:
        """Run this config from now on."""
        self.config = config
        self.refused = None
        # The replica's share: as many processes as it was started with.
        self.most_in_flight = max(config.document.health.max_in_flight // self._processes, 1)
        self._judge_memory()

    def measured(self, usage: Usage, cpu_percent: float | None) -> None:
        """Note what the container uses."""
        self.usage, self.cpu_percent = usage, cpu_percent
        self._judge_memory()

    def _judge_memory(self) -> None:
        most = self.config.document.health.memory_max_percent
        self.memory_full = self.usage is not None and self.usage.memory_percent >= most

    def tell_uptime(self, now: float) -> None:
        """Renew the headers of every answer; they are a second old at most."""
        uptime = str(int(self.uptime(now))).encode()
        self.headers = [(b"x-server-id", self._server_id), (b"x-server-uptime", uptime)]
        if self.draining:
            # Who keeps the connection would send the next request to a server that is gone.
            self.headers.append((b"connection", b"close"))

    def uptime(self, now: float) -> float:
        """Give the seconds since the process began to serve."""
        return now - self._began

    def drain(self, now: float) -> None:
        """Be ready no more; serve on."""
        self.draining = True
        self.tell_uptime(now)

    @property
    def why_not_ready(self) -> str:
        """Why no new request should come here; nothing if it should."""
        if self.draining:
            return "draining"
        if not self.started:
            return "the application has not started yet"
        if self.memory_full and self.usage:
            most = self.config.document.health.memory_max_percent
            return (
                f"{self.usage.memory_percent:.0f} % of the memory is used, {most:g} % is the most"
            )
        return ""

    def heartbeat(self, figures: Figures, at_ms: int, limiter: LimiterState | None) -> AppHeartbeat:
        """Give the report of now."""
        usage, settings = self.usage, self.settings
        return AppHeartbeat(
            app=self.config.document.app,
            pod=settings.pod,
            process=settings.process,
            state=AppState.DRAINING if self.draining else AppState.RUNNING,
            at_ms=at_ms,
            in_flight=self.traffic.in_flight,
            websockets=self.traffic.websockets,
            requests_per_second=figures.requests_per_second,
            shed_per_second=figures.shed_per_second,
            error_rate=figures.error_rate,
            p95_seconds=figures.p95_seconds,
            cpu_percent=self.cpu_percent,
            memory_percent=usage.memory_percent if usage else None,
            memory_bytes=usage.memory_bytes if usage else None,
            database=self._pool_use(),
            limiter=limiter,
            config_revision=self.config.revision,
            config_checksum=self.config.checksum,
            refused=self.refused,
        )

    def _pool_use(self) -> PoolUse | None:
        if self.database is None:
            return None
        now = self.database.statistics()
        return PoolUse(size=now.size, open=now.open, in_use=now.in_use, waiting=now.waiting)
