"""Every metric of the product: its name, unit, dimensions and the values that each dimension may have.

CloudWatch bills each combination of dimension values as a metric, so every value comes from a closed set. No dimension
names a user, a request or a post. docs/observability.md lists these metrics; alarms and dashboard use no others.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from aws_lambda_powertools.metrics import MetricUnit

OTHER = "other"
"""The value of a dimension for anything that its set does not name, so that the set stays closed."""

_NO_DIMENSIONS: Mapping[str, Sequence[str]] = MappingProxyType({})
_PROVIDERS = (
    *("anthropic", "brightdata", "clerk", "dodo", "gemini", "openai", "self_hosted", "supabase", "twitterapi"),
    *("youtube", OTHER),
)
_PLATFORMS = ("instagram", "x", "youtube", OTHER)
_CATEGORIES = (
    *("rate_limit", "auth", "not_found", "private", "removed", "timeout", "provider_error", "invalid_url"),
    *("unsupported", "media_error", "ai_error", "internal", OTHER),
)


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric; `record` writes a value of it."""

    name: str
    unit: MetricUnit
    meaning: str
    dimensions: Mapping[str, Sequence[str]] = field(default=_NO_DIMENSIONS)
    """The values by dimension."""
    has_total: bool = False
    """Whether the values are also added up without dimensions, for an alarm: an alarm cannot add up dimensions."""

    @property
    def most_series(self) -> int:
        """The number of metrics that CloudWatch bills if every combination of values occurs."""
        combinations = math.prod(len(values) for values in self.dimensions.values())
        return combinations + self.has_total


API_REQUESTS = Metric(
    "ApiRequests",
    MetricUnit.Count,
    "Answered requests. `refused` are 4XX, `failed` are 5XX and broken connections.",
    {
        "RouteClass": ("accounts", "admin", "analysis", "billing", "chat", "health", "mcp", "pages", "webhooks", OTHER),
        "Outcome": ("ok", "refused", "failed"),
    },
)
API_DURATION = Metric(
    "ApiDuration",
    MetricUnit.Milliseconds,
    "Time to the start of the answer, in the process. A stream goes on after it.",
    {"RouteClass": API_REQUESTS.dimensions["RouteClass"]},
)
REFUSALS = Metric(
    "Refusals",
    MetricUnit.Count,
    "Calls that a limit or a budget refused, by the code of the answer; the last two are calls to vendors.",
    {
        "Reason": (
            *("rate_limited", "max_urls_exceeded", "usage_limit_reached", "spend_limit_reached"),
            *("free_share_reached", "owner_budget_spent", "day_budget_spent"),
        )
    },
)
STAGE_DURATION = Metric(
    "StageDuration",
    MetricUnit.Milliseconds,
    "Duration of one run of a stage; a stage that waits runs several times.",
    {"Stage": ("fetch_posts", "fetch_baselines", "collect_media", "process_media", "analyse_post", "finish", "fail")},
)
QUEUE_WAIT = Metric(
    "QueueWait",
    MetricUnit.Seconds,
    "Time from when work was queued to its start: a job of the worker (its start included), a webhook event, the first "
    "attempt of a delivery.",
    {"Queue": ("worker", "webhooks", "deliveries", OTHER)},
)
ANALYSES_ENDED = Metric(
    "AnalysesEnded",
    MetricUnit.Count,
    "Ended attempts of requests.",
    {"Platform": _PLATFORMS, "Outcome": ("completed", "partial", "failed")},
)
ANALYSIS_DURATION = Metric(
    "AnalysisDuration",
    MetricUnit.Seconds,
    "Time from the first stage to the end of a request.",
    {"Platform": _PLATFORMS},
)
ANALYSIS_ERRORS = Metric(
    "AnalysisErrors",
    MetricUnit.Count,
    "URLs without an analysis when their request ended, by category.",
    {"Category": _CATEGORIES},
)
VENDOR_CALLS = Metric(
    "VendorCalls",
    MetricUnit.Count,
    "Logged calls to vendors. `throttled` are those that the vendor refused for their rate.",
    {"Provider": _PROVIDERS, "Outcome": ("ok", "throttled", "failed")},
)
VENDOR_DURATION = Metric(
    "VendorDuration", MetricUnit.Milliseconds, "Duration of these calls.", {"Provider": _PROVIDERS}
)
COST_USD = Metric(
    "CostUsd",
    MetricUnit.NoUnit,
    "Cost of vendor calls in USD, as it is booked to requests and days.",
    {"Provider": _PROVIDERS},
    has_total=True,
)
MODEL_TOKENS = Metric("ModelTokens", MetricUnit.Count, "Tokens of language models.", {"Direction": ("input", "output")})
TRANSCRIPTION_REAL_TIME_FACTOR = Metric(
    "TranscriptionRealTimeFactor",
    MetricUnit.NoUnit,
    "Time that speech recognition took, divided by the duration of the sound; above 1 it is slower than listening.",
)
SIGNATURE_FAILURES = Metric(
    "WebhookSignatureFailures",
    MetricUnit.Count,
    "Webhooks that were refused because their signature was missing, wrong or too old.",
    {"Sender": ("clerk", "dodo", OTHER)},
    has_total=True,
)
FAULTS = Metric(
    "FaultsRecorded",
    MetricUnit.Count,
    "Events of the level ERROR in `app_logs`: faults on our side that a person should look at, billing's among them.",
    {"Category": ("AUTH", "SCRAPE", "API", "ANALYSIS", "BILLING", "SYSTEM")},
    has_total=True,
)
DATABASE_UNREACHABLE = Metric(
    "DatabaseUnreachable", MetricUnit.Count, "Connections that the database or its pooler refused or did not answer."
)
STATEMENTS_LOST = Metric(
    "StatementsLost",
    MetricUnit.Count,
    "Statements that the database did not finish: canceled by the time limit, or the connection broke.",
)
REQUESTS_ORPHANED = Metric(
    "RequestsOrphaned", MetricUnit.Count, "Requests whose execution ended without ending them; they are ended now."
)
REQUESTS_NOT_STARTED = Metric(
    "RequestsNotStarted", MetricUnit.Count, "Requests without an execution, which the sweeper started."
)
MEDIA_UNWATCHED = Metric(
    "MediaUnwatched", MetricUnit.Count, "Requests whose posts are analysed without their video: the worker failed."
)
EVENTS_STUCK = Metric(
    "EventsStuck", MetricUnit.Count, "Webhook events of the inbox that have been unprocessed for half an hour."
)
JOBS_OVERDUE = Metric(
    "JobsOverdue", MetricUnit.Count, "Scheduled jobs whose last success is longer ago than their schedule allows."
)
ACCESSES_DROPPED = Metric(
    "AccessesDropped",
    MetricUnit.Count,
    "Rows of the access log that were dropped, because the database was in trouble.",
)

CATALOGUE: Sequence[Metric] = tuple(each for each in list(globals().values()) if isinstance(each, Metric))
"""All metrics, in the order of this file."""
