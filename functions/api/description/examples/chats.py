"""Examples of chats: Ada asks why her post was seen."""

from collections.abc import Mapping
from typing import Any

from functions.api.chat.events import AnswerEvent, DoneEvent, TokenEvent
from functions.api.routers.chat import MessageList, SessionDetail, SessionList
from whyviral.chat import schemas

from .constants import ENDED_AT, PLATFORM, POST_URL, REQUEST_ID, STARTED_AT, page_of

_SESSION_ID = "a3d5f7b9-1c2e-4f60-8a9b-0c1d2e3f4a5b"
_ANALYSIS_ID = "b4c6d8ea-2d3f-4061-9bac-1d2e3f4a5b6c"
_ANSWER = {
    "id": "c5d7e9fb-3e40-4172-8cbd-2e3f4a5b6c7d",
    "seq": 2,
    "role": "assistant",
    "status": "complete",
    "content": "Your followers carried it first [F5], then people who had never heard of you [F8].",
    "is_partial": False,
    "client_message_id": None,
    "error_category": None,
    "error": None,
    "model": "gemini-3.5-flash-lite",
    "input_tokens": 3_120,
    "output_tokens": 84,
    "cost_usd": 0.001146,
    "is_stand_in": False,
    "created_at": STARTED_AT,
    "finished_at": ENDED_AT,
}
_SESSION = {
    "id": _SESSION_ID,
    "post_analysis_id": _ANALYSIS_ID,
    "analysis_request_id": REQUEST_ID,
    "platform": PLATFORM,
    "post_url": POST_URL,
    "username": "ada",
    "message_count": 2,
    "last_message": _ANSWER,
    "last_active_at": STARTED_AT,
    "created_at": STARTED_AT,
}
EXAMPLES: Mapping[type, Mapping[str, Any]] = {
    schemas.SessionBody: {"post_analysis_id": _ANALYSIS_ID},
    schemas.QuestionBody: {
        "content": "Why did people share it?",
        "client_message_id": "0192f3a4-5b6c-7d8e-9fa0-b1c2d3e4f5a6",
    },
    schemas.MessageOut: _ANSWER,
    schemas.SessionOut: _SESSION,
    TokenEvent: {"text": "Your followers ", "seq": 1},
    DoneEvent: {"message": _ANSWER},
    AnswerEvent: {"token": None, "done": {"message": _ANSWER}, "error": None},
    SessionList: page_of(_SESSION),
    MessageList: page_of(_ANSWER),
    SessionDetail: {**_SESSION, "messages": page_of(_ANSWER)},
}
