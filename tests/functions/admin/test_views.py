"""The lists, details and exports of the panel."""

import re

import pytest

from functions.admin.views.registry import VIEWS
from tests.functions.admin.conftest import PREFIX, Panel

IDENTITIES = [view.identity for view in VIEWS]


@pytest.mark.parametrize("identity", IDENTITIES)
def test_every_list_is_shown(panel: Panel, identity: str) -> None:
    reply = panel.get(f"/{identity}/list")

    assert reply.status_code == 200
    assert "<table>" in reply.text


def test_links_contain_the_name_of_the_stage(panel: Panel) -> None:
    links = re.findall(r'(?:href|action|src)="([^"]+)"', panel.get("/user/list").text)

    assert {link for link in links if not link.startswith((f"{PREFIX}/admin/", "?", "data:"))} == set()
