"""Our API beside the Django peer: time in process and requests per second, as ratios measured in the same minutes."""

import statistics
from collections.abc import Callable, Iterator, Sequence

from bench.comparison.load import requests_per_second
from bench.comparison.services import Data, InProcess, Timed, delayed, in_process, prepared, served
from bench.measurement import Measurement

USERS, REQUESTS = 2, 200
DELAYS_MS = (0, 2)
_BLOCKS, _CALLS = 8, 8
_LOAD_ROUNDS, _LOAD_REQUESTS, _CONCURRENCY = 5, 96, 16


def measure() -> list[Measurement]:
    """Compare every route, with the database at each of the delays."""
    found: list[Measurement] = []
    with prepared(users=USERS, requests=REQUESTS) as data:
        for delay_ms in DELAYS_MS:
            with delayed(data.database_url, delay_ms) as database_url:
                where = f"database {delay_ms} ms away"
                with in_process(data, database_url) as sides:
                    found += _times(data, sides, where)
                with served(data, database_url) as ports:
                    found += _rates(data, ports, where)
    return found


def _times(data: Data, sides: tuple[InProcess, InProcess], where: str) -> Iterator[Measurement]:
    """Time alternating calls. The lower quartile of each side counts, because other processes can only add time."""
    for name, path in data.paths.items():
        ours, peers = _in_turns(*(_caller(side, path, data.token) for side in sides))
        ratio = _lower_quartile(ours) / _lower_quartile(peers)
        cpu_ratio = sum(each.cpu_s for each in ours) / sum(each.cpu_s for each in peers)
        yield Measurement(f"{name}: time in process, {where}", ratio, "of Django's", at_most=1, goal=0.6)
        yield Measurement(f"{name}: processor time of that, {where}", cpu_ratio, "of Django's")


def _caller(side: InProcess, path: str, token: str) -> Callable[[], Timed]:
    return lambda: side.call(path, token, number=_CALLS)


def _in_turns[Result](*calls: Callable[[], Result]) -> list[list[Result]]:
    """Return the results of alternating calls. A first round warms up and is left out."""
    for call in calls:
        call()
    rounds = [[call() for call in calls] for _ in range(_BLOCKS)]
    return [list(results) for results in zip(*rounds, strict=True)]


def _lower_quartile(results: list[Timed]) -> float:
    times = [time_s for result in results for time_s in result.times_s]
    return statistics.quantiles(times, n=4)[0]


def _rates(data: Data, ports: tuple[Sequence[int], Sequence[int]], where: str) -> Iterator[Measurement]:
    for name, path in data.paths.items():
        ratios = []
        for number in range(_LOAD_ROUNDS + 1):
            ours, peers = (
                requests_per_second(own, path, data.token, requests=_LOAD_REQUESTS, concurrency=_CONCURRENCY)
                for own in ports
            )
            if number > 0:  # the first one warms up
                ratios.append(ours / peers)
        ratio = statistics.median(ratios)
        yield Measurement(f"{name}: requests per second, {where}", ratio, "of Django's", at_least=1, goal=1.5)
