"""Whose sign-in counts and for how long, and when Lead Desk refuses to start: the rules, without a database."""

import re
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from lib import sign_ins
from lib.config import ROOT, Settings
from lib.errors import CannotStart, NoAccess, NotSignedIn

HOUR = timedelta(hours=1)
URL = "postgresql://lead@db/desk"
PROVIDER = {"client_id": "lead-desk", "client_secret": "x",
            "server_metadata_url": "https://login.example/.well-known/openid-configuration"}
AUTH = {"redirect_uri": "https://leads.example/oauth2callback", "cookie_secret": "x" * 32} | PROVIDER
PROXY = (ip_network("10.0.0.5"),)
HEADERS = {"X-Auth-Request-Email": "email"}


def claims(now: datetime, **others: object) -> dict[str, object]:
    """An ID token of just now that lasts for an hour."""
    return {"is_logged_in": True, "email": "alice@acme.example", "email_verified": True, "iat": int(now.timestamp()),
            "exp": int((now + HOUR).timestamp())} | others


# ---------------------------------------------------------------- OpenID Connect


def test_a_verified_address_signs_in_until_the_token_ends(now):
    signed_in = sign_ins.from_claims(claims(now), Settings(), now)

    assert signed_in == sign_ins.SignIn("alice@acme.example", now, now + HOUR)


@pytest.mark.parametrize("verified", [True, "true"])
def test_a_provider_may_say_verified_as_a_word(now, verified):
    assert sign_ins.from_claims(claims(now, email_verified=verified), Settings(), now).email == "alice@acme.example"


@pytest.mark.parametrize("trusts_email", [False, True])
@pytest.mark.parametrize("verified", [False, "false", 0, 1, "yes", "", [True]])
def test_what_is_said_not_to_be_verified_never_counts(now, verified, trusts_email):
    with pytest.raises(NoAccess, match="has not verified that alice@acme.example is yours"):
        sign_ins.from_claims(claims(now, email_verified=verified), Settings(trusts_email=trusts_email), now)


def test_an_address_about_which_nothing_is_said_counts_only_where_that_is_set(now):
    silent = claims(now)
    del silent["email_verified"]

    with pytest.raises(NoAccess, match="has not verified"):
        sign_ins.from_claims(silent, Settings(), now)
    assert sign_ins.from_claims(silent, Settings(trusts_email=True), now).email == "alice@acme.example"


@pytest.mark.parametrize("email", [None, "", "alice", 7, ["alice@acme.example"]])
def test_without_an_address_nobody_is_let_in(now, email):
    with pytest.raises(NoAccess, match="does not tell your e-mail address"):
        sign_ins.from_claims(claims(now, email=email), Settings(trusts_email=True), now)


@pytest.mark.parametrize("nobody", [{}, {"is_logged_in": False},
                                    {"email": "alice@acme.example", "email_verified": True}])
def test_who_has_not_signed_in_is_asked_to(now, nobody):
    with pytest.raises(NotSignedIn, match="Sign in to see your leads"):
        sign_ins.from_claims(nobody, Settings(), now)


@pytest.mark.parametrize(("hours", "exp", "lasts"), [
    (None, 1, 1),     # the token's end
    (None, 24, 12),   # a working day, however long the token
    (24, 1, 24),      # what is set, beyond the token
    (1, 24, 1),       # what is set, within the token
])
def test_a_sign_in_ends_with_the_token_unless_a_time_is_set(now, hours, exp, lasts):
    token = claims(now, exp=int((now + exp * HOUR).timestamp()))
    chosen, end = Settings(sign_in_hours=hours), now + lasts * HOUR

    assert sign_ins.from_claims(token, chosen, end - timedelta(seconds=1)).ends_at == end
    with pytest.raises(NotSignedIn, match="Your sign-in has ended. Sign in again to go on."):
        sign_ins.from_claims(token, chosen, end)


@pytest.mark.parametrize("moment", ["iat", "exp"])
@pytest.mark.parametrize("value", [None, "soon", True, 1e30, float("nan"), [1]])
def test_a_token_without_a_beginning_or_an_end_does_not_count(now, moment, value):
    with pytest.raises(NotSignedIn, match="did not say how long"):
        sign_ins.from_claims(claims(now, **{moment: value}), Settings(sign_in_hours=12), now)


def test_a_sign_in_that_has_ended_is_noticed_by_a_write_too(now):
    signed_in = sign_ins.from_claims(claims(now), Settings(), now)

    signed_in.check(now + HOUR - timedelta(seconds=1))
    with pytest.raises(NotSignedIn, match="has ended"):
        signed_in.check(now + HOUR)


# ---------------------------------------------------------------- a proxy's word


def test_the_proxys_word_counts_for_as_long_as_a_page_may_stay_open(now):
    signed_in = sign_ins.from_proxy(" Alice@acme.example ", now, Settings(sign_in_hours=2), now + HOUR)

    assert signed_in == sign_ins.SignIn("Alice@acme.example", now, now + 2 * HOUR)
    with pytest.raises(NotSignedIn, match="Load it again to go on"):
        sign_ins.from_proxy("alice@acme.example", now, Settings(sign_in_hours=2), now + 2 * HOUR)
    with pytest.raises(NotSignedIn, match="Load it again to go on"):
        sign_ins.from_proxy("alice@acme.example", now, Settings(), now + 12 * HOUR)


@pytest.mark.parametrize("email", [None, "", "  "])
def test_whom_the_proxy_does_not_name_is_nobody(now, email):
    with pytest.raises(NotSignedIn, match="your company's sign-in page only"):
        sign_ins.from_proxy(email, now, Settings(), now)


# ---------------------------------------------------------------- the ways in


def test_providers_are_those_of_the_section_and_of_its_own_sections():
    named = {"redirect_uri": "x", "google": PROVIDER, "entra": PROVIDER, "client_kwargs": {"prompt": "login"}}

    assert sign_ins.providers(Settings(auth=AUTH)) == [None]
    assert sign_ins.providers(Settings(auth=named)) == ["google", "entra"]
    assert sign_ins.providers(Settings(auth=AUTH | named)) == [None, "google", "entra"]
    assert sign_ins.providers(Settings()) == []


# ---------------------------------------------------------------- the guide


LINES = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "sign-in.md").read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("lines", [*LINES, (ROOT / ".streamlit" / "secrets.example.toml").read_text("utf-8")])
def test_the_lines_of_the_guide_are_all_that_it_takes(lines, tmp_path):
    file = tmp_path / "secrets.toml"
    file.write_text(re.sub(r'= "(…[^"]*)?"', f'= "{"x" * 32}"', lines), "utf-8")

    start(Settings.load({"DATABASE_URL": URL}, file), address="0.0.0.0")


def test_the_guide_has_lines_for_three_providers():
    assert len(LINES) == 3


# ---------------------------------------------------------------- the start


def start(chosen: Settings, *, address="localhost", headers=None, forwarded=None, checks_origin=True) -> None:
    sign_ins.check_start(chosen, address=address, headers=headers or {}, forwarded=forwarded,
                         checks_origin=checks_origin)


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]"])
def test_a_demo_starts_on_localhost(address):
    start(Settings(), address=address)


@pytest.mark.parametrize("address", [None, "", "0.0.0.0", "::", "192.168.1.4", "leads.example"])
def test_a_demo_does_not_start_where_others_can_reach_it(address):
    with pytest.raises(CannotStart, match="listens on localhost only"):
        start(Settings(), address=address)


@pytest.mark.parametrize("address", ["localhost", "0.0.0.0"])
def test_a_teams_database_does_not_start_without_a_way_to_sign_in(address):
    with pytest.raises(CannotStart, match=r"fill in \[auth\] in .streamlit/secrets.toml, or TRUSTED_PROXY with "
                                          "server.trustedUserHeaders"):
        start(Settings(URL), address=address)


@pytest.mark.parametrize("url", [URL, None])
@pytest.mark.parametrize("address", ["localhost", "0.0.0.0", None])
def test_it_starts_anywhere_with_a_way_to_sign_in(url, address):
    start(Settings(url, auth=AUTH), address=address)
    start(Settings(url, trusted_proxy=PROXY), address=address, headers=HEADERS, forwarded="")


@pytest.mark.parametrize("more", [{"headers": HEADERS}, {"chosen": Settings(URL, auth=AUTH, trusted_proxy=PROXY)}])
def test_two_ways_to_sign_in_are_one_too_many(more):
    with pytest.raises(CannotStart, match="set up twice"):
        start(**{"chosen": Settings(URL, auth=AUTH)} | more)


@pytest.mark.parametrize(("auth", "sentence"), [
    ({"redirect_uri": ""}, "redirect_uri in .* with /oauth2callback at its end"),
    ({"redirect_uri": "https://leads.example/"}, "redirect_uri in .* with /oauth2callback at its end"),
    ({"redirect_uri": "leads.example/oauth2callback"}, "redirect_uri in .* with /oauth2callback at its end"),
    ({"redirect_uri": "http://leads.example/oauth2callback"}, "must begin with https://"),
    ({"cookie_secret": "x" * 31}, "cookie_secret in .* at least 32 characters"),
    ({"client_secret": ""}, r"\[auth\] in secrets.toml lacks client_secret"),
    ({"google": {"client_id": "x"}}, r"\[auth.google\] in secrets.toml lacks client_secret, server_metadata_url"),
    ({"our_own": PROVIDER}, r"\[auth.our_own\] in secrets.toml has an underscore"),
])
def test_what_is_missing_for_openid_connect_is_said(auth, sentence):
    with pytest.raises(CannotStart, match=sentence):
        start(Settings(URL, auth=AUTH | auth))


def test_openid_connect_without_a_provider_is_refused():
    with pytest.raises(CannotStart, match="names no identity provider: client_id, client_secret"):
        start(Settings(URL, auth={name: AUTH[name] for name in ("redirect_uri", "cookie_secret")}))


def test_an_address_without_encryption_is_fine_on_this_machine():
    start(Settings(URL, auth=AUTH | {"redirect_uri": "http://localhost:8501/oauth2callback"}))


@pytest.mark.parametrize("host", ["login.microsoftonline.com", "login.MicrosoftOnline.com", "login.windows.net",
                                  "login.microsoftonline.us", "login.partner.microsoftonline.cn"])
@pytest.mark.parametrize("directory", ["common", "organizations", "consumers", "Common"])
def test_addresses_of_all_microsoft_directories_are_not_trusted_unverified(host, directory):
    url = f"https://{host}/{directory}/v2.0/.well-known/openid-configuration"
    auth = AUTH | {"server_metadata_url": url}

    start(Settings(URL, auth=auth))
    with pytest.raises(CannotStart, match="people of every Microsoft directory"):
        start(Settings(URL, auth=auth, trusts_email=True))
    start(Settings(URL, trusts_email=True, auth=AUTH | {
        "server_metadata_url": url.replace(directory, "4c0bd4a5-0000-4000-8000-000000000000")}))


@pytest.mark.parametrize(("chosen", "how", "sentence"), [
    (Settings(URL), {"headers": HEADERS}, "TRUSTED_PROXY must name the address of the proxy"),
    (Settings(), {"headers": HEADERS}, "TRUSTED_PROXY must name the address of the proxy"),
    (Settings(URL, trusted_proxy=PROXY), {}, "must name the one header with the e-mail address"),
    (Settings(URL, trusted_proxy=PROXY), {"headers": {"X-User": "name"}}, "must name the one header"),
    (Settings(URL, trusted_proxy=PROXY), {"headers": HEADERS | {"X-Verified": "email_verified"}}, "the one header"),
    (Settings(URL, trusted_proxy=PROXY), {"headers": HEADERS}, "FORWARDED_ALLOW_IPS must be set and empty"),
    (Settings(URL, trusted_proxy=PROXY), {"headers": HEADERS, "forwarded": "*"}, "FORWARDED_ALLOW_IPS"),
    (Settings(URL, trusted_proxy=PROXY), {"headers": HEADERS, "forwarded": "", "checks_origin": False}, "enableCORS"),
])
def test_what_would_make_the_proxys_word_worthless_is_refused(chosen, how, sentence):
    with pytest.raises(CannotStart, match=sentence):
        start(chosen, **how)


def test_the_time_is_utc(now):
    signed_in = sign_ins.from_claims(claims(now), Settings(), now)

    assert signed_in.issued_at.tzinfo is UTC and signed_in.ends_at.tzinfo is UTC
