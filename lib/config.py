"""The settings of Lead Desk: the environment first, then the top-level keys of ``.streamlit/secrets.toml``.

The file is read here, without Streamlit, so that the same settings hold for the pages, the API, the migrations and
the benchmarks, none of which all run inside Streamlit.
"""

import functools
import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lib.errors import WrongSetting

ROOT = Path(__file__).resolve().parent.parent
SECRETS_FILE = ROOT / ".streamlit" / "secrets.toml"

HOST = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DATABASE_URL_EXPECTED = "an address such as postgresql://user:password@host:5432/database"


@dataclass(frozen=True)
class Settings:
    """``database_url`` is in the form psycopg.connect() takes (a libpq URI or "host=... dbname=..."); None means the
    embedded server. It is left out of the repr, since it usually holds a password."""

    database_url: str | None = field(default=None, repr=False)
    pool_mode: str = "session"
    pool_size: int = 10
    statement_timeout_seconds: int = 15
    data_folder: Path = ROOT / ".lead-desk"
    api_workers: int = 6
    """How many API calls of this process are worked on at once; the others wait."""
    api_calls_per_second: int = 50
    """How many calls of one token are let in, lastingly."""
    public_url: str | None = None
    """Where people's browsers reach Lead Desk, such as https://leads.example.com or …/desk: no slash at the end."""
    allowed_hosts: tuple[str, ...] = ()
    """The names, in small letters and without a port, that a request may be addressed to; none means none is fixed."""
    log_format: str = "text"
    log_level: str = "INFO"
    shutdown_delay_seconds: int = 0
    shutdown_timeout_seconds: int = 30
    auth: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)
    """The section [auth] of secrets.toml, as Streamlit reads it too; empty where nobody signs in by OpenID Connect."""
    trusted_proxy: tuple[Network, ...] = ()
    """The addresses of the proxy whose word counts for who somebody is."""
    sign_in_hours: int | None = None
    """How long a sign-in lasts; None: as long as the identity provider's token, and not longer than a working day."""
    trusts_email: bool = False
    """An e-mail address counts without the identity provider's word that it was verified."""

    @property
    def is_demo(self) -> bool:
        """It runs on the embedded database."""
        return self.database_url is None

    @property
    def is_open(self) -> bool:
        """Nobody signs in, and everybody may be anybody: the embedded database with its invented team."""
        return self.is_demo and not self.auth and not self.trusted_proxy

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ, secrets_file: Path | None = None) -> Self:
        """Raises WrongSetting for a value that cannot be used, and for a secrets file that cannot be read.

        The file is the one given, or what STREAMLIT_SECRETS_FILES names, so that Streamlit and Lead Desk read the same.
        """
        named = [Path(name) for name in environ.get("STREAMLIT_SECRETS_FILES", "").split()] or [SECRETS_FILE]
        secrets: dict[str, Any] = {}
        for file in [secrets_file] if secrets_file else named:
            secrets |= _secrets(file)
        values = {**secrets, **environ}
        database_url = _database_url(_text(values, "DATABASE_URL"))
        public_url = _public_url(_text(values, "PUBLIC_URL"))
        return cls(
            database_url=database_url,
            pool_mode=_pool_mode(_text(values, "DATABASE_POOL_MODE") or cls.pool_mode),
            pool_size=_whole_number(values, "DATABASE_POOL_SIZE", cls.pool_size, at_most=100),
            statement_timeout_seconds=_whole_number(values, "DATABASE_TIMEOUT", cls.statement_timeout_seconds,
                                                    at_most=600, unit=" of seconds"),
            data_folder=_folder(_text(values, "LEAD_DESK_DATA")) or cls.data_folder,
            public_url=public_url,
            allowed_hosts=_allowed_hosts(_text(values, "ALLOWED_HOSTS"), public_url),
            log_format=_one_of(values, "LOG_FORMAT", "json" if database_url else cls.log_format, ("json", "text")),
            log_level=_one_of(values, "LOG_LEVEL", cls.log_level, ("DEBUG", "INFO", "WARNING", "ERROR")),
            shutdown_delay_seconds=_whole_number(values, "SHUTDOWN_DELAY", cls.shutdown_delay_seconds, at_least=0,
                                                 at_most=60, unit=" of seconds"),
            shutdown_timeout_seconds=_whole_number(values, "SHUTDOWN_TIMEOUT", cls.shutdown_timeout_seconds,
                                                   at_most=600, unit=" of seconds"),
            api_workers=_whole_number(values, "API_WORKERS", cls.api_workers, at_most=100),
            api_calls_per_second=_whole_number(values, "API_CALLS_PER_SECOND", cls.api_calls_per_second,
                                               at_most=100_000),
            auth=_section(secrets, "auth"),
            trusted_proxy=_networks("TRUSTED_PROXY", _text(values, "TRUSTED_PROXY")),
            sign_in_hours=_whole_number(values, "SIGN_IN_HOURS", None, at_most=720),
            trusts_email=_yes_or_no("OIDC_TRUST_EMAIL", _text(values, "OIDC_TRUST_EMAIL") or "no"),
        )


@functools.cache
def settings() -> Settings:
    """The settings of this process. A change of the environment or of the file needs a restart."""
    return Settings.load()


def _secrets(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        reason = error.strerror
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    except tomllib.TOMLDecodeError as error:
        reason = str(error)
    # Nothing is chained: a traceback that shows the file's text would show the passwords in it.
    raise _wrong("secrets.toml", f"The settings file {file} cannot be read: {reason}.") from None


def _text(values: Mapping[str, Any], name: str) -> str:
    """The value without surrounding spaces, or "" where it is not set: a blank one counts as not set."""
    value = values.get(name, "")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _wrong(name, f"{name} in secrets.toml must be a text or a number, not {type(value).__name__}.")
    return str(value).strip()


def _section(secrets: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = secrets.get(name, {})
    if not isinstance(section, dict):
        raise _wrong(name, f"{name} in secrets.toml must be a section, that is a line [{name}] with lines below it.")
    return section


def _networks(name: str, text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(each.strip()) for each in text.split(",") if each.strip())
    except ValueError:
        raise _wrong(name, f"{name} is {text!r}, but it must be addresses or networks with commas between them, such "
                           "as 10.0.0.5 or 10.0.0.0/24.") from None


def _yes_or_no(name: str, text: str) -> bool:
    if text.lower() not in ("yes", "true", "1", "no", "false", "0"):
        raise _wrong(name, f"{name} is {text!r}, but it must be yes or no.")
    return text.lower() in ("yes", "true", "1")


def _whole_number(values: Mapping[str, Any], name: str, default: int | None, *, at_most: int, at_least: int = 1,
                  unit: str = "") -> int | None:
    text = _text(values, name)
    if not text:
        return default
    if not re.fullmatch("[0-9]{1,6}", text) or not at_least <= int(text) <= at_most:
        raise _wrong(name, f"{name} is {text!r}, but it must be a whole number{unit} from {at_least} to {at_most}.")
    return int(text)


def _one_of(values: Mapping[str, Any], name: str, default: str, choices: Sequence[str]) -> str:
    text = _text(values, name) or default
    found = next((each for each in choices if each.lower() == text.lower()), None)
    if found is None:
        raise _wrong(name, f"{name} is {text!r}, but it must be {', '.join(choices[:-1])} or {choices[-1]}.")
    return found


def _allowed_hosts(text: str, public_url: str | None) -> tuple[str, ...]:
    hosts = [each.strip().lower() for each in text.split(",") if each.strip()]
    for host in hosts:
        if not re.fullmatch(HOST, host):
            raise _wrong("ALLOWED_HOSTS", f"ALLOWED_HOSTS names {host!r}, but it must be names of hosts without a "
                                          "port, such as leads.example.com, separated by commas.")
    if public_url:
        hosts.append(re.sub(r":[0-9]+$", "", public_url.partition("://")[2].partition("/")[0]))
    return tuple(dict.fromkeys(hosts))


def _pool_mode(text: str) -> str:
    if text not in ("session", "transaction"):
        raise _wrong("DATABASE_POOL_MODE", f"DATABASE_POOL_MODE is {text!r}, but it must be session, or transaction "
                                           "behind a PgBouncer in transaction mode.")
    return text


def _folder(text: str) -> Path | None:
    if not text:
        return None
    # A relative folder counts from the checkout, so that the data is found from whatever folder the app is started.
    folder = ROOT / Path(text).expanduser()
    if folder.exists() and not folder.is_dir():
        raise _wrong("LEAD_DESK_DATA", f"LEAD_DESK_DATA is {text!r}, but it must be a folder, and this is a file.")
    return folder


def _public_url(text: str) -> str | None:
    if not text:
        return None
    # The host goes into headers and into the list of those that are answered, so nothing else may hide in it.
    if not re.fullmatch(rf"https?://(?:{HOST})(?::[0-9]{{1,5}})?(?:/[\w.~-]+)*/?", text, re.IGNORECASE | re.ASCII):
        raise _wrong("PUBLIC_URL", f"PUBLIC_URL is {_without_password(text)!r}, but it must be the address that people "
                                   "type, such as https://leads.example.com or https://example.com/leads.")
    scheme, _, rest = text.removesuffix("/").partition("://")
    host, slash, path = rest.partition("/")
    # Browsers send both in small letters, whatever was typed.
    return f"{scheme.lower()}://{host.lower()}{slash}{path}"


def _database_url(text: str) -> str | None:
    if not text:
        return None
    # SQLAlchemy's addresses name a driver after a plus sign, which libpq does not know.
    url = re.sub(r"^postgres(?:ql)?(?:\+\w+)?://", "postgresql://", text)
    shown = _without_password(url)
    if "://" in url.partition("=")[0] and not url.startswith("postgresql://"):
        raise _wrong("DATABASE_URL", f"DATABASE_URL is {shown!r}, but Lead Desk runs on PostgreSQL only: "
                                     f"it must be {DATABASE_URL_EXPECTED}.")
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error as error:
        # libpq quotes what it stumbles over, which may be a part of the password: repeat it only where there is none.
        reason = f" ({str(error).strip()})" if shown == url else ""
        raise _wrong("DATABASE_URL",
                     f"DATABASE_URL is {shown!r}, which is not a PostgreSQL address{reason}: "
                     f"it must be {DATABASE_URL_EXPECTED}.") from None
    for port in str(parts.get("port") or "").split(","):
        # libpq looks at the port only when it connects. A "/" in a password ends the host there, and what comes
        # before it is then taken for the port.
        if port and not (re.fullmatch("[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
            raise _wrong("DATABASE_URL",
                         f"DATABASE_URL is {shown!r}, whose port is not a number from 1 to 65535. In a password, "
                         "the characters @ / % must be written as %40 %2F %25.")
    return url


def _without_password(url: str) -> str:
    """The address with everything starred that may be a password, in a malformed address too."""
    if "://" in url:
        # Up to the last "@", for a password may hold one that is not escaped.
        url = re.sub(r"(://[^:/?#@]*:).*@", r"\1***@", url)
        # Without an "@", what follows the first colon is a port, or a password whose host was forgotten.
        url = re.sub(r"(://[^:@\[]*:)(?![0-9,:]*(?:[/?]|$)|\*\*\*@).*", r"\1***", url)
    shown = {"host", "hostaddr", "port", "dbname", "user", "sslmode", "target_session_attrs", "connect_timeout"}
    return re.sub(r"(\w+)(\s*=\s*)('(?:\\.|[^'\\])*'?|[^\s&]+)",
                  lambda match: match[0] if match[1] in shown else f"{match[1]}{match[2]}***", url)


def _wrong(name: str, sentence: str) -> WrongSetting:
    return WrongSetting(sentence, {name: sentence})
