"""Examples for the OpenAPI description: one for each model. Together they show one user and one request.

An example that contains another model reuses that model's example, so that ids and numbers agree everywhere.
"""

from collections.abc import Mapping
from typing import Any

from . import (
    accounts,
    administration,
    analyses,
    billing,
    chats,
    estimates,
    notes,
    posts,
    sharing,
    streams,
    suggestions,
    webhooks,
)
from .constants import REQUEST_ID

ERROR: Mapping[str, Any] = {
    "error": f"There is no analysis request {REQUEST_ID}. Check the id, or list your requests.",
    "code": "analysis_request_not_found",
    "request_id": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    "details": None,
    "analysis_request_id": REQUEST_ID,
    "chat_session_id": None,
}
EXAMPLES: Mapping[type, Mapping[str, Any]] = {
    **accounts.EXAMPLES,
    **posts.EXAMPLES,
    **analyses.EXAMPLES,
    **chats.EXAMPLES,
    **notes.EXAMPLES,
    **suggestions.EXAMPLES,
    **sharing.EXAMPLES,
    **estimates.EXAMPLES,
    **streams.EXAMPLES,
    **administration.EXAMPLES,
    **billing.EXAMPLES,
    **webhooks.EXAMPLES,
}
"""The example of each model. The schema of a model has the name of its class."""
