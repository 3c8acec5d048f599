"""Every alarm of the stack, as one table: what it watches, and that people hear of it and know what to do."""

import re

import pytest

from tests.template.conftest import ROOT, Properties, of_type
from tools.deployment.renderer import render

EVERYTHING = {"TranscribeMode": "warm", "AlarmEmail": "ops@example.com"}
TOPIC = [{"Ref": "AlarmTopic"}]
BY_NAMESPACE = {
    "AWS/Lambda": {"Errors", "Throttles", "Invocations"},
    "AWS/ApiGateway": {"5XXError", "IntegrationLatency"},
    "AWS/States": {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionThrottled"},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
    "AWS/WAFV2": {"BlockedRequests"},
}


@pytest.fixture
def alarms(document: Properties) -> dict[str, Properties]:
    return of_type(render(document, **EVERYTHING), "AWS::CloudWatch::Alarm")


def test_every_kind_of_trouble_that_aws_measures_is_watched(alarms: dict[str, Properties]) -> None:
    watched: dict[str, set[str]] = {}
    for alarm in alarms.values():
        if isinstance(alarm.get("Namespace"), str):
            watched.setdefault(alarm["Namespace"], set()).add(alarm["MetricName"])

    assert {name: metrics for name, metrics in watched.items() if name in BY_NAMESPACE} == BY_NAMESPACE
    assert "SERVICE_QUOTA" in str(alarms["ConcurrencyAlarm"]["Metrics"])


def test_people_hear_when_an_alarm_begins_and_when_it_ends(alarms: dict[str, Properties]) -> None:
    for name, alarm in alarms.items():
        assert (alarm["AlarmActions"], alarm["OKActions"]) == (TOPIC, TOPIC), name


def test_every_queue_of_failed_messages_is_watched(document: Properties, alarms: dict[str, Properties]) -> None:
    resources = render(document, **EVERYTHING)
    dead_letters = {name for name in of_type(resources, "AWS::SQS::Queue") if "DeadLetter" in name}

    watched = {
        alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for alarm in alarms.values()
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"
    }

    assert watched == dead_letters


def test_the_runbook_has_an_entry_for_each_alarm_and_no_other(alarms: dict[str, Properties]) -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    table = runbook.partition("## Alarms")[2].partition("\n## ")[0]

    assert set(re.findall(r"`(\w+Alarm)`", table)) == alarms.keys()
