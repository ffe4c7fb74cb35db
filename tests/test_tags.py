"""A tag renamed or removed wherever it stands, in one batch with one Undo."""

import pytest

from lib import history, tags, undo
from lib.errors import Invalid, NotAllowed
from lib.tags import Tag
from tests.factories import events, make_lead, row, settings_events


@pytest.fixture
def tagged(session, cast):
    """Leads by the tags they have; Olga's company has the same tag."""
    leads = {name: make_lead(session, cast.alice, tags=name.split())
             for name in ("vip", "fair vip late", "VIP vip", "late")}
    return leads | {"theirs": make_lead(session, cast.olga, tags=["vip"])}


def held(session, tagged):
    return {name: row(session, lead).tags for name, lead in tagged.items()}


def test_each_tag_is_there_with_how_many_leads_have_it(session, cast, tagged):
    make_lead(session, cast.alice, tags=[])
    make_lead(session, cast.alice, tags=None)

    assert tags.counts(session, cast.mona) == [Tag("vip", 3), Tag("late", 2), Tag("VIP", 1), Tag("fair", 1)]
    assert tags.counts(session, cast.olga) == [Tag("vip", 1)]


def test_renaming_keeps_the_place_and_merges_where_the_other_is_there_already(session, cast, tagged, now):
    outcome = tags.rename(session, cast.mona, "vip", "VIP", now=now)

    assert held(session, tagged) == {"vip": ["VIP"], "fair vip late": ["fair", "VIP", "late"], "VIP vip": ["VIP"],
                                     "late": ["late"], "theirs": ["vip"]}
    assert len(outcome.done) == 3
    assert [event.action for event in events(session, tagged["vip"])] == ["edited"]
    [event] = settings_events(session, cast.mona)
    assert (event.subject, event.subject_id, event.action, event.before, event.after) == (
        "tag", outcome.batch_id, "renamed", {"name": "vip"}, {"name": "VIP", "leads": 3})


def test_one_undo_takes_the_renaming_back_and_says_so(session, cast, tagged, now):
    before = held(session, tagged)
    outcome = tags.rename(session, cast.mona, "vip", "VIP", now=now)

    undo.undo(session, cast.mona, outcome.batch_id, now=now)

    assert held(session, tagged) == before
    undone = settings_events(session, cast.mona)[-1]
    assert (undone.action, undone.before, undone.after) == ("undone", {"name": "VIP"}, {"name": "vip", "leads": 3})


def test_a_removed_tag_is_gone_and_the_others_stay(session, cast, tagged, now):
    outcome = tags.remove(session, cast.mona, "vip", now=now)

    assert held(session, tagged) == {"vip": [], "fair vip late": ["fair", "late"], "VIP vip": ["VIP"],
                                     "late": ["late"], "theirs": ["vip"]}
    assert settings_events(session, cast.mona)[0].after == {"leads": 3}
    undo.undo(session, cast.mona, outcome.batch_id, now=now)
    assert row(session, tagged["fair vip late"]).tags == ["fair", "vip", "late"]


def test_progress_is_told_and_can_break_it_off(session, cast, tagged, now):
    told = []
    tags.rename(session, cast.mona, "vip", "best", progress=told.append, now=now)
    assert told == [3]

    class Stop(Exception):
        pass

    def stop(done):
        raise Stop

    with pytest.raises(Stop), session.begin_nested():
        tags.remove(session, cast.mona, "best", progress=stop, now=now)
    assert row(session, tagged["vip"]).tags == ["best"]


@pytest.mark.parametrize("to", ["", "  ", "vip", "x" * 51, "a\0b"])
def test_a_name_that_cannot_be_is_refused(session, cast, tagged, now, to):
    with pytest.raises(Invalid):
        tags.rename(session, cast.mona, "vip", to, now=now)

    assert row(session, tagged["vip"]).tags == ["vip"]


def test_a_tag_that_nobody_has_is_told(session, cast, tagged, now):
    for call in (lambda: tags.rename(session, cast.mona, "none", "some", now=now),
                 lambda: tags.remove(session, cast.mona, "none", now=now)):
        with pytest.raises(Invalid, match="No lead has the tag “none” any more."):
            call()
    assert settings_events(session, cast.mona) == []


def test_more_leads_than_one_action_may_change_are_left(session, cast, tagged, now, monkeypatch):
    monkeypatch.setattr(tags, "BULK_LIMIT", 2)

    with pytest.raises(Invalid, match="More than 2 leads have the tag"):
        tags.remove(session, cast.mona, "vip", now=now)

    assert row(session, tagged["vip"]).tags == ["vip"]


@pytest.mark.parametrize("who", ["alice", "tess"])
def test_only_a_manager_looks_after_tags(session, cast, tagged, now, who):
    actor = getattr(cast, who)
    for call in (lambda: tags.counts(session, actor), lambda: tags.rename(session, actor, "vip", "x", now=now),
                 lambda: tags.remove(session, actor, "vip", now=now)):
        with pytest.raises(NotAllowed, match="Only a manager"):
            call()


def test_the_leads_history_tells_the_tag(session, cast, tagged, now):
    outcome = tags.rename(session, cast.mona, "vip", "best", now=now)

    [event] = history.batch(session, cast.mona, outcome.batch_id, of=[tagged["vip"]])
    assert (event.before, event.after) == ({"tags": ["vip"]}, {"tags": ["best"]})
