from pathlib import Path

import pytest

from local.aws.template import TaskSpec
from local.stack.configuration import (
    Configuration,
    IncompleteKeys,
    configure,
    read_user_settings,
    stand_ins_needed,
)
from local.stand_ins.dodo.webhooks import WEBHOOK_SECRET
from whyviral.core.endpoints import Endpoints

WORKER = TaskSpec("Work", "work", "worker", frozenset({"SUPABASE_DB_URL", "WHISPER_DEVICE", "DEADLINE_S", "QUEUE_URL"}))


def configured(**user_settings: str) -> Configuration:
    return configure(
        user_settings,
        database_url="postgresql://x@127.0.0.1/x",
        stand_ins_url="http://127.0.0.1:1",
        youtube_proxy_url="http://127.0.0.1:2",
        public_base_url="http://127.0.0.1:3",
    )


def test_the_default_model_of_the_worker_needs_no_network() -> None:
    environment = configured().task_environment(WORKER)

    model = Path(environment.pop("WHISPER_MODEL"))
    assert {file.name for file in model.iterdir()} >= {"model.bin", "config.json", "tokenizer.json"}
    assert environment.keys() == {"SUPABASE_DB_URL", "WHISPER_DEVICE", "DEADLINE_S", "WHYVIRAL_ENDPOINTS"}
    assert environment["WHISPER_DEVICE"] == "cpu"


def test_the_user_can_choose_the_model_but_not_the_device() -> None:
    environment = configured(WHISPER_MODEL="small", WHISPER_DEVICE="cuda", DEADLINE_S="1").task_environment(WORKER)

    assert (environment["WHISPER_MODEL"], environment["WHISPER_DEVICE"]) == ("small", "cpu")
    assert float(environment["DEADLINE_S"]) > 60


def test_the_release_is_the_commit_of_the_checkout_unless_the_user_names_one() -> None:
    release = configured().settings["RELEASE"]

    assert release
    assert "/" not in release
    assert configured(RELEASE="mine").settings["RELEASE"] == "mine"


def test_a_task_does_not_get_secrets_that_it_does_not_name() -> None:
    configuration = Configuration({"CLERK_SECRET_KEY": "sk", "SUPABASE_DB_URL": "x"}, Endpoints())

    assert "CLERK_SECRET_KEY" not in configuration.task_environment(WORKER)


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        (["SUPABASE_SERVICE_ROLE_KEY=old"], "old"),
        (["SUPABASE_SECRET_KEY=new"], "new"),
        (["SUPABASE_SECRET_KEY=new", "SUPABASE_SERVICE_ROLE_KEY=old"], "new"),
    ],
)
def test_the_key_of_supabase_is_read_under_its_old_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], key: str
) -> None:
    for name in ("SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    env_file = tmp_path / ".env"
    env_file.write_text("\n".join(lines))

    assert read_user_settings(env_file)["SUPABASE_SECRET_KEY"] == key


def test_without_the_key_of_a_model_posts_are_explained_from_measurements() -> None:
    configuration = configured()

    assert configuration.settings["AI_PROVIDER"] == "measured"
    assert configuration.endpoints.stand_ins >= {"gemini", "youtube"}  # Gemini's stand-in still chats


def test_the_first_provider_with_a_key_explains_posts() -> None:
    assert configured(GEMINI_API_KEY="AQ.x").settings["AI_PROVIDER"] == "gemini"
    assert configured(OPENAI_API_KEY="sk-x").settings["AI_PROVIDER"] == "openai"
    assert configured(OPENAI_API_KEY="sk-x", AI_PROVIDER="measured").settings["AI_PROVIDER"] == "measured"


@pytest.mark.parametrize("provider", ["gemini", "openai", "anthropic", "self_hosted"])
def test_only_the_chosen_provider_of_models_has_a_stand_in(provider: str) -> None:
    stand_ins = configured(AI_PROVIDER=provider).endpoints.stand_ins

    assert stand_ins & {"gemini", "openai", "anthropic", "self_hosted"} == {provider}
    assert "youtube" in stand_ins


def test_a_key_makes_the_chosen_provider_and_youtube_real() -> None:
    assert stand_ins_needed({"AI_PROVIDER": "openai", "OPENAI_API_KEY": "sk-x"}) >= {"clerk", "twitterapi"}
    assert stand_ins_needed({"AI_PROVIDER": "openai", "OPENAI_API_KEY": "sk-x"}).isdisjoint({"openai", "youtube"})


def test_the_stand_in_of_a_self_hosted_server_is_found_by_its_settings() -> None:
    settings = configured(AI_PROVIDER="self_hosted").settings

    assert settings["SELF_HOSTED_LLM_URL"] == "http://127.0.0.1:1/self_hosted"
    assert settings["SELF_HOSTED_LLM_MODEL"] == "stand-in"


@pytest.mark.parametrize(
    "user_settings", [{"AI_PROVIDER": "gemeni"}, {"AI_PROVIDER": "self_hosted", "SELF_HOSTED_LLM_URL": "http://x"}]
)
def test_a_provider_that_cannot_be_used_is_named(user_settings: dict[str, str]) -> None:
    with pytest.raises(IncompleteKeys, match=r"AI_PROVIDER|SELF_HOSTED_LLM_MODEL"):
        stand_ins_needed(user_settings)


_DODO = {
    "DODO_API_KEY": "own",
    "DODO_MODE": "live",
    "DODO_PRODUCT_PRO": "pdt_1",
    "DODO_PRODUCT_BUSINESS": "pdt_2",
}


def test_without_keys_payments_are_invented_and_in_test_mode() -> None:
    configuration = configured(DODO_WEBHOOK_SECRET="whsec_ZXhhbXBsZQ==")

    assert configuration.endpoints.is_stand_in("dodo")
    assert configuration.endpoints.dodo_test_url == "http://127.0.0.1:1/dodo"
    assert configuration.settings["DODO_MODE"] == "test"
    assert configuration.settings["DODO_WEBHOOK_SECRET"] == WEBHOOK_SECRET


def test_with_all_keys_payments_are_real_and_an_unknown_secret_rejects_every_webhook() -> None:
    first, second = configured(**_DODO), configured(**_DODO)

    assert not first.endpoints.is_stand_in("dodo")
    assert first.endpoints.dodo_live_url == "https://live.dodopayments.com"
    assert {name: first.settings[name] for name in _DODO} == _DODO
    secrets = {each.settings["DODO_WEBHOOK_SECRET"] for each in (first, second)}
    assert len(secrets | {WEBHOOK_SECRET}) == 3


@pytest.mark.parametrize("missing", _DODO)
def test_a_mode_or_product_is_never_guessed(missing: str) -> None:
    with pytest.raises(IncompleteKeys, match=f"but {missing} is not"):
        configured(**{name: value for name, value in _DODO.items() if name != missing})
