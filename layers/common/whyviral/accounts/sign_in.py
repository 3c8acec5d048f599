"""The sign-in service: sign-up, sign-in and password reset for callers without a session, rate-limited and recorded.

The rules of passwords and codes are in `credentials`. This module adds rate limits, transactions and the
authentication log around them.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from whyviral.analytics.authentications import Authentication, Caller, list_sign_in_addresses, record_authentication
from whyviral.analytics.models import AuthenticationEvent as Event
from whyviral.analytics.models import AuthenticationOutcome as Outcome
from whyviral.core.clock import Clock
from whyviral.core.errors import AppError
from whyviral.integrations.clerk.client import ClerkClient, ClerkUser
from whyviral.integrations.clerk.session_tokens import SessionTokenVerifier
from whyviral.integrations.errors import ProviderError
from whyviral.throttling.rate_limits import RateLimited, RatePolicy, hit
from whyviral.vendor_calls import call_log
from whyviral.vendor_calls.calls import CallCollector

from . import credentials, repository
from .client_network import network_of
from .credentials import InvalidCode, Ticket
from .keyed_hashes import KeyedHashes
from .models import EmailVerification, User, VerificationPurpose
from .sessions import ClerkFactory, get_session_user, verify_token
from .verification import refresh_profile

ADDRESS_RATE = RatePolicy("sign-in-address", limit=60, window=timedelta(minutes=10))
"""All calls to the sign-in routes together, per client network: an IPv4 address, or the /64 of an IPv6 address."""
PASSWORD_RATE = RatePolicy("sign-in-password", limit=10, window=timedelta(minutes=15))
"""Per e-mail address and network, so that a stranger's wrong passwords elsewhere do not lock the owner out."""
GUESSING_RATE = RatePolicy("sign-in-guessing", limit=100, window=timedelta(minutes=15))
"""Per e-mail address, over all networks except those from which its owner has signed in recently."""
CODE_RATE = RatePolicy("sign-in-code", limit=10, window=timedelta(minutes=15))
"""Codes sent in, per e-mail address, whether or not it has an account."""
MAIL_RATE = RatePolicy("sign-in-mail", limit=5, window=timedelta(hours=1))
"""Codes requested, per e-mail address, whether or not it has an account."""
_RECENT_SIGN_IN = timedelta(days=30)


@dataclass(slots=True)
class _Attempt:
    """One attempt, which is recorded when it ends. Each operation sets the user it is about."""

    clerk: ClerkClient
    email_hash: str
    user: ClerkUser | None = None


class SignInService:
    """The sign-in operations of one request. Every attempt is recorded, also when it fails."""

    def __init__(
        self,
        session: Session,
        *,
        caller: Caller,
        clerk: ClerkFactory,
        hashes: KeyedHashes,
        verifier: SessionTokenVerifier,
        clock: Clock,
    ) -> None:
        self._session = session
        self._caller = caller
        self._network = network_of(caller.address)
        self._clerk = clerk
        self._hashes = hashes
        self._verifier = verifier
        self._clock = clock

    def sign_up(self, email: str) -> None:
        """Send a code to the address, unless it belongs to an account already."""
        with self._attempt(Event.SIGN_UP, email, MAIL_RATE) as attempt:
            attempt.user = credentials.find_or_create_unclaimed_user(attempt.clerk, email)
            self._send_code(attempt, VerificationPurpose.SIGN_UP)

    def verify(self, email: str, code: str, password: str) -> Ticket:
        """Finish a sign-up: check the code, set the owner's password and return a ticket."""
        with self._attempt(Event.SIGN_UP_VERIFY, email, CODE_RATE) as attempt:
            clerk_user_id = self._set_password(attempt, VerificationPurpose.SIGN_UP, code, password)
            return credentials.create_ticket(attempt.clerk, clerk_user_id)

    def log_in(self, email: str, password: str) -> Ticket:
        """Return a ticket for an e-mail address and its password."""
        with self._attempt(Event.SIGN_IN, email, PASSWORD_RATE) as attempt:
            attempt.user = credentials.check_password(attempt.clerk, email, password)
            return credentials.create_ticket(attempt.clerk, attempt.user.id)

    def log_in_with_token(self, token: str) -> User:
        """Return the user of a session token, with the profile that Clerk has now."""
        self._admit(Event.SIGN_IN, ADDRESS_RATE, self._network)
        try:
            claims = verify_token(self._verifier, token)
            user = get_session_user(self._session, claims, clerk=self._clerk, caller=self._caller)
        except AppError as exc:
            self._session.rollback()
            self._record(Authentication(Event.SIGN_IN, Outcome.REFUSED, reason=exc.code))
            raise
        self._session.commit()  # so that no transaction is open during the call to Clerk
        reason = self._refresh(user)
        self._record(Authentication(Event.SIGN_IN, reason=reason, user_id=user.id, session_id=claims.session_id))
        return user

    def reset_password(self, email: str) -> None:
        """Send a code to the address if an account signs in with it."""
        with self._attempt(Event.PASSWORD_RESET, email, MAIL_RATE) as attempt:
            attempt.user = credentials.find_verified_user(attempt.clerk, email)
            self._send_code(attempt, VerificationPurpose.PASSWORD_RESET)

    def confirm_reset(self, email: str, code: str, password: str) -> None:
        """Finish a password reset: check the code and set the new password."""
        with self._attempt(Event.PASSWORD_RESET_CONFIRM, email, CODE_RATE) as attempt:
            self._set_password(attempt, VerificationPurpose.PASSWORD_RESET, code, password)

    @contextmanager
    def _attempt(self, event: Event, email: str, rate: RatePolicy) -> Iterator[_Attempt]:
        email_hash = self._hashes.of_email(email)
        self._admit(event, ADDRESS_RATE, self._network, email_hash)
        if rate is PASSWORD_RATE:
            self._admit_password(email_hash)
        else:
            self._admit(event, rate, email_hash, email_hash)
        calls = CallCollector()
        attempt = _Attempt(self._clerk(calls), email_hash)
        outcome, reason = Outcome.SUCCEEDED, None
        try:
            yield attempt
        except AppError as exc:
            outcome, reason = Outcome.REFUSED, exc.code
            raise
        except ProviderError as exc:
            outcome, reason = Outcome.FAILED, exc.category
            raise
        finally:
            self._session.rollback()  # the operations commit what must be saved
            user_id = self._id_of(attempt.user)
            call_log.record_calls(self._session, calls.drain(), call_log.CallOwner(user_id=user_id))
            self._record(Authentication(event, outcome, reason, user_id=user_id, email_hash=email_hash))

    def _admit(self, event: Event, rate: RatePolicy, subject: str, email_hash: str | None = None) -> None:
        now = self._clock()
        state = hit(self._session, scope=rate.scope, subject=subject, limit=rate.limit, window=rate.window, now=now)
        self._session.commit()  # the call counts even if the operation fails
        if not state.allowed:
            if state.is_first_refusal:
                self._record(Authentication(event, Outcome.REFUSED, RateLimited.code, email_hash=email_hash))
            raise RateLimited(rate, state)

    def _admit_password(self, email_hash: str) -> None:
        self._admit(Event.SIGN_IN, PASSWORD_RATE, f"{email_hash} {self._network}", email_hash)
        if not self._has_recent_sign_in_from_network(email_hash):
            self._admit(Event.SIGN_IN, GUESSING_RATE, email_hash, email_hash)

    def _has_recent_sign_in_from_network(self, email_hash: str) -> bool:
        since = self._clock() - _RECENT_SIGN_IN
        addresses = list_sign_in_addresses(self._session, email_hash, since=since)
        return self._network in {network_of(address) for address in addresses}

    def _record(self, authentication: Authentication) -> None:
        record_authentication(self._session, authentication, self._caller)
        self._session.commit()

    def _id_of(self, clerk_user: ClerkUser | None) -> uuid.UUID | None:
        user = None if clerk_user is None else repository.find_user(self._session, clerk_user.id)
        return None if user is None else user.id

    def _send_code(self, attempt: _Attempt, purpose: VerificationPurpose) -> None:
        user = attempt.user
        sent = credentials.send_code(attempt.clerk, user)
        if sent is None or user is None or user.email_address_id is None:
            return
        verification = EmailVerification(
            email_hash=attempt.email_hash,
            purpose=purpose,
            clerk_user_id=user.id,
            email_address_id=user.email_address_id,
            verification_id=sent.verification_id,
            expires_at=sent.expires_at,
        )
        repository.save_verification(self._session, verification)
        self._session.commit()

    def _set_password(self, attempt: _Attempt, purpose: VerificationPurpose, code: str, password: str) -> str:
        """Check the code, set the password of the user it was sent to, and return that user's id at Clerk."""
        verification = repository.find_verification(self._session, attempt.email_hash, purpose, now=self._clock())
        self._session.commit()  # so that no transaction is open during the calls to Clerk
        if verification is None:
            credentials.check_unsent_code(attempt.clerk, code)
            raise InvalidCode
        code_hash = credentials.verify_code(attempt.clerk, verification, code, hashes=self._hashes)
        repository.record_proof(self._session, verification.verification_id, code_hash)
        self._session.commit()  # Clerk accepts a code once: if the password is refused, this lets the code be repeated
        credentials.set_password(attempt.clerk, verification.clerk_user_id, password)
        repository.delete_verification(self._session, verification.verification_id)
        self._session.commit()
        return verification.clerk_user_id

    def _refresh(self, user: User) -> str | None:
        """Update the user's row from Clerk. Return why that failed, or None."""
        try:
            refresh_profile(self._session, user, clerk=self._clerk)
        except ProviderError as exc:
            return f"clerk_{exc.category}"  # the token alone identifies the user, so the sign-in succeeds
        return None
