"""Verification of e-mail addresses through the Backend API. Source: clerk/openapi-specs, bapi 2026-05-12."""

import math
import time

from fastapi import APIRouter, Request

from local.stand_ins.clerk.errors import Json, body_of, error_body, not_found, text_of
from local.stand_ins.scenario.refusals import Refusal
from local.stand_ins.state import State

backend = APIRouter(prefix="/email_addresses/{email_address_id}")


@backend.post("/prepare_verification")
async def send_code(state: State, email_address_id: str) -> Json:
    """Send a code to the address."""
    found = state.clerk.find_address(email_address_id)
    if found is None:
        raise not_found("Email address")
    wait_s = state.clerk.codes.seconds_to_wait(email_address_id)
    if wait_s > 0:
        message = "Too many verification codes have been requested. Please wait 30 seconds and try again."
        body = error_body(429, "verification_code_too_many_requests", message)
        raise Refusal(429, body, headers={"Retry-After": str(math.ceil(wait_s))})
    address, _ = found
    return state.clerk.codes.send(email_address_id, address["email_address"]).as_json()


@backend.post("/attempt_verification")
async def check_code(request: Request, state: State, email_address_id: str) -> Json:
    """Check a code; the right one verifies the address but does not create a session."""
    body = await body_of(request, frozenset({"verification_id", "code"}))
    verification_id, code = text_of(body, "verification_id"), text_of(body, "code")
    found = state.clerk.find_address(email_address_id)
    verification = state.clerk.codes.verifications.get(verification_id)
    if found is None or verification is None or verification.email_address_id != email_address_id:
        raise not_found("Verification")
    if verification.status == "verified":
        message = "This verification has already been verified."
        raise Refusal(400, error_body(400, "verification_already_verified", message))
    verification.attempt(code, now_ms=int(time.time() * 1000))
    if verification.status == "verified":
        address, user = found
        address["reserved"] = False
        address["verification"] = {
            "object": "verification_otp",
            "status": "verified",
            "strategy": "email_code",
            "attempts": verification.attempts,
            "expire_at": verification.expires_at_ms,
        }
        state.clerk.change(user)
    return verification.as_json()
