"""The configuration files of docs/mcp.md, read as their clients read them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from mcp import Client

DOCUMENT = Path(__file__).parents[3] / "docs" / "mcp.md"
_BLOCK = re.compile(r"```json\n(.*?)```", re.DOTALL)
FILES = [json.loads(block) for block in _BLOCK.findall(DOCUMENT.read_text(encoding="utf-8"))]


@pytest.mark.parametrize(("file", "servers"), list(zip(FILES, ["servers", "mcpServers"], strict=True)))
def test_a_configuration_file_leads_to_the_tools(
    connect: Callable[..., Any],
    create_key: Callable[..., dict[str, Any]],
    url: str,
    file: dict[str, Any],
    servers: str,
) -> None:
    server = file[servers]["whyviral"]
    secret = create_key()["secret"]
    headers = {name: re.sub(r"\$\{(input|env):[\w-]+\}", secret, value) for name, value in server["headers"].items()}

    async def work(client: Client) -> int:
        return len((await client.list_tools()).tools)

    assert connect(headers, work) == 5
    assert urlsplit(server["url"]).path == urlsplit(url).path
