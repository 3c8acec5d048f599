"""Checks that the state machine's definition and the template that deploys it agree."""

import json
import re
from collections.abc import Iterator

import pytest

from local.aws.sandbox_pool import MAX_SANDBOXES
from local.aws.template import read_template
from tests.template.conftest import ROOT, Properties, of_type


def _states(definition: Properties) -> Iterator[tuple[str, Properties]]:
    """Yield every state with its name, including those inside Maps and Parallels."""
    for name, state in definition["States"].items():
        yield name, state
        for inner in (state.get("ItemProcessor"), *state.get("Branches", ())):
            if inner is not None:
                yield from _states(inner)


@pytest.fixture(scope="session")
def state_machine(resources: Properties) -> Properties:
    (found,) = of_type(resources, "AWS::Serverless::StateMachine").values()
    return found


@pytest.fixture(scope="session")
def invoked(definition: Properties) -> dict[str, str]:
    """The substitution that names each task's function, by the task's name."""
    return {
        name: state["Arguments"]["FunctionName"].strip("${}")
        for name, state in _states(definition)
        if state.get("Resource") == "arn:aws:states:::lambda:invoke"
    }


def test_every_placeholder_has_a_substitution_and_every_substitution_a_placeholder(
    definition: Properties, state_machine: Properties
) -> None:
    placeholders = set(re.findall(r"\$\{(\w+)\}", repr(definition)))

    assert placeholders == state_machine["DefinitionSubstitutions"].keys()


def test_every_function_is_called_by_its_own_name(
    state_machine: Properties, functions: dict[str, Properties], invoked: dict[str, str]
) -> None:
    for placeholder in invoked.values():
        function = placeholder.removesuffix("Arn")

        assert function in functions
        assert state_machine["DefinitionSubstitutions"][placeholder] == {"Fn::GetAtt": [function, "Arn"]}


def test_the_state_machine_may_invoke_the_functions_it_calls_and_no_other(
    resources: Properties, state_machine: Properties, invoked: dict[str, str]
) -> None:
    role = resources[state_machine["Role"]["Fn::GetAtt"][0]]["Properties"]
    (statement,) = (
        statement
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "lambda:InvokeFunction"
    )

    allowed = {f"{resource['Fn::GetAtt'][0]}Arn" for resource in statement["Resource"]}

    assert allowed == set(invoked.values())


def test_every_state_has_a_comment(definition: Properties) -> None:
    assert [name for name, state in _states(definition) if not state.get("Comment")] == []


def test_a_task_waits_until_its_function_has_timed_out_itself(
    document: Properties, definition: Properties, functions: dict[str, Properties], invoked: dict[str, str]
) -> None:
    default = document["Globals"]["Function"]["Timeout"]

    for name, state in _states(definition):
        if name in invoked:
            function_timeout_s = functions[invoked[name].removesuffix("Arn")].get("Timeout", default)
            assert state["TimeoutSeconds"] > function_timeout_s, name


def test_states_all_is_caught_only_after_all_other_errors(definition: Properties) -> None:
    for name, state in _states(definition):
        retried = [error for retrier in state.get("Retry", ()) for error in retrier["ErrorEquals"]]
        caught = [error for catcher in state.get("Catch", ())[:-1] for error in catcher["ErrorEquals"]]

        assert "States.ALL" not in retried + caught, name


def test_the_logs_contain_no_data_of_an_execution(state_machine: Properties) -> None:
    assert state_machine["Type"] == "STANDARD"
    assert state_machine["Logging"]["Level"] == "ERROR"
    assert state_machine["Logging"]["IncludeExecutionData"] is False


def test_a_map_on_one_machine_handles_as_many_posts_as_a_function_has_sandboxes() -> None:
    definition = json.loads(read_template(ROOT / "template.yaml").local_definition())

    maps = [state for _, state in _states(definition) if state["Type"] == "Map"]

    assert {state["MaxConcurrency"] for state in maps} == {f"{{% $number('{MAX_SANDBOXES}') %}}"}
