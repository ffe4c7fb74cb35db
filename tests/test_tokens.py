"""API tokens: shown once, known by their hash, good for what their user may do until they are revoked."""

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from lib import db, leavers, settings_log, tokens
from lib.auth import operator
from lib.errors import Invalid, NotAllowed, NotFound, NotSignedIn
from lib.models import ApiToken, Company, User
from tests.crowd import at_once
from tests.factories import make_user, settings_events


def make(session, actor, now, of=None, **values):
    return tokens.create(session, actor, user_id=(of or actor).user_id, **{"name": "N8N", "now": now, **values})


def token_row(session, token_id):
    return session.execute(select(*ApiToken.__table__.columns).where(ApiToken.id == token_id)).one()


# ---------------------------------------------------------------- create


def test_the_token_itself_is_kept_nowhere(session, cast, now):
    token_id, token = make(session, cast.alice, now)

    row = token_row(session, token_id)
    assert token.startswith("ldk_") and len(token) >= 44
    assert row.token_hash == hashlib.sha256(token.encode()).digest()
    assert (row.hint, row.user_id, row.company_id, row.scopes, row.expires_at) == (
        token[-4:], cast.alice.user_id, cast.alice.company_id, ["read", "write"], None)
    [event] = settings_events(session, cast.alice)
    assert (event.subject, event.subject_id, event.action) == ("token", token_id, "created")
    assert event.after == {"name": "N8N", "user_id": str(cast.alice.user_id), "scopes": ["read", "write"],
                           "expires_at": None}
    assert token not in str(event) and row.token_hash.hex() not in str(event)


def test_two_tokens_are_never_the_same(session, cast, now):
    assert len({make(session, cast.alice, now)[1] for _ in range(5)}) == 5


def service_user(session, cast):
    return make_user(session, cast.mona.company_id, "N8N", role="team_lead", is_service=True)


def test_a_manager_makes_tokens_for_service_users_and_nobody_else_does(session, cast, now):
    n8n = service_user(session, cast)
    token_id, _ = make(session, cast.mona, now, of=n8n)
    assert token_row(session, token_id).user_id == n8n.user_id

    for actor in (cast.alice, cast.tess):
        with pytest.raises(NotAllowed, match="Only a manager can make the tokens of service users"):
            make(session, actor, now, of=n8n)


@pytest.mark.parametrize("who", ["alice", "tess", "mona"])
def test_nobody_makes_a_token_that_acts_as_another_person(session, cast, now, who):
    with pytest.raises(NotAllowed, match="everybody makes their own"):
        make(session, getattr(cast, who), now, of=cast.bob)

    assert session.scalars(select(ApiToken.id).where(ApiToken.user_id == cast.bob.user_id)).all() == []


def test_whoever_leaves_loses_their_tokens_for_good(session, cast, now):
    token_id, token = make(session, cast.bob, now)
    nothing = leavers.hand_over(session, cast.mona, cast.bob.user_id, conversations_to=None, now=now)

    leavers.leave(session, cast.mona, cast.bob.user_id, nothing, now=now)
    leavers.come_back(session, cast.mona, cast.bob.user_id, now=now)

    assert token_row(session, token_id).revoked_at == now
    with pytest.raises(NotSignedIn, match="was revoked"):
        tokens.sign_in(session, token, now=now)
    assert [event.action for event in settings_events(session, cast.bob) if event.subject == "token"] == [
        "created", "revoked"]


def test_nobody_of_another_company_and_nobody_who_left_gets_one(session, cast, now):
    with pytest.raises(NotFound, match="no such colleague"):
        make(session, cast.olga, now, of=cast.bob)
    with pytest.raises(Invalid, match="Lea Lang no longer works here"):
        make(session, operator(cast.mona.company_id), now, of=cast.lea)

    assert session.scalars(select(ApiToken.id).where(
        ApiToken.user_id.in_([cast.bob.user_id, cast.lea.user_id]))).all() == []


@pytest.mark.parametrize(("given", "field"), [
    ({"name": " "}, "name"), ({"name": "x" * 101}, "name"), ({"scopes": []}, "scopes"),
    ({"scopes": ["read", "admin"]}, "scopes"), ({"expires_at": timedelta(0)}, "expires_at"),
    ({"expires_at": timedelta(seconds=-1)}, "expires_at")])
def test_what_makes_no_token_is_refused_by_name(session, cast, now, given, field):
    given = {name: now + value if isinstance(value, timedelta) else value for name, value in given.items()}

    with pytest.raises(Invalid) as refused:
        make(session, cast.alice, now, **given)

    assert list(refused.value.fields) == [field]
    assert settings_events(session, cast.alice) == []


def test_scopes_are_kept_once_each_and_in_order(session, cast, now):
    token_id, _ = make(session, cast.alice, now, scopes=["write", "read", "write"])

    assert token_row(session, token_id).scopes == ["read", "write"]


def test_there_is_an_end_to_tokens_that_work_at_the_same_time(session, cast, now, monkeypatch):
    monkeypatch.setattr(tokens, "MOST_TOKENS", 2)
    first, _ = make(session, cast.alice, now)
    make(session, cast.alice, now, expires_at=now + timedelta(days=1))

    with pytest.raises(Invalid, match="has 2 tokens that work. Revoke one first."):
        make(session, cast.alice, now)
    # One that has expired, or was revoked, makes room.
    make(session, cast.alice, now + timedelta(days=1))
    tokens.revoke(session, cast.alice, first, now=now + timedelta(days=1))
    make(session, cast.alice, now + timedelta(days=1))


# ---------------------------------------------------------------- revoke


def test_of_two_who_make_the_last_one_at_once_one_is_told(committed_cast, now, monkeypatch):
    monkeypatch.setattr(tokens, "MOST_TOKENS", 1)
    alice = committed_cast.alice

    for _ in range(5):
        made = at_once(*[lambda session: tokens.create(session, alice, user_id=alice.user_id, name="n8n", now=now)] * 2)

        assert sorted(type(each).__name__ for each in made) == ["Invalid", "tuple"]
        with db.transaction() as session:
            assert tokens.revoke_all(session, committed_cast.mona, alice.user_id, now=now) == 1


def test_a_revoked_token_opens_nothing_from_the_next_call_on(session, cast, now):
    token_id, token = make(session, cast.alice, now)
    tokens.sign_in(session, token, now=now)

    assert tokens.revoke(session, cast.alice, token_id, now=now)

    with pytest.raises(NotSignedIn, match="This API token was revoked."):
        tokens.sign_in(session, token, now=now)
    assert [event.action for event in settings_events(session, cast.alice)] == ["created", "revoked"]


def test_revoking_it_again_changes_nothing(session, cast, now):
    token_id, _ = make(session, cast.alice, now)
    tokens.revoke(session, cast.alice, token_id, now=now)

    assert not tokens.revoke(session, cast.mona, token_id, now=now + timedelta(days=1))

    assert token_row(session, token_id).revoked_at == now
    assert len(settings_events(session, cast.alice)) == 2


def test_a_manager_revokes_anybodys_and_everybody_else_their_own(session, cast, now):
    token_id, token = make(session, cast.alice, now)

    for actor, error in ((cast.bob, NotAllowed), (cast.tess, NotAllowed), (cast.olga, NotFound)):
        with pytest.raises(error):
            tokens.revoke(session, actor, token_id, now=now)
    assert tokens.sign_in(session, token, now=now)
    assert tokens.revoke(session, cast.mona, token_id, now=now)


# ---------------------------------------------------------------- list


def test_everybody_sees_their_own_and_a_manager_all_of_the_company(session, cast, now):
    ended, _ = make(session, cast.alice, now + timedelta(hours=2), name="Ended")
    tokens.revoke(session, cast.alice, ended, now=now)
    make(session, cast.alice, now, name="Old")
    make(session, cast.bob, now + timedelta(hours=1), name="New")
    make(session, cast.olga, now, name="Theirs")

    assert [row.name for row in tokens.of_company(session, cast.mona)] == ["New", "Old", "Ended"]
    assert [(row.name, row.user) for row in tokens.of_company(session, cast.alice)] == [
        ("Old", "Alice Adams"), ("Ended", "Alice Adams")]
    assert tokens.of_company(session, cast.tess) == []
    assert "token_hash" not in tokens.of_company(session, cast.mona)[0]._fields


def test_the_log_names_the_token_and_its_user(session, cast, now):
    make(session, cast.mona, now, of=service_user(session, cast), name="Importer")

    [event] = settings_log.page(session, cast.mona)
    assert (event.actor, event.subject_name, event.for_user) == ("Mona Meyer", "Importer", "N8N")


# ---------------------------------------------------------------- sign in


def test_a_call_acts_as_the_tokens_user_with_their_role_of_this_moment(session, cast, now):
    session.execute(update(Company).where(Company.id == cast.bob.company_id).values(
        time_zone="Europe/Berlin", follow_up_days=9, auto_assign="round_robin"))
    token_id, token = make(session, cast.bob, now, scopes=["read"])
    session.execute(update(User).where(User.id == cast.bob.user_id).values(role="team_lead"))

    caller = tokens.sign_in(session, token, now=now)

    assert (caller.token_id, caller.scopes, caller.time_zone) == (token_id, {"read"}, "Europe/Berlin")
    actor = caller.actor
    assert (actor.user_id, actor.company_id, actor.name, actor.role, actor.source) == (
        cast.bob.user_id, cast.bob.company_id, "Bob Brown", "team_lead", "api")
    assert (actor.company, actor.follow_up_days, actor.auto_assign) == ("Acme Outbound", 9, "round_robin")


@pytest.mark.parametrize("token", ["", "ldk_", "ldk_" + "x" * 43, "a\0b", "\ud800", "\udcff", "é" * 5_000])
def test_what_is_no_token_is_not_known(session, cast, now, token):
    make(session, cast.alice, now)

    with pytest.raises(NotSignedIn, match="is not known"):
        tokens.sign_in(session, token, now=now)


def test_it_ends_at_the_very_moment_it_expires(session, cast, now):
    end = now + timedelta(days=30)
    _, token = make(session, cast.alice, now, expires_at=end)

    assert tokens.sign_in(session, token, now=end - timedelta(microseconds=1))
    with pytest.raises(NotSignedIn, match="has expired"):
        tokens.sign_in(session, token, now=end)


def test_whoever_has_left_takes_their_tokens_with_them(session, cast, now):
    _, token = make(session, cast.alice, now)
    session.execute(update(User).where(User.id == cast.alice.user_id).values(is_active=False))

    with pytest.raises(NotSignedIn, match="no longer works here"):
        tokens.sign_in(session, token, now=now)


def test_its_use_is_noted_once_a_minute(session, cast, now):
    token_id, token = make(session, cast.alice, now)
    for seconds, noted in ((0, 0), (59, 0), (60, 60), (100, 60)):
        tokens.sign_in(session, token, now=now + timedelta(seconds=seconds))
        assert token_row(session, token_id).last_used_at == now + timedelta(seconds=noted)


def test_what_is_refused_is_no_use(session, cast, now):
    token_id, token = make(session, cast.alice, now)
    tokens.revoke(session, cast.alice, token_id, now=now)

    with pytest.raises(NotSignedIn):
        tokens.sign_in(session, token, now=now)

    assert token_row(session, token_id).last_used_at is None
