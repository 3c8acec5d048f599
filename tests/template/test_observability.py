"""Dashboard, metrics, traces, release and log level: the same for every function of the stack, new ones included."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.template.conftest import ROOT, Properties, of_type
from tests.template.test_variables import entry_module
from tools.deployment.renderer import render
from whyviral.core.telemetry.catalogue import CATALOGUE

NAMESPACE = "whyviral/${AWS::StackName}"
SEARCH = re.compile(r"SEARCH\('\{\"([^\"]+)\",([\w,]+)\} MetricName=\"(\w+)\"', '(\w+)', (\d+)\)")
ON_EVERY_FUNCTION = ("Errors", "Throttles", "Duration")


@pytest.fixture(scope="module")
def widgets(document: Properties) -> list[Properties]:
    body = document["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    found: list[Properties] = json.loads(body)["widgets"]
    return found


def searches(widgets: list[Properties]) -> Iterator[tuple[str, list[str], str]]:
    for line in lines(widgets):
        if isinstance(line[0], dict):
            match = SEARCH.fullmatch(line[0]["expression"])
            assert match, line
            yield match[1], match[2].split(","), match[3]


def lines(widgets: list[Properties]) -> list[Any]:
    return [line for widget in widgets for line in widget["properties"].get("metrics", ())]


def test_the_dashboard_answers_three_questions_and_nothing_overlaps(widgets: list[Properties]) -> None:
    titles = [each["properties"]["markdown"] for each in widgets if each["type"] == "text"]
    taken = [
        (x, y)
        for widget in widgets
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]

    assert titles == ["## Does it work?", "## How fast?", "## What does it cost?", "## Functions"]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


def test_the_dashboard_shows_metrics_of_the_catalogue_by_their_dimensions(widgets: list[Properties]) -> None:
    catalogue = {metric.name: metric for metric in CATALOGUE}
    shown = set()
    for namespace, dimensions, name in searches(widgets):
        assert (namespace, dimensions) == (NAMESPACE, list(catalogue[name].dimensions)), name
        shown.add(name)
    for line in lines(widgets):
        if line[0] == NAMESPACE:
            assert len(line) == 2, line
            assert catalogue[line[1]].has_total or not catalogue[line[1]].dimensions, line
            shown.add(line[1])

    assert shown == catalogue.keys()


def test_everything_else_on_the_dashboard_is_a_resource_of_the_stack(
    document: Properties, widgets: list[Properties]
) -> None:
    named = {name.partition(".")[0] for name in re.findall(r"\$\{([\w.:]+)\}", json.dumps(widgets))}

    # None of them depends on a condition: the dashboard could not be created without it.
    assert named - {"AWS::StackName", "AWS::Region"} <= render(document).keys()


def test_every_alarm_that_always_exists_is_on_the_dashboard(widgets: list[Properties], document: Properties) -> None:
    resources = render(document)
    always = {
        *of_type(resources, "AWS::CloudWatch::Alarm"),
        *of_type(resources, "AWS::CloudWatch::CompositeAlarm"),
    } - {"FirewallBlocksAlarm"}
    (widget,) = [each for each in widgets if each["type"] == "alarm"]

    assert set(widget["properties"]["alarms"]) == {f"${{{name}.Arn}}" for name in always}
    # CloudWatch shows at most this many. Source: Amazon CloudWatch, "Dashboard Body Structure and Syntax".
    assert len(widget["properties"]["alarms"]) <= 100


def test_every_function_is_on_the_dashboard(widgets: list[Properties], document: Properties) -> None:
    # The body cannot refer to the worker's function, which depends on a condition; its stage is on the dashboard.
    always = of_type(render(document), "AWS::Serverless::Function")

    for metric in ON_EVERY_FUNCTION:
        shown = {line[3] for line in lines(widgets) if line[:3] == ["AWS/Lambda", metric, "FunctionName"]}
        assert shown == {f"${{{name}}}" for name in always}, f"template.yaml, Dashboard: {metric}"


def test_every_handler_runs_under_a_trace(functions: dict[str, Properties]) -> None:
    for name, function in functions.items():
        module = Path(ROOT, *entry_module(function).split(".")).with_suffix(".py")
        source = module.read_text(encoding="utf-8")

        # The API's middleware binds the trace of each request; every other handler is decorated.
        assert re.search(r"^@traced\n(@.*\n)*def handler\(", source, re.MULTILINE) or "create_app(" in source, name


def test_every_function_and_the_worker_know_release_namespace_and_level(document: Properties) -> None:
    expected = {
        "DEBUG": {"Ref": "Debug"},
        "RELEASE": {"Ref": "Release"},
        "METRICS_NAMESPACE": {"Fn::Sub": NAMESPACE},
    }
    everywhere: Properties = document["Globals"]["Function"]["Environment"]["Variables"]
    (container,) = render(document)["TranscribeTask"]["Properties"]["ContainerDefinitions"]
    of_worker = {each["Name"]: each["Value"] for each in container["Environment"]}

    assert everywhere.items() >= expected.items()
    assert of_worker.items() >= expected.items()
    for name, function in of_type(document["Resources"], "AWS::Serverless::Function").items():
        assert not expected.keys() & function.get("Environment", {}).get("Variables", {}).keys(), name


@pytest.mark.parametrize(("debug", "level"), [("false", "INFO"), ("true", "DEBUG")])
def test_lambda_keeps_the_lines_that_debug_asks_for(transformed: Properties, debug: str, level: str) -> None:
    resources = render(transformed, Debug=debug, TranscribeCompute="lambda-cpu")
    for name, function in of_type(resources, "AWS::Lambda::Function").items():
        logging = function["LoggingConfig"]
        assert (logging["LogFormat"], logging["ApplicationLogLevel"]) == ("JSON", level), name


def test_every_stage_tags_its_resources() -> None:
    stages = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))

    for stage in ("dev", "staging", "prod"):
        assert stages[stage]["deploy"]["parameters"]["tags"] == ["product=whyviral", f"stage={stage}"]


def test_the_documentation_lists_every_metric() -> None:
    text = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    table = text.partition("## Metrics")[2].partition("\n## ")[0]
    rows = {cells[1].strip(" `"): cells for line in table.splitlines() if (cells := line.split("|"))[1:]}

    for metric in CATALOGUE:
        cells = rows[metric.name]
        assert cells[2].strip() == metric.unit.value, metric.name
        dimensions = "; ".join(f"{name}: {', '.join(values)}" for name, values in metric.dimensions.items())
        total = f"{dimensions}; total" if metric.has_total else dimensions
        assert cells[3].strip() == total, metric.name
        assert cells[4].strip() == metric.meaning, metric.name
    assert rows.keys() - {"metric", "", "---"} == {metric.name for metric in CATALOGUE}
