"""Time zones by their IANA names, as people choose them."""

import functools
import zoneinfo
from collections.abc import Sequence
from typing import Any

from lib.errors import Invalid


@functools.cache
def names() -> Sequence[str]:
    """Every place that has a zone of its own, such as Europe/Berlin, and UTC first; in order."""
    places = sorted(name for name in zoneinfo.available_timezones()
                    if "/" in name and not name.startswith(("Etc/", "SystemV/", "posix/", "right/")))
    return ("UTC", *places)


def check(field: str, value: Any) -> str:
    """The name as it came. Raises Invalid for anything that is not the name of a zone."""
    if not isinstance(value, str) or value not in names():
        raise Invalid.field(field, f"“{str(value)[:60]}” is not a time zone, which has a name such as Europe/Berlin.")
    return value


def check_or_none(field: str, value: Any) -> str | None:
    """``check``, where None stands for the zone that the browser names."""
    return None if value is None or value == "" else check(field, value)
