"""The file in which the books outlive the stand-in."""

from datetime import timedelta
from pathlib import Path

import pytest

from local.stand_ins.dodo.account import DodoAccount
from local.stand_ins.dodo.archive import UnreadableArchive
from local.stand_ins.dodo.business import checkouts, passage, plan_changes, refunds
from local.stand_ins.dodo.business.books import BUSINESS_PRODUCT, PRO_PRODUCT, Books, Event


def ignore(_event: Event) -> None:
    """Deliveries need an event loop."""


def live_through_everything(books: Books) -> None:
    checkout = checkouts.create_checkout(books, product_id=BUSINESS_PRODUCT, email="mara@example.com", name="Mara")
    payment = checkouts.pay(books, checkout.session_id)
    passage.advance(books, timedelta(days=40))
    plan_changes.schedule(books, payment.subscription_id, PRO_PRODUCT)
    refunds.refund(books, payment.payment_id, amount_cents=100)
    refunds.open_dispute(books, payment.payment_id)
    refunds.record_credit(books, payment.customer_id, "credit_added", 5)


def test_the_books_and_their_clock_survive_a_restart(tmp_path: Path) -> None:
    account = DodoAccount(tmp_path / "dodo.json")
    account.books.publish = ignore
    live_through_everything(account.books)
    account.save()

    restarted = DodoAccount(tmp_path / "dodo.json")

    for name in ("customers", "checkouts", "subscriptions", "payments", "refunds", "disputes", "credits", "events"):
        assert getattr(restarted.books, name) == getattr(account.books, name)
        assert getattr(restarted.books, name)
    assert restarted.books.now() - account.books.now() < timedelta(hours=1)


def test_an_emptied_account_forgets_its_file(tmp_path: Path) -> None:
    account = DodoAccount(tmp_path / "dodo.json")
    account.books.publish = ignore
    live_through_everything(account.books)
    account.save()

    assert account.emptied().books.events == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_version_is_not_guessed_at(tmp_path: Path) -> None:
    (tmp_path / "dodo.json").write_text('{"subscriptions": []}')

    with pytest.raises(UnreadableArchive, match="make reset"):
        DodoAccount(tmp_path / "dodo.json")
