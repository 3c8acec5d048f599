"""`python -m tools.picture`: prints the state machine as the flow chart of docs/pipeline.md.

The chart is Mermaid source, which GitHub renders. It is generated from the deployed definition, so the two agree.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

DEFINITION = Path(__file__).parents[1] / "statemachine" / "analysis.asl.json"

type State = Mapping[str, Any]

_SHAPES = {
    "Task": '["{}"]',
    "Pass": '["{}"]',
    "Choice": '{{"{}"}}',
    "Wait": '(["{}"])',
    "Succeed": '(("{}"))',
    "Fail": '((("{}")))',
}


def draw(definition: State) -> str:
    """Return the flow chart of a state machine; dotted arrows are caught errors."""
    return "\n".join(["flowchart TD", *_states(definition, indent="  ")])


def _states(machine: State, *, indent: str) -> Iterator[str]:
    for name, state in machine["States"].items():
        if "ItemProcessor" in state:
            yield f'{indent}subgraph {name}["{name}: for each post"]'
            yield from _states(state["ItemProcessor"], indent=indent + "  ")
            yield f"{indent}end"
        else:
            yield f"{indent}{name}{_SHAPES[state['Type']].format(name)}"
        yield from (f"{indent}{name} {arrow}" for arrow in _arrows(state))


def _arrows(state: State) -> Iterator[str]:
    for choice in state.get("Choices", ()):
        yield f'-->|"{_label(choice["Condition"])}"| {choice["Next"]}'
    if "Default" in state:
        yield f"-->|else| {state['Default']}"
    if "Next" in state:
        yield f"--> {state['Next']}"
    for target in dict.fromkeys(catch["Next"] for catch in state.get("Catch", ())):
        yield f"-.-> {target}"


def _label(condition: str) -> str:
    expression = condition.removeprefix("{%").removesuffix("%}").strip()
    return expression.replace("$states.input.", "").replace("${", "").replace("}", "").replace("$", "")


if __name__ == "__main__":
    print(draw(json.loads(DEFINITION.read_text())))
