"""A database in which plans are sold as products, and the processing of events as the function does it."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, delete, select, update
from sqlalchemy.orm import Session

from functions.webhooks.dodo_events import read_event
from functions.webhooks.event_batch import process_event
from local.database import product
from local.database.postgres import Postgres
from local.stand_ins.dodo.business.books import BUSINESS_PRODUCT, PRO_PRODUCT, Books
from local.stand_ins.dodo.webhooks import body_of
from tests.factories import create_subscription, create_user
from tests.whyviral.billing.histories import BooksClient, BooksReader
from whyviral.accounts.models import Plan, Subscription, User
from whyviral.analytics.models import AppLog, AuthenticationLog
from whyviral.billing.daily_job import DailyJob
from whyviral.billing.mirror.fetches import Fetches
from whyviral.billing.models import Credit, Dispute, Invoice, Payment, PaymentMethod, Refund
from whyviral.core.database import build_engine, session_scope
from whyviral.core.logging import build_logger
from whyviral.integrations.dodo.mode import DodoMode
from whyviral.vendor_calls.models import ExternalApiCallLog
from whyviral.webhooks import inbox
from whyviral.webhooks.models import WebhookEvent

TABLES = (
    *(Credit, Dispute, Refund, Invoice, Payment, PaymentMethod, Subscription, WebhookEvent),
    *(AppLog, AuthenticationLog, ExternalApiCallLog, User),
)
_POOL_SIZE = 8


@dataclass(slots=True)
class Billing:
    """Takes events of Dodo's books, and reads what became of them."""

    engine: Engine
    books: Books

    @property
    def reader(self) -> BooksReader:
        return BooksReader(self.books)

    def receive(self, document: dict[str, Any], *, event_id: str) -> uuid.UUID | None:
        """Store an event as the webhook's receiver does; None if it is stored and processed already."""
        incoming = read_event(event_id, body_of(document), mode=DodoMode.TEST)
        with session_scope(self.engine) as session:
            return inbox.receive(session, incoming)

    def process(self, event_id: uuid.UUID) -> None:
        process_event(event_id, Fetches(self.engine, lambda _calls: self.reader, self.books.now))

    def deliver(self, *event_types: str) -> None:
        """Receive and process the published events, or those of some types."""
        for event in self.books.events:
            if not event_types or event.type in event_types:
                stored = self.receive(event.as_json(), event_id=event.id)
                if stored is not None:
                    self.process(stored)

    def job(self, **options: Any) -> DailyJob:
        client = BooksClient(self.books, **options)
        return DailyJob(self.engine, lambda _: client, self.books.now, build_logger("billing"))  # type: ignore[arg-type,return-value] # what the job calls of the client

    def create_user(self, **columns: Any) -> User:
        """Create a user on the Free plan."""
        with session_scope(self.engine) as session:
            user = create_user(session, **columns)
            create_subscription(session, user)
        return user

    def rows[Row](self, model: type[Row]) -> list[Row]:
        with Session(self.engine) as session:
            return list(session.scalars(select(model).order_by(model.created_at)))  # type: ignore[attr-defined] # each has

    def plan_and_status(self, user: User) -> tuple[str, str]:
        """Return plan and status of the user's current subscription, of which there must be one."""
        current = select(Plan.slug, Subscription.status).join(Subscription, Subscription.plan_id == Plan.id)
        with Session(self.engine) as session:
            slug, status = session.execute(
                current.where(
                    Subscription.user_id == user.id, Subscription.status.in_(("ACTIVE", "TRIAL", "CANCELING"))
                )
            ).one()
        return slug, status


@pytest.fixture(scope="session")
def billing_engine(postgres: Postgres, template: str) -> Iterator[Engine]:
    """The application's engine on a database that only the tests of billing use, one test at a time."""
    product.create_database(postgres, "billing", template=template)
    engine = build_engine(product.app_url(postgres, "billing"), pool_size=_POOL_SIZE)
    with session_scope(engine) as session:
        for slug, product_id in (("pro", PRO_PRODUCT), ("business", BUSINESS_PRODUCT)):
            session.execute(update(Plan).where(Plan.slug == slug).values(provider_product_id=product_id))
    yield engine
    engine.dispose()


@pytest.fixture
def billing_of(billing_engine: Engine) -> Iterator[Callable[[Books], Billing]]:
    """Create the tester for given books; the rows are deleted afterwards."""
    yield lambda books: Billing(billing_engine, books)
    delete_rows(billing_engine)


def delete_rows(engine: Engine) -> None:
    with session_scope(engine) as session:
        for model in TABLES:
            session.execute(delete(model))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)
