"""How the product says things: labels, dates in the viewer's zone, and lead data as plain text."""

import re
import uuid
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from lib.models import ContactOutcome, Direction, LostReason, Method, Role, Status
from lib.users import Member

STATUS = {status: status.value.capitalize() for status in Status}
METHOD = {Method.EMAIL: "E-mail", Method.LINKEDIN: "LinkedIn", Method.CALL: "Call", Method.OTHER: "Other"}
METHOD_ICON = {Method.EMAIL: ":material/mail:", Method.LINKEDIN: ":material/work:", Method.CALL: ":material/call:",
               Method.OTHER: ":material/chat:"}
DIRECTION = {Direction.OUTBOUND: "We reached out", Direction.INBOUND: "They got in touch"}
OUTCOME = {outcome: outcome.value.replace("_", " ").capitalize() for outcome in ContactOutcome}
LOST_REASON = {reason: reason.value.replace("_", " ").capitalize() for reason in LostReason}
# Where a session keeps the time zone that its owner has chosen, if any: an IANA name.
TIME_ZONE = "viewers_time_zone"
ROLE = {Role.REP: "Rep", Role.TEAM_LEAD: "Team lead", Role.MANAGER: "Manager"}

# The one place that gives a status its colour: the name Streamlit's badges take, and the mark of the same colour for
# a cell that can be edited, whose text the grid cannot colour.
STATUS_COLOUR = {
    Status.NEW: ("gray", "⚪"), Status.ENRICHED: ("blue", "🔵"), Status.CONTACTED: ("yellow", "🟡"),
    Status.CONVERSING: ("orange", "🟠"), Status.QUALIFIED: ("violet", "🟣"), Status.CONVERTED: ("green", "🟢"),
    Status.LOST: ("red", "🔴"),
}


def status_in_grid(status: str) -> str:
    return f"{STATUS_COLOUR[Status(status)][1]} {STATUS[Status(status)]}"


def status_badge(status: str) -> str:
    return f":{STATUS_COLOUR[Status(status)][0]}-badge[{STATUS[Status(status)]}]"


def plain(text: Any) -> str:
    """Text from a lead, as Markdown that shows exactly that text: no formatting, image, icon or formula."""
    escaped = re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", re.sub(r"\s+", " ", str(text)).strip())
    # Streamlit replaces :material/icon: and emoji names after Markdown has been read, where no backslash is left;
    # an invisible joiner behind the colon takes the word out of its reach.
    return escaped.replace("\\:", "\\:\u2060")


def zone() -> tzinfo:
    """The viewer's time zone: the one they have chosen, else the one that the browser tells, else UTC."""
    for name in (st.session_state.get(TIME_ZONE), st.context.timezone):
        try:
            if name:
                return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            continue
    return UTC


def time_of(at: datetime) -> str:
    return f"{at.astimezone(zone()):%-d %b %Y, %H:%M}"


def ago(at: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that is not zero: “3 days ago”."""
    seconds = int((now - at).total_seconds())
    for unit, length in (("year", 31_557_600), ("month", 2_629_800), ("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            return counted(seconds // length, unit) + " ago"
    return "just now"


def told_by(by: str, at: datetime, now: datetime, source: str) -> str:
    """The line under what is told of a change: who, when, and whether through the API. ``by`` is Markdown."""
    return f"{by} · {time_of(at)} · {ago(at, now)}" + (" · through the API" if source == "api" else "")


def lasting(time: timedelta) -> str:
    """How long something takes, in the largest unit of which it is at least one: “3.2 days”, “45 min”."""
    seconds = time.total_seconds()
    for unit, length in (("days", 86_400), ("h", 3_600)):
        if seconds >= length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds / 60:.0f} min"


def counted(number: int, noun: str) -> str:
    """“1 lead”, “1,240 leads”."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Sequence[str], most: int = 3) -> str:
    """“Ada, Bob and 3 more”."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def owner_names(team: Sequence[Member], owners: Collection[uuid.UUID | None]) -> dict[uuid.UUID, str]:
    """Who can be chosen as an owner, by id: every active person, and those of ``owners`` who have left but still own."""
    return {each.id: each.name if each.is_active else f"{each.name} (left)" for each in team
            if each.can_own or each.id in owners}


def value_of(field: str, value: Any, people: dict[str, str]) -> str:
    """A field's value in a sentence; ``people`` are names by user id (as text)."""
    if field == "assigned_to_user_id":
        return people.get(str(value), "somebody who left") if value else "nobody"
    if value is None or value == "" or value == []:
        return "empty"
    if field == "status":
        return STATUS.get(Status(value), value)
    if field == "lost_reason":
        return LOST_REASON.get(value, value)
    if field == "conversion_source":
        return METHOD.get(value, value)
    if isinstance(value, list):
        return ", ".join(value)
    text = str(value)
    return text if len(text) <= 80 else text[:79] + "…"


def because(reason: str | None, note: str | None) -> str:
    """“No budget: they spent it”; empty where nobody said why."""
    return ": ".join(part for part in (LOST_REASON.get(reason, reason or ""), note) if part)


def link(text: str | None, scheme: str) -> str:
    """Markdown that shows the text, as a link where that is safe: ``mailto``, ``tel``, or ``https`` for a web address."""
    if not text:
        return ""
    target = address_of(text, scheme)
    return f"[{plain(shortened(text, scheme))}]({target})" if target else plain(text)


def shortened(text: str, scheme: str) -> str:
    """A web address without what every one of them has; any other text as it is."""
    return re.sub(r"^https?://(www\.)?", "", text).rstrip("/") if scheme == "https" else text


def address_of(text: str, scheme: str) -> str | None:
    """Where a link with this text may lead, for ``mailto``, ``tel`` and ``https``; None where that is not safe."""
    if scheme == "https":
        try:
            parts = urlsplit(text)
        except ValueError:
            return None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return None
        return quote(text, safe=":/?#@!$&*+,;=%~._-")
    target = re.sub(r"[^\d+]", "", text) if scheme == "tel" else quote(text, safe="@.+-_")
    return f"{scheme}:{target}" if target else None
