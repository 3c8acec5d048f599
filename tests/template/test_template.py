"""Checks template.yaml beyond validity: permissions, secrets, retention, alarms and timeouts."""

import json
import re
from typing import Any

import pytest

from tests.template.conftest import ROOT, Properties, of_type
from whyviral.admin import scheduled_job as scheduled
from whyviral.analysis import orphaned
from whyviral.analysis.post_explainer import MODEL_TIMEOUT_S
from whyviral.webhooks.outgoing import sender
from whyviral.webhooks.outgoing.retry_schedule import LEASE

_SECRETS = {
    "ADMIN_COOKIE_SECRET",
    "ANTHROPIC_API_KEY",
    "BRIGHTDATA_API_KEY",
    "CLERK_SECRET_KEY",
    "CLERK_WEBHOOK_SECRET",
    "DODO_API_KEY",
    "DODO_WEBHOOK_SECRET",
    "GEMINI_API_KEY",
    *(f"GEMINI_API_KEY_{number}" for number in range(1, 6)),
    "OPENAI_API_KEY",
    "SELF_HOSTED_LLM_API_KEY",
    "SUPABASE_DB_URL",
    "SUPABASE_SECRET_KEY",
    "SUPABASE_URL",
    "TWITTERAPI_KEY",
    "YOUTUBE_API_KEY",
    "YOUTUBE_PROXY_URL",
}

LOST_RUNS = {"Fn::GetAtt": ["ScheduledDeadLetters", "Arn"]}

# The only actions on "*", in both templates: AWS offers them for no single resource.
# Source: Service Authorization Reference, of each of these services.
WITHOUT_RESOURCE = {
    "cloudformation:ValidateTemplate",
    "ecr:GetAuthorizationToken",
    "lambda:GetAccountSettings",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "servicequotas:GetServiceQuota",
    "states:SendTaskFailure",
    "states:SendTaskHeartbeat",
    "states:SendTaskSuccess",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _statements(role: Properties) -> list[Properties]:
    policies: list[Properties] = role.get("Policies", [])
    return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]


def _all_statements(resources: Properties) -> dict[str, list[Properties]]:
    """Return the statements of every role and of every policy that is attached to one."""
    added = {
        name: policy["PolicyDocument"]["Statement"]
        for name, policy in of_type(resources, "AWS::IAM::RolePolicy").items()
    }
    return {name: _statements(role) for name, role in of_type(resources, "AWS::IAM::Role").items()} | added


def _role_of(resources: Properties, function: Properties) -> Properties:
    role: Properties = resources[function["Role"]["Fn::GetAtt"][0]]["Properties"]
    return role


def _variables(document: Properties, function: Properties) -> Properties:
    of_all: Properties = document["Globals"]["Function"]["Environment"]["Variables"]
    own: Properties = function.get("Environment", {}).get("Variables", {})
    return of_all | own


def _without_web_servers(functions: dict[str, Properties]) -> dict[str, Properties]:
    """Return the functions with a Python handler; test_stream.py checks the other one."""
    return {name: function for name, function in functions.items() if not function["Handler"].endswith(".sh")}


def test_every_handler_exists(functions: dict[str, Properties]) -> None:
    for name, function in _without_web_servers(functions).items():
        module, attribute = function["Handler"].rsplit(".", 1)
        source = ROOT / f"{module.replace('.', '/')}.py"

        assert source.is_file(), f"{name}: {source}"
        assert attribute in source.read_text(encoding="utf-8"), f"{name}: no {attribute} in {source}"


def test_every_function_has_its_own_role(resources: Properties, functions: dict[str, Properties]) -> None:
    roles = [function["Role"]["Fn::GetAtt"][0] for function in functions.values()]

    assert len(set(roles)) == len(functions)
    assert {resources[role]["Type"] for role in roles} == {"AWS::IAM::Role"}


def test_every_function_writes_only_to_its_own_log_group(
    resources: Properties, functions: dict[str, Properties]
) -> None:
    groups = {name: function["LoggingConfig"]["LogGroup"]["Ref"] for name, function in functions.items()}

    assert len(set(groups.values())) == len(functions)
    for name, function in functions.items():
        writes = [
            statement["Resource"]
            for statement in _statements(_role_of(resources, function))
            if "logs:PutLogEvents" in statement["Action"]
        ]
        assert writes == [{"Fn::GetAtt": [groups[name], "Arn"]}], name


def test_every_log_group_has_a_retention(resources: Properties) -> None:
    groups = of_type(resources, "AWS::Logs::LogGroup")

    assert {name for name, group in groups.items() if group.get("RetentionInDays") is None} == set()


def test_permissions_name_their_resources_wherever_aws_supports_it(resources: Properties) -> None:
    for name, statements in _all_statements(resources).items():
        for statement in statements:
            actions = set(as_list(statement["Action"]))
            assert not [action for action in actions if "*" in action], name
            if "*" in as_list(statement["Resource"]):
                assert actions <= WITHOUT_RESOURCE, name


def test_only_the_api_the_admin_panel_agents_and_the_sweeper_start_analyses(resources: Properties) -> None:
    may = {
        name
        for name, statements in _all_statements(resources).items()
        for statement in statements
        if "states:StartExecution" in as_list(statement["Action"])
    }

    assert may == {"AdminRole", "ApiRole", "McpRole", "StreamRole", "SweeperRole"}


def _unconditional(value: Properties) -> Properties:
    """Return what a variable holds where its condition is true; without it, the variable is missing."""
    if "Fn::If" not in value:
        return value
    _, kept, otherwise = value["Fn::If"]
    assert otherwise == {"Ref": "AWS::NoValue"}
    return dict(kept)


def test_secrets_come_only_from_secrets_manager(document: Properties, functions: dict[str, Properties]) -> None:
    for name, function in functions.items():
        for variable, value in _variables(document, function).items():
            reference = _unconditional(value).get("Fn::Sub", "") if isinstance(value, dict) else ""
            expected = f"{{{{resolve:secretsmanager:${{SecretName}}:SecretString:{variable}::${{SecretVersionId}}}}}}"
            assert (reference == expected) == (variable in _SECRETS), f"{name}: {variable}"


def test_no_parameter_holds_a_secret(document: Properties) -> None:
    parameters = document["Parameters"]
    secrets = {secret.replace("_", "").lower() for secret in _SECRETS}

    assert {name for name in parameters if name.lower() in secrets} == set()
    assert {name for name, parameter in parameters.items() if parameter.get("NoEcho")} == set()
    assert "Default" not in parameters["SecretName"]


def test_every_error_of_a_function_raises_an_alarm(resources: Properties, functions: dict[str, Properties]) -> None:
    watched = {
        alarm["Dimensions"][0]["Value"]["Ref"]
        for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()
        if (alarm.get("Namespace"), alarm.get("MetricName")) == ("AWS/Lambda", "Errors")
    }

    assert watched == functions.keys()


def test_analyses_that_fail_or_never_end_raise_an_alarm(resources: Properties) -> None:
    alarms = of_type(resources, "AWS::CloudWatch::Alarm").values()

    watched = {alarm["MetricName"] for alarm in alarms if alarm.get("Namespace") == "AWS/States"}

    assert watched == {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionThrottled"}


def test_the_analyse_function_has_time_to_save_what_the_model_answered(functions: dict[str, Properties]) -> None:
    assert functions["AnalyzeFunction"]["Timeout"] >= MODEL_TIMEOUT_S + 10


@pytest.mark.parametrize(
    ("queue", "function"), [("WebhookQueue", "WebhooksFunction"), ("DeliveryQueue", "DeliveriesFunction")]
)
def test_a_message_is_not_delivered_again_while_it_is_being_processed(
    resources: Properties, functions: dict[str, Properties], queue: str, function: str
) -> None:
    assert resources[queue]["Properties"]["VisibilityTimeout"] >= 6 * functions[function]["Timeout"]


def test_no_two_attempts_of_a_delivery_overlap(functions: dict[str, Properties]) -> None:
    timeout_s = functions["DeliveriesFunction"]["Timeout"]

    assert timeout_s >= sender.EXCHANGE_S + 10
    assert timeout_s < LEASE.total_seconds()


def test_only_those_that_create_deliveries_or_look_for_lost_ones_queue_them(resources: Properties) -> None:
    may = {
        name
        for name, statements in _all_statements(resources).items()
        for statement in statements
        if "sqs:SendMessage" in as_list(statement["Action"])
        and {"Fn::GetAtt": ["DeliveryQueue", "Arn"]} in as_list(statement["Resource"])
    }

    assert may == {"ApiRole", "FinishRole", "FailRole", "SweeperRole", "DeliveriesRole"}


def test_the_function_that_talks_to_strangers_has_no_secret_of_a_vendor(
    document: Properties, functions: dict[str, Properties]
) -> None:
    assert _variables(document, functions["DeliveriesFunction"]).keys() & _SECRETS == {"SUPABASE_DB_URL"}


@pytest.mark.parametrize("queue", ["WebhookQueue", "DeliveryQueue"])
def test_a_message_that_keeps_failing_is_kept_and_raises_an_alarm(resources: Properties, queue: str) -> None:
    redrive = resources[queue]["Properties"]["RedrivePolicy"]
    dead_letters = redrive["deadLetterTargetArn"]["Fn::GetAtt"][0]
    watched = [
        alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()
        if alarm.get("Namespace") == "AWS/SQS"
    ]

    assert redrive["maxReceiveCount"] == 5
    assert dead_letters in watched


@pytest.mark.parametrize("function", ["WebhooksFunction", "DeliveriesFunction"])
def test_one_message_that_fails_does_not_repeat_its_batch(functions: dict[str, Properties], function: str) -> None:
    assert functions[function]["Events"]["FromQueue"]["Properties"]["FunctionResponseTypes"] == [
        "ReportBatchItemFailures"
    ]


def test_the_gateways_own_errors_have_the_form_of_the_apis(resources: Properties) -> None:
    answers = resources["Api"]["Properties"]["GatewayResponses"]

    assert {"THROTTLED", "WAF_FILTERED", "INTEGRATION_TIMEOUT", "DEFAULT_4XX", "DEFAULT_5XX"} <= answers.keys()
    for name, answer in answers.items():
        body = json.loads(answer["ResponseTemplates"]["application/json"])
        assert body.keys() == {"error", "code", "request_id"}, name
        assert body["request_id"] == "$context.requestId", name
        assert answer["ResponseParameters"]["Headers"]["Access-Control-Allow-Origin"] == "'*'", name


def test_the_lease_of_the_retention_job_ends_after_its_functions_timeout(
    functions: dict[str, Properties],
) -> None:
    assert functions["RetentionFunction"]["Timeout"] == scheduled.TIMEOUT_S
    assert functions["BillingFunction"]["Timeout"] == scheduled.TIMEOUT_S


def test_the_scheduler_may_start_its_jobs_and_nothing_else(
    resources: Properties, functions: dict[str, Properties]
) -> None:
    statement, reports = _statements(resources["SchedulerRole"]["Properties"])
    schedules = {
        name: [event["Properties"] for event in function.get("Events", {}).values() if event["Type"] == "ScheduleV2"]
        for name, function in functions.items()
    }
    jobs = [name for name, found in schedules.items() if found]

    assert statement["Action"] == "lambda:InvokeFunction"
    assert statement["Resource"] == [{"Fn::GetAtt": [name, "Arn"]} for name in jobs]
    assert jobs == ["RetentionFunction", "BillingFunction", "ReconciliationFunction", "SweeperFunction"]
    assert reports == {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": LOST_RUNS}
    for name in jobs:
        for schedule in schedules[name]:
            assert json.loads(schedule["Input"])["scheduled_at"] == "<aws.scheduler.scheduled-time>"
            assert schedule["DeadLetterConfig"] == {"Arn": LOST_RUNS}
        assert functions[name]["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"] == LOST_RUNS
        assert reports in _statements(_role_of(resources, functions[name]))


def test_no_request_stays_unfinished_for_more_than_35_minutes(functions: dict[str, Properties]) -> None:
    (schedule,) = functions["SweeperFunction"]["Events"].values()
    interval = re.fullmatch(r"rate\((\d+) minutes\)", schedule["Properties"]["ScheduleExpression"])
    assert interval is not None
    timeout_s = functions["SweeperFunction"]["Timeout"]

    # The worst case: it has just become overdue when a run looks, and the next run takes all of its time.
    assert orphaned.OVERDUE_AFTER.total_seconds() + int(interval[1]) * 60 + timeout_s < 35 * 60
    assert timeout_s < int(interval[1]) * 60


def test_no_execution_lives_until_it_is_overdue(definition: Properties) -> None:
    assert definition["TimeoutSeconds"] < orphaned.OVERDUE_AFTER.total_seconds()


def test_every_failed_execution_and_every_stopped_worker_is_reported(functions: dict[str, Properties]) -> None:
    patterns = {
        name: event["Properties"]["Pattern"] for name, event in functions["FailureEventsFunction"]["Events"].items()
    }

    assert patterns["ExecutionEnded"] == {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": ["FAILED", "TIMED_OUT", "ABORTED"], "stateMachineArn": [{"Ref": "AnalysisStateMachine"}]},
    }
    assert patterns["WorkerStopped"]["detail"] == {
        "lastStatus": ["STOPPED"],
        "clusterArn": [{"Fn::GetAtt": ["Cluster", "Arn"]}],
        "group": [{"Fn::Sub": "family:${AWS::StackName}-transcribe"}],
    }


def test_a_failure_event_that_cannot_be_processed_is_kept_and_raises_an_alarm(
    resources: Properties, functions: dict[str, Properties]
) -> None:
    function = functions["FailureEventsFunction"]
    kept = {"Fn::GetAtt": ["FailureEventsDeadLetters", "Arn"]}
    watched = [
        alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()
        if alarm.get("Namespace") == "AWS/SQS"
    ]

    assert [event["Properties"]["DeadLetterConfig"]["Arn"] for event in function["Events"].values()] == [kept, kept]
    assert function["EventInvokeConfig"]["DestinationConfig"]["OnFailure"] == {"Type": "SQS", "Destination": kept}
    assert {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": kept} in _statements(
        _role_of(resources, function)
    )
    assert "FailureEventsDeadLetters" in watched


def test_every_parameter_is_documented(document: Properties) -> None:
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")

    assert {name for name in document["Parameters"] if f"`{name}`" not in text and f"`{name}=" not in text} == set()


def test_webhooks_have_their_own_throttle(resources: Properties, functions: dict[str, Properties]) -> None:
    settings = {entry["ResourcePath"]: entry for entry in resources["Api"]["Properties"]["MethodSettings"]}
    event = functions["WebhooksFunction"]["Events"]["FromClerk"]["Properties"]

    own = settings["/" + event["Path"].replace("/", "~1")]

    assert own["HttpMethod"] == event["Method"]
    assert own["ThrottlingRateLimit"] <= settings["/*"]["ThrottlingRateLimit"]
    assert own["ThrottlingBurstLimit"] <= settings["/*"]["ThrottlingBurstLimit"]
