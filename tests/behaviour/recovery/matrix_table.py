"""`python -m tests.behaviour.recovery.matrix_table`: prints the matrix of recovery cases as a Markdown table."""

from collections.abc import Iterable, Mapping

from tests.behaviour.recovery.cases import PARTIAL, Case
from tests.behaviour.recovery.matrix import CASES

_HEAD = ("what goes wrong", "how the request ends", "its retry", "what is paid for more than once")
_WHY_AGAIN = "what was missed is explained with it"


def table(cases: Mapping[str, Case]) -> str:
    """Return the cases as a Markdown table, grouped by state."""
    lines = [_line(_HEAD), _line("---" for _ in _HEAD)]
    lines += [_line((name, _first_end(case), _retry(case), _again(case))) for name, case in cases.items()]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _first_end(case: Case) -> str:
    end = case.ends[0]
    return f"`{'` `'.join(end.split())}`" if end.startswith("FAILED") else end


def _retry(case: Case) -> str:
    return "completes it" if len(case.ends) > 1 else "not needed"


def _again(case: Case) -> str:
    """Return the paid calls that are repeated; calls that the vendor refused cost nothing."""
    again = [name for name, statuses in case.calls.items() if sum(status in (200, None) for status in statuses) > 1]
    if not again:
        return ""
    return f"{', '.join(again)} ({_WHY_AGAIN})" if case.ends[0] == PARTIAL else ", ".join(again)


if __name__ == "__main__":
    print(table(CASES))  # noqa: T201 - the purpose of this module
