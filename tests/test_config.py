import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from lib.config import ROOT, Settings, settings
from lib.errors import WrongSetting


@pytest.fixture
def load(tmp_path):
    """Settings from these environment variables and this text of secrets.toml, and from nothing else."""
    def load(secrets: str | None = None, /, **environ: str) -> Settings:
        file = tmp_path / "secrets.toml"
        if secrets is not None:
            file.write_text(secrets, "utf-8")
        return Settings.load(environ, file)
    return load


def refusal(load, *secrets: str, **environ: str) -> WrongSetting:
    with pytest.raises(WrongSetting) as caught:
        load(*secrets, **environ)
    error = caught.value
    assert list(error.fields.values()) == [error.message]
    return error


def test_it_is_a_demo_with_no_settings_at_all(load):
    found = load()

    assert found.is_demo and found.database_url is None
    assert found == Settings(None, "session", 10, 15, ROOT / ".lead-desk")


def test_it_takes_every_setting_from_the_environment(load, tmp_path):
    found = load(DATABASE_URL="postgresql://lead@db/desk", DATABASE_POOL_MODE="transaction", DATABASE_POOL_SIZE="100",
                 DATABASE_TIMEOUT="600", LEAD_DESK_DATA=str(tmp_path / "data"),
                 PUBLIC_URL="https://leads.example.com", ALLOWED_HOSTS="desk, Other.example.com", LOG_FORMAT="text",
                 LOG_LEVEL="warning", SHUTDOWN_DELAY="60", SHUTDOWN_TIMEOUT="600")

    assert found == Settings("postgresql://lead@db/desk", "transaction", 100, 600, tmp_path / "data",
                             public_url="https://leads.example.com",
                             allowed_hosts=("desk", "other.example.com", "leads.example.com"), log_format="text",
                             log_level="WARNING", shutdown_delay_seconds=60, shutdown_timeout_seconds=600)
    assert not found.is_demo


def test_it_takes_a_setting_from_secrets_toml(load):
    found = load('DATABASE_URL = "postgresql://lead@db/desk"\nDATABASE_POOL_SIZE = 7\n[auth]\ncookie_secret = "x"\n')

    assert (found.database_url, found.pool_size) == ("postgresql://lead@db/desk", 7)


def test_it_prefers_the_environment_to_secrets_toml(load):
    assert load("DATABASE_POOL_SIZE = 7", DATABASE_POOL_SIZE="8").pool_size == 8


def test_it_takes_a_blank_value_for_not_set(load):
    blank = dict.fromkeys(["DATABASE_URL", "DATABASE_POOL_MODE", "DATABASE_POOL_SIZE", "DATABASE_TIMEOUT",
                           "LEAD_DESK_DATA", "PUBLIC_URL", "ALLOWED_HOSTS", "LOG_FORMAT", "LOG_LEVEL",
                           "SHUTDOWN_DELAY", "SHUTDOWN_TIMEOUT"], "  ")

    assert load(**blank) == load()


def test_a_blank_environment_variable_switches_the_secret_off(load):
    assert load('DATABASE_URL = "postgresql://lead@db/desk"', DATABASE_URL="").is_demo


@pytest.mark.parametrize("url", [
    "postgresql://lead:secret@db:5432/desk?sslmode=require",
    "postgresql://lead@one:5432,two:5433/desk?target_session_attrs=read-write",
    "postgresql:///desk?host=/var/run/postgresql",
    "postgresql://lead@[::1]:5432/desk",
    "postgresql://lead:p%40ss%2Fword@db/desk",
    "host=db dbname=desk user=lead password='a b'",
    "service=desk",
])
def test_it_takes_any_address_that_libpq_takes(load, url):
    assert load(DATABASE_URL=url).database_url == url
    assert load(DATABASE_URL=f" {url}\n").database_url == url


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_it_takes_the_schemes_of_other_libraries(load, scheme):
    url = load(DATABASE_URL=f"{scheme}://lead:a+b@db/desk").database_url

    assert conninfo_to_dict(url) == {"user": "lead", "password": "a+b", "host": "db", "dbname": "desk"}


@pytest.mark.parametrize("url", [
    "mysql://lead:hunter2@db/desk",
    "sqlite:///lead.db",
    "https://lead:hunter2@db/desk?a=b",
    "db.example.com",
    "postgresql://lead:hunter2%zz@db/desk",
    "postgresql://lead:hunter2@db/desk?sslmod=require",
    "postgresql://lead:hunter2@db:543x/desk",
    "postgresql://lead:hunter2@db:70000/desk",
    "postgresql://lead:hunter2/b@db/desk",
    "postgresql://lead:hunter2@b@db:x/desk",
    "postgresql://lead:hunter2",
    "postgresql://db/desk?user=lead&password=hunter2&nonsense=1",
    "postgresql://db/desk?sslpassword=hunter2&nonsense=1",
    "host=db password=hunter2 nonsense=1",
    "host=db passwrd='hunter2 and more",
    "host=db port=x password = 'it\\'s hunter2'",
])
def test_it_refuses_what_is_no_postgresql_address_and_keeps_the_password_to_itself(load, url):
    error = refusal(load, DATABASE_URL=url)

    assert list(error.fields) == ["DATABASE_URL"]
    assert error.message.startswith("DATABASE_URL is '")
    assert "hunter2" not in error.message
    assert error.__cause__ is None


def test_it_says_what_an_address_looks_like(load):
    assert refusal(load, DATABASE_URL="mysql://lead:hunter2@db/desk").message == (
        "DATABASE_URL is 'mysql://lead:***@db/desk', but Lead Desk runs on PostgreSQL only: "
        "it must be an address such as postgresql://user:password@host:5432/database.")


def test_it_repeats_what_libpq_found_wrong_where_no_password_is_near(load):
    assert 'missing "=" after "db.example.com"' in refusal(load, DATABASE_URL="db.example.com").message


def test_it_says_how_to_write_a_slash_in_a_password(load):
    assert "%2F" in refusal(load, DATABASE_URL="postgresql://lead:a/b@db/desk").message


@pytest.mark.parametrize("name, value", [
    (name, value)
    for name, above in [("DATABASE_POOL_SIZE", "101"), ("DATABASE_TIMEOUT", "601"), ("SHUTDOWN_TIMEOUT", "601")]
    for value in ["0", above, "-1", "1.5", "ten", "1_0", "٣", "9" * 5000]
])
def test_it_names_the_number_that_is_wrong_and_its_limits(load, name, value):
    error = refusal(load, **{name: value})

    assert list(error.fields) == [name]
    assert error.message.startswith(f"{name} is '{value}'")
    assert "from 1 to" in error.message


@pytest.mark.parametrize("value", ["1", "100"])
def test_it_takes_the_smallest_and_the_largest_pool(load, value):
    assert load(DATABASE_POOL_SIZE=value).pool_size == int(value)


def test_it_names_the_two_pool_modes(load):
    assert refusal(load, DATABASE_POOL_MODE="statement").message == (
        "DATABASE_POOL_MODE is 'statement', but it must be session, or transaction behind a PgBouncer in "
        "transaction mode.")


def test_it_takes_a_relative_data_folder_from_the_checkout(load, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert load(LEAD_DESK_DATA="data/demo").data_folder == ROOT / "data" / "demo"
    assert load(LEAD_DESK_DATA="~/demo").data_folder == tmp_path / "demo"


def test_it_refuses_a_data_folder_that_is_a_file(load):
    assert "must be a folder" in refusal(load, LEAD_DESK_DATA=__file__).fields["LEAD_DESK_DATA"]


@pytest.mark.parametrize(("url", "kept"), [
    ("https://leads.example.com", "https://leads.example.com"),
    ("https://leads.example.com/", "https://leads.example.com"),
    ("HTTPS://Leads.Example.com/Desk/", "https://leads.example.com/Desk"),
    ("http://localhost:8501/a/b-c", "http://localhost:8501/a/b-c"),
    ("http://[::1]:8501", "http://[::1]:8501"),
])
def test_it_takes_the_address_that_people_type(load, url, kept):
    assert load(PUBLIC_URL=url).public_url == kept


@pytest.mark.parametrize("url", [
    "leads.example.com", "//leads.example.com", "ftp://leads.example.com", "https://", "https:///desk",
    "https://lead:hunter2@leads.example.com", "https://leads.example.com?a=hunter2", "https://leads.example.com#a",
    "https://leads.example.com:port", "https://leads.example.com//", "https://a b.example.com",
    "https://leads.example.com/a b", "https://*.example.com", "https://a.example.com; b.example.com",
    "https://leads.example.com\nhttps://b.example.com", "https://-a.example.com", "https://a.example.com.-/",
])
def test_it_refuses_what_nobody_could_type_as_the_address(load, url):
    error = refusal(load, PUBLIC_URL=url)

    assert list(error.fields) == ["PUBLIC_URL"]
    assert error.message.startswith("PUBLIC_URL is '") and "https://leads.example.com" in error.message
    assert "lead:hunter2" not in error.message


@pytest.mark.parametrize("host", ["https://leads.example.com", "leads.example.com:8443", "*.example.com", "a b", "a/b"])
def test_it_refuses_a_host_that_is_no_name(load, host):
    error = refusal(load, ALLOWED_HOSTS=f"desk, {host}")

    assert list(error.fields) == ["ALLOWED_HOSTS"] and f"'{host}'" in error.message


def test_it_allows_the_host_of_the_public_address_without_its_port(load):
    assert load(PUBLIC_URL="https://Leads.example.com:8443/desk").allowed_hosts == ("leads.example.com",)
    assert load(PUBLIC_URL="http://[::1]:8443").allowed_hosts == ("[::1]",)
    assert load(PUBLIC_URL="http://[::1]").allowed_hosts == ("[::1]",)


def test_it_logs_for_programs_on_a_teams_own_database_and_for_people_in_the_demo(load):
    assert load().log_format == "text"
    assert load(DATABASE_URL="postgresql://lead@db/desk").log_format == "json"


@pytest.mark.parametrize(("name", "choices"), [("LOG_FORMAT", "json or text"),
                                               ("LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR")])
def test_it_names_what_can_be_chosen_for_the_log(load, name, choices):
    assert refusal(load, **{name: "loud"}).message == f"{name} is 'loud', but it must be {choices}."


def test_it_may_stop_at_once_and_says_how_long_it_may_take(load):
    assert load(SHUTDOWN_DELAY="0").shutdown_delay_seconds == 0
    assert "from 0 to 60" in refusal(load, SHUTDOWN_DELAY="61").message


def test_it_says_where_secrets_toml_is_no_toml(load):
    error = refusal(load, "DATABASE_POOL_SIZE = 7\nDATABASE_URL = hunter2")

    assert list(error.fields) == ["secrets.toml"]
    assert "secrets.toml cannot be read" in error.message and "line 2" in error.message
    assert "hunter2" not in error.message


def test_it_says_that_secrets_toml_cannot_be_read(tmp_path):
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(WrongSetting, match="binary.toml cannot be read: it is not UTF-8 text"):
        Settings.load({}, tmp_path / "binary.toml")
    with pytest.raises(WrongSetting, match="cannot be read: Is a directory"):
        Settings.load({}, tmp_path)


@pytest.mark.parametrize("secrets", ["[DATABASE_URL]\npassword = 'hunter2'", "DATABASE_URL = true",
                                     "DATABASE_URL = ['hunter2']", "DATABASE_URL = 2026-01-01"])
def test_it_refuses_a_secret_of_the_wrong_type(load, secrets):
    error = refusal(load, secrets)

    assert list(error.fields) == ["DATABASE_URL"]
    assert "hunter2" not in error.message


def test_its_repr_hides_the_password(load):
    assert "hunter2" not in repr(load(DATABASE_URL="postgresql://lead:hunter2@db/desk"))


def test_it_cannot_be_changed(load):
    with pytest.raises(dataclasses.FrozenInstanceError):
        load().pool_size = 1


def test_it_is_read_once():
    assert settings() is settings()


def test_it_does_not_load_streamlit():
    program = "import sys, lib.config, lib.postgres; sys.exit('streamlit' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], cwd=Path(ROOT), timeout=60).returncode == 0


# ---------------------------------------------------------------- signing in


def test_it_takes_the_settings_of_signing_in(load):
    found = load("[auth]\nclient_id = 'x'", TRUSTED_PROXY="10.0.0.5, 192.168.7.0/24,fd00::1", SIGN_IN_HOURS="24",
                 OIDC_TRUST_EMAIL="Yes")

    assert found.auth == {"client_id": "x"}
    assert [str(each) for each in found.trusted_proxy] == ["10.0.0.5/32", "192.168.7.0/24", "fd00::1/128"]
    assert found.sign_in_hours == 24 and found.trusts_email


def test_nobody_signs_in_with_no_settings_at_all(load):
    found = load()

    assert (found.auth, found.trusted_proxy, found.sign_in_hours, found.trusts_email) == ({}, (), None, False)
    assert found.is_open


@pytest.mark.parametrize(("secrets", "environ"), [
    ("[auth]\nclient_id = 'x'", {}), (None, {"TRUSTED_PROXY": "10.0.0.5"}),
    (None, {"DATABASE_URL": "postgresql://lead@db/desk"})])
def test_everybody_may_be_anybody_only_in_the_demo(load, secrets, environ):
    assert not load(secrets, **environ).is_open


@pytest.mark.parametrize(("name", "value", "sentence"), [
    ("TRUSTED_PROXY", "proxy.example", "must be addresses or networks"),
    ("TRUSTED_PROXY", "10.0.0.5/8", "must be addresses or networks"),
    ("TRUSTED_PROXY", "*", "must be addresses or networks"),
    ("SIGN_IN_HOURS", "0", "a whole number from 1 to 720"),
    ("SIGN_IN_HOURS", "721", "a whole number from 1 to 720"),
    ("OIDC_TRUST_EMAIL", "perhaps", "must be yes or no"),
])
def test_it_refuses_a_wrong_setting_of_signing_in(load, name, value, sentence):
    assert sentence in refusal(load, **{name: value}).fields[name]


def test_it_refuses_an_auth_that_is_no_section(load):
    assert "must be a section" in refusal(load, "auth = 'x'").fields["auth"]


def test_the_environment_cannot_take_the_place_of_the_section(load):
    assert load(auth="x").auth == {}


def test_its_repr_hides_what_signs_cookies(load):
    assert "hunter2" not in repr(load("[auth]\ncookie_secret = 'hunter2'"))


def test_it_reads_the_file_that_streamlit_is_told_to_read(tmp_path):
    (tmp_path / "one.toml").write_text("DATABASE_POOL_SIZE = 7\nDATABASE_TIMEOUT = 7")
    (tmp_path / "two.toml").write_text("DATABASE_TIMEOUT = 8")

    found = Settings.load({"STREAMLIT_SECRETS_FILES": f"{tmp_path}/one.toml {tmp_path}/two.toml"})

    assert (found.pool_size, found.statement_timeout_seconds) == (7, 8)
