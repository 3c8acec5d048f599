"""StreamFunction: the API a second time, behind the Lambda Web Adapter, for the routes that stream."""

import os
from pathlib import Path

import pytest

from functions.api.dependencies import Services
from functions.api.settings import ApiSettings
from tests.template.conftest import ROOT, Properties
from tools.deployment.renderer import render

STREAMED = {
    "/api/analysis/requests/{id}/{proxy+}": "{id}/events/",
    "/api/analysis/chat/sessions/{id}/messages/{proxy+}": "messages/stream/",
}
"""The greedy paths of the function, each with the end of a route that streams below it."""


@pytest.fixture
def stream(functions: dict[str, Properties]) -> Properties:
    return functions["StreamFunction"]


def variables_of(function: Properties) -> Properties:
    variables: Properties = function["Environment"]["Variables"]
    return variables


def test_it_has_the_settings_of_the_api_and_those_of_the_adapter(
    functions: dict[str, Properties], stream: Properties
) -> None:
    own = {name: value for name, value in variables_of(stream).items() if not name.startswith("AWS_")}
    adapter = {name: value for name, value in variables_of(stream).items() if name.startswith("AWS_")}

    assert own == variables_of(functions["ApiFunction"])
    assert {name.lower() for name in own} <= ApiSettings.model_fields.keys()
    assert adapter == {
        "AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap",
        "AWS_LWA_INVOKE_MODE": "response_stream",
        "AWS_LWA_PORT": "8000",
        "AWS_LWA_READINESS_CHECK_PATH": "/health/live/",
        "AWS_LWA_READINESS_CHECK_HEALTHY_STATUS": "200",
    }


def test_it_has_the_rights_of_the_api_but_those_of_routes_that_it_does_not_serve(resources: Properties) -> None:
    api, stream = (str(resources[role]["Properties"]["Policies"]) for role in ("ApiRole", "StreamRole"))

    health = "['states:StartExecution', 'states:DescribeStateMachine']"
    deliveries = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": ["DeliveryQueue", "Arn"]}}

    served = api.replace(health, "'states:StartExecution'").replace(f", {deliveries}", "")
    assert stream.replace("StreamLogGroup", "ApiLogGroup") == served


def test_its_handler_is_an_executable_with_unix_line_ends(stream: Properties) -> None:
    handler = ROOT / stream["Handler"]

    assert os.access(handler, os.X_OK)
    assert handler.read_bytes().startswith(b"#!/bin/sh\n")
    assert b"\r" not in handler.read_bytes()


def test_it_outlives_the_longest_stream(stream: Properties) -> None:
    longest_s = Services.__dataclass_fields__["progress_stream_s"].default

    assert stream["Timeout"] > longest_s
    for event in stream["Events"].values():
        assert event["Properties"]["TimeoutInMillis"] == stream["Timeout"] * 1_000


def test_its_routes_stream_through_the_gateway(transformed: Properties) -> None:
    paths = render(transformed)["Api"]["Properties"]["Body"]["paths"]

    streamed = {
        path: method["x-amazon-apigateway-integration"]
        for path, methods in paths.items()
        for method in methods.values()
        if "responseTransferMode" in method.get("x-amazon-apigateway-integration", {})
    }

    assert streamed.keys() == STREAMED.keys()
    for integration in streamed.values():
        assert integration["responseTransferMode"] == "STREAM"
        assert integration["timeoutInMillis"] == 180_000
        assert "response-streaming-invocations" in str(integration["uri"])
        assert "StreamFunction" in str(integration["uri"])


def test_every_resource_above_its_routes_that_is_a_route_itself_belongs_to_the_api(
    functions: dict[str, Properties],
) -> None:
    of_api = {event["Properties"]["Path"] for event in functions["ApiFunction"]["Events"].values()}

    for path in STREAMED:
        parts = path.removeprefix("/api/analysis/").removesuffix("/{proxy+}").split("/")
        above = {"/api/analysis/" + "/".join(parts[:length]) for length in range(1, len(parts) + 1)}
        assert above - {"/api/analysis/chat"} <= of_api


@pytest.mark.parametrize(("given", "reserved"), [("0", None), ("20", {"Ref": "ReserveStream"})])
def test_its_concurrency_is_reserved_on_request(transformed: Properties, given: str, reserved: object) -> None:
    function = render(transformed, ReserveStream=given)["StreamFunction"]["Properties"]

    assert function.get("ReservedConcurrentExecutions") == reserved


@pytest.mark.parametrize(("architecture", "suffix"), [("arm64", "Arm64"), ("x86_64", "X86")])
def test_the_adapter_is_built_for_the_architecture(transformed: Properties, architecture: str, suffix: str) -> None:
    layers = str(render(transformed, Architecture=architecture)["StreamFunction"]["Properties"]["Layers"])

    assert f"753240598075:layer:LambdaAdapterLayer{suffix}:26" in layers
    assert "CommonLayer" in layers


def test_refused_streams_raise_an_alarm(resources: Properties) -> None:
    alarm = resources["StreamThrottlesAlarm"]["Properties"]

    assert (alarm["MetricName"], alarm["Dimensions"][0]["Value"]) == ("Throttles", {"Ref": "StreamFunction"})


def test_its_package_is_that_of_the_api_and_the_server(packages: Path) -> None:
    of_api, of_stream = (
        {path.name for path in (packages / name).iterdir()} for name in ("ApiFunction", "StreamFunction")
    )

    assert {name.partition("-")[0] for name in of_stream - of_api} == {"click", "uvicorn"}
    assert of_api - of_stream == set()
