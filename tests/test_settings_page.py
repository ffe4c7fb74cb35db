"""The page Settings: who sees which part of it, and that it shows what the data access says."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import update

from lib import company, leavers, staffing, tags, team, tokens
from lib.models import User
from lib.staffing import Taking
from tests.factories import make_lead, make_user

NOW = datetime.now(UTC)
PARTS = ["Team", "Company", "API tokens", "Tags", "History", "You"]


@pytest.fixture
def open_as(open_page):
    """Opens the page as one of the cast, with what stands in its address."""
    return partial(open_page, page="settings.py")


def shown(app) -> str:
    return " ".join(each.value for each in (*app.markdown, *app.caption, *app.subheader, *app.info))


def table(app):
    [frame] = app.dataframe
    return frame.value


# ---------------------------------------------------------------- who


@pytest.mark.parametrize("who", ["alice", "tess"])
@pytest.mark.parametrize("part", ["", *PARTS])
def test_whoever_is_no_manager_sees_what_is_their_own_whatever_the_address_says(session, cast, open_as, who, part):
    tokens.create(session, cast.bob, user_id=cast.bob.user_id, name="Bob's token", now=NOW)

    app = open_as(getattr(cast, who), **({"part": part} if part else {}))

    assert not app.segmented_control
    assert [each.value for each in app.subheader] == ["Your API tokens", "Sign out everywhere"]
    assert not app.dataframe and not app.error
    assert "Bob" not in shown(app) and "Mona" not in shown(app)


@pytest.mark.parametrize("part", PARTS)
def test_a_manager_comes_to_each_part_by_its_address(cast, open_as, part):
    app = open_as(cast.mona, part=part)

    assert app.segmented_control(key="part").value == part
    assert not app.error


def test_another_companys_manager_sees_nothing_of_it(session, cast, open_as):
    tokens.create(session, cast.alice, user_id=cast.alice.user_id, name="Acme's token", now=NOW)
    make_lead(session, cast.alice, tags=["acme"])

    for part in PARTS:
        app = open_as(cast.olga, part=part)
        for frame in app.dataframe:
            assert not {"Alice Adams", "Acme's token", "acme"} & set(frame.value.astype(str).to_numpy().ravel())
        assert "Alice" not in shown(app) and "Acme" not in shown(app)


# ---------------------------------------------------------------- what


def test_the_team_is_there_by_name_with_what_there_is_to_know(session, cast, open_as):
    make_lead(session, cast.alice, owner=cast.alice, status="new")
    staffing.set_taking(session, cast.mona, cast.bob.user_id, Taking(True, NOW - timedelta(days=1), None, 40))
    session.execute(update(User).where(User.id == cast.alice.user_id).values(last_assigned_at=NOW - timedelta(days=2)))
    team.add_service_user(session, cast.mona, name="N8N", now=NOW)

    people = table(open_as(cast.mona)).set_index("Name")

    assert list(people.index) == ["Alice Adams", "Bob Brown", "Lea Lang", "Mona Meyer", "N8N", "Tess Turner"]
    assert list(people["Access"]) == ["Active", "Active", "Left", "Active", "API only", "Active"]
    assert (people.loc["Alice Adams"]["Open leads"], people.loc["Alice Adams"]["Last assigned"]) == (1, "2 days ago")
    assert (people.loc["Bob Brown"]["Takes leads"], people.loc["Bob Brown"]["At most"]) == ("Away", 40)
    assert people.loc["N8N"]["E-mail"] == "" and people.loc["Mona Meyer"]["Role"] == "Manager"


def test_tokens_are_listed_by_what_becomes_of_them_and_never_whole(session, cast, open_as):
    made = {name: tokens.create(session, cast.alice, user_id=cast.alice.user_id, name=name, now=NOW - timedelta(days=9),
                                expires_at=ends) for name, ends in (
        ("Fresh", None), ("Old", NOW - timedelta(days=1)), ("Ended", None))}
    tokens.revoke(session, cast.mona, made["Ended"][0], now=NOW)

    app = open_as(cast.mona, part="API tokens")

    rows = table(app).set_index("Name")
    assert dict(rows["State"]) == {"Fresh": "Works", "Old": "Expired", "Ended": "Revoked"}
    assert rows.loc["Fresh"]["Token"] == "…" + made["Fresh"][1][-4:]
    assert list(rows["button"].isna()) == [False, False, True]
    for _, token in made.values():
        assert token not in str(app.dataframe) + shown(app) + rows.to_string()


def test_tags_are_there_with_their_leads(session, cast, open_as):
    for held in (["vip"], ["vip", "fair"]):
        make_lead(session, cast.alice, tags=held)

    rows = table(open_as(cast.mona, part="Tags"))

    assert list(zip(rows["Tag"], rows["Leads"], strict=True)) == [("vip", 2), ("fair", 1)]


def test_a_new_company_is_told_what_there_will_be(cast, open_as):
    assert "No lead has a tag yet." in shown(open_as(cast.olga, part="Tags"))
    assert "Nothing was changed yet." in shown(open_as(cast.olga, part="History"))
    assert "No token yet." in shown(open_as(cast.olga, part="API tokens"))


def test_the_history_tells_each_change_in_a_sentence(session, cast, open_as):
    nina = team.invite(session, cast.mona, email="nina@acme.example", name="Nina **New**", now=NOW)
    team.change(session, cast.mona, nina, {"role": "team_lead", "time_zone": "Asia/Tokyo"}, now=NOW)
    company.change(session, cast.mona, {"follow_up_days": 14, "auto_assign": "round_robin"}, now=NOW)
    robot = make_user(session, cast.mona.company_id, "Robot", is_service=True)
    token_id, _ = tokens.create(session, cast.mona, user_id=robot.user_id, name="N8N", now=NOW)
    tokens.revoke(session, cast.mona, token_id, now=NOW)
    make_lead(session, cast.alice, tags=["vip"])
    tags.rename(session, cast.mona, "vip", "best", now=NOW)
    tags.remove(session, cast.mona, "best", now=NOW)
    plan = leavers.hand_over(session, cast.mona, cast.bob.user_id, conversations_to=None, now=NOW)
    leavers.leave(session, cast.mona, cast.bob.user_id, plan, now=NOW)

    said = shown(open_as(cast.mona, part="History")).replace("\\", "").replace("\u2060", "")

    for sentence in (
            "**Nina **New**** invited as Rep with nina@acme.example", "Role Rep → **Team lead**",
            "Time zone as the browser says → **Asia/Tokyo**", "Days until a follow-up is due 7 → **14**",
            "Automatic assignment By hand only → **In turn, as soon as they are enriched**",
            "Token **N8N** made for **Robot**: read and write", "Token **N8N** of **Robot** revoked",
            "Tag **vip** renamed to **best** in 1 lead", "Tag **best** removed from 1 lead", "**Bob Brown** deactivated",
            "Mona Meyer ·"):
        assert sentence in said


def test_older_changes_come_on_demand(session, cast, open_as):
    for number in range(30):
        company.change(session, cast.mona, {"follow_up_days": 10 + number}, now=NOW)

    app = open_as(cast.mona, part="History")
    assert "→ **39**" in shown(app) and "→ **10**" not in shown(app)
    app.button(key="older").click().run()

    assert "→ **10**" in shown(app)
    assert "older" not in {each.key for each in app.button}


def test_the_company_form_holds_what_is_set(session, cast, open_as):
    company.change(session, cast.mona, {"name": "Acme & Sons", "follow_up_days": 21, "auto_assign": "least_loaded",
                                        "time_zone": "Europe/Berlin"}, now=NOW)

    app = open_as(cast.mona, part="Company")

    assert [each.value for each in app.text_input] == ["Acme & Sons"]
    assert [each.value for each in app.number_input] == [21]
    assert {"Europe/Berlin", "least_loaded"} <= {each.value for each in app.selectbox}


def test_a_name_is_shown_as_text(session, cast, open_as):
    rude = make_user(session, cast.mona.company_id, "![x](https://example.com/a) **B**")
    team.change(session, cast.mona, rude.user_id, {"role": "manager"}, now=NOW)

    assert "\\!\\[x\\]" in shown(open_as(cast.mona, part="History"))
