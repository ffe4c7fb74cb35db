"""Leads by what a person pastes: e-mail addresses and LinkedIn addresses, one a line."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ARRAY, Row, Text, any_, bindparam, literal_column, or_, select
from sqlalchemy.orm import Session

from lib.auth import Actor
from lib.errors import Invalid
from lib.fields import EMAIL, linkedin_key
from lib.models import LINKEDIN_KEY, Lead
from lib.statements import Read

MOST_LINES = 500
_LEADS = Lead.__table__
_KEY = literal_column(LINKEDIN_KEY)
_ADDRESS = re.compile(rf"(?P<linkedin>[^\s,;]*linkedin\.com/[^\s,;]*)|{EMAIL.pattern}", re.IGNORECASE)
_FOUND = Read(
    select(_LEADS.c.id, _LEADS.c.first_name, _LEADS.c.last_name, _LEADS.c.email, _LEADS.c.status,
           _KEY.label("linkedin"))
    .where(_LEADS.c.company_id == bindparam("company"),
           or_(_LEADS.c.email == any_(bindparam("emails", type_=ARRAY(Text))),
               (_KEY == any_(bindparam("keys", type_=ARRAY(Text)))) & _LEADS.c.linkedin_url.is_not(None)))
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

    An address may stand among other words of a line, as in “Ada Lovelace <ada@example.com>”, and several on one. Raises
    Invalid when there are more than MOST_LINES.
    """
    lines = lines.splitlines() if isinstance(lines, str) else lines
    wanted = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if len(wanted) > MOST_LINES:
        raise Invalid.field("lines", f"These are {len(wanted):,} lines; at most {MOST_LINES} can be looked up at once.")
    named = {shown: (kind, value) for line in wanted for shown, kind, value in _named(line)}
    emails = [value for kind, value in named.values() if kind == "email"]
    keys = [value for kind, value in named.values() if kind == "linkedin"]
    by_email: dict[str, list[Row]] = {}
    by_key: dict[str, list[Row]] = {}
    if emails or keys:
        for row in _FOUND.rows(session, {"company": actor.company_id, "emails": emails, "keys": keys}):
            by_email.setdefault(row.email, []).append(row)
            by_key.setdefault(row.linkedin, []).append(row)
    leads: dict[uuid.UUID, Row] = {}
    unknown, ambiguous = [], []
    for shown, (kind, value) in named.items():
        found = {"email": by_email, "linkedin": by_key}.get(kind, {}).get(value, [])
        if len(found) == 1:
            leads[found[0].id] = found[0]
        else:
            (ambiguous if found else unknown).append(shown)
    return Pasted(list(leads.values()), unknown, ambiguous)


def _named(line: str) -> list[tuple[str, str, str]]:
    """What a line names, each as it stands there: (“email”, address) or (“linkedin”, key); (“”, "") for nothing."""
    found = []
    for match in _ADDRESS.finditer(line):
        shown = match[0].strip("<>()[],;\"'")
        if match["linkedin"] is None:
            found.append((shown, "email", shown.lower()))
        elif shown.isprintable():
            # Of what is not, PostgreSQL could not even be asked.
            found.append((shown, "linkedin", linkedin_key(shown)))
    if len(found) < 2:
        return [(line, kind, value) for _, kind, value in found] or [(line, "", "")]
    return found
