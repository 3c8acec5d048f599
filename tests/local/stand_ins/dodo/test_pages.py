"""The pages that a customer clicks through."""

import re

import httpx
import pytest

from local.stand_ins.dodo.account import API_KEY
from local.stand_ins.dodo.business.books import PRO_PRODUCT
from tests.fixtures.stand_ins import StandInsClient

_SHOP = "https://shop.example.com"


def open_checkout(stand_ins: StandInsClient, name: str = "Mara Lind") -> str:
    body = {
        "product_cart": [{"product_id": PRO_PRODUCT, "quantity": 1}],
        "customer": {"email": "mara@example.com", "name": name},
        "return_url": f"{_SHOP}/success?plan=pro",
        "cancel_url": f"{_SHOP}/cancel",
    }
    answer = stand_ins.http.post("/dodo/checkouts", json=body, headers={"Authorization": f"Bearer {API_KEY}"})
    url: str = answer.raise_for_status().json()["checkout_url"]
    return url


def click(page_url: str, button: str) -> httpx.Response:
    page = httpx.get(page_url).raise_for_status().text
    (action,) = re.findall(rf'action="([^"]+)"><button>{re.escape(button)}</button>', page)
    return httpx.post(httpx.URL(page_url).join(action))


def test_paying_leads_back_to_the_shop_with_the_outcome(stand_ins: StandInsClient) -> None:
    answer = click(open_checkout(stand_ins), "Pay")

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(f"{_SHOP}/success?plan=pro&subscription_id=sub_")
    assert answer.headers["Location"].endswith("&status=succeeded")


@pytest.mark.parametrize(
    ("button", "start", "status"),
    [
        ("Pay with a card that is declined", "/success", "failed"),
        ("Pay, and let the bank take its time", "/success", "processing"),
        ("Cancel", "/cancel", "cancelled"),
    ],
)
def test_a_payment_can_end_otherwise(stand_ins: StandInsClient, button: str, start: str, status: str) -> None:
    location = click(open_checkout(stand_ins), button).headers["Location"]

    assert location.startswith(_SHOP + start)
    assert location.endswith(f"status={status}")


def test_a_page_can_be_paid_once(stand_ins: StandInsClient) -> None:
    url = open_checkout(stand_ins)
    click(url, "Pay")

    again = httpx.get(url)

    assert (again.status_code, again.json()["code"]) == (400, "CHECKOUT_SESSION_CONSUMED")


def test_pages_run_no_script_and_escape_what_they_show(stand_ins: StandInsClient) -> None:
    url = open_checkout(stand_ins, name="<script>alert(1)</script>")
    click(url, "Pay")
    (customer,) = stand_ins.http.get("/__control/dodo/state").json()["customers"].values()
    page = httpx.get(f"{stand_ins.base_url}/dodo/portal/{customer['customer_id']}")

    assert "<script" not in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_the_portal_cancels_undoes_and_replaces_the_card(stand_ins: StandInsClient) -> None:
    click(open_checkout(stand_ins), "Pay")
    (subscription,) = stand_ins.http.get("/__control/dodo/state").json()["subscriptions"].values()
    portal = f"{stand_ins.base_url}/dodo/portal/{subscription['customer_id']}"
    flags = []

    for button in ("Cancel at the end of the period", "Do not cancel", "Replace the card"):
        assert click(portal, button).status_code == 303
        (after,) = stand_ins.http.get("/__control/dodo/state").json()["subscriptions"].values()
        flags.append(after["cancel_at_next_billing_date"])

    assert flags == [True, False, False]


def test_a_portal_cannot_change_the_subscription_of_another_customer(stand_ins: StandInsClient) -> None:
    click(open_checkout(stand_ins), "Pay")
    (subscription,) = stand_ins.http.get("/__control/dodo/state").json()["subscriptions"].values()

    answer = httpx.post(f"{stand_ins.base_url}/dodo/portal/cus_other/{subscription['subscription_id']}/cancel")

    assert answer.status_code == 422
