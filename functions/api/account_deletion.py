"""Deleting the caller's account: at Clerk first, so that no new session can start, then here."""

from sqlalchemy.orm import Session

from whyviral.accounts import repository as account_repository
from whyviral.accounts import service as account_service
from whyviral.admin.user_data import delete_user
from whyviral.core.errors import AppError
from whyviral.integrations.clerk.session_tokens import SessionClaims
from whyviral.vendor_calls import call_log
from whyviral.vendor_calls.calls import CallCollector

from .dependencies import Services


class DeletionByAnotherPerson(AppError):
    """The session is impersonated; only the owner of an account may delete it."""

    status_code = 403
    code = "deletion_by_another_person"

    def __init__(self) -> None:
        super().__init__("An impersonated session cannot delete the account; its owner has to sign in.")


def delete_account(session: Session, services: Services, claims: SessionClaims) -> None:
    """Delete the user of a token at Clerk and here; repeating it changes nothing.

    Raises:
        DeletionByAnotherPerson: the token names an actor (`act`).
        SessionRevoked: the session has ended, and the account is not deleted.
        ProviderError: Clerk did not delete the user; then nothing is deleted here.
    """
    if claims.actor is not None:
        raise DeletionByAnotherPerson
    user = account_repository.find_user(session, claims.user_id)
    if user is not None and user.deleted_at is not None:
        return
    account_service.find_signed_in_user(session, claims.user_id, session_id=claims.session_id)
    session.rollback()  # no transaction is open while Clerk is asked
    calls = CallCollector()
    try:
        services.clerk(calls).delete_user(claims.user_id)
    finally:
        # Recorded without the user, so that the deletion leaves no new trace of them.
        call_log.record_calls(session, calls.drain(), call_log.CallOwner())
        session.commit()
    delete_user(session, claims.user_id, now=services.clock())
