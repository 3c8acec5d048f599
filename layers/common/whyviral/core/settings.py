"""Settings: one frozen class per deployable, read from the environment once, by its entry point."""

from typing import Any, Self

from pydantic import AliasChoices, Field, HttpUrl, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from whyviral.core import logging
from whyviral.core.postgres.url import check_database_url
from whyviral.core.telemetry import metrics
from whyviral.core.telemetry.release import LOCAL_RELEASE, set_release

from .redaction import hide


class SettingsError(RuntimeError):
    """A setting is missing or invalid; the message names it and never shows a value."""


def revealed(secret: SecretStr | None) -> str | None:
    """Return the plain text of an optional secret."""
    return secret.get_secret_value() if secret else None


class DeployableSettings(BaseSettings):
    """Base class of every deployable's settings."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True)

    supabase_db_url: SecretStr
    db_pool_size: int = 1
    debug: bool = False
    """Whether to log lines of the level DEBUG as well."""
    release: str = LOCAL_RELEASE
    """The release that every log line names."""
    metrics_namespace: str = metrics.LOCAL_NAMESPACE
    """The namespace of this stack's metrics."""

    @field_validator("supabase_db_url")
    @classmethod
    def _check_database_url(cls, url: SecretStr) -> SecretStr:
        check_database_url(url.get_secret_value())
        return url

    def model_post_init(self, _context: Any) -> None:
        """Configure this process's logs and metrics, and register the secrets with the redaction of the logs."""
        logging.configure(debug=self.debug)
        set_release(self.release)
        metrics.configure(namespace=self.metrics_namespace)
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                hide(value.get_secret_value())

    @classmethod
    def load(cls) -> Self:
        """Read the settings from the environment.

        Raises:
            SettingsError: settings are missing or invalid; the message names all of them.
        """
        try:
            return cls()
        except ValidationError as exc:
            problems = "; ".join(
                f"{str(error['loc'][0]).upper()}: {error['msg'].removeprefix('Value error, ')}"
                for error in exc.errors()
            )
            raise SettingsError(f"cannot start, check these settings: {problems}") from None


class MediaLinkSettings(DeployableSettings):
    """Base class of the settings of deployables that make or show links to stored media."""

    media_base_url: HttpUrl | None = None
    """A CDN before the public bucket of Storage; None: links lead to Storage itself."""

    @field_validator("media_base_url")
    @classmethod
    def _is_plain_address(cls, url: HttpUrl | None) -> HttpUrl | None:
        if url is not None and (url.scheme != "https" or url.query or url.fragment or url.username):
            raise ValueError("must begin with https:// and have no query, such as https://media.example.com")
        return url


class StorageSettings(DeployableSettings):
    """Base class of the settings of deployables that read or write stored media.

    Supabase calls secret keys that were created before 2025 "service role keys", so both variable names are read.
    """

    supabase_url: str
    supabase_secret_key: SecretStr = Field(
        validation_alias=AliasChoices("supabase_secret_key", "supabase_service_role_key")
    )
