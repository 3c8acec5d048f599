"""Which resources moto creates from the transformed template, and which only their schema checks."""

from collections import defaultdict

from tests.template.conftest import ROOT, Properties
from tests.template.emulator.conftest import Emulator
from tests.template.emulator.stack import is_created
from tools.deployment.renderer import render


def table_of(document: Properties) -> str:
    """Return the table of docs/deploy.md: each service with the types that moto creates and those that it does not."""
    types: dict[str, dict[bool, list[str]]] = defaultdict(lambda: {True: [], False: []})
    for each in sorted({resource["Type"] for resource in document["Resources"].values()}):
        _, service, name = each.split("::")
        types[service][is_created(each)].append(name)
    rows = [
        f"| {service} | {', '.join(found[True]) or '-'} | {', '.join(found[False]) or '-'} |"
        for service, found in types.items()
    ]
    return "\n".join(["| service | created in the emulator | checked by their schema only |", "|---|---|---|", *rows])


def test_the_documentation_lists_what_the_emulator_creates(transformed: Properties) -> None:
    table = table_of(transformed)
    print(table)  # noqa: T201 - to be copied into the document

    assert table in (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_every_resource_of_a_type_that_the_emulator_creates_is_there(
    emulator: Emulator, transformed: Properties
) -> None:
    expected = {name for name, resource in render(transformed).items() if is_created(resource["Type"])}

    assert expected == emulator.stack.resources.keys() - {""}  # moto lists one without a name


def test_the_definition_has_no_placeholder_left_and_names_functions_of_the_stack(emulator: Emulator) -> None:
    definition = emulator.stack.definition

    assert "${" not in definition
    for name in ("ScrapeFunction", "MediaFunction", "AnalyzeFunction", "FinishFunction", "FailFunction"):
        assert f":function:{emulator.stack.resources[name]}" in definition


def test_every_secret_reaches_its_functions(emulator: Emulator) -> None:
    for name, variables in emulator.stack.variables.items():
        assert not [key for key, value in variables.items() if "resolve:" in value], name
        assert variables["SUPABASE_DB_URL"].endswith("/emulator")
