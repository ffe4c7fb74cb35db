"""Firms, moments, addresses and numbers for the sample team, all of them drawn from one ``Random``."""

import unicodedata
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from lib import sample_words as words


@dataclass(frozen=True, slots=True)
class Firm:
    """A firm's row, and what enrichment finds out about everybody who works there."""

    row: dict[str, Any]
    city: str
    phone: str
    region: str
    facts: dict[str, Any]


def make_firm(rng: Random, company_id: uuid.UUID, name: str, industry: str, founded: datetime) -> Firm:
    country, cities, phone, region = rng.choice(words.COUNTRIES)
    city, (funding, millions) = rng.choice(cities), rng.choice(words.ROUNDS)
    facts = {
        "headcount": int(rng.lognormvariate(5, 1.1)) + 4,
        "technologies": sorted(rng.sample(words.TECHNOLOGIES, rng.randint(2, 6))),
        "funding": {"round": funding, "amount_usd": round(millions * rng.uniform(0.6, 1.5)) * 1_000_000 or None},
        "location": {"city": city, "country": country},
    }
    row = {"id": random_uuid(rng), "company_id": company_id, "name": name, "industry": industry,
           "domain": f"{slug(name)[:50].strip('-') or 'firm-' + digits(rng, '####')}.example",
           "created_at": founded, "updated_at": founded}
    return Firm(row, city, phone, region, facts)


def random_uuid(rng: Random) -> uuid.UUID:
    return uuid.UUID(int=rng.getrandbits(128), version=4)


def days(number: float) -> timedelta:
    return timedelta(seconds=round(number * 86_400))


def days_before(now: datetime, number: float) -> datetime:
    return (now - days(number)).replace(microsecond=0)


def office_hours(rng: Random, start: datetime, end: datetime) -> datetime:
    """A moment in between, on a weekday in the daytime if there is one."""
    for _ in range(60):
        at = start + (end - start) * rng.random()
        if at.weekday() < 5 and 7 <= at.hour < 18:
            break
    return at.replace(microsecond=0)


def digits(rng: Random, form: str) -> str:
    return "".join(str(rng.randint(0, 9)) if c == "#" else c for c in form)


def slug(name: str, between: str = "-") -> str:
    """The name as web and e-mail addresses spell it."""
    plain = name.lower().translate(str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "ı": "i", "’": "", "'": "", ".": ""}))
    plain = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return between.join("".join(c if c.isalnum() else " " for c in plain).split())
