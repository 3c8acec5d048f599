from pathlib import Path

import pytest

from local.aws.template import (
    FunctionSpec,
    Schedule,
    StateMachineSpec,
    TaskSpec,
    TemplateError,
    local_resolver,
    read_template,
)

ROOT = Path(__file__).resolve().parents[3]

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Conditions:
  UseGpu: !Equals [!Ref TranscribeCompute, managed-gpu]
Globals:
  Function:
    Timeout: 20
    Environment:
      Variables:
        SUPABASE_DB_URL: !Sub "{{resolve:ssm:/${AWS::StackName}/db}}"
Resources:
  ApiFunction:
    Type: AWS::Serverless::Function
    Properties:
      Handler: functions.api.handler.handler
      MemorySize: 512
      Environment:
        Variables:
          STATE_MACHINE_ARN: !Ref AnalysisStateMachine
          DEBUG: !If [UseGpu, "1", !Ref AWS::NoValue]
  FailFunction:
    Type: AWS::Serverless::Function
    Properties: {Handler: functions.requests.fail.handler, Timeout: 10}
  TranscribeTask:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - Name: transcribe
          EntryPoint: [python, -m, functions.transcribe.worker]
          Environment:
            - {Name: WHISPER_DEVICE, Value: !If [UseGpu, cuda, cpu]}
            - !If [UseGpu, {Name: GPU_SETTING, Value: "1"}, !Ref AWS::NoValue]
          Secrets: [{Name: SUPABASE_DB_URL, ValueFrom: "arn:…"}]
  AnalysisStateMachine:
    Type: AWS::Serverless::StateMachine
    Properties:
      DefinitionUri: statemachine/analysis.asl.json
      DefinitionSubstitutions:
        ApiFunctionArn: !GetAtt ApiFunction.Arn
        FailFunctionArn: {"Fn::GetAtt": [FailFunction, Arn]}
        Heartbeat: 60
        Name: !Ref AnalysisStateMachine
"""
DEFINITION = """{"A": "${ApiFunctionArn}", "F": "${FailFunctionArn}",
 "H": "{% ${Heartbeat} %}", "E": "{% $states.input.Name & $Name %}"}"""


def write(folder: Path, *, template: str = TEMPLATE, definition: str = DEFINITION) -> Path:
    (folder / "statemachine").mkdir()
    (folder / "statemachine" / "analysis.asl.json").write_text(definition)
    (folder / "template.yaml").write_text(template)
    return folder / "template.yaml"


def machine(source: str, **substitutions: object) -> StateMachineSpec:
    return StateMachineSpec("Machine", source, substitutions)


def resolve(logical_id: str, attribute: str | None) -> str:
    return f"{logical_id}.{attribute}"


def test_a_function_is_read_with_the_globals_merged_in(tmp_path: Path) -> None:
    template = read_template(write(tmp_path))

    variables = frozenset({"SUPABASE_DB_URL"})
    assert template.functions == {
        "ApiFunction": FunctionSpec(
            "ApiFunction", "functions.api.handler.handler", 20, 512, variables | {"STATE_MACHINE_ARN", "DEBUG"}
        ),
        "FailFunction": FunctionSpec("FailFunction", "functions.requests.fail.handler", 10, 128, variables),
    }


def test_a_task_is_read_with_its_secrets_and_conditional_variables(tmp_path: Path) -> None:
    variables = frozenset({"WHISPER_DEVICE", "GPU_SETTING", "SUPABASE_DB_URL"})

    assert read_template(write(tmp_path)).tasks == {
        "TranscribeTask": TaskSpec("TranscribeTask", "transcribe", "functions.transcribe.worker", variables)
    }


def test_substitutions_leave_the_jsonata_of_the_definition_unchanged(tmp_path: Path) -> None:
    spec = read_template(write(tmp_path)).state_machine

    assert spec.name == "AnalysisStateMachine"
    assert spec.definition(resolve) == (
        '{"A": "ApiFunction.Arn", "F": "FailFunction.Arn",\n "H": "{% 60 %}", "E": "{% $states.input.Name & $Name %}"}'
    )


def test_local_functions_and_tasks_have_arns_by_their_logical_ids() -> None:
    resolver = local_resolver({"ApiFunction"}, {"TranscribeTask": TaskSpec("TranscribeTask", "transcribe", "worker")})

    assert resolver("TranscribeTask", None) == "arn:aws:ecs:us-east-1:000000000000:task-definition/TranscribeTask:1"
    assert resolver("ApiFunction", "Arn") == "arn:aws:lambda:us-east-1:000000000000:function:ApiFunction"


@pytest.mark.parametrize(
    ("logical_id", "attribute"), [("Cluster", "Arn"), ("ApiFunction", "Url"), ("ApiFunction", None)]
)
def test_a_reference_to_a_resource_that_exists_only_on_aws_is_an_error(logical_id: str, attribute: str | None) -> None:
    with pytest.raises(TemplateError, match=logical_id):
        local_resolver({"ApiFunction"})(logical_id, attribute)


def test_a_name_without_a_substitution_is_an_error() -> None:
    with pytest.raises(TemplateError, match="no DefinitionSubstitutions for Missing"):
        machine("${Known} ${Missing}", Known="x").definition(resolve)


def test_a_substituted_value_is_not_substituted_again() -> None:
    assert machine("${A}", A="${B}", B="x").definition(resolve) == "${B}"


def test_a_given_substitution_overrides_the_template(tmp_path: Path) -> None:
    assert machine("${A} ${B}", A={"Fn::Sub": "x"}, B="b").definition(resolve, {"A": "given"}) == "given b"


def test_booleans_are_written_as_in_json() -> None:
    assert machine("${A}", A=True).definition(resolve) == "true"


def test_an_intrinsic_function_that_cannot_be_resolved_locally_is_an_error() -> None:
    with pytest.raises(TemplateError, match="Fn::Sub"):
        machine("${A}", A={"Fn::Sub": "${AWS::Region}"}).definition(resolve)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("just text", "not a template"),
        ("a: [", "not YAML"),
        ("Resources: {}", "expected one state machine, found 0"),
        (
            TEMPLATE.replace("MemorySize: 512", "MemorySize: !Ref Memory"),
            "ApiFunction: Handler, Timeout and MemorySize",
        ),
        (TEMPLATE.replace("[python, -m, ", "[worker, "), "TranscribeTask: expected one container"),
        (
            TEMPLATE.replace("!Ref AWS::NoValue]\n          Secrets", "[]]\n          Secrets"),
            "cannot read the variable",
        ),
        (TEMPLATE.replace("DefinitionUri", "Definition"), "DefinitionUri must be a path"),
    ],
)
def test_an_unsupported_template_is_refused(tmp_path: Path, template: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        read_template(write(tmp_path, template=template))


def test_schedules_and_synchronous_callers_are_read_from_the_events() -> None:
    functions = read_template(ROOT / "template.yaml").functions

    assert functions["SweeperFunction"].schedules == (
        Schedule("rate(2 minutes)", '{"scheduled_at": "<aws.scheduler.scheduled-time>"}'),
    )
    unattended = {name for name, function in functions.items() if not function.has_waiting_callers}
    assert unattended == {
        "FailureEventsFunction",
        "RetentionFunction",
        "BillingFunction",
        "ReconciliationFunction",
        "SweeperFunction",
        "TranscribeFunction",
        "DeliveriesFunction",
    }
