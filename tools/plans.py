"""`make plans`: connects the plans with Dodo's products, which DODO_PRODUCT_PRO and DODO_PRODUCT_BUSINESS name.

It changes the database of SUPABASE_DIRECT_DB_URL, or else of SUPABASE_DB_URL. `make run` does the same for its own.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from sqlalchemy import Engine, update

from whyviral.accounts.models import Plan
from whyviral.core.database import build_engine, session_scope

_ROOT = Path(__file__).parents[1]
_URLS = ("SUPABASE_DIRECT_DB_URL", "SUPABASE_DB_URL")
SETTING_OF_PLAN = {"pro": "DODO_PRODUCT_PRO", "business": "DODO_PRODUCT_BUSINESS"}
_PRODUCT = re.compile(r"[!-~]{1,255}")


class InvalidProducts(ValueError):
    """A product id is missing, malformed or given twice; the message names the setting."""


def products_of(settings: Mapping[str, str | None]) -> dict[str, str]:
    """Return the product ids by plan.

    Raises:
        InvalidProducts: one is missing or malformed, or both are the same.
    """
    products: dict[str, str] = {}
    for plan, setting in SETTING_OF_PLAN.items():
        product = (settings.get(setting) or "").strip()
        if not _PRODUCT.fullmatch(product):
            raise InvalidProducts(f"set {setting} to the id of a product of your Dodo account, such as pdt_…")
        products[plan] = product
    if len(set(products.values())) < len(products):
        raise InvalidProducts(f"{' and '.join(SETTING_OF_PLAN.values())} name the same product")
    return products


def connect_plans(engine: Engine, products: Mapping[str, str]) -> None:
    """Write the products into the plans, in one transaction."""
    with session_scope(engine) as session:
        for plan, product in products.items():
            session.execute(update(Plan).where(Plan.slug == plan).values(provider_product_id=product))


def main() -> int:
    """Connect the plans of the database in the environment or `.env`, and return the exit status."""
    settings = {**dotenv_values(_ROOT / ".env"), **os.environ}
    url = next((settings[name] for name in _URLS if settings.get(name)), None)
    if not url:
        print("whyviral: set SUPABASE_DIRECT_DB_URL to the URL of the database", file=sys.stderr)
        return 1
    try:
        products = products_of(settings)
    except InvalidProducts as exc:
        print(f"whyviral: {exc}", file=sys.stderr)
        return 1
    engine = build_engine(url)
    try:
        connect_plans(engine, products)
    finally:
        engine.dispose()
    print("; ".join(f"the plan {plan} is Dodo's product {product}" for plan, product in products.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
