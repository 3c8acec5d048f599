"""The front desk: what people who are not signed in may ask for, how often, and that time tells them nothing."""

import math
import uuid
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy.orm import Session

from whyviral.accounts import credentials
from whyviral.accounts import repository as accounts_repository
from whyviral.accounts import service as account_service
from whyviral.accounts.client_network import network_of
from whyviral.accounts.credentials import InvalidCode, Ticket
from whyviral.accounts.models import EmailVerification, User, VerificationPurpose
from whyviral.analytics.authentications import Authentication, Caller, list_sign_in_addresses, record_authentication
from whyviral.analytics.models import AuthenticationEvent as Event
from whyviral.analytics.models import AuthenticationOutcome as Outcome
from whyviral.core.errors import AppError
from whyviral.integrations.clerk.client import ClerkClient, ClerkUser
from whyviral.integrations.errors import ProviderError
from whyviral.throttling.rate_limits import RateLimited, RatePolicy, hit
from whyviral.vendor_calls import call_log
from whyviral.vendor_calls.calls import CallCollector

from .account_verification import refresh_profile
from .authentication import user_of, verify_token
from .dependencies import CallerDep, Services, ServicesDep, SessionDep, services_of

ADDRESS_RATE = RatePolicy("sign-in-address", limit=60, window=timedelta(minutes=10))
"""Of all calls here together, per network that connects: an IPv4 address, or the /64 of an IPv6 address."""
PASSWORD_RATE = RatePolicy("sign-in-password", limit=10, window=timedelta(minutes=15))
"""Per e-mail address and network: passwords that a stranger tries elsewhere do not lock the owner out."""
GUESSING_RATE = RatePolicy("sign-in-guessing", limit=100, window=timedelta(minutes=15))
"""Per e-mail address, of all networks but those from which its owner has signed in lately."""
CODE_RATE = RatePolicy("sign-in-code", limit=10, window=timedelta(minutes=15))
MAIL_RATE = RatePolicy("sign-in-mail", limit=5, window=timedelta(hours=1))
"""These two are counted per e-mail address, known or not."""
_LATELY = timedelta(days=30)


class SettledRoute(APIRoute):
    """A route whose answers take a whole number of `settle_s`, so that small differences in time tell nothing.

    The large differences are in how often Clerk is asked, which is the same with and without an account
    (`whyviral.accounts.credentials`); so it stays when Clerk takes a second for each call.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler; nothing is held while the rest of the time passes."""
        handle = super().get_route_handler()

        async def settle(request: Request) -> Response:
            services = services_of(request)
            started_mono_s = services.monotonic()
            try:
                return await handle(request)
            finally:
                took_s = services.monotonic() - started_mono_s
                await services.sleep(_rest_s(took_s, step_s=services.settle_s))

        return settle


def _rest_s(took_s: float, *, step_s: float) -> float:
    """Return how long it is until the next multiple of a step, of which there is at least one."""
    if step_s == 0:
        return 0.0
    return max(1, math.ceil(took_s / step_s)) * step_s - took_s


@dataclass(slots=True)
class _Attempt:
    """One attempt on its way to the log."""

    clerk: ClerkClient
    email_hash: str
    user: ClerkUser | None = None


class SignInService:
    """Serves one request; what was tried is written down whatever becomes of it."""

    def __init__(self, session: SessionDep, services: ServicesDep, caller: CallerDep) -> None:
        self._session: Session = session
        self._services: Services = services
        self._caller: Caller = caller
        self._network = network_of(caller.address)

    def sign_up(self, email: str) -> None:
        """Send a code to whoever has the address, unless it belongs to an account already."""
        with self._attempt(Event.SIGN_UP, email, MAIL_RATE) as attempt:
            attempt.user = credentials.find_claimant(attempt.clerk, email)
            self._send_code(attempt, VerificationPurpose.SIGN_UP)

    def verify(self, email: str, code: str, password: str) -> Ticket:
        """Open the account of whoever has the address, with a password of their own."""
        with self._attempt(Event.SIGN_UP_VERIFY, email, CODE_RATE) as attempt:
            clerk_user_id = self._set_password(attempt, VerificationPurpose.SIGN_UP, code, password)
            return credentials.give_ticket(attempt.clerk, clerk_user_id)

    def log_in(self, email: str, password: str) -> Ticket:
        """Return a ticket for e-mail and password."""
        with self._attempt(Event.SIGN_IN, email, PASSWORD_RATE) as attempt:
            attempt.user = credentials.check_password(attempt.clerk, email, password)
            return credentials.give_ticket(attempt.clerk, attempt.user.id)

    def log_in_with_token(self, token: str) -> User:
        """Return the user of a session token, as Clerk knows them now."""
        self._admit(Event.SIGN_IN, ADDRESS_RATE, self._network)
        try:
            claims = verify_token(self._services, token)
            user = user_of(self._session, self._services, claims, caller=self._caller)
        except AppError as exc:
            self._session.rollback()
            self._record(Authentication(Event.SIGN_IN, Outcome.REFUSED, reason=exc.code))
            raise
        self._session.commit()  # no transaction is open while Clerk is asked
        reason = self._sync(user)
        signed_in = Authentication(Event.SIGN_IN, reason=reason, user_id=user.id, session_id=claims.session_id)
        self._record(signed_in)
        return user

    def reset_password(self, email: str) -> None:
        """Send a code to the address, if it is one by which somebody signs in."""
        with self._attempt(Event.PASSWORD_RESET, email, MAIL_RATE) as attempt:
            attempt.user = credentials.find_owner(attempt.clerk, email)
            self._send_code(attempt, VerificationPurpose.PASSWORD_RESET)

    def confirm_reset(self, email: str, code: str, password: str) -> None:
        """Give the user of the address another password."""
        with self._attempt(Event.PASSWORD_RESET_CONFIRM, email, CODE_RATE) as attempt:
            self._set_password(attempt, VerificationPurpose.PASSWORD_RESET, code, password)

    @contextmanager
    def _attempt(self, event: Event, email: str, rate: RatePolicy) -> Iterator[_Attempt]:
        email_hash = self._services.hashes.of_email(email)
        self._admit(event, ADDRESS_RATE, self._network, email_hash)
        if rate is PASSWORD_RATE:
            self._admit_password(email_hash)
        else:
            self._admit(event, rate, email_hash, email_hash)
        calls = CallCollector()
        attempt = _Attempt(self._services.clerk(calls), email_hash)
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
            self._session.rollback()  # what is to last has been committed
            user_id = self._id_of(attempt.user)
            call_log.record_calls(self._session, calls.drain(), call_log.CallOwner(user_id=user_id))
            self._record(Authentication(event, outcome, reason, user_id=user_id, email_hash=email_hash))

    def _admit(self, event: Event, rate: RatePolicy, subject: str, email_hash: str | None = None) -> None:
        now = self._services.clock()
        state = hit(self._session, scope=rate.scope, subject=subject, limit=rate.limit, window=rate.window, now=now)
        self._session.commit()  # the call counts, whatever becomes of it
        if not state.allowed:
            if state.is_first_refusal:
                self._record(Authentication(event, Outcome.REFUSED, RateLimited.code, email_hash=email_hash))
            raise RateLimited(rate, state)

    def _admit_password(self, email_hash: str) -> None:
        self._admit(Event.SIGN_IN, PASSWORD_RATE, f"{email_hash} {self._network}", email_hash)
        if not self._has_signed_in_from_here(email_hash):
            self._admit(Event.SIGN_IN, GUESSING_RATE, email_hash, email_hash)

    def _has_signed_in_from_here(self, email_hash: str) -> bool:
        since = self._services.clock() - _LATELY
        addresses = list_sign_in_addresses(self._session, email_hash, since=since)
        return self._network in {network_of(address) for address in addresses}

    def _record(self, happened: Authentication) -> None:
        record_authentication(self._session, happened, self._caller)
        self._session.commit()

    def _id_of(self, clerk_user: ClerkUser | None) -> uuid.UUID | None:
        user = None if clerk_user is None else account_service.find_any_user(self._session, clerk_user.id)
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
        accounts_repository.save_verification(self._session, verification)
        self._session.commit()

    def _set_password(self, attempt: _Attempt, purpose: VerificationPurpose, code: str, password: str) -> str:
        """Set the password of the user whom the code was sent to, and return Clerk's id of them."""
        verification = accounts_repository.find_verification(
            self._session, attempt.email_hash, purpose, now=self._services.clock()
        )
        self._session.commit()  # no transaction is open while Clerk is asked
        if verification is None:
            credentials.check_code_of_nothing(attempt.clerk, code)
            raise InvalidCode
        code_hash = credentials.prove(attempt.clerk, verification, code, hashes=self._services.hashes)
        accounts_repository.record_proof(self._session, verification.verification_id, code_hash)
        self._session.commit()  # Clerk takes the code once: should the password be refused, it is known to be right
        credentials.set_password(attempt.clerk, verification.clerk_user_id, password)
        accounts_repository.delete_verification(self._session, verification.verification_id)
        self._session.commit()
        return verification.clerk_user_id

    def _sync(self, user: User) -> str | None:
        """Take over what Clerk says now; return why that was not possible."""
        try:
            refresh_profile(self._session, self._services, user)
        except ProviderError as exc:
            return f"clerk_{exc.category}"  # the token alone says who they are
        return None


type SignInDep = Annotated[SignInService, Depends(SignInService)]
