"""The firms that leads work for, found by their names and made where they are missing."""

import uuid
from collections.abc import Sequence

from sqlalchemy import ARRAY, Text, bindparam, func, select, text
from sqlalchemy.orm import Session

from lib.auth import Actor
from lib.statements import Read, Write

CHUNK = 1_000

# The database puts names into small letters, for the index and for Python's sake: the two have different rules.
_FIND = Read(text("""
    SELECT given.name, (SELECT firm.id FROM lead_companies AS firm
                        WHERE firm.company_id = :company AND lower(firm.name) = lower(given.name)
                        ORDER BY firm.created_at, firm.id LIMIT 1) AS id
    FROM unnest(:names) AS given (name)""").bindparams(bindparam("names", type_=ARRAY(Text))))
_MAKE = Write(text("""
    INSERT INTO lead_companies (company_id, name)
    SELECT DISTINCT ON (lower(given.name)) :company, given.name
    FROM unnest(:names) WITH ORDINALITY AS given (name, place) ORDER BY lower(given.name), given.place
    """).bindparams(bindparam("names", type_=ARRAY(Text))))
_HOLD = Write(select(func.pg_advisory_xact_lock(func.hashtextextended(func.unnest(
    bindparam("locks", type_=ARRAY(Text))), 0))))


def made(session: Session, actor: Actor, names: Sequence[str]) -> dict[str, uuid.UUID]:
    """The id of the company's firm of each name, letter case aside; those that are missing are made."""
    found = hold(session, actor, names)
    missing = [name for name in names if name not in found]
    for start in range(0, len(missing), CHUNK):
        # Found anew for each chunk: the one before may have made the same firm in other letters.
        there = _find(session, actor, missing[start:start + CHUNK])
        still = [name for name in missing[start:start + CHUNK] if name not in there]
        if still:
            _MAKE.later(session, {"company": actor.company_id, "names": still})
            there |= _find(session, actor, still)
        found |= there
    return found


def hold(session: Session, actor: Actor, names: Sequence[str]) -> dict[str, uuid.UUID]:
    """Let nobody else make firms of these names until the transaction ends; the ids of those that there are.

    Firms have no unique key, so who makes one takes its name first, and takes it before any lead: whoever has to wait
    for a name while they hold a lead could block somebody who does the opposite. A lock for each of many thousands would
    be more than a server has room for; beyond that, a firm that somebody makes in this very minute could get a twin.
    """
    found = _find(session, actor, names)
    missing = [name for name in names if name not in found]
    locks = sorted({f"{actor.company_id}/{name.lower()}" for name in missing})[:CHUNK]
    if locks:
        _HOLD.later(session, {"locks": locks})
        found |= _find(session, actor, missing)
    return found


def _find(session: Session, actor: Actor, names: Sequence[str]) -> dict[str, uuid.UUID]:
    found = {}
    for start in range(0, len(names), CHUNK):
        rows = _FIND.rows(session, {"company": actor.company_id, "names": list(names[start:start + CHUNK])})
        found |= {row.name: row.id for row in rows if row.id is not None}
    return found
