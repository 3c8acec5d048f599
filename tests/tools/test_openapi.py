"""The description in docs/openapi.json."""

import json
from pathlib import Path

from tools.openapi import render_openapi, write_openapi

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_the_description_in_docs_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == render_openapi(), "run `make openapi`"


def test_the_written_description_is_json_without_addresses_of_this_machine(tmp_path: Path) -> None:
    path = tmp_path / "openapi.json"

    write_openapi(path)

    assert json.loads(path.read_text())["info"]["title"] == "whyviral"
    assert "127.0.0.1" not in path.read_text()
