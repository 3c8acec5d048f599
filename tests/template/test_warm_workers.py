"""Checks the service of the mode "warm" and how the number of its workers follows the queue."""

from typing import Any

import pytest

from tests.template.conftest import Properties, of_type
from tools.deployment.renderer import render

SCALING = {"WorkerScaling", "AddWorkersPolicy", "RemoveWorkersPolicy", "JobsWaitingAlarm", "JobsDoneAlarm"}


@pytest.fixture(scope="module")
def scaled(document: Properties) -> Properties:
    return render(document, TranscribeMode="warm", WarmWorkers=1, MaxWarmWorkers=4)


def metrics_of(alarm: Properties) -> dict[str, Any]:
    """Return the metrics of an alarm by id: an expression, or the name of a metric of the queue of jobs."""
    queue = [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["TranscribeQueue", "QueueName"]}}]
    found = {}
    for each in alarm["Metrics"]:
        if "Expression" in each:
            found[each["Id"]] = each["Expression"]
        else:
            assert each["MetricStat"]["Metric"]["Dimensions"] == queue
            assert each["ReturnData"] is False
            found[each["Id"]] = each["MetricStat"]["Metric"]["MetricName"]
    return found


def test_a_service_starts_after_the_permission_to_take_jobs(document: Properties) -> None:
    service = render(document, TranscribeMode="warm")["TranscribeService"]

    assert set(service["DependsOn"]) == {"ClusterCapacity", "ConsumeQueuePolicy"}


def test_a_worker_has_eight_gigabytes_unless_the_stack_says_otherwise(document: Properties) -> None:
    assert render(document)["TranscribeTask"]["Properties"]["Memory"] == "8192"


def test_without_a_highest_number_the_service_always_has_the_same_workers(document: Properties) -> None:
    resources = render(document, TranscribeMode="warm")

    assert resources.keys() & SCALING == set()
    assert resources["TranscribeService"]["Properties"]["DesiredCount"] == {"Ref": "WarmWorkers"}


def test_only_the_mode_warm_is_scaled(document: Properties) -> None:
    assert render(document, TranscribeMode="task", MaxWarmWorkers=4).keys() & SCALING == set()


def test_the_number_of_workers_stays_between_both_parameters_and_updates_keep_it(scaled: Properties) -> None:
    target = scaled["WorkerScaling"]["Properties"]

    assert (target["MinCapacity"], target["MaxCapacity"]) == ({"Ref": "WarmWorkers"}, {"Ref": "MaxWarmWorkers"})
    assert (target["ServiceNamespace"], target["ScalableDimension"]) == ("ecs", "ecs:service:DesiredCount")
    assert target["ResourceId"] == {"Fn::Sub": "service/${Cluster}/${TranscribeService.Name}"}
    assert "DesiredCount" not in scaled["TranscribeService"]["Properties"]
    assert {each["ScalingTargetId"]["Ref"] for each in policies_of(scaled).values()} == {"WorkerScaling"}


def policies_of(resources: Properties) -> dict[str, Properties]:
    return of_type(resources, "AWS::ApplicationAutoScaling::ScalingPolicy")


def test_workers_are_added_while_a_job_waits_and_more_of_them_the_longer_it_does(
    scaled: Properties, document: Properties
) -> None:
    alarm = scaled["JobsWaitingAlarm"]["Properties"]
    steps = scaled["AddWorkersPolicy"]["Properties"]["StepScalingPolicyConfiguration"]

    assert metrics_of(alarm) == {
        "old": "IF(waiting > 0, age, 0)",
        "waiting": "ApproximateNumberOfMessagesVisible",
        "age": "ApproximateAgeOfOldestMessage",
    }
    assert alarm["AlarmActions"] == [{"Ref": "AddWorkersPolicy"}]
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert [each["ScalingAdjustment"] for each in steps["StepAdjustments"]] == [1, 2]
    assert steps["AdjustmentType"] == "ChangeInCapacity"
    # One period, the start of a worker and its first heartbeat fit into the time before the heartbeat is missed.
    period_s = alarm["Metrics"][1]["MetricStat"]["Period"]
    heartbeat_s = int(document["Mappings"]["Worker"]["fargate-cpu"]["Heartbeat"])
    assert alarm["Threshold"] + alarm["EvaluationPeriods"] * period_s < heartbeat_s / 2


def test_workers_are_removed_only_while_none_has_a_job(scaled: Properties) -> None:
    alarm = scaled["JobsDoneAlarm"]["Properties"]
    steps = scaled["RemoveWorkersPolicy"]["Properties"]["StepScalingPolicyConfiguration"]

    assert metrics_of(alarm) == {
        "jobs": "waiting + held",
        "waiting": "ApproximateNumberOfMessagesVisible",
        "held": "ApproximateNumberOfMessagesNotVisible",
    }
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "LessThanOrEqualToThreshold")
    assert alarm["AlarmActions"] == [{"Ref": "RemoveWorkersPolicy"}]
    assert steps["AdjustmentType"] == "ExactCapacity"
    assert steps["StepAdjustments"] == [{"MetricIntervalUpperBound": 0, "ScalingAdjustment": {"Ref": "WarmWorkers"}}]
