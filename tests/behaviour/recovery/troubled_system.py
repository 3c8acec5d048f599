"""Faults that a test sets for one post before it is analysed."""

import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psutil
from sqlalchemy import Engine, Row, func, select, text

from local.aws.sandbox import Moment, Sandbox
from local.database.product import NAME
from tests.behaviour.recovery.fast_template import fast_template
from tests.behaviour.system import System, run_system
from tests.fixtures.waits import wait_until
from whyviral.analysis.models import AnalysisRequestPost
from whyviral.core.database import build_engine, session_scope


class Trouble(Protocol):
    """A fault of a system."""

    def order(self, troubled: "TroubledSystem", post_id: str) -> None:
        """Set the fault for the request of this post."""
        ...


@dataclass(slots=True)
class TroubledSystem:
    """A running system with faults for individual posts."""

    _system: System | None = None
    _owner: Engine | None = None
    _kills: Counter[tuple[str, str, Moment]] = field(default_factory=Counter)
    _post_of: dict[str, str] = field(default_factory=dict)

    @property
    def system(self) -> System:
        """The running system."""
        assert self._system is not None
        return self._system

    @property
    def owner(self) -> Engine:
        """The database with its owner's rights, which include adding triggers."""
        assert self._owner is not None
        return self._owner

    def kill(self, function: str, moment: Moment, post_id: str, *, times: int) -> None:
        """Kill the sandbox that processes a post, at this phase of its next `times` invocations."""
        self._kills[function, post_id, moment] += times

    def end_writer(self, name: str) -> None:
        """Wait until a session is blocked in a write with this name, and kill its process."""

        def find() -> Row[Any] | None:
            with self.owner.begin() as connection:
                return connection.execute(_STALLED, {"name": name}).one_or_none()

        stalled = wait_until(find, every_s=0.05)
        assert stalled is not None
        for connected in psutil.net_connections("tcp"):
            if connected.laddr and connected.laddr.port == stalled.client_port and connected.pid:
                psutil.Process(connected.pid).kill()
        with self.owner.begin() as connection:  # an idle server would not notice the loss for a minute
            connection.execute(select(func.pg_terminate_backend(stalled.pid)))

    def cancel_faults(self) -> None:
        """Cancel the pending faults and delete the stand-ins' recorded calls."""
        self._kills.clear()
        with self.owner.begin() as connection:
            for name in list(connection.exec_driver_sql(_BROKEN).scalars()):
                connection.exec_driver_sql(f"drop function {name}() cascade")
                connection.exec_driver_sql(f"drop sequence {name}")
        self.system.control.post("/__control/reset").raise_for_status()

    def pending_faults(self) -> list[str]:
        """Return the faults that have not happened."""
        kills = [" ".join(map(str, kill)) for kill in (+self._kills).elements()]
        faults = self.system.control.get("/__control/faults").raise_for_status().json()
        query = "select sequencename from pg_sequences where sequencename like 'broken%%' and last_value is null"
        with self.owner.connect() as connection:
            breaks = list(connection.exec_driver_sql(query).scalars())
        return [*kills, *(f"{fault['vendor']} {fault['path']} {fault['mode']}" for fault in faults), *breaks]

    def invocation_hook(self, moment: Moment, sandbox: Sandbox, payload: bytes) -> None:
        """Apply the faults that `kill` has set."""
        if not self._kills:
            return
        request_id = json.loads(payload).get("request_id")
        key = sandbox.spec.name, self._post(request_id) if request_id else "", moment
        if self._kills[key] > 0:
            self._kills[key] -= 1
            sandbox.end()

    def _post(self, request_id: str) -> str:
        if request_id not in self._post_of:
            query = select(AnalysisRequestPost.platform_post_id).where(AnalysisRequestPost.request_id == request_id)
            with session_scope(self.owner) as session:
                self._post_of[request_id] = session.scalars(query.order_by(AnalysisRequestPost.position)).first() or ""
        return self._post_of[request_id]

    @contextmanager
    def running(self, data: Path) -> Iterator["TroubledSystem"]:
        """Run the system with short waits inside the block.

        All faults affect one key of each provider. The circuit breaker and pauses of that key would delay or fail the
        cases that run concurrently, so they are reset all the time; test_provider_limits.py tests them.
        """
        with run_system(data, template=fast_template(), invocation_hook=self.invocation_hook) as system:
            database = system.stack.database
            assert database is not None
            self._owner = build_engine(database.server.url_of(NAME))
            self._system = system
            with self._owner.begin() as connection:
                connection.exec_driver_sql(_FORGIVE)
            try:
                yield self
            finally:
                self._owner.dispose()


@dataclass(frozen=True, slots=True)
class Fault:
    """A vendor fails or kills its caller; only for calls about the post, if the call contains the post's id."""

    vendor: str
    path: str
    mode: str
    more: Mapping[str, Any] = field(default_factory=dict)
    says_which: bool = True
    times: int = 1

    def order(self, troubled: TroubledSystem, post_id: str) -> None:
        about = {"about": post_id} if self.says_which else {}
        fault = {"vendor": self.vendor, "path": self.path, "mode": self.mode, "times": self.times}
        troubled.system.control.post("/__control/faults", json={**fault, **self.more, **about}).raise_for_status()


@dataclass(frozen=True, slots=True)
class Death:
    """A function is killed before it starts its work, or after finishing it and before its answer is received."""

    function: str
    moment: Moment
    times: int = 1

    def order(self, troubled: TroubledSystem, post_id: str) -> None:
        troubled.kill(self.function, self.moment, post_id, times=self.times)


_FORGIVE = """
create function forgive() returns trigger language plpgsql as $$
begin
  new.failures := '{}'; new.opened_at := null; new.probe_id := null; new.cooldown_until := null;
  return new;
end $$;
create trigger forgive before insert or update on provider_limits for each row execute function forgive();
"""
_OF_POST = {
    "posts": "new.platform_post_id = '{id}'",
    "analysis_request_posts": "new.platform_post_id = '{id}'",
    "post_media": "exists (select from posts where id = new.post_id and platform_post_id = '{id}')",
    "post_analyses": "exists (select from posts where id = new.post_id and platform_post_id = '{id}')",
    "analysis_status_history": "exists (select from analysis_request_posts of_it"
    " where of_it.request_id = new.request_id and of_it.platform_post_id = '{id}')",
}
"""Conditions for the rows of a table that belong to a post."""
_TRIGGER = """
create sequence {name};
create function {name}() returns trigger language plpgsql security definer as $$
begin
  if {of_post} and ({when}) then
    if nextval('{name}') <= {times} then  -- a sequence keeps its count when the transaction is rolled back
      {then}
    end if;
  end if;
  return new;
end $$;
create trigger {name} before insert or update on {table} for each row execute function {name}();
"""
_RAISE = "raise exception 'a test broke this statement';"
_STALL = "perform set_config('application_name', '{name}', false); perform pg_sleep(600);"
_STALLED = text("select pid, client_port from pg_stat_activity where application_name = :name")
_BROKEN = "select sequencename from pg_sequences where sequencename like 'broken%%'"
_names = map("broken_{}".format, itertools.count(1))


@dataclass(frozen=True, slots=True)
class Break:
    """Our code meets an exception, because the database refuses to write certain rows."""

    table: str
    when: str
    times: int = 1

    def order(self, troubled: TroubledSystem, post_id: str) -> None:
        _meddle(troubled, self, post_id, name=next(_names), then=_RAISE)


@dataclass(frozen=True, slots=True)
class DeathInside:
    """A function is killed in the transaction that writes certain rows, so that the answers before it are lost."""

    write: Break

    def order(self, troubled: TroubledSystem, post_id: str) -> None:
        name = next(_names)
        _meddle(troubled, self.write, post_id, name=name, then=_STALL.format(name=name))
        threading.Thread(target=troubled.end_writer, args=(name,), name=name, daemon=True).start()


def _meddle(troubled: TroubledSystem, write: Break, post_id: str, *, name: str, then: str) -> None:
    of_post = _OF_POST[write.table].format(id=post_id)
    trigger = _TRIGGER.format(
        name=name, table=write.table, of_post=of_post, when=write.when, times=write.times, then=then
    )
    with troubled.owner.begin() as connection:
        connection.exec_driver_sql(trigger)


@dataclass(frozen=True, slots=True)
class Together:
    """Several faults for one post."""

    troubles: tuple[Trouble, ...]

    def order(self, troubled: TroubledSystem, post_id: str) -> None:
        for trouble in self.troubles:
            trouble.order(troubled, post_id)
