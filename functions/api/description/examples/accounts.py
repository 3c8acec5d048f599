"""Examples of accounts, usage and feedback: Ada is on the Pro plan and has analysed one post today."""

from collections.abc import Mapping
from typing import Any

from functions.api.routers.accounts import PlanList
from functions.api.routers.health import Health
from functions.api.routers.usage import UsageHistory
from whyviral.accounts import schemas
from whyviral.admin.user_export import ExportLine
from whyviral.feedback.schemas import FeedbackBody, FeedbackOut
from whyviral.usage.schemas import LimitsOut, PlatformAllowanceOut, PlatformUsageOut, UsageDayOut, UsageTodayOut

from .constants import EMAIL, PLATFORM, RESETS_AT, STARTED_AT, USER_ID, page_of

_PASSWORD = "correct horse battery"  # noqa: S105 - an example
_PROOF = {"email": EMAIL, "code": "424242", "password": _PASSWORD}
PROFILE = {
    "id": USER_ID,
    "email": EMAIL,
    "email_verified": True,
    "full_name": "Ada Lovelace",
    "company_name": None,
    "profile_image": "https://img.clerk.com/ada.png",
    "is_admin": False,
    "created_at": "2026-11-01T12:00:00Z",
}
PLAN = {
    "id": "9a8b7c6d-5e4f-4a3b-9c2d-1e0f9a8b7c6d",
    "slug": "pro",
    "name": "Pro",
    "max_urls": 20,
    "max_handles": 10,
    "max_analyses_per_day": 100,
    "max_questions_per_day": 100,
    "price_cents": 1_900,
    "interval": "month",
}
_NOTICE = {"kind": "canceling", "plan": "free", "since": None, "at": "2026-12-01T12:00:00Z"}
_SUBSCRIPTION = {
    "id": "5d2e9c14-7f3a-4b6c-8d1e-2f3a4b5c6d7e",
    "status": "CANCELING",
    "provider": "DODO",
    "current_period_start": "2026-11-01T12:00:00Z",
    "current_period_end": "2026-12-01T12:00:00Z",
    "downgrade_at": None,
    "plan": PLAN,
    "downgrade_to_plan": None,
    "notices": [_NOTICE],
}
_USAGE = {
    "platform": PLATFORM,
    "url_lookups": 1,
    "questions_asked": 0,
    "handle_analyses": 0,
    "post_suggestions": 4,
}
_USAGE_OF_DAY = _USAGE | {"date": "2026-11-27"}
_ALLOWANCE = {"platform": PLATFORM, "analyses_left": 99, "questions_left": 100, "handles_left": 10}
_LIMITS = {
    "plan": PLAN["slug"],
    "max_urls": PLAN["max_urls"],
    "max_analyses_per_day": PLAN["max_analyses_per_day"],
    "max_questions_per_day": PLAN["max_questions_per_day"],
    "max_handles": PLAN["max_handles"],
    "resets_at": RESETS_AT,
    "platforms": [_ALLOWANCE],
}
_FEEDBACK_ID = "1f2e3d4c-5b6a-4978-8695-a4b3c2d1e0f9"
_FEEDBACK = {"category": "idea", "text": "Compare two posts side by side."}

EXAMPLES: Mapping[type, Mapping[str, Any]] = {
    Health: {"status": "ok", "checks": {"database": "ok", "state_machine": "ok"}},
    schemas.SignUpBody: {"email": EMAIL},
    schemas.VerificationRequired: {"status": "verification_required"},
    schemas.ProofBody: _PROOF,
    schemas.PasswordLoginBody: {"email": EMAIL, "password": _PASSWORD},
    schemas.TokenLoginBody: {"token": "eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl"},
    schemas.SignInAnswer: PROFILE,
    schemas.TicketOut: {"ticket": "eyJhbGciOiJSUzI1NiJ9.eyJ0aWNrZXQiOjF9.c2lnbmF0dXJl", "expires_in_seconds": 120},
    schemas.ResetBody: {"email": EMAIL},
    schemas.ResetAccepted: {"status": "code_sent_if_known"},
    schemas.PasswordChanged: {"status": "password_changed"},
    schemas.SignedOut: {"status": "signed_out", "revoked_at_clerk": True},
    schemas.ProfileOut: PROFILE,
    schemas.ProfileChanges: {"full_name": "Ada Lovelace", "company_name": None},
    ExportLine: {
        "table": "feedback",
        "row": {
            "id": _FEEDBACK_ID,
            "user_id": USER_ID,
            **_FEEDBACK,
            "created_at": STARTED_AT,
            "updated_at": STARTED_AT,
        },
        "next_cursor": None,
    },
    schemas.PlanOut: PLAN,
    PlanList: page_of(PLAN),
    schemas.BillingNotice: _NOTICE,
    schemas.SubscriptionOut: _SUBSCRIPTION,
    PlatformUsageOut: _USAGE,
    UsageTodayOut: {"date": "2026-11-27", "resets_at": RESETS_AT, "platforms": [_USAGE]},
    UsageDayOut: _USAGE_OF_DAY,
    UsageHistory: page_of(_USAGE_OF_DAY),
    PlatformAllowanceOut: _ALLOWANCE,
    LimitsOut: _LIMITS,
    FeedbackBody: _FEEDBACK,
    FeedbackOut: {"id": _FEEDBACK_ID, **_FEEDBACK, "created_at": STARTED_AT},
}
