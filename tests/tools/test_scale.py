"""The tables of docs/scale.md are those that `make scale` computes, from figures that the template keeps to."""

from pathlib import Path
from typing import Any

import pytest

from local.aws.template import load_document
from tools import scale

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return load_document(ROOT / "template.yaml")


@pytest.mark.parametrize("title", scale.tables())
def test_the_document_shows_the_computed_table(title: str) -> None:
    assert scale.tables()[title] in (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


def test_no_more_alarms_exist_than_are_paid_for(document: dict[str, Any]) -> None:
    resources = document["Resources"].values()
    alarms = [each["Properties"] for each in resources if each["Type"] == "AWS::CloudWatch::Alarm"]
    composites = [each for each in resources if each["Type"] == "AWS::CloudWatch::CompositeAlarm"]
    metrics = sum(
        sum("MetricStat" in metric for metric in alarm["Metrics"]) if "Metrics" in alarm else 1 for alarm in alarms
    )

    assert metrics <= scale.ALARM_METRICS
    assert len(composites) <= scale.COMPOSITE_ALARMS


def test_the_worker_has_the_size_that_is_paid_for(document: dict[str, Any]) -> None:
    size = document["Mappings"]["FargateSize"][str(document["Parameters"]["TranscribeVcpus"]["Default"])]

    assert (int(size["Cpu"]), int(size["Memory"])) == (scale.TASK_VCPUS * 1024, scale.TASK_GB * 1024)


def test_limits_are_those_of_the_template(document: dict[str, Any]) -> None:
    allowed = {limit.name: limit.allowed for limit in scale.LIMITS}

    assert allowed["`MaxCostUsdPerDay`, USD"] == document["Parameters"]["MaxCostUsdPerDay"]["Default"]
    assert (
        allowed["TwitterAPI.io, requests a second"] == document["Parameters"]["TwitterApiRequestsPerSecond"]["Default"]
    )
