"""Settings of the MCP server, read from environment variables."""

from whyviral.accounts.settings import CallerSettings
from whyviral.analysis.user_requests.intake import IntakeSettings
from whyviral.chat.wiring import ChatSettings


class McpSettings(CallerSettings, IntakeSettings, ChatSettings):
    """Database, identity provider, state machine, chat model, budgets, allowed hosts and allowed origins."""
