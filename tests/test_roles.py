"""Who may do what: the table of the design, cell by cell."""

import io
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from lib import (arrivals, assignment, attribution, bulk, columns, company, contact_changes, contacts, deliveries,
                 hand_outs, imports, leads, leavers, settings_log, spreadsheets, staffing, tags, team, tokens, undo)
from lib.arrivals import OnDuplicate
from lib.auth import Actor
from lib.errors import NotAllowed, NotFound
from lib.history import Outcome
from lib.leads import ANYTHING, Edit
from lib.lost import Because
from lib.models import Company, User
from tests import test_tenancy
from tests.factories import attempts, events, make_lead, make_user, row

ADA = {"last_name": "Byron", "email": "ada@example.com"}


def arrive(session, cast, actor, lead_id, now):
    arrival, = arrivals.receive(session, actor, [ADA], on_duplicate=OnDuplicate.UPDATE, now=now)
    if arrival.error:
        raise arrival.error
    return Outcome(None, [arrival.lead_id], [])


def import_again(session, cast, actor, lead_id, now):
    table = spreadsheets.read(io.BytesIO(b"Last name,E-mail\nByron,ada@example.com\n"), "x.csv")
    plan = imports.Plan(columns=columns.guess(table.header), duplicates=imports.Duplicates.OVERWRITE)
    _, report = imports.run(session, actor, table, plan, now=now)
    for _, _, reason in report.refused:
        raise NotAllowed(reason)
    return Outcome(None, [lead_id], [])


def give(session, cast, actor, lead_id, now):
    owners = {lead_id: another(cast, session, lead_id, actor).user_id}
    return assignment.carry_out(session, actor, assignment.Plan(
        assignment.Strategy.ROUND_ROBIN, owners, {}, (), ()), now=now)


# By the function of the data access that does it; where several rows are of one function, after a colon, what it does.
ACTS: dict[str, Callable[..., Any]] = {
    "leads.edit": lambda session, cast, actor, lead_id, now: leads.edit(
        session, actor, [Edit(lead_id, "score", ANYTHING, 9)], now=now),
    "leads.assign: to me": lambda session, cast, actor, lead_id, now: leads.assign(
        session, actor, [lead_id], to=actor.user_id, now=now),
    "leads.assign: to another": lambda session, cast, actor, lead_id, now: leads.assign(
        session, actor, [lead_id], to=another(cast, session, lead_id, actor).user_id, now=now),
    "leads.assign: to nobody": lambda session, cast, actor, lead_id, now: leads.assign(
        session, actor, [lead_id], to=None, now=now),
    "leads.assign_each": lambda session, cast, actor, lead_id, now: leads.assign_each(
        session, actor, {lead_id: another(cast, session, lead_id, actor).user_id}, now=now),
    "assignment.carry_out": give,
    "assignment.auto_assign": lambda session, cast, actor, lead_id, now: assignment.auto_assign(
        session, actor, lead_id, now=now),
    "contacts.log_contact": lambda session, cast, actor, lead_id, now: contacts.log_contact(
        session, actor, [lead_id], method="call", now=now),
    "contacts.log_contact: for another": lambda session, cast, actor, lead_id, now: contacts.log_contact(
        session, actor, [lead_id], method="call", made_by=cast.bob.user_id, now=now),
    "deliveries.enrich": lambda session, cast, actor, lead_id, now: deliveries.enrich(
        session, actor, lead_id, {"size": 9}, now=now),
    "deliveries.deliver": lambda session, cast, actor, lead_id, now: deliveries.deliver(
        session, actor, lead_id, {"score": 9}, now=now),
    "bulk.set_status": lambda session, cast, actor, lead_id, now: bulk.set_status(
        session, actor, [lead_id], "qualified", now=now),
    "bulk.tag": lambda session, cast, actor, lead_id, now: bulk.tag(session, actor, [lead_id], add=["vip"], now=now),
    "bulk.explain": lambda session, cast, actor, lead_id, now: bulk.explain(
        session, actor, [lead_id], Because("no_need"), now=now),
    "bulk.change_each": lambda session, cast, actor, lead_id, now: bulk.change_each(
        session, actor, [lead_id], "edited", lambda _lead: {"score": 9}, uuid.uuid4, now=now),
    "arrivals.receive": arrive,
    "imports.run": import_again,
}
WHO = {"rep": "alice", "team lead": "tess", "manager": "mona"}

YES, SAME = "yes", "nothing to do"
OWNER, HAND_OVER, TAKE, SELF = "change", "hand over", "take", "self"
SENTENCES = {
    OWNER: "It belongs to Bob Brown. Ask Bob Brown or a team lead to change it.",
    HAND_OVER: "It belongs to Bob Brown. Ask Bob Brown or a team lead to hand it over.",
    TAKE: "You can take an unassigned lead yourself; a team lead can give it to somebody else.",
    SELF: "Only a team lead can log a contact that somebody else made.",
}
EVERYBODYS = (YES,) * len(ACTS)
TABLE = {
    #                             edit   to me, another, nobody, each,     give it    in turn log   for another
    ("rep", "own"):              (YES,   SAME, YES, YES, YES,              YES,       SAME,   YES,   SELF),
    ("rep", "bob's"):            (OWNER, *(HAND_OVER,) * 4,                HAND_OVER, SAME,   OWNER, SELF),
    ("rep", "unassigned"):       (YES,   YES,  TAKE, SAME, TAKE,           TAKE,      YES,    YES,   SELF),
    ("team lead", "own"):        (YES,   SAME, YES, YES, YES,              YES,       SAME,   YES,   YES),
    ("team lead", "bob's"):      (YES,   YES,  YES, YES, YES,              YES,       SAME,   YES,   YES),
    ("team lead", "unassigned"): (YES,   YES,  YES, SAME, YES,             YES,       YES,    YES,   YES),
    ("manager", "own"):          (YES,   SAME, YES, YES, YES,              YES,       SAME,   YES,   YES),
    ("manager", "bob's"):        (YES,   YES,  YES, YES, YES,              YES,       SAME,   YES,   YES),
    ("manager", "unassigned"):   (YES,   YES,  YES, SAME, YES,             YES,       YES,    YES,   YES),
}
# And what is changed of it otherwise: enrich, deliver, set_status, tag, explain, change_each, receive, import.
TABLE = {key: cells + ((OWNER if key == ("rep", "bob's") else YES),) * 8 for key, cells in TABLE.items()}


def another(cast, session, lead_id, actor):
    """A colleague who is neither the actor nor the lead's owner."""
    taken = {actor.user_id, row(session, lead_id).assigned_to_user_id}
    return next(each for each in (cast.bob, cast.tess, cast.alice) if each.user_id not in taken)


@pytest.mark.parametrize(("role", "whose", "act", "expected"), [
    (role, whose, act, expected) for (role, whose), cells in TABLE.items()
    for act, expected in zip(ACTS, cells, strict=True)])
def test_the_table_of_the_design_holds(session, cast, now, role, whose, act, expected):
    actor = getattr(cast, WHO[role])
    owner = {"own": actor, "bob's": cast.bob, "unassigned": None}[whose]
    lead_id = make_lead(session, cast.alice, owner=owner, assigned_at=owner and now, email=ADA["email"],
                        status="lost" if act == "bulk.explain" else "new")
    before = row(session, lead_id)

    try:
        outcome = ACTS[act](session, cast, actor, lead_id, now).or_raise()
    except NotAllowed as refusal:
        assert str(refusal) == SENTENCES[expected]
    else:
        assert (list(outcome.done), list(outcome.unchanged)) == {
            YES: ([lead_id], list(outcome.unchanged)), SAME: ([], [lead_id])}[expected]

    if expected == YES:
        event, = events(session, lead_id)
        assert event.actor_id == actor.user_id
        assert row(session, lead_id) != before
    else:
        assert row(session, lead_id) == before
        assert events(session, lead_id) == attempts(session, lead_id) == []


@pytest.mark.parametrize("act", ["leads.edit", "contacts.log_contact", "deliveries.enrich",
                                 "leads.assign: to me"])
def test_a_rep_gets_at_a_lead_once_it_is_theirs(session, cast, now, act):
    lead_id = make_lead(session, cast.alice, owner=cast.bob)
    leads.assign(session, cast.bob, [lead_id], to=cast.alice.user_id, now=now).or_raise()

    ACTS[act](session, cast, cast.alice, lead_id, now).or_raise()

    with pytest.raises(NotAllowed, match="It belongs to Alice Adams"):
        leads.edit(session, cast.bob, [Edit(lead_id, "score", ANYTHING, 1)], now=now).or_raise()


@pytest.mark.parametrize("act", ["leads.edit", "contacts.log_contact", "leads.assign: to nobody"])
def test_a_lead_of_one_who_has_left_is_a_team_leads(session, cast, now, act):
    lead_id = make_lead(session, cast.alice, owner=cast.lea)
    before = row(session, lead_id)

    with pytest.raises(NotAllowed, match="It belongs to Lea Lang"):
        ACTS[act](session, cast, cast.alice, lead_id, now).or_raise()
    assert row(session, lead_id) == before

    ACTS[act](session, cast, cast.tess, lead_id, now).or_raise()
    assert row(session, lead_id) != before


@pytest.mark.parametrize("act", [act for act in ACTS if act not in ("arrivals.receive", "imports.run")])
@pytest.mark.parametrize("role", WHO)
def test_another_companys_lead_is_nobodys_to_change(session, cast, now, role, act):
    lead_id = make_lead(session, cast.olga, owner=cast.olga, status="lost" if act == "bulk.explain" else "new")
    before = row(session, lead_id)

    with pytest.raises((NotFound, NotAllowed)) as refusal:
        ACTS[act](session, cast, getattr(cast, WHO[role]), lead_id, now).or_raise()

    assert str(refusal.value) in (leads.NO_SUCH_LEAD, SENTENCES[SELF])
    assert row(session, lead_id) == before and events(session, lead_id) == attempts(session, lead_id) == []


# ---------------------------------------------------------------- what somebody made


def made(session, maker, lead_id, now):
    contacts.log_contact(session, maker, [lead_id], method="call", now=now)
    return attempts(session, lead_id)[0]


CORRECTIONS = {
    "contact_changes.edit_contact": lambda session, actor, contact, now: contact_changes.edit_contact(
        session, actor, contact.id, {}, {"notes": "Mine"}, now=now),
    "contact_changes.remove_contact": lambda session, actor, contact, now: contact_changes.remove_contact(
        session, actor, contact.id, now=now),
    "undo.undo": lambda session, actor, contact, now: undo.undo(session, actor, contact.batch_id, now=now),
}


@pytest.mark.parametrize("act", CORRECTIONS)
@pytest.mark.parametrize(("role", "maker", "may"), [
    ("rep", "own", True), ("rep", "bob's", False), ("team lead", "bob's", True), ("manager", "bob's", True)])
def test_everybody_corrects_what_they_did_and_a_team_lead_what_anybody_did(session, cast, now, role, maker, may, act):
    actor = getattr(cast, WHO[role])
    lead_id = make_lead(session, cast.alice)
    contact = made(session, actor if maker == "own" else cast.bob, lead_id, now)
    before = row(session, lead_id), attempts(session, lead_id), events(session, lead_id)

    if may:
        CORRECTIONS[act](session, actor, contact, now).or_raise()
    else:
        with pytest.raises(NotAllowed, match="Bob Brown|team lead"):
            CORRECTIONS[act](session, actor, contact, now).or_raise()

    assert ((row(session, lead_id), attempts(session, lead_id), events(session, lead_id)) != before) == may


# ---------------------------------------------------------------- the team's


EMPTY = assignment.Plan(assignment.Strategy.ROUND_ROBIN, {}, {}, (), ())
MANAGING = {
    "leavers.hand_over": lambda session, cast, actor, now: leavers.hand_over(
        session, actor, cast.bob.user_id, conversations_to=None, now=now),
    "leavers.leave": lambda session, cast, actor, now: leavers.leave(session, actor, cast.bob.user_id, EMPTY, now=now),
    "leavers.come_back": lambda session, cast, actor, now: leavers.come_back(session, actor, cast.lea.user_id),
    "staffing.set_taking": lambda session, cast, actor, now: staffing.set_taking(
        session, actor, cast.bob.user_id, staffing.Taking(False)),
    "staffing.set_auto_assign": lambda session, cast, actor, now: staffing.set_auto_assign(
        session, actor, "round_robin"),
    "attribution.recompute": lambda session, cast, actor, now: attribution.recompute(session, actor, now=now),
    "team.everybody": lambda session, cast, actor, now: team.everybody(session, actor),
    "team.invite": lambda session, cast, actor, now: team.invite(
        session, actor, email="new@example.com", name="New", now=now),
    "team.add_service_user": lambda session, cast, actor, now: team.add_service_user(
        session, actor, name="N8N", now=now),
    "team.change": lambda session, cast, actor, now: team.change(
        session, actor, cast.bob.user_id, {"name": "Robert"}, now=now),
    "company.settings": lambda session, cast, actor, now: company.settings(session, actor),
    "company.change": lambda session, cast, actor, now: company.change(session, actor, {"follow_up_days": 9}, now=now),
    "settings_log.page": lambda session, cast, actor, now: settings_log.page(session, actor),
    "tags.counts": lambda session, cast, actor, now: tags.counts(session, actor),
    "tags.rename": lambda session, cast, actor, now: tags.rename(session, actor, "vip", "big", now=now),
    "tags.remove": lambda session, cast, actor, now: tags.remove(session, actor, "vip", now=now),
    "tokens.create": lambda session, cast, actor, now: tokens.create(
        session, actor, user_id=session.scalar(select(User.id).where(User.is_service)), name="N8N", now=now),
    "tokens.revoke_all": lambda session, cast, actor, now: tokens.revoke_all(session, actor, cast.bob.user_id, now=now),
    "tokens.revoke": lambda session, cast, actor, now: tokens.revoke(
        session, actor, tokens.create(session, cast.bob, user_id=cast.bob.user_id, name="Bob's", now=now)[0], now=now),
}
LEADING = {
    "hand_outs.from_pool": lambda session, cast, actor, now: hand_outs.from_pool(session, actor, now=now),
    "hand_outs.from_owner": lambda session, cast, actor, now: hand_outs.from_owner(
        session, actor, cast.bob.user_id, now=now),
    "hand_outs.evened_out": lambda session, cast, actor, now: hand_outs.evened_out(session, actor, now=now),
}


@pytest.mark.parametrize(("act", "role", "may"), [
    (act, role, role == "manager" or act in LEADING and role == "team lead")
    for act in MANAGING | LEADING for role in WHO])
def test_the_team_is_a_managers_and_sharing_out_a_team_leads_too(session, cast, now, act, role, may):
    def staff() -> list[Any]:
        return [session.execute(select(*table.columns).order_by(table.c.id)).all()
                for table in (User.__table__, Company.__table__)]
    actor: Actor = getattr(cast, WHO[role])
    lead_id = make_lead(session, cast.alice, tags=["vip"])
    make_user(session, cast.alice.company_id, "N8N", is_service=True)
    before = staff(), row(session, lead_id)

    if may:
        (MANAGING | LEADING)[act](session, cast, actor, now)
    else:
        with pytest.raises(NotAllowed, match="^Only a "):
            (MANAGING | LEADING)[act](session, cast, actor, now)
        assert (staff(), row(session, lead_id)) == before


# ---------------------------------------------------------------- all of them


READS = {"lists", "pasted", "neighbours", "history", "exports", "funnel", "workload", "replies"}
# By its whole name where its module also has functions that change something.
READ = {"users.check_can_own", "users.checking_can_own", "users.directory", "users.find", "leads.find",
        "addresses.duplicates", "addresses.sought", "leads.refuse_known", "leads.refusing_known", "leads.lock",
        "assignment.turns", "contacts.recent", "contacts.find", "contacts.check_maker", "staffing.taking", "imports.check", "addresses.known_by_address", "attribution.shares",
        "once.was_used", "once.once", "tokens.of_company", "team.own_time_zone", "team.is_erased",
        "team.check_manager_remains"}
# Adding leads and firms is everybody's, and so is what is one's own; undoing goes through undo.undo, which asks whose it
# was, and the log of settings through what changes them.
ANYBODYS = {"team.set_own_time_zone", "team.sign_out_everywhere", "users.sign_out_everywhere",
            "settings_log.change", "new_leads.create", "new_leads.create_once", "firms.made", "firms.hold",
            "contact_changes.take_back", "contact_changes.put_back", "contact_changes.edit_back"}


def test_every_function_that_changes_something_is_in_a_table():
    tables = {act.partition(":")[0] for act in ACTS} | set(CORRECTIONS) | set(MANAGING) | set(LEADING)
    left = {name for name in test_tenancy.DRIVEN if name.partition(".")[0] not in READS}

    assert left == tables | READ | ANYBODYS
