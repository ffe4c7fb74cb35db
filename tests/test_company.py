"""The settings of a company: what a manager changes counts for everybody at once."""

import pytest

from lib import company, settings_log, users
from lib.company import CompanySettings
from lib.errors import Invalid, NotAllowed, SettingChanged
from lib.models import Role
from tests.factories import make_user, settings_events

ACME = CompanySettings("Acme Outbound", 7, "UTC", None)


def test_what_is_changed_counts_for_everybody_from_the_next_look(session, cast, now):
    assert company.settings(session, cast.mona) == ACME

    assert company.change(session, cast.mona, {"name": "Acme", "follow_up_days": 14, "auto_assign": "round_robin",
                                               "time_zone": "Europe/Berlin"}, seen=ACME, now=now)

    assert company.settings(session, cast.mona) == CompanySettings("Acme", 14, "Europe/Berlin", "round_robin")
    actor, _ = users.sign_in(session, cast.alice.user_id)
    assert (actor.company, actor.follow_up_days, actor.auto_assign) == ("Acme", 14, "round_robin")
    assert company.settings(session, cast.olga).name == "Initech Sales"


def test_the_log_has_just_what_differs(session, cast, now):
    company.change(session, cast.mona, {"name": "Acme Outbound", "follow_up_days": 14}, now=now)
    company.change(session, cast.mona, {"follow_up_days": 14}, now=now)

    [event] = settings_events(session, cast.mona)
    assert (event.subject, event.subject_id, event.before, event.after, event.actor_id) == (
        "company", cast.mona.company_id, {"follow_up_days": 7}, {"follow_up_days": 14}, cast.mona.user_id)


@pytest.mark.parametrize(("field", "value"), [
    ("name", ""), ("name", "x" * 201), ("follow_up_days", 0), ("follow_up_days", 366), ("follow_up_days", True),
    ("follow_up_days", "7"), ("time_zone", "Berlin"), ("time_zone", None), ("auto_assign", "by size")])
def test_what_cannot_be_is_refused_by_name_and_changes_nothing(session, cast, now, field, value):
    with pytest.raises(Invalid) as refused:
        company.change(session, cast.mona, {"name": "Other", "follow_up_days": 9, field: value}, now=now)

    assert list(refused.value.fields) == [field]
    assert company.settings(session, cast.mona) == ACME
    assert settings_events(session, cast.mona) == []


@pytest.mark.parametrize("days", [1, 365])
def test_the_days_go_from_one_to_a_year(session, cast, now, days):
    company.change(session, cast.mona, {"follow_up_days": days}, now=now)

    assert company.settings(session, cast.mona).follow_up_days == days


def test_two_managers_do_not_overwrite_each_other(session, cast, now):
    other = make_user(session, cast.mona.company_id, "Max Muster", role=Role.MANAGER)
    company.change(session, other, {"follow_up_days": 3}, seen=ACME, now=now)

    with pytest.raises(SettingChanged, match="follow-up is due was changed by Max Muster"):
        company.change(session, cast.mona, {"name": "Acme", "follow_up_days": 9}, seen=ACME, now=now)
    assert company.settings(session, cast.mona) == CompanySettings("Acme Outbound", 3, "UTC", None)

    assert company.change(session, cast.mona, {"name": "Acme", "follow_up_days": 7}, seen=ACME, now=now)
    assert company.settings(session, cast.mona) == CompanySettings("Acme", 3, "UTC", None)


@pytest.mark.parametrize("who", ["alice", "tess"])
def test_only_a_manager_sees_and_changes_them(session, cast, now, who):
    for call in (lambda actor: company.settings(session, actor),
                 lambda actor: company.change(session, actor, {"name": "Mine"}, now=now)):
        with pytest.raises(NotAllowed, match="Only a manager can"):
            call(getattr(cast, who))

    assert company.settings(session, cast.mona) == ACME


def test_a_new_company_is_in_its_own_log_only(session, cast, now):
    company_id = company.create(session, "New Ventures", time_zone="Asia/Tokyo", now=now)
    manager = make_user(session, company_id, "Nora", role=Role.MANAGER)

    assert company.settings(session, manager) == CompanySettings("New Ventures", 7, "Asia/Tokyo", None)
    [event] = settings_log.page(session, manager)
    assert (event.action, event.actor, event.source) == ("created", None, "system")
    with pytest.raises(Invalid, match="There is a company “New Ventures” already."):
        company.create(session, "New Ventures", now=now)
