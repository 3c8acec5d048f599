"""Finds the user to whom an object of the provider belongs."""

import uuid
from collections.abc import Mapping

from sqlalchemy.orm import Session

from whyviral.billing import repository
from whyviral.integrations.dodo.documents import CustomerRef

USER_KEY = "user_id"
CHECKOUT_KEY = "checkout_id"
"""The names of our ids in the provider's metadata."""


class OwnerUnknown(Exception):
    """No user belongs to the object; the event stays in the inbox, and an operator must look at it."""


def find_owner(
    session: Session,
    *,
    metadata: Mapping[str, object] | None,
    customer: CustomerRef | None,
    subscription_id: str | None = None,
) -> uuid.UUID:
    """Return the user of an object: named by its metadata, its subscription, its customer, or the customer's address.

    Raises:
        OwnerUnknown: none of them leads to a user.
    """
    named = id_in(metadata, USER_KEY)
    user_id = None if named is None else repository.find_user_id(session, named)
    if user_id is None and subscription_id is not None:
        known = repository.find_subscription(session, subscription_id)
        user_id = None if known is None else known.user_id
    if user_id is None and customer is not None:
        user_id = repository.find_user_id_of_customer(session, customer.customer_id)
    if user_id is None and customer is not None and customer.email is not None:
        user_id = repository.find_user_id_by_email(session, customer.email.strip().lower())
    if user_id is None:
        raise OwnerUnknown
    return user_id


def id_in(metadata: Mapping[str, object] | None, key: str) -> uuid.UUID | None:
    """Return our id under a key of the metadata; None if it is missing or is not an id."""
    try:
        return uuid.UUID(str((metadata or {}).get(key)))
    except ValueError:
        return None
