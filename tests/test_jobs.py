"""Work in the background: reported when it ends, shown when it takes long, and nothing kept when it is stopped."""

import threading
import uuid

import pytest
from sqlalchemy.orm import Session

from lib import bulk, db, leads
from lib.errors import Invalid
from lib.history import Outcome
from lib.ui import jobs
from lib.ui.desk import Desk
from tests.factories import make_lead, row


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def some(session, cast):
    return [make_lead(session, cast.alice, owner=cast.alice) for _ in range(3)]


def ended(desk):
    desk.job.thread.join(30)
    assert not desk.job.is_running
    return desk.outbox


def test_what_it_did_is_said_and_can_be_undone(session, cast, desk, some):
    jobs.start(desk, cast.alice.user_id, "Tag 3 leads", 3,
               lambda s, actor, progress: bulk.tag(s, actor, some, add=["x"], progress=progress),
               lambda outcome: f"{len(outcome.done)} tagged.")

    [notice] = ended(desk)
    assert (notice.text, notice.done, notice.batch_id is not None) == ("3 tagged.", True, True)
    assert desk.job.done == 3
    assert row(session, some[0]).tags == ["x"]


def test_who_acts_is_read_when_it_runs(session, cast, desk, some):
    jobs.start(desk, cast.lea.user_id, "Tag", 3, lambda s, actor, progress: Outcome(uuid.uuid4()), str)

    assert [each.text for each in ended(desk)] == ["You have no access to Lead Desk. Ask your manager to add you."]


def test_stopping_it_leaves_everything_as_it_was(session, cast, desk, some, monkeypatch):
    monkeypatch.setattr(jobs, "PATIENCE", 0)
    monkeypatch.setattr(leads, "CHUNK", 1)
    first_is_done, go_on = threading.Event(), threading.Event()

    def work(s, actor, progress):
        def told(done):
            first_is_done.set()
            assert go_on.wait(30)
            progress(done)
        return bulk.tag(s, actor, some, add=["x"], progress=told)

    jobs.start(desk, cast.alice.user_id, "Tag 3 leads", 3, work, lambda outcome: "never said")
    assert first_is_done.wait(30)
    desk.job.stop.set()
    go_on.set()

    [notice] = ended(desk)
    assert (notice.text, notice.done) == ("Stopped. Nothing was changed.", False)
    assert {tuple(row(session, each).tags) for each in some} == {()}


def test_the_end_of_the_process_waits_for_it(engine, committed_cast, desk, monkeypatch):
    monkeypatch.setattr(jobs, "PATIENCE", 0)
    working, go_on = threading.Event(), threading.Event()
    with Session(engine) as session:
        lead = make_lead(session, committed_cast.alice, owner=committed_cast.alice)
        session.commit()

    def slow(s, actor, progress):
        outcome = bulk.tag(s, actor, [lead], add=["x"], progress=progress)
        working.set()
        assert go_on.wait(30)
        return outcome

    jobs.start(desk, committed_cast.alice.user_id, "Tag", 1, slow, lambda outcome: "Tagged.")
    assert working.wait(30)
    assert not db.drain(0.1)

    go_on.set()

    assert db.drain(30)
    with Session(engine) as session:
        assert row(session, lead).tags == ["x"]
    ended(desk)


def test_a_second_one_has_to_wait(cast, desk, some, monkeypatch):
    monkeypatch.setattr(jobs, "PATIENCE", 0)
    go_on = threading.Event()

    def work(s, actor, progress):
        assert go_on.wait(30)
        return Outcome(uuid.uuid4())

    jobs.start(desk, cast.alice.user_id, "Tag 3 leads", 3, work, str)
    first = desk.job
    jobs.start(desk, cast.alice.user_id, "Assign 2 leads", 2, work, str)

    assert desk.job is first
    assert [each.text for each in desk.outbox] == ["Tag 3 leads is still going on. Wait for it, or stop it."]
    go_on.set()
    ended(desk)


def test_a_refusal_goes_to_the_form_that_asked(cast, desk):
    def work(s, actor, progress):
        raise Invalid.field("tags", "No such tag.")

    jobs.start(desk, cast.alice.user_id, "Tag", 1, work, str, form="form 1")

    assert ended(desk) == []
    assert str(desk.problems["form 1"]) == "No such tag."


def test_an_error_that_nobody_expected_is_said_with_a_number_and_without_its_words(cast, desk, caplog):
    def work(s, actor, progress):
        raise ZeroDivisionError("secret")

    jobs.start(desk, cast.alice.user_id, "Tag", 1, work, str)

    [notice] = ended(desk)
    assert "nothing was changed" in notice.text
    assert "secret" not in notice.text
    assert notice.text.rstrip(".").split()[-1] in caplog.text


def test_an_undo_that_is_stopped_can_be_begun_again(session, cast, desk, some, monkeypatch):
    outcome = bulk.tag(session, cast.alice, some, add=["x"])
    monkeypatch.setattr(jobs.Job, "progress", lambda job, done: _stop())

    jobs.take_back(desk, cast.alice.user_id, outcome.batch_id, 3)

    [notice] = ended(desk)
    assert (notice.text, notice.done, notice.batch_id) == ("Stopped. Nothing was changed.", False, outcome.batch_id)
    assert {tuple(row(session, each).tags) for each in some} == {("x",)}


def _stop():
    raise jobs.Stopped("Stopped. Nothing was changed.")
