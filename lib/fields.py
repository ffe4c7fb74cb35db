"""What each field of a lead may hold: one check per field, the same from a page, the API and an import.

Every check takes what came in, returns what is stored, and raises Invalid with the field named. An empty text is
stored as NULL.
"""

import json
import re
import string
import unicodedata
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from lib.errors import Invalid
from lib.models import Status

LABELS = {
    "name": "Name",
    "first_name": "First name", "last_name": "Last name", "job_title": "Job title", "email": "E-mail",
    "phone": "Phone", "linkedin_url": "LinkedIn", "status": "Status", "score": "Score", "tags": "Tags",
    "notes": "Notes", "source": "Source", "source_workflow": "Source workflow", "assigned_to_user_id": "Assigned to",
    "company": "Company", "lead_company_id": "Company", "enrichment_data": "Enrichment",
    "conversion_source": "Converted by", "lost_reason": "Lost reason", "lost_note": "Lost note",
}
MAX_SCORE = 1_000_000
MAX_TAGS, MAX_TAG = 30, 50
MAX_DEPTH = 50
# As JSON, all deliveries together: lists read whole leads, and each event keeps what there was before and after.
MAX_ENRICHMENT = 100_000
# More than any address of a profile has; an index entry has to be short.
MAX_LINKEDIN_KEY = 300

Check = Callable[[str, Any], Any]

# HTML's own rule for <input type=email>, with a dot required in the domain as every public address has one.
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
EMAIL = re.compile(rf"[a-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})+")


def clean(field: str, value: Any, checks: Mapping[str, Check] | None = None) -> Any:
    """What is stored for ``value``. Raises Invalid when the field does not exist or may not hold the value."""
    check = (checks or CHECKS).get(field)
    if check is None:
        raise Invalid.field(field, f"“{field}” is not a field of a lead that can be changed.")
    return check(field, value)


def clean_all(values: Mapping[str, Any], checks: Mapping[str, Check] | None = None) -> dict[str, Any]:
    """``clean`` for several fields; the Invalid it raises names every field that was refused, not only the first."""
    cleaned, refused = {}, {}
    for field, value in values.items():
        try:
            cleaned[field] = clean(field, value, checks)
        except Invalid as error:
            refused |= error.fields
    if refused:
        raise Invalid(" ".join(refused.values()), refused)
    return cleaned


def text_of(limit: int, *, lines: bool = False) -> Check:
    """A check for text of at most ``limit`` characters; other control characters than line breaks are refused."""
    def check(field: str, value: Any) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise Invalid.field(field, f"{LABELS.get(field, field)} has to be text.")
        value = value.replace("\r\n", "\n").strip()
        if len(value) > limit:
            raise Invalid.field(field, f"{LABELS.get(field, field)} is {len(value):,} characters long; "
                                       f"at most {limit:,} are kept.")
        allowed = "\n\t" if lines else ""
        # PostgreSQL cannot store NUL or half a surrogate pair, and nobody can see the others. What can be printed
        # has none of them, which is far quicker to find out.
        if not value.isprintable() and any(
                unicodedata.category(c) in ("Cc", "Cs") and c not in allowed for c in value):
            raise Invalid.field(field, f"{LABELS.get(field, field)} has characters that cannot be shown.")
        return value or None
    return check


def needed(check: Check, sentence: str) -> Check:
    """The check for a field that may not be empty; ``sentence`` says so."""
    def checked(field: str, value: Any) -> Any:
        value = check(field, value)
        if value is None:
            raise Invalid.field(field, sentence)
        return value
    return checked


def _email(field: str, value: Any) -> str | None:
    value = text_of(320)(field, value)
    if value is None:
        return None
    value = value.lower()
    if not EMAIL.fullmatch(value):
        raise Invalid.field(field, f"“{_short(value)}” is not an e-mail address.")
    return value


def _url(field: str, value: Any) -> str | None:
    value = text_of(2000)(field, value)
    if value is None:
        return None
    if "://" not in value and ":" not in value.split("/")[0]:
        value = f"https://{value}"
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or "." not in (parts.hostname or "") or re.search(r"\s", value):
        raise Invalid.field(field, f"“{_short(value)}” is not a web address.")
    return value


def linkedin_key(url: str | None) -> str | None:
    """What two addresses of the same LinkedIn profile have in common: no scheme, no www. or country, no query, no
    slash at the end, in small letters (A to Z only, as ``LINKEDIN_KEY`` in lib/models.py does it, which has to agree).
    """
    if url is None:
        return None
    key = re.sub(r"[?#].*", "", url.translate(_SMALL), count=1, flags=re.DOTALL)
    key = re.sub(r"^([a-z]+://)?(www\.|[a-z]{1,3}\.(?=linkedin\.com))?", "", key, count=1)
    return key.rstrip("/")[:MAX_LINKEDIN_KEY]


_SMALL = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def _status(field: str, value: Any) -> str:
    if not isinstance(value, str) or value not in list(Status):
        raise Invalid.field(field, f"“{_short(value)}” is not a status; choose one of {', '.join(Status)}.")
    return str(value)


def _score(field: str, value: Any) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value.strip()):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_SCORE:
        raise Invalid.field(field, f"Score has to be a whole number from 0 to {MAX_SCORE:,}.")
    return value


def _tags(field: str, value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list | tuple) or not all(isinstance(tag, str) for tag in value):
        raise Invalid.field(field, "Tags have to be a list of words.")
    tags = list(dict.fromkeys(tag for tag in (text_of(MAX_TAG)(field, tag) for tag in value) if tag))
    if len(tags) > MAX_TAGS:
        raise Invalid.field(field, f"A lead can have at most {MAX_TAGS} tags.")
    return tags


def _enrichment(field: str, value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid.field(field, "Enrichment has to be a set of named values.")
    if not _storable(value):
        raise Invalid.field(field, "Enrichment has characters or numbers that cannot be kept, or is nested too deep.")
    if len(json.dumps(value)) > MAX_ENRICHMENT:
        raise Invalid.field(field, f"Enrichment would be longer than the {MAX_ENRICHMENT:,} characters that are kept of "
                                   "one lead.")
    return value


def _storable(value: Any, depth: int = 0) -> bool:
    """Whether PostgreSQL's JSONB can hold it: no NUL or lone surrogate in any text, no NaN or infinity."""
    match value:
        case dict() | list() if depth == MAX_DEPTH:
            return False
        case dict():
            return all(isinstance(k, str) and _storable(k) and _storable(v, depth + 1) for k, v in value.items())
        case list():
            return all(_storable(item, depth + 1) for item in value)
        case str():
            return not any(c == "\0" or unicodedata.category(c) == "Cs" for c in value)
        case float():
            return value == value and abs(value) != float("inf")
        case _:
            return value is None or isinstance(value, bool | int)


def _short(value: Any) -> str:
    shown = "".join(c if c.isprintable() else "�" for c in str(value))
    return shown if len(shown) <= 60 else shown[:59] + "…"


CHECKS: dict[str, Check] = {
    "first_name": text_of(200),
    "last_name": text_of(200),
    "job_title": text_of(200),
    "email": _email,
    "phone": text_of(50),
    "linkedin_url": _url,
    "status": _status,
    "score": _score,
    "tags": _tags,
    "notes": text_of(20_000, lines=True),
    "source": text_of(200),
    "source_workflow": text_of(200),
    "enrichment_data": _enrichment,
}
# A lead that is added or edited may come with the name of its firm.
NEW_CHECKS = CHECKS | {"company": text_of(200)}


def to_json(value: Any) -> Any:
    """A column's value as an event keeps it: ids as text, times as ISO 8601 in UTC."""
    match value:
        case uuid.UUID():
            return str(value)
        case datetime():
            return value.astimezone(UTC).isoformat()
        case tuple():
            return list(value)
        case _:
            return value


def from_json(column: str, value: Any) -> Any:
    """The column's value again, from what ``to_json`` made of it."""
    if value is None:
        return None
    if column == "id" or column.endswith("_id"):
        return uuid.UUID(value)
    if column.endswith("_at"):
        return datetime.fromisoformat(value)
    return value
