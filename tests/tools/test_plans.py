"""`make plans`: the plans and the products that Dodo sells them as."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from tests.fixtures.database import Database
from tools import plans
from whyviral.accounts.models import Plan
from whyviral.core.database import session_scope

_SETTINGS = {"DODO_PRODUCT_PRO": "pdt_pro", "DODO_PRODUCT_BUSINESS": " pdt_business "}


def products(database: Database) -> dict[str, str | None]:
    with session_scope(database.engine) as session:
        return {plan.slug: plan.provider_product_id for plan in session.scalars(select(Plan))}


def test_the_products_of_the_settings_are_written_into_the_plans(
    fresh_database: Callable[[], Database], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = fresh_database()
    monkeypatch.setenv("SUPABASE_DIRECT_DB_URL", database.owner_url)
    for name, value in _SETTINGS.items():
        monkeypatch.setenv(name, value)

    assert plans.main() == 0
    assert products(database) == {"free": None, "pro": "pdt_pro", "business": "pdt_business"}
    assert plans.main() == 0
    assert "the plan pro is Dodo's product pdt_pro" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"DODO_PRODUCT_PRO": ""}, "set DODO_PRODUCT_PRO to the id of a product"),
        ({"DODO_PRODUCT_BUSINESS": "two words"}, "set DODO_PRODUCT_BUSINESS to the id of a product"),
        ({"DODO_PRODUCT_BUSINESS": "pdt_pro"}, "name the same product"),
    ],
    ids=["missing", "malformed", "twice"],
)
def test_wrong_products_change_no_plan(
    fresh_database: Callable[[], Database],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, str],
    message: str,
) -> None:
    database = fresh_database()
    monkeypatch.setenv("SUPABASE_DIRECT_DB_URL", database.owner_url)
    for name, value in {**_SETTINGS, **change}.items():
        monkeypatch.setenv(name, value)

    assert plans.main() == 1
    assert message in capsys.readouterr().err
    assert set(products(database).values()) == {None}
