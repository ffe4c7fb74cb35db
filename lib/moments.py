"""Days as people say them, kept as they were said: “30 days ago” in a bookmark means thirty days before it is opened."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from lib.errors import Invalid

SUGGESTED = ("today", "7 days ago", "14 days ago", "30 days ago", "90 days ago", "365 days ago")
_DAYS = {"day": 1, "week": 7}
_AGO = re.compile(r"(\d{1,4}) (day|week|month|year)s? ago")


def start_of_day(said: str, now: datetime, zone: tzinfo, *, field: str = "date") -> datetime:
    """The beginning of that day in ``zone``, in UTC. ``now`` is aware.

    Understood are ``today``, ``yesterday``, ``30 days ago`` (also weeks, months, years) and ``2026-01-10``. Raises
    Invalid, naming ``field``, for anything else.
    """
    day = _day(" ".join(said.lower().split()), now.astimezone(zone).date())
    if day is None:
        raise Invalid.field(field, f"“{said[:60]}” is not a day; write it like 2026-01-10 or 30 days ago.")
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _day(said: str, today: date) -> date | None:
    if said in ("today", "yesterday"):
        return today - timedelta(days=said == "yesterday")
    try:
        if ago := _AGO.fullmatch(said):
            number, unit = int(ago[1]), ago[2]
            return today - timedelta(days=number * _DAYS[unit]) if unit in _DAYS else _months_before(
                today, number * (12 if unit == "year" else 1))
        return date.fromisoformat(said) if re.fullmatch(r"[12]\d{3}-\d\d-\d\d", said) else None
    except (ValueError, OverflowError):
        return None


def _months_before(day: date, months: int) -> date:
    """The same day of an earlier month, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    if year < 1:
        raise ValueError("before the calendar begins")
    first = date(year, month + 1, 1)
    longest = (date(year + month // 11, (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return first.replace(day=min(day.day, longest))
