import os
from datetime import date
from decimal import Decimal

import pytest

from whyviral.core.settings import SettingsError
from whyviral.integrations.ports.price_list import BRIGHTDATA_RECORD, TWITTERAPI_CREDIT, as_bound, as_cost
from whyviral.vendor_calls.money import SpendLimits
from whyviral.vendor_calls.prices import PRICES
from whyviral.vendor_calls.settings import SpendingSettings

MODEL = "gemini/gemini-3.8-flash/input"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [name for name in os.environ if name.startswith("MAX_COST") or name == "PRICES"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://x@127.0.0.1/x")
    return monkeypatch


@pytest.mark.parametrize(
    ("name", "day", "usd"),
    [
        (MODEL, date(2026, 9, 1), None),
        (MODEL, date(2026, 9, 2), Decimal("0.75")),
        (MODEL, date(2026, 12, 31), Decimal("0.75")),
        (MODEL, date(2027, 1, 1), Decimal("1.50")),
        ("gemini/gemini-9/input", date(2026, 12, 1), None),
        (TWITTERAPI_CREDIT, date(2026, 12, 1), Decimal("0.00001")),
        (BRIGHTDATA_RECORD, date(2026, 12, 1), Decimal("0.0015")),
    ],
)
def test_a_price_applies_from_its_day_and_an_unknown_price_is_none(name: str, day: date, usd: Decimal | None) -> None:
    assert PRICES.find(name, on=day) == usd


def test_the_prices_setting_adds_and_replaces_prices(load: pytest.MonkeyPatch) -> None:
    load.setenv(
        "PRICES", '{"gemini/gemini-9/input": {"2027-03-01": 0.5}, "brightdata/record": {"2026-10-01": "0.002"}}'
    )

    prices = SpendingSettings.load().price_table

    assert prices.find("gemini/gemini-9/input", on=date(2027, 3, 1)) == Decimal("0.5")
    assert prices.find("gemini/gemini-9/input", on=date(2027, 2, 28)) is None
    assert prices.find(BRIGHTDATA_RECORD, on=date(2026, 11, 1)) == Decimal("0.002")
    assert prices.find(BRIGHTDATA_RECORD, on=date(2026, 9, 30)) is None
    assert prices.find(MODEL, on=date(2026, 11, 1)) == Decimal("0.75")


@pytest.mark.parametrize("given", [None, ""])
def test_without_settings_the_built_in_prices_and_limits_apply(load: pytest.MonkeyPatch, given: str | None) -> None:
    if given is not None:
        load.setenv("PRICES", given)

    settings = SpendingSettings.load()

    assert settings.price_table == PRICES
    assert settings.spend_limits == SpendLimits(per_request_usd=Decimal(5), per_day_usd=Decimal(100))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRICES", "{"),
        ("PRICES", "[]"),
        ("PRICES", '{"gemini/gemini-9": {"2027-03-01": 0.5}}'),
        ("PRICES", '{"gemni/gemini-9/input": {"2027-03-01": 0.5}}'),
        ("PRICES", '{"gemini/gemini-9/input": 0.5}'),
        ("PRICES", '{"gemini/gemini-9/input": {"soon": 0.5}}'),
        ("PRICES", '{"gemini/gemini-9/input": {"2027-03-01": -0.5}}'),
        ("PRICES", '{"gemini/gemini-9/input": {"2027-03-01": "NaN"}}'),
        ("MAX_COST_USD_PER_REQUEST", "0"),
        ("MAX_COST_USD_PER_DAY", "-1"),
        ("MAX_COST_USD_PER_DAY", "a lot"),
    ],
)
def test_an_invalid_price_or_limit_stops_the_start_and_names_its_setting(
    load: pytest.MonkeyPatch, name: str, value: str
) -> None:
    load.setenv(name, value)

    with pytest.raises(SettingsError, match=f"check these settings: {name}: "):
        SpendingSettings.load()


def test_a_rounded_bound_is_never_below_the_rounded_cost() -> None:
    usd = Decimal("0.0000014999")

    assert (as_cost(usd), as_bound(usd)) == (Decimal("0.000001"), Decimal("0.000002"))
    assert (as_cost(None), as_bound(None)) == (None, None)
