"""Settings: where they come from, and that bad ones are named before anything starts."""

import pytest

import config


@pytest.fixture(autouse=True)
def no_settings(monkeypatch, tmp_path):
    """An environment without settings, and an .env file that a test may write."""
    for name in config.Config.model_fields:
        monkeypatch.delenv(name, raising=False)
    env_file = tmp_path / ".env"
    monkeypatch.setattr(config, "ENV_FILE", env_file)
    for environment in config.ENVIRONMENTS.values():
        monkeypatch.setitem(environment.model_config, "env_file", env_file)
    return env_file


SAFE = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "k" * 48,
    "MONGODB_URI": "mongodb://db.example.com/tokendesk",
    "PUBLIC_URL": "https://desk.example.com",
}


def test_without_any_setting_it_is_a_laptop():
    settings = config.load()
    assert settings.ENVIRONMENT == "development"
    assert settings.problems() == []


def test_a_file_may_name_the_environment(no_settings):
    no_settings.write_text("\n".join(f"{name}={value}" for name, value in SAFE.items()))
    settings = config.load()
    assert isinstance(settings, config.Production)
    assert settings.problems() == []


def test_production_without_its_settings_lists_all_that_is_missing():
    with pytest.raises(SystemExit) as refusal:
        config.Production().check()
    lines = str(refusal.value).splitlines()
    assert [line.split()[1] for line in lines[1:]] == ["SECRET_KEY", "MONGODB_URI", "PUBLIC_URL"]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("ENVIRONMENT", "staging", "must be one of development, testing, production"),
        ("TIME_ZONE", "Mars/Olympus", "TIME_ZONE"),
        ("DEFAULT_LOCALE", "de", "DEFAULT_LOCALE"),
        ("INITIAL_TOKENS", "-1", "INITIAL_TOKENS"),
        ("INITIAL_TOKENS", "1.5", "INITIAL_TOKENS"),
        ("INITIAL_TOKENS", "10000000000", "INITIAL_TOKENS"),
        ("TRUSTED_PROXIES", "many", "TRUSTED_PROXIES"),
        ("TIERS", "free", "TIERS"),
        ("TIERS", '{"free": {"limit": "lots"}}', "TIERS.free.limit"),
        ("PORT", "70000", "PORT"),
        ("PACKAGES", '{"basic": {"tokens": 0, "price": 149}}', "PACKAGES.basic.tokens"),
        ("PACKAGES", '{"basic": {"tokens": 1, "price": 1.5}}', "PACKAGES.basic.price"),
        ("PACKAGES", '{"Basic/1": {"tokens": 1, "price": 1}}', "PACKAGES"),
        ("CURRENCY", "rubles", "CURRENCY"),
        ("PAYMENT_PROVIDER", "paypal", "PAYMENT_PROVIDER"),
    ],
)
def test_a_setting_that_cannot_be_is_named(monkeypatch, name, value, text):
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=text):
        config.load()


def test_a_bad_secret_is_not_shown(monkeypatch):
    monkeypatch.setenv("ADMIN_EMAILS", '["hush-hush"')
    with pytest.raises(SystemExit) as refusal:
        config.load()
    assert "hush-hush" not in str(refusal.value)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"DEFAULT_TIER": "gold"}, "DEFAULT_TIER is 'gold'"),
        ({"TIERS": {"free": {"limit": 5}}}, "free needs both a limit and period_days"),
        ({"TIERS": {"free": {"period_days": 5}}}, "free needs both a limit and period_days"),
        ({"CHAT_BASE_URL": "api.openai.com/v1"}, "CHAT_BASE_URL must be"),
        ({"CHAT_BASE_URL": "ftp://example.com"}, "CHAT_BASE_URL must be"),
        ({"CHAT_BASE_URL": "https://"}, "CHAT_BASE_URL must be"),
        ({"CHAT_BASE_URL": "https://sk-key@example.com/v1"}, "CHAT_BASE_URL must be"),
        ({"CHAT_BASE_URL": "https://example.com/v1?key=sk-key"}, "CHAT_BASE_URL must be"),
        ({"CHAT_API_KEY": "sk-key"}, "CHAT_BASE_URL does not say whose"),
        ({"CHAT_API_KEY": "sk-kéy", "CHAT_BASE_URL": "https://example.com"}, "characters that no header can carry"),
        ({"CHAT_API_KEY": "sk\nkey", "CHAT_BASE_URL": "https://example.com"}, "characters that no header can carry"),
        ({"MAIL_SERVER": "mail.example.com"}, "MAIL_FROM must be the address"),
        ({"MAIL_SERVER": "mail.example.com", "MAIL_FROM": "Tokendesk"}, "MAIL_FROM must be the address"),
        ({"MAIL_PASSWORD": "secret", "MAIL_TLS": "none"}, "MAIL_PASSWORD would be sent readable"),
    ],
)
def test_settings_that_do_not_go_together_are_named(values, text):
    with pytest.raises(SystemExit, match=text):
        config.Development(**values).check()


@pytest.mark.parametrize(
    "url", ["https://api.openai.com/v1/", "http://localhost:11434/v1", "http://[::1]:8000", "http://vllm_1:8000/v1 "]
)
def test_the_address_and_the_key_of_a_chat_server_are_taken_as_people_write_them(url):
    settings = config.Development(CHAT_BASE_URL=url, CHAT_API_KEY=" sk-key/\n")
    assert settings.problems() == []
    assert url.strip().rstrip("/") == settings.CHAT_BASE_URL
    assert settings.CHAT_API_KEY == "sk-key/"


def test_tests_are_not_moved_by_the_developers_own_environment(monkeypatch):
    monkeypatch.setenv("INITIAL_TOKENS", "1")
    assert config.Testing().INITIAL_TOKENS == 50_000


def test_an_instance_folder_is_always_absolute():
    assert config.Development(INSTANCE_FOLDER="somewhere").INSTANCE_FOLDER.endswith("/somewhere")
    assert config.Development(INSTANCE_FOLDER="somewhere").INSTANCE_FOLDER.startswith("/")


def test_stripe_does_not_start_without_its_secrets():
    settings = config.Development(PAYMENT_PROVIDER="stripe", STRIPE_WEBHOOK_SECRET="  \n")
    assert [one.split()[4] for one in settings.problems()] == ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"]
    assert not config.Development(
        PAYMENT_PROVIDER="stripe", STRIPE_SECRET_KEY="sk", STRIPE_WEBHOOK_SECRET="whsec"
    ).problems()


def test_in_production_the_secret_key_of_stripe_goes_over_https_only():
    settings = config.Production(**SAFE, STRIPE_API_BASE="http://gateway.example.com")
    assert [one.split()[0] for one in settings.problems()] == ["STRIPE_API_BASE"]
