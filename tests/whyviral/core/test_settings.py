"""Settings that several deployables read."""

import pytest

from whyviral.core.settings import MediaLinkSettings, SettingsError


@pytest.fixture(autouse=True)
def database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://unused@127.0.0.1:9/unused")


def test_an_empty_address_of_a_cdn_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIA_BASE_URL", "")

    assert MediaLinkSettings.load().media_base_url is None


@pytest.mark.parametrize(
    "url",
    ["media.example.com", "http://media.example.com", "https://media.example.com/?a=b", "https://a:b@example.com"],
)
def test_an_address_of_a_cdn_that_makes_no_links_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("MEDIA_BASE_URL", url)

    with pytest.raises(SettingsError, match="MEDIA_BASE_URL"):
        MediaLinkSettings.load()
