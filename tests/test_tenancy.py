"""Whoever belongs to another company finds nothing: every function that takes an actor, driven as Olga."""

import ast
import inspect
import io
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from lib import (addresses, arrivals, assignment, attribution, bulk, columns, company, contact_changes, contact_summary,
                 contacts, deliveries, exports, firms, funnel, hand_outs, history, imports, leads, leavers, lists,
                 neighbours, new_leads, once, pasted, persons, replies, settings_log, spreadsheets, staffing, tags,
                 team, tokens, undo, users, workload, writes)
from lib.config import ROOT
from lib.errors import LeadDeskError
from lib.filters import LeadFilter
from lib.history import Change, Outcome
from lib.leads import ANYTHING, Edit
from lib.lost import Because
from lib.models import (ApiToken, Company, ContactAttempt, IdempotencyKey, Lead, LeadCompany, LeadEvent, Role,
                        SettingsEvent, User)
from lib.scope import Scope
from tests.factories import attempts, events, forgotten, make_firm, make_lead, row

MODULES = (users, leads, lists, bulk, contacts, contact_changes, contact_summary, pasted, neighbours, new_leads, history,
           undo, once, attribution, replies, funnel, workload, imports, exports, firms, writes,
           assignment, hand_outs, leavers, staffing, arrivals, deliveries, settings_log, team, company, tokens, tags,
           persons, addresses)


@dataclass(frozen=True)
class Theirs:
    """What Olga has heard of: a lead of Acme's, a colleague's id there, batches, an address, a firm, a form's key."""

    lead: uuid.UUID
    user: uuid.UUID
    batch: uuid.UUID
    contact_batch: uuid.UUID
    email: str
    firm: str
    key: str
    contact: uuid.UUID
    edit_batch: uuid.UUID
    token: uuid.UUID


def nothing_there() -> Theirs:
    return Theirs(*(uuid.uuid4() for _ in range(4)), "nobody@example.com", "No Such Firm", "no-key",
                  uuid.uuid4(), uuid.uuid4(), uuid.uuid4())


@pytest.fixture
def theirs(session, cast, now):
    firm = make_firm(session, cast.alice, "Analytical Engines")
    lead_id = make_lead(session, cast.alice, owner=cast.alice, score=1, status="enriched", email="ada@acme.example",
                        source="fair", tags=["vip"], lead_company_id=firm, assigned_at=now)
    # And one for the statistics to count: converted, answered, and with a source to be worked out.
    won = make_lead(session, cast.alice, owner=cast.alice, status="converted", converted_at=now)
    for direction in ("outbound", "inbound"):
        contacts.log_contact(session, cast.alice, [won], method="email", direction=direction, now=now)
    make_lead(session, cast.alice, source="fair")
    make_lead(session, cast.alice, status="lost", lost_reason="other", lost_at=now)
    make_lead(session, cast.bob, last_name="Babbage", lead_company_id=firm)
    key = once.new_key()
    batch = leads.edit(session, cast.alice, [Edit(lead_id, "score", 1, 2)], now=now).batch_id
    contact_batch = contacts.log_contact(session, cast.alice, [lead_id], method="call", key=key, now=now).batch_id
    contact = attempts(session, lead_id)[0].id
    edit_batch = contact_changes.edit_contact(session, cast.alice, contact, {}, {"notes": "Hi"}, now=now).batch_id
    token, _ = tokens.create(session, cast.alice, user_id=cast.alice.user_id, name="N8N", now=now)
    return Theirs(lead_id, cast.alice.user_id, batch, contact_batch, "ada@acme.example", "Analytical Engines", key,
                  contact, edit_batch, token)


def events_of(session, batch_id):
    """As the table holds them: finding them is refused elsewhere, locking their leads where they are worked on."""
    return session.execute(select(*LeadEvent.__table__.columns).where(LeadEvent.batch_id == batch_id)).all()


def take_back(session, actor, it, now):
    refused = []
    return contact_changes.take_back(session, actor, events_of(session, it.contact_batch), uuid.uuid4(),
                                     it.contact_batch, leads.lock(session, actor, [it.lead], []), refused,
                                     now=now), refused


def put_back(session, actor, it, now):
    return contact_changes.put_back(session, actor, events_of(session, it.contact_batch), uuid.uuid4(),
                                    it.contact_batch, leads.lock(session, actor, [it.lead], []), now=now)


def edit_back(session, actor, it, now):
    refused = []
    return contact_changes.edit_back(session, actor, events_of(session, it.edit_batch), uuid.uuid4(), it.edit_batch,
                                     leads.lock(session, actor, [it.lead], []), refused, now=now), refused


def lock(session, actor, it, now):
    refused = []
    return leads.lock(session, actor, [it.lead], refused), refused


def create(session, actor, it, now):
    """The address and the firm of somebody else's lead are as free as any: a lead and a firm of one's own."""
    lead_id = new_leads.create(session, actor, {"last_name": "Byron", "email": it.email, "company": it.firm}, now=now)
    made = leads.find(session, actor, lead_id)
    firm = session.get_one(LeadCompany, made.lead_company_id)
    return made.status, made.email == it.email, made.company == it.firm, firm.company_id == actor.company_id


def received(session, actor, it, now):
    """The address of somebody else's lead is free: a lead of one's own, under every rule."""
    return [arrivals.receive(session, actor, [{"last_name": "Byron", "email": it.email}], on_duplicate=rule,
                             now=now)[0].fate for rule in arrivals.OnDuplicate]


def leaving(session, actor, it, now):
    empty = assignment.Plan(assignment.Strategy.ROUND_ROBIN, {}, {}, (), ())
    return leavers.leave(session, replace(actor, role=Role.MANAGER), it.user, empty, now=now)


def as_manager(call):
    """By a manager, whoever asks: what is in question is whose people, tokens and tags it finds."""
    return lambda session, actor, it, now: call(session, replace(actor, role=Role.MANAGER), it, now)


def recompute(session, actor, it, now):
    """By a manager, whoever asks: what is in question is whose leads it finds."""
    return attribution.recompute(session, replace(actor, role=Role.MANAGER), now=now)


def page(session, actor, it, now):
    return [lists.page(session, actor, wanted) for wanted in (
        LeadFilter(), LeadFilter(assigned_to=it.user), LeadFilter(search=it.email), LeadFilter(search=it.firm),
        LeadFilter(awaits_answer=True))]


def imported(session, actor, it, now, *, work):
    """An import finds neither the other company's lead nor its firm: it makes one's own."""
    table = spreadsheets.read(io.BytesIO(f"Last name,E-mail,Company\nByron,{it.email},{it.firm}\n".encode()), "x.csv")
    plan = imports.Plan(columns=columns.guess(table.header), duplicates=imports.Duplicates.OVERWRITE)
    given = work(session, actor, table, plan)
    return (given[1] if isinstance(given, tuple) else given).counts.most_common()


def exported(session, actor, it, now):
    return [exports.write(session, actor, "csv", **which).count
            for which in ({}, {"only": [it.lead]}, {"wanted": LeadFilter(assigned_to=it.user)})]


def made(session, actor, it, now):
    """A firm of the same name is one's own."""
    found = firms.made(session, actor, [it.firm])
    return [session.get_one(LeadCompany, firm).company_id == actor.company_id and
            len(session.scalars(select(LeadCompany.id).where(LeadCompany.company_id == actor.company_id)).all())
            for firm in found.values()]


DRIVEN: dict[str, Callable[[Session, Any, Theirs, datetime], Any]] = {
    "users.find": lambda session, actor, it, now: users.find(session, actor, it.user),
    "users.check_can_own": lambda session, actor, it, now: users.check_can_own(session, actor, it.user),
    "users.checking_can_own": lambda session, actor, it, now: users.checking_can_own(session, actor, it.user)(),
    "lists.numbers": lambda session, actor, it, now: lists.numbers(session, actor, now=now.replace(year=2030)),
    "lists.page": page,
    "lists.rows": lambda session, actor, it, now: lists.rows(session, actor, [it.lead]),
    "leads.find": lambda session, actor, it, now: leads.find(session, actor, it.lead),
    "lists.matching": lambda session, actor, it, now: lists.matching(session, actor, LeadFilter(search=it.email)),
    "lists.vocabulary": lambda session, actor, it, now: lists.vocabulary(session, actor),
    "addresses.duplicates": lambda session, actor, it, now: addresses.duplicates(session, actor, email=it.email),
    "addresses.sought": lambda session, actor, it, now: addresses.sought(session, actor, it.email, None)(),
    "new_leads.create": create,
    "new_leads.create_once": lambda session, actor, it, now: new_leads.create_once(
        session, actor, it.key, {"last_name": "Byron"}, owner=it.user, now=now),
    "leads.edit": lambda session, actor, it, now: leads.edit(
        session, actor, [Edit(it.lead, "score", ANYTHING, 9), Edit(it.lead, "email", ANYTHING, "x@y.example"),
                         Edit(it.lead, "company", ANYTHING, "Another Firm")], now=now),
    "leads.assign": lambda session, actor, it, now: leads.assign(
        session, actor, [it.lead], to=actor.user_id, now=now),
    "leads.assign_each": lambda session, actor, it, now: leads.assign_each(
        session, actor, {it.lead: actor.user_id}, now=now),
    "assignment.turns": lambda session, actor, it, now: assignment.turns(session, actor, among=[it.user], now=now),
    "assignment.auto_assign": lambda session, actor, it, now: assignment.auto_assign(session, actor, it.lead, now=now),
    "deliveries.enrich": lambda session, actor, it, now: deliveries.enrich(
        session, replace(actor, auto_assign="round_robin"), it.lead, {"size": 1}, now=now),
    "assignment.carry_out": lambda session, actor, it, now: assignment.carry_out(
        session, actor, assignment.Plan(assignment.Strategy.ROUND_ROBIN, {it.lead: actor.user_id}, {}, (), ()), now=now),
    "hand_outs.from_pool": lambda session, actor, it, now: hand_outs.from_pool(
        session, replace(actor, role=Role.MANAGER), to=[it.user], now=now),
    "hand_outs.from_owner": lambda session, actor, it, now: hand_outs.from_owner(
        session, replace(actor, role=Role.MANAGER), it.user, to=[actor.user_id], now=now),
    "hand_outs.evened_out": lambda session, actor, it, now: hand_outs.evened_out(
        session, replace(actor, role=Role.MANAGER), now=now),
    "leavers.hand_over": lambda session, actor, it, now: leavers.hand_over(
        session, replace(actor, role=Role.MANAGER, user_id=uuid.uuid4()), it.user, conversations_to=None, now=now),
    "leavers.leave": leaving,
    "leavers.come_back": lambda session, actor, it, now: leavers.come_back(
        session, replace(actor, role=Role.MANAGER), it.user),
    "staffing.taking": lambda session, actor, it, now: it.user in staffing.taking(session, actor),
    "staffing.set_taking": lambda session, actor, it, now: staffing.set_taking(
        session, replace(actor, role=Role.MANAGER), it.user, staffing.Taking(False)),
    "users.sign_out_everywhere": lambda session, actor, it, now: users.sign_out_everywhere(session, actor, now=now),
    "staffing.set_auto_assign": lambda session, actor, it, now: staffing.set_auto_assign(
        session, replace(actor, role=Role.MANAGER), "round_robin"),
    "settings_log.page": as_manager(lambda session, actor, it, now: [
        event.subject_id == it.token for event in settings_log.page(session, actor)]),
    "settings_log.change": lambda session, actor, it, now: settings_log.change(
        session, actor, "user", it.user, {"name": "Mine"}, now=now),
    "team.everybody": as_manager(lambda session, actor, it, now: it.user in [
        each.id for each in team.everybody(session, actor)]),
    "team.change": as_manager(lambda session, actor, it, now: team.change(
        session, actor, it.user, {"name": "Mine"}, now=now)),
    "team.invite": as_manager(lambda session, actor, it, now: len(str(team.invite(
        session, actor, email="new@example.com", name="New", now=now)))),
    "team.add_service_user": as_manager(lambda session, actor, it, now: len(str(team.add_service_user(
        session, actor, name="N8N", now=now)))),
    "team.own_time_zone": lambda session, actor, it, now: team.own_time_zone(
        session, replace(actor, user_id=it.user)),
    "team.set_own_time_zone": lambda session, actor, it, now: team.set_own_time_zone(
        session, replace(actor, user_id=it.user), "Asia/Tokyo", now=now),
    "team.sign_out_everywhere": lambda session, actor, it, now: team.sign_out_everywhere(session, actor, now=now),
    "team.is_erased": lambda session, actor, it, now: team.is_erased(session, actor, it.user),
    "team.check_manager_remains": lambda session, actor, it, now: team.check_manager_remains(session, actor, it.user),
    "company.settings": as_manager(lambda session, actor, it, now: company.settings(session, actor)),
    "company.change": as_manager(lambda session, actor, it, now: company.change(
        session, actor, {"follow_up_days": 9}, now=now)),
    "tokens.create": lambda session, actor, it, now: len(tokens.create(
        session, replace(actor, user_id=None), user_id=it.user, name="Mine", now=now)),
    "tokens.revoke_all": as_manager(lambda session, actor, it, now: tokens.revoke_all(session, actor, it.user, now=now)),
    "tokens.revoke": as_manager(lambda session, actor, it, now: tokens.revoke(session, actor, it.token, now=now)),
    "tokens.of_company": as_manager(lambda session, actor, it, now: it.token in [
        each.id for each in tokens.of_company(session, actor)]),
    "tags.counts": as_manager(lambda session, actor, it, now: tags.counts(session, actor)),
    "tags.rename": as_manager(lambda session, actor, it, now: tags.rename(session, actor, "vip", "mine", now=now)),
    "tags.remove": as_manager(lambda session, actor, it, now: tags.remove(session, actor, "vip", now=now)),
    "bulk.change_each": lambda session, actor, it, now: bulk.change_each(
        session, actor, [it.lead], "edited", lambda lead: {"score": 7}, uuid.uuid4, now=now),
    "deliveries.deliver": lambda session, actor, it, now: deliveries.deliver(
        session, actor, it.lead, {"score": 9, "enrichment_data": {"size": 1}}, now=now),
    "arrivals.receive": received,
    "addresses.known_by_address": lambda session, actor, it, now: addresses.known_by_address(
        session, actor, [{"email": it.email}], locks=True),
    "leads.refusing_known": lambda session, actor, it, now: leads.refusing_known(session, actor, {"email": it.email})(),
    "leads.refuse_known": lambda session, actor, it, now: leads.refuse_known(session, actor, {"email": it.email}),
    "users.directory": lambda session, actor, it, now: [each.name for each in users.directory(session, actor)],
    "leads.lock": lock,
    "bulk.set_status": lambda session, actor, it, now: bulk.set_status(session, actor, [it.lead], "lost", now=now),
    "bulk.explain": lambda session, actor, it, now: bulk.explain(
        session, actor, [it.lead], Because("no_need"), joins=it.batch, now=now),
    "bulk.tag": lambda session, actor, it, now: bulk.tag(session, actor, [it.lead], add=["theirs"], now=now),
    "contacts.log_contact": lambda session, actor, it, now: contacts.log_contact(
        session, actor, [it.lead], method="email", key=it.key, now=now),
    "contacts.recent": lambda session, actor, it, now: contacts.recent(session, actor),
    "contacts.find": lambda session, actor, it, now: contacts.find(session, actor, it.contact),
    "contacts.check_maker": lambda session, actor, it, now: contacts.check_maker(session, actor, it.user),
    "contact_changes.edit_contact": lambda session, actor, it, now: contact_changes.edit_contact(
        session, actor, it.contact, {}, {"notes": "Mine"}, now=now),
    "contact_changes.remove_contact": lambda session, actor, it, now: contact_changes.remove_contact(
        session, actor, it.contact, now=now),
    "contact_changes.take_back": take_back,
    "contact_changes.put_back": put_back,
    "contact_changes.edit_back": edit_back,
    "pasted.resolve": lambda session, actor, it, now: pasted.resolve(session, actor, [it.email]).leads,
    "neighbours.recent_touches": lambda session, actor, it, now: neighbours.recent_touches(
        session, replace(actor, user_id=uuid.uuid4()), [it.lead], now=now),
    "history.timeline": lambda session, actor, it, now: history.timeline(session, actor, it.lead),
    "history.last_change": lambda session, actor, it, now: history.last_change(session, actor, it.lead, "score"),
    "neighbours.at_same_firm": lambda session, actor, it, now: neighbours.at_same_firm(session, actor, it.lead),
    "history.batch": lambda session, actor, it, now: history.batch(session, actor, it.batch, of=[it.lead]),
    "history.concerned": lambda session, actor, it, now: history.concerned(session, actor, it.batch),
    "imports.check": lambda *where: imported(*where, work=imports.check),
    "imports.run": lambda *where: imported(*where, work=imports.run),
    "exports.write": exported,
    "firms.hold": lambda session, actor, it, now: firms.hold(session, actor, [it.firm]),
    "firms.made": made,
    "undo.undo": lambda session, actor, it, now: undo.undo(session, actor, it.contact_batch, now=now),
    "attribution.shares": lambda session, actor, it, now: attribution.shares(session, actor),
    "attribution.recompute": recompute,
    "funnel.stages": lambda session, actor, it, now: funnel.stages(session, actor),
    "funnel.lost_reasons": lambda session, actor, it, now: funnel.lost_reasons(session, actor),
    "funnel.activity": lambda session, actor, it, now: funnel.activity(session, actor, "UTC", Scope(rep=it.user)),
    "workload.first_touches": lambda session, actor, it, now: workload.first_touches(session, actor, now=now),
    "workload.by_rep": lambda session, actor, it, now: workload.by_rep(session, actor, now=now),
    "workload.unassigned": lambda session, actor, it, now: workload.unassigned(session, actor),
    "workload.pool": lambda session, actor, it, now: workload.pool(session, actor, now=now),
    "replies.by_channel": lambda session, actor, it, now: replies.by_channel(session, actor),
    "replies.by_attempt": lambda session, actor, it, now: replies.by_attempt(session, actor, Scope(rep=it.user)),
    "replies.time_to_reply": lambda session, actor, it, now: replies.time_to_reply(session, actor),
    "replies.conversion_by_channel": lambda session, actor, it, now: replies.conversion_by_channel(session, actor),
    "once.once": lambda session, actor, it, now: once.once(session, actor, it.key, {}, lambda: {"mine": True}),
    "once.was_used": lambda session, actor, it, now: once.was_used(session, actor, it.key),
}

# Take an actor, and are safe only in the hands of their callers.
INTERNAL = {
    "addresses.hold",            # locks named by the actor's company
    "assignment.note_turns",     # writes who is next in the actor's company
    "assignment.take_turns",     # a lock named by the actor's company
    "settings_log.record",       # adds the events of settings that its callers have changed
    "tags.note_undone",          # and of tags that were put back
    "history.record",            # adds the events of leads that its callers have locked
    "contacts.insert_contacts",  # and their contacts
}


def answer(call, session, actor, it, now):
    """What a call gave, ids aside: those that were asked about, and those that it made up, differ anyway."""
    with forgotten(session):
        try:
            given = call(session, actor, it, now)
        except LeadDeskError as error:
            given = error
        return _told(given)


def _told(given):
    match given:
        case LeadDeskError():
            return type(given), str(given), given.fields
        case Outcome():
            return given.done, given.unchanged, [(each.name, _told(each.error)) for each in given.refused]
        case history.Refusal():
            return given.name, _told(given.error)
        case list() | tuple():
            return [_told(each) for each in given]
        case _:
            return given


def everything_of(session, cast):
    """Every row of Acme's, in every table that a company has rows in."""
    return [session.execute(select(*table.columns).where(table.c.company_id == cast.alice.company_id)
                            .order_by(*table.primary_key)).all()
            for table in (each.__table__ for each in (User, LeadCompany, Lead, ContactAttempt, LeadEvent,
                                                      IdempotencyKey, ApiToken, SettingsEvent))]


@pytest.mark.parametrize("name", DRIVEN)
def test_another_companys_is_answered_like_what_does_not_exist(session, cast, now, theirs, name):
    expected = answer(DRIVEN[name], session, cast.olga, nothing_there(), now)

    assert answer(DRIVEN[name], session, cast.olga, theirs, now) == expected


@pytest.mark.parametrize("name", DRIVEN)
def test_another_companys_rows_stay_as_they_are(session, cast, now, theirs, name):
    before = everything_of(session, cast), row(session, theirs.lead), events(session, theirs.lead)

    with forgotten(session):
        try:
            DRIVEN[name](session, cast.olga, theirs, now)
        except LeadDeskError:
            pass
        assert (everything_of(session, cast), row(session, theirs.lead), events(session, theirs.lead)) == before
        assert len(attempts(session, theirs.lead)) == 1


@pytest.mark.parametrize("name", [
    name for name in DRIVEN if name not in ("new_leads.create", "contact_changes.put_back", "once.once", "firms.made",
                                            "staffing.set_auto_assign", "users.sign_out_everywhere",
                                            "team.sign_out_everywhere", "team.invite", "team.add_service_user",
                                            "team.own_time_zone", "team.is_erased", "team.check_manager_remains",
                                            "company.change")])
def test_the_same_call_by_a_colleague_finds_it(session, cast, now, theirs, name):
    # Or the table would prove nothing: each call has to have something that it could have found.
    assert (answer(DRIVEN[name], session, cast.alice, theirs, now)
            != answer(DRIVEN[name], session, cast.olga, theirs, now))


@pytest.mark.parametrize("mine", [True, False])
def test_a_lead_is_never_given_to_somebody_of_another_company(session, cast, now, theirs, mine):
    lead_id = make_lead(session, cast.olga)
    to = theirs.user if mine else uuid.uuid4()

    refusal = answer(lambda *_: leads.assign(session, cast.olga, [lead_id], to=to, now=now), session, cast.olga,
                     theirs, now)

    assert refusal[1] == "There is no such colleague."
    assert row(session, lead_id).assigned_to_user_id is None
    assert events(session, lead_id) == []


def test_every_function_that_takes_an_actor_is_in_the_table():
    public = {f"{module.__name__.removeprefix('lib.')}.{name}" for module in MODULES
              for name, function in inspect.getmembers(module, inspect.isfunction)
              if function.__module__ == module.__name__ and not name.startswith("_")
              and list(inspect.signature(function).parameters)[:2] == ["session", "actor"]}

    assert public == set(DRIVEN) | INTERNAL
    # What takes a session alone sees all companies: it has to be told on purpose that this is right.
    assert {f"{module.__name__.removeprefix('lib.')}.{name}" for module in MODULES
            for name, function in inspect.getmembers(module, inspect.isfunction)
            if function.__module__ == module.__name__ and not name.startswith("_")
            and list(inspect.signature(function).parameters)[:1] == ["session"]} - public == {
        "users.sign_in",          # makes the actor
        "users.sign_in_by_address",
        "users.demo_identities",  # the demo lets a visitor become anybody
        "leads.write",            # writes what its callers have locked
        "contacts.write_summaries",
        "contact_summary.pasts",  # reads of what its callers have locked
        "once.forget_old",        # housekeeping
        "tokens.sign_in",         # makes the actor
        "company.create",         # makes the company
        "persons.find",           # for who works at the server's command line, who has all companies
        "persons.collected",
        "persons.erase",
        "writes.add",               # adds what its callers have scoped
        "writes.change_each",       # writes what its callers have locked
        "writes.plan_anew",         # concerns no rows
    }


def test_no_other_module_has_functions_that_take_an_actor():
    known = {Path(module.__file__) for module in MODULES}
    elsewhere = [f"{path.name}: {function.name}" for path in sorted((ROOT / "lib").glob("*.py")) if path not in known
                 for function in ast.parse(path.read_text("utf-8")).body if isinstance(function, ast.FunctionDef)
                 and not function.name.startswith("_")
                 and [argument.arg for argument in function.args.args][:2] == ["session", "actor"]]

    # A new module of the data access has to join MODULES, and its functions the table.
    assert elsewhere == []


def test_an_event_of_another_company_shows_in_nobodys_timeline(session, cast, now, theirs):
    before = history.timeline(session, cast.alice, theirs.lead)

    history.record(session, cast.olga, uuid.uuid4(), "edited", [Change(theirs.lead, {"score": 2}, {"score": 9})],
                   now=now)

    assert history.timeline(session, cast.alice, theirs.lead) == before
    assert history.last_change(session, cast.alice, theirs.lead, "score").value == 2


def test_everybody_signs_in_to_their_own_company(session, cast):
    actor, members = users.sign_in(session, cast.olga.user_id)

    assert (actor.company_id, actor.company) == (cast.olga.company_id, "Initech Sales")
    assert [member.id for member in members] == [cast.olga.user_id]
    assert session.get_one(Company, actor.company_id).name == actor.company
