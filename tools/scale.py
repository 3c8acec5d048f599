"""What a stack costs a month, and which limit it meets first; `make scale` prints the tables of docs/scale.md.

Prices are public ones of us-east-1, without free tiers. Durations are measured where docs/scale.md names a command, and
assumed elsewhere. A test compares the document with what this prints.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from whyviral.analysis.estimate.costs import CostTable
from whyviral.social.platforms import Platform
from whyviral.vendor_calls.prices import PRICES

HOURS_A_MONTH = 730
PER_MILLION = 1e-6

# AWS's list prices for us-east-1. Those of Lambda and Fargate were compared with public pages on 2026-11-28. Compare
# those of the other services with AWS's pricing pages.
ARM_GB_S, X86_GB_S, INVOCATION = 0.0000133334, 0.0000166667, 0.20 * PER_MILLION
STORAGE_GB_S = 0.0000000309
TRANSITION, API_REQUEST, FIREWALL_REQUEST = 0.025 / 1000, 3.50 * PER_MILLION, 0.60 * PER_MILLION
FARGATE_VCPU_H, FARGATE_GB_H = 0.04048, 0.004445
PUBLIC_IP_H, NAT_H, NAT_GB = 0.005, 0.045, 0.045
SNAPSHOT_GB_S, SNAPSHOT_RESTORED_GB = 0.0000015046, 0.0001397998
ALARM_METRIC, COMPOSITE_ALARM = 0.10, 0.50
METRIC, LOG_GB, TRACE, SECRET, FIREWALL = 0.30, 0.50, 5 * PER_MILLION, 0.40, 7.0

ALARM_METRICS, COMPOSITE_ALARMS = 60, 6
"""What is paid for: an alarm costs as much as the metrics it watches. A test checks that the template has no more."""
METRICS = 60
"""Series of metrics of our own: names times the values of their dimensions."""

PHOTO_STATES = 19
"""A test counts them in an execution; a video takes three more."""
TRANSITIONS = PHOTO_STATES + 6
"""With waits for a platform."""
FUNCTION_GB_S = 3.0 + 2.0 + 5.0 + 25.0 + 0.1
"""FetchPosts, CollectMedia, FetchBaselines and AnalysePosts at 1 GB, FinishRequest at 0.5: seconds times GB."""
FUNCTION_S = 3.0 + 2.0 + 5.0 + 25.0 + 0.2
REQUESTS, REQUEST_S = 12, 0.05
"""Calls of the API for each analysis, at 1 GB."""
STREAM_S = 60.0
LOG_GB_EACH = 20e-6
"""Twenty lines of 1 kB."""
VIDEO_SHARE = 0.5

TASK_S, TASK_VCPUS, TASK_GB = 90.0, 2, 8
"""A worker on Fargate for a minute of speech: 60 s of its start are billed, and 30 s of work (docs/scale.md)."""
LAMBDA_WORKER_S, LAMBDA_WORKER_GB, LAMBDA_WORKER_STORAGE_GB = 29.0, 6, 1.5
"""The same on Lambda, in a new sandbox: 10 s to start and 19 s of work."""
IMAGE_GB, MEDIA_GB = 1.3, 0.02
"""What a task downloads: its image, and the video of its post."""

TWITTERAPI_CALLS = 4
"""The post, its replies, and two pages of its creator's posts."""
MODEL, PRICED_ON = "gemini-3.8-flash", date(2026, 11, 28)

VOLUMES = (0, 1_000, 100_000)
"""Analyses a month in the tables of costs."""
BASE = 1_000
"""Analyses a month, of which the table of limits shows multiples."""
PEAK_SHARE_OF_DAY = 0.15
"""The part of a day's analyses that comes in its busiest hour."""
_TEN = 10


@dataclass(frozen=True, slots=True)
class Variant:
    """Where the worker runs and how it reaches the internet."""

    name: str
    fixed_usd: float
    """A month, without any analysis."""
    video_usd: float
    """For one analysis of a video."""


def _task_usd() -> float:
    return TASK_S / 3600 * (TASK_VCPUS * FARGATE_VCPU_H + TASK_GB * FARGATE_GB_H)


def _lambda_usd() -> float:
    each_second = LAMBDA_WORKER_GB * X86_GB_S + LAMBDA_WORKER_STORAGE_GB * STORAGE_GB_S
    return LAMBDA_WORKER_S * each_second + INVOCATION


VARIANTS = (
    Variant("Fargate, public address, S3 endpoint (default)", 0, _task_usd() + TASK_S / 3600 * PUBLIC_IP_H),
    Variant("Fargate, NAT gateway, S3 endpoint", NAT_H * HOURS_A_MONTH, _task_usd() + MEDIA_GB * NAT_GB),
    Variant("Fargate, NAT gateway alone", NAT_H * HOURS_A_MONTH, _task_usd() + (IMAGE_GB + MEDIA_GB) * NAT_GB),
    Variant("`lambda-cpu`, no network", 0, _lambda_usd()),
)


def fixed_usd() -> Mapping[str, float]:
    """Return what an idle stack costs a month, by service."""
    return MappingProxyType(
        {
            "CloudWatch, alarms": ALARM_METRICS * ALARM_METRIC + COMPOSITE_ALARMS * COMPOSITE_ALARM,
            "CloudWatch, metrics of our own": METRICS * METRIC,
            "WAF": FIREWALL,
            "SnapStart, one snapshot of 1 GB": SNAPSHOT_GB_S * HOURS_A_MONTH * 3600,
            "Secrets Manager": SECRET,
            # The sweeper runs every two minutes for a second, and the end of plans is looked for every five.
            "Lambda, schedules": (30 + 12) * HOURS_A_MONTH * (0.5 * ARM_GB_S + INVOCATION),
        }
    )


def analysis_usd() -> Mapping[str, float]:
    """Return what one analysis costs at AWS without its worker, by service."""
    requests_gb_s = REQUESTS * REQUEST_S + STREAM_S
    return MappingProxyType(
        {
            "Lambda, pipeline": FUNCTION_GB_S * ARM_GB_S + 5 * INVOCATION,
            "Lambda, API and one stream of a minute": requests_gb_s * ARM_GB_S + (REQUESTS + 1) * INVOCATION,
            "Step Functions": TRANSITIONS * TRANSITION,
            "API Gateway and WAF": (REQUESTS + 1) * (API_REQUEST + FIREWALL_REQUEST),
            "CloudWatch Logs and X-Ray": LOG_GB_EACH * LOG_GB + (REQUESTS + 6) * TRACE,
        }
    )


def vendors_usd() -> Mapping[str, float]:
    """Return the usual cost of vendors for one post, by platform, from the product's own prices and estimate."""
    table = CostTable(PRICES, "gemini", MODEL, Decimal(5))
    found = {platform: table.usual_usd(platform, 1, on=PRICED_ON) for platform in Platform}
    return MappingProxyType({platform: float(usd) for platform, usd in found.items() if usd is not None})


def month_usd(variant: Variant, analyses: int) -> float:
    """Return what AWS costs in a month with this many analyses."""
    each = sum(analysis_usd().values()) + VIDEO_SHARE * variant.video_usd
    return sum(fixed_usd().values()) + variant.fixed_usd + analyses * each


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of an account or of a vendor."""

    name: str
    allowed: float
    raised_by: str

    def needed(self, analyses_a_month: int) -> float:
        """Return how much the busiest hour needs. By Little's law, what is busy at once is rate times duration."""
        a_day = analyses_a_month / 30
        a_second = a_day * PEAK_SHARE_OF_DAY / 3600
        match self.name:
            case "Lambda, concurrent executions":
                return a_second * (FUNCTION_S + REQUESTS * REQUEST_S + STREAM_S)
            case "Fargate, vCPUs":
                return a_second * VIDEO_SHARE * TASK_S * TASK_VCPUS
            case "pooler, clients":
                busy_s = FUNCTION_S + REQUESTS * REQUEST_S + STREAM_S + VIDEO_SHARE * TASK_S
                return a_second * busy_s
            case "TwitterAPI.io, requests a second":
                return a_second * TWITTERAPI_CALLS
            case "`MaxCostUsdPerDay`, USD":
                return a_day * vendors_usd()[Platform.X]
        raise AssertionError(self.name)


LIMITS = (
    Limit("Lambda, concurrent executions", 10, "quota `L-B99A9384`; usually 1,000 after a request"),
    Limit("Fargate, vCPUs", 6, "quota `L-3032A538`, or `TranscribeCompute=lambda-cpu`"),
    Limit("pooler, clients", 200, "a larger compute of Supabase"),
    Limit("TwitterAPI.io, requests a second", 3, "a larger balance, and `TwitterApiRequestsPerSecond`"),
    Limit("`MaxCostUsdPerDay`, USD", 100, "the parameter"),
)


def rows(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(each)} |" for each in (heads, ["---"] * len(heads), *lines))


def costs_of_aws() -> str:
    """Return the table of AWS's costs by variant."""
    heads = ("variant of the worker", *(f"{number:,} analyses" for number in VOLUMES), "1,000 videos alone")
    return rows(
        heads,
        (
            (
                each.name,
                *(f"{month_usd(each, number):,.0f}" for number in VOLUMES),
                f"{each.video_usd * 1_000:.2f}",
            )
            for each in VARIANTS
        ),
    )


def parts() -> str:
    """Return the table of the parts of AWS's costs."""
    fixed = ((name, f"{usd:.2f}", "") for name, usd in fixed_usd().items())
    each = ((name, "", f"{usd * 1_000:.2f}") for name, usd in analysis_usd().items())
    return rows(("part", "USD a month", "USD for 1,000 analyses"), (*fixed, *each))


def costs_of_vendors() -> str:
    """Return the table of the vendors' costs."""
    return rows(
        ("platform", *(f"{number:,} analyses" for number in VOLUMES)),
        ((name, *(f"{usd * number:,.0f}" for number in VOLUMES)) for name, usd in vendors_usd().items()),
    )


def limits() -> str:
    """Return the table of limits, with what multiples of the base need in the busiest hour; bold: the first to end."""
    volumes = [BASE * multiple for multiple in (1, 10, 100, 1_000)]
    first = {number: max(LIMITS, key=lambda each: each.needed(number) / each.allowed) for number in volumes}
    heads = ("limit", "of a new account", *(f"{number:,}" for number in volumes), "raised by")
    return rows(
        heads,
        (
            (
                each.name,
                f"{each.allowed:g}",
                *(_shown(each.needed(number), is_first=first[number] is each) for number in volumes),
                each.raised_by,
            )
            for each in LIMITS
        ),
    )


def _shown(needed: float, *, is_first: bool) -> str:
    text = f"{needed:.2g}" if needed < _TEN else f"{needed:,.0f}"
    return f"**{text}**" if is_first else text


def tables() -> Mapping[str, str]:
    """Return the tables of docs/scale.md by title."""
    return MappingProxyType(
        {"AWS by variant": costs_of_aws(), "parts": parts(), "vendors": costs_of_vendors(), "limits": limits()}
    )


if __name__ == "__main__":
    for title, table in tables().items():
        sys.stdout.write(f"{title}\n\n{table}\n\n")
