"""Every write beside its floor: one CTE that locks, changes and adds the event."""

import hashlib
import uuid
from collections.abc import Iterator
from typing import Any

from psycopg.types.json import Jsonb

from benchmarks import floors, floors_writing
from benchmarks.desks import Setting
from benchmarks.load import NOW
from benchmarks.operations import Operation
from lib import arrivals, bulk, contacts, db, deliveries, leads, new_leads, undo
from lib.leads import ANYTHING, Edit

SAID = {"method": "call", "notes": "Talked about prices.", "now": NOW}


def operations(setting: Setting) -> Iterator[Operation]:
    yield edit(setting)
    for many in (1, 50):
        yield assign(setting, many)
    for many in (1, 50):
        yield log_contact(setting, many)
    yield log_contact_once(setting)
    yield undo_of_an_edit(setting)
    yield create(setting)
    yield enrich(setting)
    yield set_status(setting)
    yield tag(setting)
    yield receive(setting)


def edit(setting: Setting) -> Operation:
    rep = setting.rep
    return Operation(
        "edit a status", "leads.edit",
        lambda s, work: leads.edit(s, rep, [Edit(work["ids"][0], "status", work["seen"], work["to"])], now=NOW),
        setting.changing(floors.EDIT_STATUS, rep), setting.a_change)


def assign(setting: Setting, many: int) -> Operation:
    manager = setting.manager
    return Operation(f"assign {many}", "leads.assign",
                     lambda s, work: leads.assign(s, manager, work["ids"], to=work["to"], now=NOW),
                     setting.changing(floors.ASSIGN, manager), setting.some_to_assign(many))


def log_contact(setting: Setting, many: int) -> Operation:
    rep = setting.rep
    return Operation(f"log_contact {many}", "contacts.log_contact",
                     lambda s, work: contacts.log_contact(s, rep, work["ids"], **SAID),
                     setting.changing(floors.LOG_CONTACT, rep), setting.some_to_contact(many))


def log_contact_once(setting: Setting) -> Operation:
    rep = setting.rep
    return Operation("log_contact 1 with key", "contacts.log_contact",
                     lambda s, work: contacts.log_contact(s, rep, work["ids"], **SAID, key=uuid.uuid4().hex),
                     lambda c, work: setting.changing(floors.LOG_CONTACT_ONCE, rep, key=uuid.uuid4().hex,
                                                      hash=hashlib.sha256(b"request").digest())(c, work),
                     setting.some_to_contact())


def undo_of_an_edit(setting: Setting) -> Operation:
    rep = setting.rep

    def an_edit() -> uuid.UUID:
        work = setting.a_change()
        setting.held[work["ids"][0]] = work["seen"]
        with db.transaction() as session:
            return leads.edit(session, rep, [Edit(work["ids"][0], "status", ANYTHING, work["to"])], now=NOW).batch_id

    def floor(connection: Any, batch: uuid.UUID) -> None:
        connection.execute(floors.UNDO_STATUS, setting.values(rep, batch=batch, undo=uuid.uuid4()), prepare=True)

    return Operation("undo of an edit", "undo.undo", lambda s, batch: undo.undo(s, rep, batch, now=NOW), floor, an_edit)


def create(setting: Setting) -> Operation:
    rep = setting.rep
    firm = setting.one("SELECT name FROM lead_companies WHERE company_id = %s LIMIT 1", setting.company)
    person = {"first_name": "Ada", "last_name": "Lovelace", "source": "benchmark", "company": firm}
    return Operation(
        "create", "new_leads.create", lambda s, email: new_leads.create(s, rep, {**person, "email": email}, now=NOW),
        lambda c, email: c.execute(floors.CREATE, setting.values(rep, email=email, firm=firm), prepare=True),
        setting.address)


def enrich(setting: Setting) -> Operation:
    rep = setting.rep
    change = setting.changing(floors.ENRICH, rep)
    return Operation("enrich", "deliveries.enrich",
                     lambda s, work: deliveries.enrich(s, rep, work["ids"][0], work["found"], now=NOW),
                     lambda c, work: change(c, {**work, "found": Jsonb(work["found"])}), setting.a_new_one)


def set_status(setting: Setting) -> Operation:
    """Leads that have all sorts of statuses, to one that none of them has."""
    rep = setting.rep

    def some() -> dict[str, Any]:
        taken = [next(setting.to_change) for _ in range(min(50, len(setting.held)))]
        to = "new" if any(setting.held[lead] == "enriched" for lead in taken) else "enriched"
        kept = [lead for lead in taken if setting.held[lead] != to]
        setting.held.update(dict.fromkeys(kept, to))
        return {"ids": kept, "to": to}

    return Operation("set the status of 50", "bulk.set_status",
                     lambda s, work: bulk.set_status(s, rep, work["ids"], work["to"], now=NOW),
                     setting.changing(floors_writing.SET_STATUS, rep), some)


def tag(setting: Setting) -> Operation:
    manager = setting.manager

    def some() -> dict[str, Any]:
        return {"ids": list({next(setting.to_tag) for _ in range(50)}), "tag": f"benchmark-{next(setting.numbers) % 2}"}

    def floor(connection: Any, work: dict[str, Any]) -> None:
        connection.execute(floors_writing.TAG, setting.values(manager, **work), prepare=True)

    return Operation("tag 50", "bulk.tag", lambda s, work: bulk.tag(
        s, manager, work["ids"], add=[work["tag"]], remove=[_other(work["tag"])], now=NOW), floor, some)


def _other(tag: str) -> str:
    return f"benchmark-{1 - int(tag[-1])}"


def receive(setting: Setting) -> Operation:
    rep = setting.rep
    person = {"first_name": "Ada", "last_name": "Lovelace", "source": "benchmark"}
    return Operation(
        "receive 100 new leads", "arrivals.receive",
        lambda s, emails: arrivals.receive(s, rep, [{**person, "email": email} for email in emails], now=NOW),
        lambda c, emails: c.execute(floors_writing.RECEIVE, setting.values(rep, emails=emails), prepare=True),
        lambda: [setting.address() for _ in range(100)])
