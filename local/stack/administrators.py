"""Administrators: made in the user's own database, or on the running system."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.exc import DBAPIError

from local.stack.accounts import create_token, user_id_of
from local.stack.errors import StackError
from whyviral.admin import administrators
from whyviral.admin.administrators import NoSuchUser
from whyviral.core.database import build_engine, session_scope

_URLS = ("SUPABASE_DIRECT_DB_URL", "SUPABASE_DB_URL")


def make_administrator(user_settings: Mapping[str, str], ready: Mapping[str, Any] | None, email: str) -> Sequence[str]:
    """Make a user an administrator, and return what to print.

    Where a stand-in replaces Clerk, the user is created if new, and a link signs them in.

    Args:
        user_settings: the user's settings; a database that they name is changed instead of the running system's.
        ready: the addresses of the running system; None: it does not run.
        email: the user's address.

    Raises:
        StackError: there is no database to change, or the user cannot become an administrator.
    """
    database_url = next((user_settings[name] for name in _URLS if user_settings.get(name)), None)
    is_local = database_url is None
    if database_url is None:
        if ready is None:
            raise StackError(
                "start the system with `make run`, or set SUPABASE_DIRECT_DB_URL to the database to change"
            )
        database_url = str(ready["database_url"])
        if ready["token"] is not None:
            user_id_of(ready["stand_ins"], ready["api"], database_url, email)
    _write(database_url, email)
    made = f"{email} is an administrator"
    if not is_local or ready is None or ready["token"] is None:
        return [f"{made}; sign in at /admin/sign-in of the API's address"]
    token, _ = create_token(ready["stand_ins"], email)
    return [f"{made}; this link signs in:", f"{ready['api']}/admin/sign-in#token={token}"]


def _write(database_url: str, email: str) -> None:
    engine = build_engine(database_url)
    try:
        with session_scope(engine) as session:
            administrators.make_administrator(session, email)
    except NoSuchUser as exc:
        raise StackError(str(exc)) from exc
    except (DBAPIError, OSError) as exc:
        raise StackError(f"the database cannot be reached or changed: {type(exc).__name__}") from exc
    finally:
        engine.dispose()
