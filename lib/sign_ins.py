"""Whose sign-in counts, and for how long: the rules, without Streamlit and without the database.

Somebody is an e-mail address that their identity provider, or the proxy in front of Lead Desk, vouches for. Whether the
address belongs to a user who may see anything is for ``users.sign_in_by_address`` to say, on every run and every write.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from lib.config import Settings
from lib.errors import CannotStart, NoAccess, NotSignedIn

# Microsoft's names for the directories of everybody, as it takes them itself: in any letters, on each of its hosts.
ANYBODYS_DIRECTORY = re.compile(r"//[^/]*(?:microsoftonline|windows|chinacloudapi)\.[^/]+/"
                                r"(?:common|organizations|consumers)(?:/|$)", re.IGNORECASE)
# The most that a sign-in lasts where SIGN_IN_HOURS does not say otherwise.
WORKING_DAY = timedelta(hours=12)
COOKIE_SECRET_LENGTH = 32
PROVIDER_KEYS = ("client_id", "client_secret", "server_metadata_url")
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1", "[::1]")
GUIDE = "docs/sign-in.md has the lines"


@dataclass(frozen=True, slots=True)
class SignIn:
    """An address that was vouched for, from when (UTC) and until when it counts."""

    email: str
    issued_at: datetime
    ends_at: datetime

    def check(self, now: datetime) -> None:
        """Raise NotSignedIn when it has come to its end."""
        if now >= self.ends_at:
            raise NotSignedIn("Your sign-in has ended. Sign in again to go on.")


def from_claims(claims: Mapping[str, Any], settings: Settings, now: datetime) -> SignIn:
    """What somebody signed in with by OpenID Connect; ``claims`` are those of the ID token, as Streamlit keeps them.

    Streamlit's cookie lives for 30 days and forgets about the token's end, so both limits are kept here. Raises
    NotSignedIn for nobody and for a sign-in that has ended, NoAccess for an address that nobody vouches for.
    """
    if not claims.get("is_logged_in"):
        raise NotSignedIn("Sign in to see your leads.")
    issued_at, expires_at = _moment(claims.get("iat")), _moment(claims.get("exp"))
    if issued_at is None or expires_at is None:
        raise NotSignedIn("The service that you signed in with did not say how long that counts. Sign in again, or "
                          "tell whoever looks after Lead Desk.")
    if settings.sign_in_hours is None:
        ends_at = min(expires_at, issued_at + WORKING_DAY)
    else:
        ends_at = issued_at + timedelta(hours=settings.sign_in_hours)
    signed_in = SignIn(_verified_address(claims, settings.trusts_email), issued_at, ends_at)
    signed_in.check(now)
    return signed_in


def from_proxy(email: str | None, since: datetime, settings: Settings, now: datetime) -> SignIn:
    """What somebody signed in with at the proxy, who has had this page open since then (UTC).

    The proxy is asked once for each connection. A page that stays open is therefore believed for a while only; loading
    it anew asks the proxy again. Raises NotSignedIn when the proxy named nobody, and when that while is over.
    """
    if not email or not email.strip():
        raise NotSignedIn("Lead Desk is reached through your company's sign-in page only. Open it there.")
    ends_at = since + (timedelta(hours=settings.sign_in_hours) if settings.sign_in_hours else WORKING_DAY)
    signed_in = SignIn(email.strip(), since, ends_at)
    if now >= ends_at:
        raise NotSignedIn("This page has been open for long. Load it again to go on.")
    return signed_in


def providers(settings: Settings) -> list[str | None]:
    """The names of the identity providers in [auth]; None is the one that stands in the section itself."""
    named = [name for name, value in settings.auth.items() if isinstance(value, Mapping) and name != "client_kwargs"]
    return [None, *named] if any(key in settings.auth for key in PROVIDER_KEYS) else list(named)


def check_start(settings: Settings, *, address: str | None, headers: Mapping[str, str], forwarded: str | None,
                checks_origin: bool = True) -> None:
    """Raise CannotStart when starting like this would let somebody in whom nobody vouches for, or nobody at all.

    ``address`` is where the server listens (None: everywhere), ``headers`` Streamlit's ``server.trustedUserHeaders``,
    ``forwarded`` the environment's FORWARDED_ALLOW_IPS, ``checks_origin`` Streamlit's ``server.enableCORS``.
    """
    if settings.auth and (headers or settings.trusted_proxy):
        raise CannotStart("Sign-in is set up twice, by [auth] in secrets.toml and by server.trustedUserHeaders with "
                          "TRUSTED_PROXY. Keep one of them.")
    if settings.auth:
        _check_auth(settings)
    elif headers or settings.trusted_proxy:
        _check_proxy(settings, headers, forwarded, checks_origin)
    elif not settings.is_demo:
        raise CannotStart("DATABASE_URL is set, so people have to sign in, and no way to do so is set up: fill in "
                          "[auth] in .streamlit/secrets.toml, or TRUSTED_PROXY with server.trustedUserHeaders; "
                          f"{GUIDE}.")
    elif not _is_local(address):
        raise CannotStart("Without sign-in anybody may be anybody, so Lead Desk listens on localhost only. Set "
                          f"server.address to localhost, or set up sign-in; {GUIDE}.")


def _check_auth(settings: Settings) -> None:
    auth = settings.auth
    redirect = urlsplit(str(auth.get("redirect_uri", "")))
    is_address = redirect.scheme in ("http", "https") and redirect.hostname
    if not is_address or not redirect.path.endswith("/oauth2callback"):
        raise CannotStart("redirect_uri in [auth] of secrets.toml must be the address of Lead Desk with "
                          "/oauth2callback at its end.")
    if redirect.scheme == "http" and not _is_local(redirect.hostname):
        raise CannotStart("redirect_uri in [auth] of secrets.toml must begin with https://: on the way through a "
                          "network, anybody could take over a sign-in that is not encrypted.")
    if len(str(auth.get("cookie_secret", ""))) < COOKIE_SECRET_LENGTH:
        raise CannotStart(f"cookie_secret in [auth] of secrets.toml must have at least {COOKIE_SECRET_LENGTH} "
                          "characters: whoever guesses it can sign in as anybody.")
    found = providers(settings)
    if not found:
        raise CannotStart(f"[auth] in secrets.toml names no identity provider: {', '.join(PROVIDER_KEYS)} are missing; "
                          f"{GUIDE}.")
    for name in found:
        section, called = (auth, "[auth]") if name is None else (auth[name], f"[auth.{name}]")
        missing = [key for key in PROVIDER_KEYS if not section.get(key)]
        if missing:
            raise CannotStart(f"{called} in secrets.toml lacks {', '.join(missing)}; {GUIDE}.")
        if name is not None and "_" in name:
            raise CannotStart(f"{called} in secrets.toml has an underscore in its name, which Streamlit does not take.")
        # There, anybody can make a directory in which they give themselves any address.
        if settings.trusts_email and ANYBODYS_DIRECTORY.search(str(section["server_metadata_url"])):
            raise CannotStart(f"OIDC_TRUST_EMAIL is set and {called} in secrets.toml takes people of every Microsoft "
                              "directory, where addresses are not verified. Put your own directory's id into "
                              "server_metadata_url.")


def _check_proxy(settings: Settings, headers: Mapping[str, str], forwarded: str | None, checks_origin: bool) -> None:
    if not settings.trusted_proxy:
        raise CannotStart("server.trustedUserHeaders is set, so TRUSTED_PROXY must name the address of the proxy that "
                          f"sets these headers; {GUIDE}.")
    if list(headers.values()) != ["email"]:
        raise CannotStart("TRUSTED_PROXY is set, so server.trustedUserHeaders must name the one header with the e-mail "
                          f"address, such as '{{\"X-Auth-Request-Email\": \"email\"}}'; {GUIDE}.")
    if forwarded is None or forwarded.strip():
        raise CannotStart("TRUSTED_PROXY is set, so the environment variable FORWARDED_ALLOW_IPS must be set and "
                          "empty: the web server would otherwise take the address of whoever connects from a header, "
                          "and the proxy could not be told from others.")
    if not checks_origin:
        raise CannotStart("TRUSTED_PROXY is set, so server.enableCORS must stay on: other sites could otherwise act "
                          "through the browser of somebody who is signed in.")


def _is_local(address: str | None) -> bool:
    if address in LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address((address or "").strip("[]")).is_loopback
    except ValueError:
        return False


def _verified_address(claims: Mapping[str, Any], trusts_email: bool) -> str:
    email = claims.get("email")
    if not isinstance(email, str) or "@" not in email:
        raise NoAccess("The service that you signed in with does not tell your e-mail address, by which Lead Desk "
                       "knows people. Tell whoever looks after Lead Desk.")
    # Some providers send the word. What was said not to be verified is believed.
    verified = claims.get("email_verified")
    if verified is not True and verified != "true" and not (verified is None and trusts_email):
        raise NoAccess(f"The service that you signed in with has not verified that {email} is yours. Verify it there, "
                       "or sign in with another account.")
    return email.strip()


def _moment(seconds: Any) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
