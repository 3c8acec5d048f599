import httpx
import pytest

from local.stand_ins.scenario.faults import Vendor
from local.stand_ins.scenario.limits import LimitOrder, Limits
from tests.fixtures.stand_ins import StandInsClient


@pytest.mark.parametrize(
    ("per_second", "moments", "refused_at"),
    [
        (3.0, [0.0, 0.1, 0.2, 0.3, 0.99, 1.0], [0.3, 0.99]),
        (0.2, [0.0, 4.9, 5.0, 9.9, 10.0], [4.9, 9.9]),
        (None, [0.0] * 100, []),
    ],
)
def test_calls_above_the_rate_of_a_keys_tier_are_refused(
    per_second: float | None, moments: list[float], refused_at: list[float]
) -> None:
    clock = iter([*moments, moments[-1]])
    limits = Limits(LimitOrder(twitterapi_per_second=per_second), clock=lambda: next(clock))

    refusals = [limits.find_refusal(Vendor.TWITTERAPI, {"x-api-key": "a"}) for _ in moments]

    assert [at for at, refused in zip(moments, refusals, strict=True) if refused] == refused_at
    assert limits.find_refusal(Vendor.TWITTERAPI, {"x-api-key": "b"}) is None


def test_too_many_calls_are_refused_in_the_vendors_own_form(stand_ins: StandInsClient) -> None:
    stand_ins.control("limits", {"twitterapi_per_second": 0.2})

    replies = [
        stand_ins.http.get("/twitterapi/twitter/tweets?tweet_ids=1", headers={"X-API-Key": "a"}) for _ in range(2)
    ]

    assert [reply.status_code for reply in replies] == [200, 429]
    assert replies[1].json()["error"] == "Too Many Requests"
    assert stand_ins.http.get("/__control/limits").json()["refused"]["twitterapi"] == 1


def test_too_many_refused_calls_block_the_caller_permanently(stand_ins: StandInsClient) -> None:
    stand_ins.control("limits", {"brightdata_blocks_after": 25})
    stand_ins.fault("brightdata", "status", status=429, times=25)

    def ask() -> httpx.Response:
        return stand_ins.http.get("/brightdata/datasets/v3/progress/x", headers={"Authorization": "Bearer a"})

    statuses = [ask().status_code for _ in range(27)]

    assert statuses == [429] * 25 + [403] * 2
    assert stand_ins.http.get("/__control/limits").json()["brightdata_is_blocked"]
