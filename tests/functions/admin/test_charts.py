"""The geometry of the charts."""

from datetime import date, timedelta

import pytest

from functions.admin.charts import HEIGHT, LEFT, WIDTH, by_day, lines, stacked_bars
from tests.functions.admin.conftest import Panel

DAYS = [date(2026, 11, 1) + timedelta(days=number) for number in range(30)]


def test_bars_stand_on_each_other_and_reach_the_value() -> None:
    chart = stacked_bars(DAYS[:2], {"completed": [3.0, 0.0], "failed": [1.0, 4.0]})

    completed, failed, alone = chart.bars
    assert (completed.x, failed.x) == (completed.x, completed.x)
    assert failed.y + failed.height == pytest.approx(completed.y, abs=0.2)
    assert alone.height == pytest.approx(completed.height + failed.height, abs=0.2)
    assert [tick.label for tick in chart.value_ticks] == ["0", "1", "2", "3", "4"]
    assert completed.title == "2026-11-01: completed 3"


@pytest.mark.parametrize("value", [0.0003, 0.7, 1.0, 9.99, 12_345.0, 4e9])
def test_everything_stays_within_the_picture(value: float) -> None:
    bars = stacked_bars(DAYS, {"one": [value] * 30}, unit=" USD")
    line = lines(DAYS, {"one": dict.fromkeys(DAYS, value)}, unit=" s")

    for bar in bars.bars:
        assert LEFT <= bar.x <= bar.x + bar.width <= WIDTH
        assert 0 <= bar.y <= bar.y + bar.height <= HEIGHT
    for x, y, _ in line.lines[0].dots:
        assert (LEFT <= x <= WIDTH, 0 <= y <= HEIGHT) == (True, True)
    assert len(bars.day_ticks) <= 9


def test_without_values_there_is_nothing_to_draw() -> None:
    assert stacked_bars(DAYS, {}).is_empty
    assert stacked_bars(DAYS, {"one": [0.0] * 30}).is_empty
    assert lines(DAYS, {"one": {}}).is_empty


def test_a_day_outside_of_the_range_is_left_out() -> None:
    assert by_day(DAYS[:2], [(DAYS[0], "x", 1), (DAYS[9], "x", 5), (DAYS[1], "x", 2)]) == {"x": [1.0, 2.0]}


@pytest.mark.parametrize("days", ["7", "30", "90", "", "nonsense", "-1"])
def test_the_first_page_shows_the_wanted_days_or_thirty(panel: Panel, days: str) -> None:
    page = panel.get("/home", params={"days": days}).text

    wanted = days if days in {"7", "90"} else "30"
    assert f'home?days={wanted}" aria-current="true"' in page
