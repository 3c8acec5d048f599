"""The reconciliation, run once on demand: on the running system's database, or on the user's own."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from local.stack.errors import StackError
from local.stand_ins.dodo.account import API_KEY
from whyviral.billing.reconciliation import Difference, Reconciliation
from whyviral.core import endpoints
from whyviral.core.clock import utc_now
from whyviral.core.database import build_engine
from whyviral.core.endpoints import Endpoints
from whyviral.core.logging import build_logger
from whyviral.integrations.dodo.client import DodoClient
from whyviral.integrations.dodo.mode import DodoMode
from whyviral.integrations.ports.call_recorder import CallRecorder


def reconcile(
    user_settings: Mapping[str, str], ready: Mapping[str, str] | None, *, days: int, repairs: bool
) -> tuple[Mapping[str, int], Sequence[Difference]]:
    """Compare billing with Dodo or its stand-in; returns the counts and the differences.

    Args:
        user_settings: the user's keys; without those of Dodo, the stand-in of the running system is compared.
        ready: the addresses of the running system; None: only SUPABASE_DB_URL and the real Dodo can be compared.
        days: how far back payments, refunds and disputes are compared; subscriptions always are.
        repairs: whether our rows are changed to what Dodo says.
    """
    database_url = user_settings.get("SUPABASE_DB_URL") or (ready or {}).get("database_url")
    if database_url is None:
        raise StackError("set SUPABASE_DB_URL, or start the system with `make run`")
    api_key, mode = _account(user_settings, ready)

    def connect(calls: CallRecorder) -> DodoClient:
        return DodoClient(api_key, mode=mode, calls=calls)

    engine = build_engine(database_url)
    try:
        reconciliation = Reconciliation(engine, connect, utc_now, build_logger("reconciliation"), repairs=repairs)
        results = reconciliation.run(utc_now() - timedelta(days=days))
    finally:
        engine.dispose()
    return results, reconciliation.differences


def _account(user_settings: Mapping[str, str], ready: Mapping[str, str] | None) -> tuple[str, DodoMode]:
    """Return the key and the mode of the user's Dodo account, or of the stand-in, whose address is then used."""
    api_key = user_settings.get("DODO_API_KEY")
    if api_key:
        try:
            return api_key, DodoMode(user_settings.get("DODO_MODE", ""))
        except ValueError:
            raise StackError("set DODO_MODE to test or live") from None
    if ready is None:
        raise StackError("set DODO_API_KEY and DODO_MODE, or start the system with `make run`")
    endpoints.use(Endpoints(dodo_test_url=f"{ready['stand_ins']}/dodo", stand_ins=frozenset({"dodo"})))
    return API_KEY, DodoMode.TEST
