"""Every alarm of the stack, as one table: what it watches, whom it reaches, and what silences it."""

import re

import pytest

from tests.template.conftest import ROOT, Properties, of_type
from tools.deployment.renderer import render
from whyviral.core.telemetry.catalogue import CATALOGUE

EVERYTHING: dict[str, str | int] = {"TranscribeMode": "warm", "AlarmEmail": "ops@example.com", "MonthlyBudgetUsd": 100}
TOPIC = [{"Ref": "AlarmTopic"}]
NAMESPACE = {"Fn::Sub": "whyviral/${AWS::StackName}"}
BY_NAMESPACE = {
    "AWS/Lambda": {"Errors", "Throttles", "Invocations"},
    "AWS/ApiGateway": {"5XXError", "IntegrationLatency"},
    "AWS/States": {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionThrottled"},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
    "AWS/WAFV2": {"BlockedRequests"},
}
OWN = {
    "RequestsOrphaned",
    "RequestsNotStarted",
    "EventsStuck",
    "MediaUnwatched",
    "JobsOverdue",
    "WebhookSignatureFailures",
    "FaultsRecorded",
    "CostUsd",
    "DatabaseUnreachable",
    "StatementsLost",
}
"""The metrics of our catalogue that alarms watch."""
OF_THE_DATABASE = {"DatabaseUnreachableAlarm", "StatementsLostAlarm"}
DATABASE_DOWN = "DatabaseDownAlarm"
NOT_THE_DATABASES = {
    *("AnalysesThrottledAlarm", "ApiThrottlesAlarm", "BillingFaultsAlarm", "ConcurrencyAlarm"),
    *("DeadLettersExpireAlarm", "FirewallBlocksAlarm", "PipelineThrottlesAlarm", "SignatureFailuresAlarm"),
    *("SpendAlarm", "StreamThrottlesAlarm", "SweeperSilentAlarm", "TranscribeLateAlarm", "WebhooksThrottlesAlarm"),
    "McpThrottlesAlarm",
}
"""Alarms that a database which is down cannot cause. They act by themselves."""

UNTIL_A_PERSON_ACTS = {
    *("DeliveriesLostAlarm", "EventsStuckAlarm", "FailureEventsLostAlarm", "JobsOverdueAlarm", "ScheduledLostAlarm"),
    *("TranscribeDeadLettersAlarm", "WebhooksLostAlarm"),
}
"""Alarms that do not end by themselves."""
RELOADED = {"AdminFunction"}
"""Functions whose refused runs need no alarm: an administrator loads the page again."""


@pytest.fixture
def alarms(document: Properties) -> dict[str, Properties]:
    return of_type(render(document, **EVERYTHING), "AWS::CloudWatch::Alarm")


@pytest.fixture
def composites(document: Properties) -> dict[str, Properties]:
    return of_type(render(document, **EVERYTHING), "AWS::CloudWatch::CompositeAlarm")


def children_of(composite: Properties) -> list[str]:
    return re.findall(r'ALARM\("\$\{(\w+)\}"\)', str(composite["AlarmRule"]))


def acts(alarm: Properties) -> bool:
    return bool((alarm.get("AlarmActions"), alarm.get("OKActions")) == (TOPIC, TOPIC))


def test_every_kind_of_trouble_that_aws_measures_is_watched(alarms: dict[str, Properties]) -> None:
    watched: dict[str, set[str]] = {}
    for alarm in alarms.values():
        if isinstance(alarm.get("Namespace"), str):
            watched.setdefault(alarm["Namespace"], set()).add(alarm["MetricName"])

    assert {name: metrics for name, metrics in watched.items() if name in BY_NAMESPACE} == BY_NAMESPACE
    assert "SERVICE_QUOTA" in str(alarms["ConcurrencyAlarm"]["Metrics"])


def test_every_alarm_on_a_metric_of_ours_names_one_of_the_catalogue_with_its_dimensions(
    alarms: dict[str, Properties],
) -> None:
    catalogue = {metric.name: metric for metric in CATALOGUE}
    own = [alarm for alarm in alarms.values() if alarm.get("Namespace") == NAMESPACE]

    assert {alarm["MetricName"] for alarm in own} == OWN
    for alarm in own:
        metric = catalogue[alarm["MetricName"]]
        dimensions = {each["Name"]: each["Value"] for each in alarm.get("Dimensions", ())}
        if not dimensions:
            assert metric.has_total or not metric.dimensions, metric.name
        else:
            assert dimensions.keys() == metric.dimensions.keys()
        assert all(value in metric.dimensions[name] for name, value in dimensions.items())


def test_no_metric_depends_on_the_words_of_a_log_line(document: Properties) -> None:
    assert of_type(document["Resources"], "AWS::Logs::MetricFilter") == {}


def test_people_hear_of_every_alarm_once_when_it_begins_and_when_it_ends(
    alarms: dict[str, Properties], composites: dict[str, Properties]
) -> None:
    children = [child for composite in composites.values() for child in children_of(composite)]

    assert all(acts(composite) for composite in composites.values())
    assert len(children) == len(set(children))
    assert {name for name, alarm in alarms.items() if acts(alarm)} == alarms.keys() - set(children)
    assert not any("AlarmActions" in alarms[child] or "OKActions" in alarms[child] for child in children)


def test_one_alarm_says_that_the_database_is_down_and_silences_all_that_it_causes(
    alarms: dict[str, Properties], composites: dict[str, Properties]
) -> None:
    # CloudWatch suppresses the actions of composite alarms only.
    down = composites.pop(DATABASE_DOWN)
    silenced = {child for composite in composites.values() for child in children_of(composite)}

    assert set(children_of(down)) == OF_THE_DATABASE
    assert "ActionsSuppressor" not in down
    assert {str(composite["ActionsSuppressor"]) for composite in composites.values()} == {str({"Ref": DATABASE_DOWN})}
    assert alarms.keys() - silenced - OF_THE_DATABASE == NOT_THE_DATABASES
    for composite in composites.values():
        # If no user calls, the second run of the sweeper begins DatabaseDownAlarm, two minutes after the first.
        assert composite["ActionsSuppressorWaitPeriod"] > 2 * 60
        assert composite["ActionsSuppressorExtensionPeriod"] > 0


def test_an_alarm_that_lasts_for_days_hides_no_other_kind(
    alarms: dict[str, Properties], composites: dict[str, Properties]
) -> None:
    # A composite alarm that is in alarm does not report a further child.
    lasting = {
        name for name, alarm in alarms.items() if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"
    }

    assert lasting < UNTIL_A_PERSON_ACTS
    assert set(children_of(composites["BacklogTroubleAlarm"])) == UNTIL_A_PERSON_ACTS


def test_every_composite_is_made_of_alarms_that_exist_in_each_variant(document: Properties) -> None:
    for mode in ("task", "warm"):
        resources = render(document, TranscribeMode=mode)
        for name, composite in of_type(resources, "AWS::CloudWatch::CompositeAlarm").items():
            assert set(children_of(composite)) <= resources.keys(), name


def test_every_queue_of_failed_messages_is_watched(document: Properties, alarms: dict[str, Properties]) -> None:
    resources = render(document, **EVERYTHING)
    dead_letters = {name for name in of_type(resources, "AWS::SQS::Queue") if "DeadLetter" in name}

    watched = {
        alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for alarm in alarms.values()
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"
    }

    assert watched == dead_letters


def test_refused_runs_of_every_function_that_others_call_are_watched(
    alarms: dict[str, Properties], functions: dict[str, Properties]
) -> None:
    watched = {
        *(
            alarm["Dimensions"][0]["Value"]["Ref"]
            for alarm in alarms.values()
            if alarm.get("MetricName") == "Throttles"
        ),
        *re.findall(r"'FunctionName', 'Value': \{'Ref': '(\w+)'\}", str(alarms["PipelineThrottlesAlarm"])),
    }
    # Runs that a schedule, a rule or a queue starts are repeated; the queues have alarms for messages that wait.
    retried = {
        name
        for name, function in functions.items()
        if (events := function.get("Events", {}).values())
        and all(event["Type"] in {"ScheduleV2", "EventBridgeRule", "SQS"} for event in events)
    }

    assert watched == functions.keys() - retried - RELOADED


def test_a_budget_is_made_on_request(document: Properties) -> None:
    assert of_type(render(document), "AWS::Budgets::Budget") == {}
    (budget,) = of_type(render(document, **EVERYTHING), "AWS::Budgets::Budget").values()

    assert budget["Budget"]["BudgetLimit"] == {"Amount": {"Ref": "MonthlyBudgetUsd"}, "Unit": "USD"}
    assert len(budget["NotificationsWithSubscribers"]) == 2
    (silent,) = of_type(render(document, MonthlyBudgetUsd=100), "AWS::Budgets::Budget").values()
    assert "NotificationsWithSubscribers" not in silent


def test_the_runbook_says_for_each_queue_of_failed_messages_how_to_deliver_them_again(document: Properties) -> None:
    resources = render(document, **EVERYTHING)
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    section = runbook.partition("## Queues of messages that failed")[2].partition("\n## ")[0]
    entries = dict(re.findall(r"^\| `(\w+)` \|.*\|(.*)\|$", section, re.MULTILINE))
    redriven = {
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for queue in of_type(resources, "AWS::SQS::Queue").values()
        if "RedrivePolicy" in queue
    }

    assert entries.keys() == {name for name in of_type(resources, "AWS::SQS::Queue") if "DeadLetter" in name}
    for name, entry in entries.items():
        # SQS moves messages back only to a queue whose dead letters they are.
        command = f'aws sqs start-message-move-task --source-arn "$(arn {name})"' if name in redriven else "--payload"
        assert command in entry, name
        assert all(function in resources for function in re.findall(r"physical (\w+)", entry)), name


def test_the_runbook_has_an_entry_for_each_alarm_and_no_other(
    alarms: dict[str, Properties], composites: dict[str, Properties]
) -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    table = runbook.partition("## Alarms")[2].partition("\n## ")[0]

    assert set(re.findall(r"`(\w+Alarm)`", table)) == alarms.keys() | composites.keys()
