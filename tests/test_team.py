"""Who has access to the company, in which role: a manager's to say, and never so that nobody can say it any more."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update

from lib import db, leavers, settings_log, staffing, team, undo, users
from lib.errors import Invalid, LeadDeskError, NotAllowed, NotFound, SettingChanged
from lib.models import Role, User
from lib.staffing import Taking
from tests.factories import make_lead, make_user, settings_events, user_row


def test_everybody_is_there_with_their_open_leads(session, cast, now):
    for status in ("new", "conversing", "converted", "lost"):
        make_lead(session, cast.alice, owner=cast.alice, status=status)

    people = {each.name: each for each in team.everybody(session, cast.mona)}

    assert list(people) == ["Alice Adams", "Bob Brown", "Lea Lang", "Mona Meyer", "Tess Turner"]
    assert {name: each.open_leads for name, each in people.items() if each.open_leads} == {"Alice Adams": 2}
    assert people["Mona Meyer"].role is Role.MANAGER and not people["Lea Lang"].is_active


# ---------------------------------------------------------------- invite


def test_whoever_is_invited_can_sign_in_and_the_log_says_who_invited_them(session, cast, now):
    user_id = team.invite(session, cast.mona, email=" Nina@Acme.Example ", name="Nina New", role="team_lead",
                          time_zone="Europe/Berlin", takes_leads=False, now=now)

    row = user_row(session, user_id)
    assert (row.email, row.name, row.role, row.time_zone, row.takes_leads, row.is_active, row.is_service) == (
        "nina@acme.example", "Nina New", "team_lead", "Europe/Berlin", False, True, False)
    assert row.company_id == cast.mona.company_id
    assert users.sign_in(session, user_id)[0].role is Role.TEAM_LEAD
    [event] = settings_events(session, cast.mona)
    assert (event.subject, event.subject_id, event.action, event.actor_id, event.source, event.at) == (
        "user", user_id, "invited", cast.mona.user_id, "ui", now)
    assert (event.before, event.after) == ({}, {"email": "nina@acme.example", "name": "Nina New", "role": "team_lead",
                                                "time_zone": "Europe/Berlin"})


@pytest.mark.parametrize("whose", ["alice", "olga"])
def test_an_address_that_anybody_has_is_refused_without_a_word_about_whom(session, cast, now, whose):
    email = user_row(session, getattr(cast, whose).user_id).email

    with pytest.raises(Invalid) as refused:
        team.invite(session, cast.mona, email=email.upper(), name="Nina New", now=now)

    assert refused.value.fields == {"email": "This address is already used in Lead Desk."}
    assert len(team.everybody(session, cast.mona)) == 5
    assert settings_events(session, cast.mona) == []


@pytest.mark.parametrize(("given", "field"), [
    ({"email": ""}, "email"), ({"email": "nina"}, "email"), ({"email": "x@erased.invalid"}, "email"),
    ({"name": "  "}, "name"), ({"name": "x" * 101}, "name"), ({"name": "a\0b"}, "name"), ({"role": "boss"}, "role"),
    ({"role": None}, "role"), ({"time_zone": "Mars/Olympus"}, "time_zone"), ({"time_zone": 3}, "time_zone")])
def test_what_cannot_be_kept_is_refused_by_name(session, cast, now, given, field):
    with pytest.raises(Invalid) as refused:
        team.invite(session, cast.mona, **{"email": "nina@acme.example", "name": "Nina", **given}, now=now)

    assert list(refused.value.fields) == [field]
    assert len(team.everybody(session, cast.mona)) == 5


def test_a_service_user_takes_no_leads_and_its_address_is_not_told(session, cast, now):
    user_id = team.add_service_user(session, cast.mona, name="N8N", now=now)

    row = user_row(session, user_id)
    assert (row.is_service, row.takes_leads, row.role) == (True, False, "team_lead")
    assert row.email.endswith("@service.invalid")
    [event] = settings_events(session, cast.mona)
    assert (event.action, event.after) == ("service_added", {"name": "N8N", "role": "team_lead"})


# ---------------------------------------------------------------- change


def test_a_new_role_counts_from_the_next_look_and_only_what_changed_is_told(session, cast, now):
    assert team.change(session, cast.mona, cast.bob.user_id, {"name": "Bob Brown", "role": "team_lead"}, now=now)

    assert users.sign_in(session, cast.bob.user_id)[0].role is Role.TEAM_LEAD
    [event] = settings_events(session, cast.mona)
    assert (event.action, event.before, event.after) == ("changed", {"role": "rep"}, {"role": "team_lead"})


def test_what_is_so_already_leaves_no_event(session, cast, now):
    assert not team.change(session, cast.mona, cast.bob.user_id, {"name": "Bob Brown", "role": "rep"}, now=now)

    assert settings_events(session, cast.mona) == []


def test_what_another_manager_changed_first_is_not_overwritten(session, cast, now):
    seen = {"name": "Bob Brown", "role": "rep"}
    other = make_user(session, cast.mona.company_id, "Max Muster", role=Role.MANAGER)
    team.change(session, other, cast.bob.user_id, {"role": "team_lead"}, now=now)

    with pytest.raises(SettingChanged, match="Role was changed by Max Muster") as refused:
        team.change(session, cast.mona, cast.bob.user_id, {"name": "Bobby", "role": "manager"}, seen=seen, now=now)

    assert list(refused.value.fields) == ["role"]
    assert (user_row(session, cast.bob.user_id).role, user_row(session, cast.bob.user_id).name) == (
        "team_lead", "Bob Brown")


def test_different_settings_of_a_person_never_conflict(session, cast, now):
    seen = {"name": "Bob Brown", "role": "rep"}
    team.change(session, cast.mona, cast.bob.user_id, {"role": "team_lead"}, now=now)

    assert team.change(session, cast.mona, cast.bob.user_id, {"name": "Bobby Brown", "role": "rep"}, seen=seen, now=now)

    # The role that was left as it was seen is not put back.
    assert (user_row(session, cast.bob.user_id).role, user_row(session, cast.bob.user_id).name) == (
        "team_lead", "Bobby Brown")


def test_an_address_cannot_be_moved_onto_somebody_elses(session, cast, now):
    with pytest.raises(Invalid, match="already used in Lead Desk"):
        team.change(session, cast.mona, cast.bob.user_id,
                    {"email": user_row(session, cast.olga.user_id).email}, now=now)

    assert team.change(session, cast.mona, cast.bob.user_id, {"email": "bob@acme.example"}, now=now)
    assert user_row(session, cast.bob.user_id).email == "bob@acme.example"


# ---------------------------------------------------------------- the last manager


def test_the_last_manager_stays_one(session, cast, now):
    make_user(session, cast.mona.company_id, "Gone Manager", role=Role.MANAGER, is_active=False)
    make_user(session, cast.mona.company_id, "N8N", role=Role.MANAGER, is_service=True)

    with pytest.raises(Invalid, match="needs a manager") as refused:
        team.change(session, cast.mona, cast.mona.user_id, {"role": "rep"}, now=now)

    assert list(refused.value.fields) == ["role"]
    assert user_row(session, cast.mona.user_id).role == "manager"


def test_one_of_two_managers_can_step_down(session, cast, now):
    make_user(session, cast.mona.company_id, "Max Muster", role=Role.MANAGER)

    assert team.change(session, cast.mona, cast.mona.user_id, {"role": "rep"}, now=now)


def test_the_last_manager_cannot_be_deactivated_by_somebody_who_no_longer_is_one(session, cast, now):
    # The plan was made by another manager, who has stepped down since.
    other = make_user(session, cast.mona.company_id, "Max Muster", role=Role.MANAGER)
    plan = leavers.hand_over(session, other, cast.mona.user_id, conversations_to=None, now=now)
    session.execute(update(User).where(User.id == other.user_id).values(role="rep"))

    with pytest.raises(Invalid, match="needs a manager"):
        leavers.leave(session, other, cast.mona.user_id, plan, now=now)

    assert user_row(session, cast.mona.user_id).is_active


def test_of_two_managers_who_step_down_at_once_one_stays(committed_cast, now):
    mona = committed_cast.mona
    with db.transaction() as session:
        other = make_user(session, mona.company_id, "Max Muster", role=Role.MANAGER)
    together, refused = threading.Barrier(2), []

    def step_down(actor):
        together.wait()
        try:
            with db.transaction() as session:
                team.change(session, actor, actor.user_id, {"role": "rep"}, now=now)
        except LeadDeskError as error:
            refused.append(error)

    threads = [threading.Thread(target=step_down, args=(actor,)) for actor in (mona, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert [type(error) for error in refused] == [Invalid]
    with db.transaction() as session:
        assert sorted(user_row(session, actor.user_id).role for actor in (mona, other)) == ["manager", "rep"]


# ---------------------------------------------------------------- who leaves and comes back, and who takes leads


def test_leaving_and_coming_back_are_in_the_log(session, cast, now):
    plan = leavers.hand_over(session, cast.mona, cast.bob.user_id, conversations_to=None, now=now)
    leavers.leave(session, cast.mona, cast.bob.user_id, plan, now=now)
    leavers.come_back(session, cast.mona, cast.bob.user_id, now=now)
    leavers.come_back(session, cast.mona, cast.bob.user_id, now=now)

    assert [(event.action, event.before, event.after) for event in settings_events(session, cast.mona)] == [
        ("deactivated", {"is_active": True}, {"is_active": False}),
        ("reactivated", {"is_active": False}, {"is_active": True})]
    assert user_row(session, cast.bob.user_id).is_active


def test_undoing_a_hand_over_logs_that_somebody_is_back(session, cast, now):
    make_lead(session, cast.bob, owner=cast.bob, status="new")
    plan = leavers.hand_over(session, cast.mona, cast.bob.user_id, conversations_to=None, now=now)
    outcome = leavers.leave(session, cast.mona, cast.bob.user_id, plan, now=now)

    undo.undo(session, cast.mona, outcome.batch_id, now=now)

    assert [event.action for event in settings_events(session, cast.mona)] == ["deactivated", "reactivated"]


def test_who_takes_leads_is_in_the_log_and_not_overwritten(session, cast, now):
    staffing.set_taking(session, cast.mona, cast.bob.user_id, Taking(False, now, now + timedelta(days=1), 5), now=now)

    [event] = settings_events(session, cast.mona)
    assert event.before == {"takes_leads": True, "away_from": None, "away_until": None, "most_open_leads": None}
    assert event.after == {"takes_leads": False, "away_from": now.isoformat(),
                           "away_until": (now + timedelta(days=1)).isoformat(), "most_open_leads": 5}
    with pytest.raises(SettingChanged, match="Most open leads was changed by Mona Meyer"):
        staffing.set_taking(session, cast.mona, cast.bob.user_id, Taking(most_open_leads=9), seen=Taking(), now=now)
    assert user_row(session, cast.bob.user_id).most_open_leads == 5


# ---------------------------------------------------------------- one's own


def test_everybody_has_a_time_zone_of_their_own(session, cast, now):
    assert team.set_own_time_zone(session, cast.alice, "Asia/Tokyo", now=now)
    assert team.own_time_zone(session, cast.alice) == "Asia/Tokyo"
    assert team.own_time_zone(session, cast.bob) is None

    team.set_own_time_zone(session, cast.alice, None, now=now)

    assert team.own_time_zone(session, cast.alice) is None
    assert [event.after for event in settings_events(session, cast.alice)] == [
        {"time_zone": "Asia/Tokyo"}, {"time_zone": None}]
    with pytest.raises(Invalid, match="is not a time zone"):
        team.set_own_time_zone(session, cast.alice, "Europe/Atlantis", now=now)


def test_signing_out_everywhere_ends_ones_own_sign_ins_only(session, cast, now):
    team.sign_out_everywhere(session, cast.alice, now=now)

    assert user_row(session, cast.alice.user_id).signed_out_at == now
    assert user_row(session, cast.bob.user_id).signed_out_at is None
    assert [(event.subject_id, event.action) for event in settings_events(session, cast.alice)] == [
        (cast.alice.user_id, "signed_out")]


# ---------------------------------------------------------------- who may


CALLS = {
    "everybody": lambda session, actor, cast, now: team.everybody(session, actor),
    "invite": lambda session, actor, cast, now: team.invite(session, actor, email="n@acme.example", name="N", now=now),
    "add_service_user": lambda session, actor, cast, now: team.add_service_user(session, actor, name="N8N", now=now),
    "change": lambda session, actor, cast, now: team.change(session, actor, cast.bob.user_id, {"name": "B"}, now=now),
    "page": lambda session, actor, cast, now: settings_log.page(session, actor),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("who", ["alice", "tess"])
def test_only_a_manager_looks_after_the_team(session, cast, now, call, who):
    with pytest.raises(NotAllowed, match="Only a manager can"):
        CALLS[call](session, getattr(cast, who), cast, now)

    assert settings_events(session, cast.mona) == []


def test_another_companys_people_are_not_there(session, cast, now):
    with pytest.raises(NotFound, match="no such colleague"):
        team.change(session, cast.olga, cast.bob.user_id, {"name": "Mine"}, now=now)

    assert user_row(session, cast.bob.user_id).name == "Bob Brown"


# ---------------------------------------------------------------- the log


def test_the_log_is_paged_newest_first_with_names(session, cast, now):
    for number in range(5):
        team.change(session, cast.mona, cast.bob.user_id, {"name": f"Bob {number}"}, now=now)

    first = settings_log.page(session, cast.mona, limit=3)
    rest = settings_log.page(session, cast.mona, limit=3, before_id=first[-1].id)

    assert [event.after["name"] for event in [*first, *rest]] == ["Bob 4", "Bob 3", "Bob 2", "Bob 1", "Bob 0"]
    assert {(event.actor, event.subject_name) for event in first} == {("Mona Meyer", "Bob 4")}
    assert settings_log.page(session, cast.olga) == []
    with pytest.raises(Invalid):
        settings_log.page(session, cast.mona, limit=0)


def test_an_event_cannot_be_rewritten(session, cast, now):
    team.change(session, cast.mona, cast.bob.user_id, {"name": "Bobby"}, now=now)

    with pytest.raises(Exception, match="added and never changed"), session.begin_nested():
        session.execute(update(settings_log.SettingsEvent).values(action="nothing"))
