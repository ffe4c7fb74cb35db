"""New leads: from what somebody has typed, or from what came in."""

import functools
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from lib import addresses, conversion, firms, history, leads, lost, once, users
from lib.auth import Actor, check_assign
from lib.errors import Invalid
from lib.fields import NEW_CHECKS, clean_all
from lib.history import Change, Outcome
from lib.models import Lead
from lib.statements import Write

_LEADS = Lead.__table__


def create(session: Session, actor: Actor, values: Mapping[str, Any], *, owner: uuid.UUID | None = None,
           batch_id: uuid.UUID | None = None, now: datetime | None = None) -> uuid.UUID:
    """A new lead from its fields, and ``company``, the firm's name; its id.

    ``owner`` is the colleague to assign it to, and ``batch_id`` the batch to undo it by. Raises Invalid naming each
    field that was refused, NotAllowed for an owner that the actor may not give leads to, and Duplicate when the company
    has a lead with this e-mail or LinkedIn address. Nothing is written then.
    """
    now = now or datetime.now(UTC)
    cleaned = cleaned_new(values)
    firm = cleaned.pop("company", None)
    if owner is not None:
        users.check_can_own(session, actor, owner)
        check_assign(actor, None, None, owner)
        cleaned |= {"assigned_to_user_id": owner, "assigned_at": now}
    addresses.hold(session, actor, [cleaned])
    refuse = leads.refusing_known(session, actor, cleaned)
    held = firms.hold(session, actor, [firm]) if firm else {}
    refuse()
    cleaned |= conversion.of_new(cleaned, now) | lost.of_new(cleaned, now)
    if firm:
        cleaned["lead_company_id"] = held.get(firm) or firms.made(session, actor, [firm])[firm]
    values = {"company_id": actor.company_id, **cleaned}
    lead_id = _add(tuple(values)).now(
        session, {f"new_{name}": value for name, value in values.items()}).scalar_one_or_none()
    if lead_id is None:
        # Somebody else has given a lead the same address between the look and the write.
        leads.refuse_known(session, actor, cleaned)
        raise Invalid("This lead could not be added.")
    history.record(session, actor, batch_id or uuid.uuid4(), "created", [Change(lead_id, {}, cleaned)], now=now)
    return lead_id


def create_once(session: Session, actor: Actor, key: str, values: Mapping[str, Any], *, owner: uuid.UUID | None = None,
                now: datetime | None = None) -> Outcome:
    """``create``, once for each ``key``: a repeat gets the first outcome. Raises KeyReused beside what create raises."""
    def act() -> dict[str, Any]:
        batch_id = uuid.uuid4()
        lead_id = create(session, actor, values, owner=owner, batch_id=batch_id, now=now)
        return {"batch_id": str(batch_id), "lead_id": str(lead_id)}

    answer = once.once(session, actor, key, {"values": dict(values), "owner": owner}, act)
    return Outcome(uuid.UUID(answer["batch_id"]), [uuid.UUID(answer["lead_id"])])


def cleaned_new(values: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored for a new lead's fields, ``company`` among them. Raises Invalid naming each that was refused."""
    cleaned = clean_all(values, NEW_CHECKS)
    if not any(cleaned.get(name) for name in ("first_name", "last_name", "email", "linkedin_url")):
        raise Invalid.field("last_name", "A lead needs at least a name, an e-mail address or a LinkedIn address.")
    return cleaned


@functools.lru_cache(maxsize=256)
def _add(names: tuple[str, ...]) -> Write:
    """Add a lead with these columns, unless another has its e-mail address."""
    return Write(insert(_LEADS).values({name: bindparam(f"new_{name}", type_=_LEADS.c[name].type) for name in names})
                 .on_conflict_do_nothing(index_elements=["company_id", "email"], index_where=text("email IS NOT NULL"))
                 .returning(_LEADS.c.id))
