"""Settings of the API, read from environment variables."""

from pydantic import HttpUrl, SecretStr

from whyviral.accounts.settings import CallerSettings
from whyviral.analysis.user_requests.intake import IntakeSettings
from whyviral.chat.wiring import ChatSettings
from whyviral.core.settings import MediaLinkSettings
from whyviral.integrations.dodo.mode import DodoMode


class ApiSettings(CallerSettings, IntakeSettings, ChatSettings, MediaLinkSettings):
    """Database, identity provider, state machine, chat model, budgets, allowed hosts and allowed origins."""

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
