"""Settings of the API, read from environment variables."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field, HttpUrl, SecretStr, field_validator
from pydantic_settings import NoDecode

from whyviral.chat.wiring import ChatSettings
from whyviral.core.settings import MediaLinkSettings
from whyviral.integrations.dodo.api_call import DodoMode

type CommaList = Annotated[tuple[str, ...], NoDecode]


class ApiSettings(ChatSettings, MediaLinkSettings):
    """Database, identity provider, state machine, chat model, budgets, allowed hosts and allowed origins."""

    clerk_publishable_key: str
    clerk_secret_key: SecretStr
    clerk_authorized_parties: CommaList = ()
    clerk_require_authorized_party: bool = False
    """Whether to refuse tokens that name no origin. Tokens of mobile and command-line clients name none."""
    require_verified_email: bool = True
    """Whether `analyze/` requires a verified e-mail address, phone number or wallet."""
    free_share_of_day: Annotated[Decimal, Field(ge=0, le=1)] = Decimal("0.2")
    """The share of MAX_COST_USD_PER_DAY that all users of the Free plan together may use."""
    state_machine_arn: str
    delivery_queue_url: str
    """The queue of outgoing webhooks, for tests of endpoints and repeated deliveries."""
    public_base_url: HttpUrl
    frontend_url: HttpUrl
    supabase_url: HttpUrl
    """The console shows media from it."""
    supabase_publishable_key: str = ""
    """With it the console follows progress by Supabase Realtime; empty: by our own event stream."""
    dodo_api_key: SecretStr
    dodo_mode: DodoMode
    allowed_hosts: CommaList
    cors_allowed_origins: CommaList = ()

    @field_validator("clerk_authorized_parties", "allowed_hosts", "cors_allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
