import pytest

from functions.media.settings import MediaSettings
from whyviral.core.settings import SettingsError

NAMES = ("SUPABASE_DB_URL", "SUPABASE_URL", "SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SUPABASE_DB_URL", "postgresql://nobody@127.0.0.1:9/none")
    monkeypatch.setenv("SUPABASE_URL", "https://abc.supabase.co")


@pytest.mark.parametrize("name", ["SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"])
def test_the_storage_secret_key_is_read_from_its_new_and_its_old_variable(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "sb_secret_x")

    settings = MediaSettings.load()

    assert settings.supabase_secret_key.get_secret_value() == "sb_secret_x"
    assert "sb_secret_x" not in repr(settings)


def test_the_new_variable_of_the_storage_secret_key_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPABASE_SECRET_KEY", "sb_secret_new")
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "sb_secret_old")

    assert MediaSettings.load().supabase_secret_key.get_secret_value() == "sb_secret_new"


@pytest.mark.parametrize("missing", ["SUPABASE_URL", "SUPABASE_SECRET_KEY"])
def test_a_missing_media_setting_is_named_in_the_error(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setenv("SUPABASE_SECRET_KEY", "sb_secret_x")
    monkeypatch.delenv(missing)

    with pytest.raises(SettingsError, match=missing):
        MediaSettings.load()
