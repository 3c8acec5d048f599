"""The arguments of the tools. Their descriptions are read by language models."""

import uuid
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from whyviral.analysis.models import RequestStatus
from whyviral.analysis.schemas import AnalyzeBody
from whyviral.analysis.user_requests.history import MAX_SEARCH_CHARACTERS, SEARCH_PATTERN
from whyviral.chat.schemas import QuestionBody, QuestionText
from whyviral.core.pagination import MAX_PAGE
from whyviral.social.platforms import Platform

_Key = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="A new UUID for each call. A call repeated with the same key has no second effect and costs "
        "nothing: it gets the first answer again.",
    ),
]


class AnalyzeArguments(AnalyzeBody):
    """Posts to explain: URLs of Instagram, X and YouTube in any mix, or the best posts of one creator."""

    idempotency_key: _Key = None

    def body(self) -> AnalyzeBody:
        """Return the arguments without the key, which is no part of what is asked for."""
        return AnalyzeBody.model_validate(self.model_dump(exclude={"idempotency_key"}))


class AnalysisArguments(BaseModel):
    """One analysis."""

    model_config = ConfigDict(extra="forbid")

    analysis_id: Annotated[uuid.UUID, Field(description="The id of an analysis, from analyze_posts or list_analyses.")]


class ListArguments(BaseModel):
    """Which analyses to list."""

    model_config = ConfigDict(extra="forbid")

    search: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=MAX_SEARCH_CHARACTERS,
            pattern=SEARCH_PATTERN,
            description="Words that occur in the handle or name, or in the authors, texts and URLs of the posts.",
        ),
    ] = None
    status: Annotated[RequestStatus | None, Field(description="Only analyses with this status.")] = None
    platform: Annotated[Platform | None, Field(description="Only analyses of posts of this platform.")] = None
    page: Annotated[int, Field(ge=1, le=MAX_PAGE, strict=True, description="Pages count from 1 and hold 20.")] = 1


class QuestionArguments(BaseModel):
    """A question about one post."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    post_analysis_id: Annotated[
        uuid.UUID, Field(description="The id of a post's analysis: `posts[].post_analysis_id` of get_analysis.")
    ]
    question: Annotated[QuestionText, Field(description="The question, in any language.")]
    idempotency_key: _Key = None

    def body(self) -> QuestionBody:
        """Return the question as the chat takes it."""
        return QuestionBody(content=self.question)


class NoArguments(BaseModel):
    """A tool without arguments."""

    model_config = ConfigDict(extra="forbid")
