from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import Invalid
from lib.moments import SUGGESTED, start_of_day

NOW = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(("said", "day"), [
    ("today", date(2026, 4, 1)), ("yesterday", date(2026, 3, 31)), ("30 days ago", date(2026, 3, 2)),
    ("1 day ago", date(2026, 3, 31)), ("2 weeks ago", date(2026, 3, 18)), ("1 month ago", date(2026, 3, 1)),
    ("12 months ago", date(2025, 4, 1)), ("2 years ago", date(2024, 4, 1)), ("2026-01-10", date(2026, 1, 10)),
    ("  30  Days AGO ", date(2026, 3, 2)),
])
def test_a_day_is_taken_in_the_viewers_zone(said, day):
    assert start_of_day(said, NOW, BERLIN) == datetime(day.year, day.month, day.day, tzinfo=BERLIN)


def test_a_month_before_the_31st_is_the_last_day_of_a_shorter_month():
    assert start_of_day("1 month ago", NOW, UTC) == datetime(2026, 2, 28, tzinfo=UTC)
    assert start_of_day("4 months ago", datetime(2026, 12, 31, tzinfo=UTC), UTC) == datetime(2026, 8, 31, tzinfo=UTC)
    assert start_of_day("1 month ago", datetime(2027, 1, 31, tzinfo=UTC), UTC) == datetime(2026, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize("said", ["", "soon", "last Tuesday", "2026-02-30", "10.01.2026", "9999 years ago", "-3 days ago",
                                  "99999 days ago", "0001-01-01", "2026-W01-1"])
def test_anything_else_is_refused_in_words_that_say_how_to_write_it(said):
    with pytest.raises(Invalid, match="write it like 2026-01-10 or 30 days ago"):
        start_of_day(said, NOW, BERLIN)


@given(months=st.integers(0, 2000), day=st.dates(date(1900, 1, 1), date(2100, 12, 31)))
def test_months_are_counted_as_a_calendar_counts_them(months, day):
    now = datetime(day.year, day.month, day.day, tzinfo=UTC)
    try:
        then = start_of_day(f"{months} months ago", now, UTC)
    except Invalid:
        assert day.year - months // 12 <= 1
        return
    assert (day.year * 12 + day.month) - (then.year * 12 + then.month) == months
    assert then.day == day.day or (then.day < day.day and (then + timedelta(days=1)).day == 1)


@pytest.mark.parametrize("said", SUGGESTED)
def test_what_is_suggested_is_understood(said):
    assert start_of_day(said, NOW, BERLIN) <= NOW
