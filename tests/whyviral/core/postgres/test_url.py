"""Database URLs that cannot work stop the start; the message names the setting and hides the password."""

from pathlib import Path

import pytest

from whyviral.core.database import build_engine
from whyviral.core.postgres.url import InvalidDatabaseUrl, check_database_url
from whyviral.core.settings import DeployableSettings, SettingsError

POOLER = "aws-1-eu-central-1.pooler.supabase.com:6543/postgres"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://postgres.abcdefghijklmnop:s3cret@{POOLER}",
        f"postgres://postgres.abcdefghijklmnop:s%40cret%2F@{POOLER}?sslrootcert=/opt/certificates/supabase.crt",
        "postgresql://postgres:a:b!c$d&e@[2001:db8::1]:5432/postgres",
        "postgresql://whyviral_api@127.0.0.1:5432/whyviral",
    ],
)
def test_a_valid_database_url_is_accepted(url: str) -> None:
    check_database_url(url)


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        (f"postgresql://postgres:s3cr@et@{POOLER}", "write @ in the password as %40"),
        (f"postgresql://postgres:s3cr/et@{POOLER}", "write / in the password as %2F"),
        (f"postgresql://postgres:s3cr#et@{POOLER}", "write # in the password as %23"),
        (f"postgresql://postgres:s3cr?et@{POOLER}", "write ? in the password as %3F"),
        (f"postgresql://postgres:s3cr et@{POOLER}", "write one in the password as %20"),
        (f'"postgresql://postgres:s3cret@{POOLER}"', "remove the quotes"),
        (f"'postgresql://postgres:s3cret@{POOLER}'", "remove the quotes"),
        (f"postgresql://postgres:s3cret@{POOLER}\n", "remove the blank or line break"),
        (f"jdbc:postgresql://postgres:s3cret@{POOLER}", "it must look like postgresql://"),
        (f"mysql://postgres:s3cret@{POOLER}", "it must look like postgresql://"),
        (f"postgresql+asyncpg://postgres:s3cret@{POOLER}", "it must look like postgresql://"),
        (f"postgresql://postgres:[YOUR-PASSWORD]@{POOLER}", "put the real password"),
        (f"postgresql://{POOLER}", "the user is missing"),
        ("postgresql://postgres:s3cret@db.example.com:5432", "the database is missing"),
        ("postgresql://postgres:s3cret@db.example.com:port/postgres", "it must look like postgresql://"),
        ("https://abcdefghijklmnop.supabase.co", "it must look like postgresql://"),
    ],
)
def test_an_invalid_database_url_stops_the_start_and_names_its_setting(
    monkeypatch: pytest.MonkeyPatch, url: str, advice: str
) -> None:
    monkeypatch.setenv("SUPABASE_DB_URL", url)

    with pytest.raises(SettingsError) as refused:
        DeployableSettings.load()

    assert str(refused.value).startswith("cannot start, check these settings: SUPABASE_DB_URL: ")
    assert advice in str(refused.value)
    assert "s3cr" not in str(refused.value)


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_an_unreadable_root_certificate_is_reported_as_sslrootcert(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "root.pem"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(InvalidDatabaseUrl, match="sslrootcert names no PEM file"):
        build_engine(f"postgresql://postgres@{POOLER}?sslrootcert={file}")
