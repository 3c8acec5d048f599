"""Rate limits with real clients against stand-ins that are as strict as the vendors."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from sqlalchemy import Engine

from tests.fakes.post_scraper import asks_for
from tests.fixtures.database import Database
from tests.fixtures.stand_ins import StandInsClient
from whyviral.core.clock import utc_now
from whyviral.core.database import session_scope
from whyviral.core.endpoints import Endpoints
from whyviral.integrations.errors import CallThrottled, ProviderError
from whyviral.integrations.ports.call_recorder import CallIntent, ExternalCall
from whyviral.integrations.twitterapi.scraper import TwitterApiScraper
from whyviral.vendor_calls import circuit_breaker
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.prices import PRICES


class GatedCollector(CallCollector):
    """Acquires a slot for each call and waits for it, as a ledger does."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine
        self._intent: CallIntent | None = None

    def begin(self, intent: CallIntent) -> None:
        with session_scope(self._engine) as session:
            wait_s = circuit_breaker.acquire(session, intent, now=utc_now())
        self._intent = intent
        time.sleep(wait_s)

    def record(self, call: ExternalCall, *, retry_after_s: float | None = None) -> None:
        super().record(call)
        assert self._intent is not None
        with session_scope(self._engine) as session:
            circuit_breaker.report(session, self._intent, call, retry_after_s=retry_after_s, now=utc_now())


def scraper_of(database: Database, *, per_second: float) -> TwitterApiScraper:
    calls = GatedCollector(database.engine)
    return TwitterApiScraper(
        "stand-in", calls=calls, requests_per_second=per_second, most_posts_with_replies=0, prices=PRICES
    )


def test_many_workers_with_one_key_never_exceed_the_vendors_rate_limit(
    stand_ins: StandInsClient, local_endpoints: Endpoints, fresh_database: Callable[[], Database]
) -> None:
    database = fresh_database()
    # Well above our three a second, because on a busy machine calls do not arrive as evenly as they were sent.
    stand_ins.control("limits", {"twitterapi_per_second": 8})

    def work(number: int) -> None:
        with suppress(CallThrottled):
            scraper_of(database, per_second=3.0).fetch_posts(asks_for(str(number)))

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, range(1, 21)))

    assert stand_ins.http.get("/__control/limits").json()["refused"]["twitterapi"] == 0
    assert len(stand_ins.calls("twitterapi")) >= 5  # as many as fit into two seconds


def test_a_retry_after_to_one_worker_stops_the_others(
    stand_ins: StandInsClient, local_endpoints: Endpoints, fresh_database: Callable[[], Database]
) -> None:
    database = fresh_database()
    stand_ins.fault("twitterapi", "status", status=429, headers={"Retry-After": "30"}, times=1)
    with pytest.raises(ProviderError):
        scraper_of(database, per_second=3.0).fetch_posts(asks_for("101"))

    with pytest.raises(CallThrottled) as refused:
        scraper_of(database, per_second=3.0).fetch_posts(asks_for("101"))

    assert refused.value.retry_after_s == pytest.approx(30, abs=5)
    assert len(stand_ins.calls("twitterapi")) == 1
