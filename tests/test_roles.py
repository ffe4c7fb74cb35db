"""Who may do what: the table of the design, cell by cell."""

import pytest

from lib import contacts, deliveries, leads
from lib.errors import NotAllowed
from lib.leads import ANYTHING, Edit
from tests.factories import attempts, events, make_lead, row

ACTS = {
    "edit": lambda session, cast, actor, lead_id, now: leads.edit(
        session, actor, [Edit(lead_id, "score", ANYTHING, 9)], now=now),
    "assign to me": lambda session, cast, actor, lead_id, now: leads.assign(
        session, actor, [lead_id], to=actor.user_id, now=now),
    "assign to another": lambda session, cast, actor, lead_id, now: leads.assign(
        session, actor, [lead_id], to=another(cast, session, lead_id, actor).user_id, now=now),
    "unassign": lambda session, cast, actor, lead_id, now: leads.assign(session, actor, [lead_id], to=None, now=now),
    "log": lambda session, cast, actor, lead_id, now: contacts.log_contact(
        session, actor, [lead_id], method="call", now=now),
    "log for another": lambda session, cast, actor, lead_id, now: contacts.log_contact(
        session, actor, [lead_id], method="call", made_by=cast.bob.user_id, now=now),
    "enrich": lambda session, cast, actor, lead_id, now: deliveries.enrich(session, actor, lead_id, {"size": 9}, now=now),
}
COLUMNS = tuple(ACTS)
WHO = {"rep": "alice", "team lead": "tess", "manager": "mona"}

YES, SAME = "yes", "nothing to do"
OWNER, HAND_OVER, TAKE, SELF = "change", "hand over", "take", "self"
SENTENCES = {
    OWNER: "It belongs to Bob Brown. Ask Bob Brown or a team lead to change it.",
    HAND_OVER: "It belongs to Bob Brown. Ask Bob Brown or a team lead to hand it over.",
    TAKE: "You can take an unassigned lead yourself; a team lead can give it to somebody else.",
    SELF: "Only a team lead can log a contact that somebody else made.",
}
TABLE = {
    #                              edit   to me      to another  unassign   log    log for    enrich
    ("rep", "own"):               (YES,   SAME,      YES,        YES,       YES,   SELF,      YES),
    ("rep", "bob's"):             (OWNER, HAND_OVER, HAND_OVER,  HAND_OVER, OWNER, SELF,      OWNER),
    ("rep", "unassigned"):        (YES,   YES,       TAKE,       SAME,      YES,   SELF,      YES),
    ("team lead", "own"):         (YES,   SAME,      YES,        YES,       YES,   YES,       YES),
    ("team lead", "bob's"):       (YES,   YES,       YES,        YES,       YES,   YES,       YES),
    ("team lead", "unassigned"):  (YES,   YES,       YES,        SAME,      YES,   YES,       YES),
    ("manager", "own"):           (YES,   SAME,      YES,        YES,       YES,   YES,       YES),
    ("manager", "bob's"):         (YES,   YES,       YES,        YES,       YES,   YES,       YES),
    ("manager", "unassigned"):    (YES,   YES,       YES,        SAME,      YES,   YES,       YES),
}


def another(cast, session, lead_id, actor):
    """A colleague who is neither the actor nor the lead's owner."""
    taken = {actor.user_id, row(session, lead_id).assigned_to_user_id}
    return next(each for each in (cast.bob, cast.tess, cast.alice) if each.user_id not in taken)


@pytest.mark.parametrize(("role", "whose", "act", "expected"), [
    (role, whose, act, expected) for (role, whose), cells in TABLE.items()
    for act, expected in zip(COLUMNS, cells, strict=True)])
def test_the_table_of_the_design_holds(session, cast, now, role, whose, act, expected):
    actor = getattr(cast, WHO[role])
    owner = {"own": actor, "bob's": cast.bob, "unassigned": None}[whose]
    lead_id = make_lead(session, cast.alice, owner=owner, assigned_at=owner and now)
    before = row(session, lead_id)

    try:
        outcome = ACTS[act](session, cast, actor, lead_id, now).or_raise()
    except NotAllowed as refusal:
        assert str(refusal) == SENTENCES[expected]
    else:
        assert (outcome.done, outcome.unchanged) == {
            YES: ([lead_id], outcome.unchanged), SAME: ([], [lead_id])}[expected]

    if expected == YES:
        event, = events(session, lead_id)
        assert event.actor_id == actor.user_id
        assert row(session, lead_id) != before
    else:
        assert row(session, lead_id) == before
        assert events(session, lead_id) == attempts(session, lead_id) == []


@pytest.mark.parametrize("act", ["edit", "log", "enrich", "assign to me"])
def test_a_rep_gets_at_a_lead_once_it_is_theirs(session, cast, now, act):
    lead_id = make_lead(session, cast.alice, owner=cast.bob)
    leads.assign(session, cast.bob, [lead_id], to=cast.alice.user_id, now=now).or_raise()

    ACTS[act](session, cast, cast.alice, lead_id, now).or_raise()

    with pytest.raises(NotAllowed, match="It belongs to Alice Adams"):
        leads.edit(session, cast.bob, [Edit(lead_id, "score", ANYTHING, 1)], now=now).or_raise()


@pytest.mark.parametrize("act", ["edit", "log", "unassign"])
def test_a_lead_of_one_who_has_left_is_a_team_leads(session, cast, now, act):
    lead_id = make_lead(session, cast.alice, owner=cast.lea)
    before = row(session, lead_id)

    with pytest.raises(NotAllowed, match="It belongs to Lea Lang"):
        ACTS[act](session, cast, cast.alice, lead_id, now).or_raise()
    assert row(session, lead_id) == before

    ACTS[act](session, cast, cast.tess, lead_id, now).or_raise()
    assert row(session, lead_id) != before
