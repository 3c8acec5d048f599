"""What the API reads from its environment."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field, HttpUrl, SecretStr, field_validator
from pydantic_settings import NoDecode

from whyviral.vendor_calls.settings import DayBudgetSettings

type CommaList = Annotated[tuple[str, ...], NoDecode]


class ApiSettings(DayBudgetSettings):
    """Database, identity provider, pipeline, what a day may cost, and who may talk to us under which names."""

    clerk_publishable_key: str
    clerk_secret_key: SecretStr
    clerk_authorized_parties: CommaList = ()
    clerk_require_authorized_party: bool = False
    """Whether to refuse tokens that name no origin, as those of mobile and command-line clients do not."""
    require_verified_email: bool = True
    """Whether `analyze/` wants a verified e-mail address, phone number or wallet."""
    free_share_of_day: Annotated[Decimal, Field(ge=0, le=1)] = Decimal("0.2")
    """How much of MAX_COST_USD_PER_DAY all users of the Free plan together may use."""
    state_machine_arn: str
    public_base_url: HttpUrl
    allowed_hosts: CommaList
    cors_allowed_origins: CommaList = ()
    debug: bool = False

    @field_validator("clerk_authorized_parties", "allowed_hosts", "cors_allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
