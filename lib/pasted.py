"""Leads by what a person pastes: e-mail addresses and LinkedIn addresses, one a line."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, bindparam, func, literal_column, or_, select
from sqlalchemy.orm import Session

from lib.auth import Actor
from lib.errors import Invalid
from lib.fields import EMAIL
from lib.models import Lead

MOST_LINES = 500
# The same in Python and in the index leads_linkedin_key_idx: “https://www.linkedin.com/in/ada/?x=1” is “in/ada”.
_DECORATION = r"^https?://([a-z]+\.)?linkedin\.com/|/*([?#].*)?$"
_LEADS = Lead.__table__
_KEY = func.lower(func.regexp_replace(_LEADS.c.linkedin_url, literal_column(f"'{_DECORATION}'"), literal_column("''"),
                                      literal_column("'gi'")))
_FOUND = (
    select(_LEADS.c.id, _LEADS.c.first_name, _LEADS.c.last_name, _LEADS.c.email, _LEADS.c.status,
           _KEY.label("linkedin"))
    .where(_LEADS.c.company_id == bindparam("company"),
           or_(_LEADS.c.email.in_(bindparam("emails", expanding=True)),
               _KEY.in_(bindparam("keys", expanding=True)) & _LEADS.c.linkedin_url.is_not(None)))
    .order_by(_LEADS.c.id)
)


@dataclass(frozen=True, slots=True)
class Pasted:
    """What became of the lines: each lead once, in the order of the lines, and the lines that name no single lead."""

    leads: Sequence[Row]
    unknown: Sequence[str]
    ambiguous: Sequence[str]

    @property
    def ids(self) -> list[uuid.UUID]:
        return [lead.id for lead in self.leads]


def resolve(session: Session, actor: Actor, lines: str | Sequence[str]) -> Pasted:
    """The company's leads that these lines name, in one round trip. Empty lines and repeats do not matter.

    An address may stand among other words of a line, as in “Ada Lovelace <ada@example.com>”. Raises Invalid when there
    are more than MOST_LINES.
    """
    lines = lines.splitlines() if isinstance(lines, str) else lines
    wanted = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if len(wanted) > MOST_LINES:
        raise Invalid.field("lines", f"These are {len(wanted):,} lines; at most {MOST_LINES} can be looked up at once.")
    named = {line: _named(line) for line in wanted}
    emails = [value for kind, value in named.values() if kind == "email"]
    keys = [value for kind, value in named.values() if kind == "linkedin"]
    by_email: dict[str, list[Row]] = {}
    by_key: dict[str, list[Row]] = {}
    if emails or keys:
        for row in session.execute(_FOUND, {"company": actor.company_id, "emails": emails, "keys": keys}):
            by_email.setdefault(row.email, []).append(row)
            by_key.setdefault(row.linkedin, []).append(row)
    leads: dict[uuid.UUID, Row] = {}
    unknown, ambiguous = [], []
    for line, (kind, value) in named.items():
        found = {"email": by_email, "linkedin": by_key}.get(kind, {}).get(value, [])
        if len(found) == 1:
            leads[found[0].id] = found[0]
        else:
            (ambiguous if found else unknown).append(line)
    return Pasted(list(leads.values()), unknown, ambiguous)


def linkedin_key(address: str) -> str:
    """What is the same for every way to write one LinkedIn address."""
    return re.sub(_DECORATION, "", address.strip(), flags=re.IGNORECASE).lower()


def _named(line: str) -> tuple[str, str]:
    """What a line names: (“email”, address), (“linkedin”, key) or (“”, "")."""
    if "linkedin.com/" in line.lower():
        address = re.search(r"\S*linkedin\.com/\S*", line, re.IGNORECASE)[0].strip("<>()[],;\"'")
        if not address.isprintable():
            # PostgreSQL could not even be asked about it.
            return "", ""
        return "linkedin", linkedin_key(address if "://" in address else f"https://{address}")
    if address := EMAIL.search(line.lower()):
        return "email", address[0]
    return "", ""
