"""The console's pages and files: where they are served, with which policies, and how long browsers keep them."""

import gzip
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import HttpUrl
from starlette.testclient import TestClient

from functions.api.app import create_app
from functions.api.console.assets import ConsoleAssets
from functions.api.settings import ApiSettings
from tests.functions.api.conftest import HOST, STORAGE
from whyviral.core import endpoints
from whyviral.core.endpoints import Endpoints

CLERK = "https://clerk.example.com"
CLERK_KEY = "pk_test_Y2xlcmsuZXhhbXBsZS5jb20k"


@pytest.fixture
def client_with_clerk(settings: ApiSettings, local_endpoints: Endpoints) -> Iterator[TestClient]:
    """A client of an application that uses the real Clerk, which it never calls here."""
    endpoints.use(replace(local_endpoints, stand_ins=local_endpoints.stand_ins - {"clerk"}))
    app = create_app(settings.model_copy(update={"clerk_publishable_key": CLERK_KEY}))
    yield TestClient(app, base_url=f"https://{HOST}")
    app.state.services.engine.dispose()


def _policy(headers: object) -> dict[str, set[str]]:
    text = dict(headers)["content-security-policy"]  # type: ignore[call-overload]
    directives = [directive.split() for directive in text.split("; ")]
    return {name: set(sources) for name, *sources in directives}


def _links(page: str) -> list[str]:
    return re.findall(r'(?:href|src)="([^"]+)"', page)


@pytest.mark.parametrize("path", ["/", "/console", "/console/", "/console/shared", "/console/shared/"])
def test_every_link_of_the_console_is_relative_and_leads_to_a_file(client: TestClient, path: str) -> None:
    page = client.get(path)

    links = _links(page.text)
    assert page.status_code == 200
    assert len(links) > 20
    assert not [link for link in links if link.startswith(("/", "http:", "https:", "data:"))]
    found = [client.get(str(page.url.join(link))).status_code for link in links]
    assert set(found) == {200}


def test_the_policy_allows_our_files_and_media_of_storage_only(client: TestClient) -> None:
    assert _policy(client.get("/console/").headers) == {
        "default-src": {"'none'"},
        "script-src": {"'self'"},
        "style-src": {"'self'"},
        "font-src": {"'self'"},
        "img-src": {"'self'", STORAGE},
        "media-src": {"'self'", STORAGE},
        "connect-src": {"'self'"},
        "base-uri": {"'none'"},
        "form-action": {"'none'"},
        "frame-ancestors": {"'none'"},
    }


def test_the_policy_allows_media_of_the_cdn_before_storage_too(settings: ApiSettings) -> None:
    app = create_app(settings.model_copy(update={"media_base_url": HttpUrl("https://media.example.com/files")}))
    page = TestClient(app, base_url=f"https://{HOST}").get("/console/")
    app.state.services.engine.dispose()

    policy = _policy(page.headers)
    assert policy["img-src"] == policy["media-src"] == {"'self'", STORAGE, "https://media.example.com"}


def test_clerk_may_run_in_the_console_but_sets_inline_styles_on_its_own_page_only(
    client_with_clerk: TestClient,
) -> None:
    console = _policy(client_with_clerk.get("/console/").headers)
    sign_in = _policy(client_with_clerk.get("/console/sign-in").headers)

    assert console["script-src"] == {"'self'", CLERK}
    assert console["style-src"] == {"'self'"}
    assert sign_in["script-src"] >= {"'self'", CLERK, "https://challenges.cloudflare.com"}
    assert sign_in["style-src"] == {"'self'", "'unsafe-inline'"}
    assert sign_in["form-action"] == {"'self'"}
    assert not any("unsafe-eval" in source for sources in sign_in.values() for source in sources)


def test_the_sign_in_page_names_the_clerk_instance(client_with_clerk: TestClient) -> None:
    page = client_with_clerk.get("/console/sign-in/").text

    assert 'name="clerk-host" content="clerk.example.com"' in page
    assert f'name="clerk-key" content="{CLERK_KEY}"' in page


def test_the_console_names_no_clerk_instance_where_links_sign_in(client: TestClient) -> None:
    page = client.get("/console/").text

    assert 'name="clerk-host" content=""' in page
    assert "pk_test" not in page


def test_the_page_of_share_links_names_no_clerk_instance_and_is_not_indexed(client_with_clerk: TestClient) -> None:
    page = client_with_clerk.get("/console/shared")

    assert page.headers["x-robots-tag"] == "noindex, nofollow"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "clerk-host" not in page.text
    assert CLERK_KEY not in page.text
    policy = _policy(page.headers)
    assert (policy["script-src"], policy["connect-src"]) == ({"'self'"}, {"'self'"})
    assert policy["img-src"] == {"'self'", STORAGE}


def test_the_console_names_and_may_call_realtime_only_with_a_key(client: TestClient, settings: ApiSettings) -> None:
    app = create_app(settings.model_copy(update={"supabase_publishable_key": "sb_publishable_x"}))
    page = TestClient(app, base_url=f"https://{HOST}").get("/console/")
    app.state.services.engine.dispose()

    host = STORAGE.removeprefix("https://")
    assert f'name="realtime-url" content="wss://{host}/realtime/v1/websocket"' in page.text
    assert 'name="realtime-key" content="sb_publishable_x"' in page.text
    assert _policy(page.headers)["connect-src"] == {"'self'", f"wss://{host}"}
    assert 'name="realtime-url" content=""' in client.get("/console/").text


def test_there_is_no_sign_in_page_where_links_sign_in(client: TestClient) -> None:
    reply = client.get("/console/sign-in")

    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")


def test_browsers_ask_for_pages_each_time_and_keep_files_for_ever(client: TestClient) -> None:
    page = client.get("/console/")
    script = next(link for link in _links(page.text) if link.endswith("main.js"))
    file = client.get(f"/console/{script}")

    assert page.headers["cache-control"] == "no-cache"
    assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert file.headers["content-type"] == "text/javascript; charset=utf-8"


def test_a_file_is_compressed_for_browsers_that_can_read_it(client: TestClient) -> None:
    assets = ConsoleAssets()
    path = f"/console/assets-{assets.version}/js/main.js"
    compressed = client.get(path, headers={"Accept-Encoding": "gzip"})
    plain = client.get(path, headers={"Accept-Encoding": "identity"})

    assert compressed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert compressed.text == plain.text
    assert compressed.headers["vary"] == plain.headers["vary"]


@pytest.mark.parametrize(
    "name",
    [
        "js/none.js",
        "index.html",
        "vendor/LIBRARIES.md",
        "../index.html",
        "%2e%2e/index.html",
        "..%2f..%2fpyproject.toml",
    ],
)
def test_only_the_files_of_the_page_are_served(client: TestClient, name: str) -> None:
    reply = client.get(f"/console/assets-{ConsoleAssets().version}/{name}")

    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")


def test_files_of_another_version_are_not_served(client: TestClient) -> None:
    assert client.get("/console/assets-000000000000/js/main.js").status_code == 404


def test_the_version_changes_with_the_content_of_any_file(tmp_path: Path) -> None:
    file = tmp_path / "a.js"
    file.write_text("1")
    before = ConsoleAssets(tmp_path).version
    file.write_text("2")

    assert ConsoleAssets(tmp_path).version != before


def test_the_console_is_at_most_105_kilobytes_compressed() -> None:
    """The whole first load has a budget of 120 kB, with the answers of the API."""
    assets = ConsoleAssets()
    page = assets.get_page("index.html")
    names = [*assets.list_modules("js/main.js"), *re.findall(r'\{assets\}([^"]+)', page)]
    sizes = [len(asset.compressed or asset.content) for name in set(names) if (asset := assets.find(name)) is not None]

    assert sum(sizes) + len(gzip.compress(page.encode())) <= 105_000
