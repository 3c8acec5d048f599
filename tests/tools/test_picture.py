import json
from pathlib import Path

from tools.picture import DEFINITION, draw

DOCS = Path(__file__).parents[2] / "docs" / "pipeline.md"


def test_the_documentation_shows_the_deployed_state_machine() -> None:
    picture = draw(json.loads(DEFINITION.read_text()))

    assert f"```mermaid\n{picture}\n```" in DOCS.read_text(), "print it with python -m tools.picture"


def test_every_transition_of_a_state_is_drawn() -> None:
    choice = {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.n = 0 %}", "Next": "B"}], "Default": "C"}
    task = {"Type": "Task", "Next": "B", "Catch": [{"ErrorEquals": ["X"], "Next": "C"}]}
    machine = {"States": {"A": choice, "T": task, "B": {"Type": "Succeed"}, "C": {"Type": "Fail"}}}

    picture = draw(machine)

    assert picture.splitlines() == [
        "flowchart TD",
        '  A{"A"}',
        '  A -->|"n = 0"| B',
        "  A -->|else| C",
        '  T["T"]',
        "  T --> B",
        "  T -.-> C",
        '  B(("B"))',
        '  C((("C")))',
    ]
