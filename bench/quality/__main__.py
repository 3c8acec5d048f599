"""`make quality`: how well the answers of a provider keep to the evidence, and how well our checker sees it.

`PROVIDER=` chooses who explains the posts; without it `AI_PROVIDER`, else Gemini. A provider without a key is replaced
by its stand-in, which the table and the JSON say: its figures describe the stand-in and no model.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.quality.board import BuildAnalyst, PostResult, measure_post, totals
from bench.quality.corpus_check import ClassRates, judge_corpus, rates_by_class
from bench.quality.posts import board_posts
from local.stack.configuration import configure, read_user_settings
from local.stand_ins.server.stand_in_server import running
from whyviral.core import endpoints
from whyviral.integrations.model_choice.factory import build_analyst
from whyviral.integrations.model_choice.settings import AiProvider, ModelSettings
from whyviral.integrations.ports.analyst import Analyst
from whyviral.vendor_calls.calls import CallCollector
from whyviral.vendor_calls.settings import SpendingSettings

_RESULT = Path(__file__).parents[1] / "results" / "quality.json"
_NO_DATABASE = "postgresql://none@127.0.0.1/none"


class BoardSettings(SpendingSettings, ModelSettings):
    """The model with its keys, and prices."""


def main() -> None:
    """Measure, print the tables and write bench/results/quality.json."""
    parser = argparse.ArgumentParser(prog="python -m bench.quality")
    parser.add_argument("--provider", choices=[each.value for each in AiProvider], help="who explains the posts")
    parser.add_argument("--posts", type=int, help="only the first posts, to spare a real provider's budget")
    arguments = parser.parse_args()
    user_settings = read_user_settings(Path(".env"))
    user_settings["AI_PROVIDER"] = arguments.provider or user_settings.get("AI_PROVIDER", AiProvider.GEMINI.value)
    with running() as stand_ins:
        configuration = configure(
            user_settings,
            database_url=_NO_DATABASE,
            stand_ins_url=stand_ins.url,
            youtube_proxy_url=stand_ins.youtube_proxy_url,
            public_base_url=stand_ins.url,
        )
        endpoints.use(configuration.endpoints)
        settings = _board_settings(configuration.settings)
        is_measured = settings.ai_provider is AiProvider.MEASURED
        build: BuildAnalyst | None = None if is_measured else partial(_build, settings)
        results = [measure_post(post, build) for post in board_posts()[: arguments.posts]]
    label = settings.ai_provider.value
    if label in configuration.endpoints.stand_ins and not is_measured:
        label += " (STAND-IN: no model was asked)"
    rates = list(rates_by_class(judge_corpus()))
    _show(label, results, rates)
    _write(label, results, rates)


def _board_settings(settings: Mapping[str, str]) -> BoardSettings:
    known = {name.lower(): value for name, value in settings.items() if name.lower() in BoardSettings.model_fields}
    return BoardSettings.model_validate(known)


def _build(settings: BoardSettings, calls: CallCollector, timeout_s: float) -> Analyst:
    return build_analyst(settings, calls=calls, timeout_s=timeout_s, prices=settings.price_table)


def _show(label: str, results: Sequence[PostResult], rates: Sequence[ClassRates]) -> None:
    console = Console()
    board = Table("figure", "value", title=f"Answers by {label}")
    for name, value in totals(results):
        board.add_row(name, value)
    console.print(board)
    failed = [result for result in results if result.error or not result.is_valid]
    for result in failed:
        console.print(f"  {result.name}: {result.error or 'the answer had another shape'}", style="red", markup=False)
    checker = Table("class", "faults caught", "true statements refused", title="The checker, on its corpus")
    for each in rates:
        caught = f"{each.caught} of {each.faults} ({100 * each.caught / each.faults:.1f} %)"
        checker.add_row(each.kind, caught, f"{each.refused} of {each.true} ({100 * each.refused / each.true:.1f} %)")
    console.print(checker)


def _write(label: str, results: Sequence[PostResult], rates: Sequence[ClassRates]) -> None:
    report = {
        "provider": label,
        "is_stand_in": "STAND-IN" in label,
        "totals": dict(totals(results)),
        "posts": [result.as_dict() for result in results],
        "checker": [asdict(each) for each in rates],
    }
    _RESULT.parent.mkdir(exist_ok=True)
    _RESULT.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    Console().print(f"Written: {_RESULT.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
