"""What the pages show, run in-process by Streamlit's own test harness."""

import pytest
from sqlalchemy import text

from benchmarks.plans import recorded
from lib.config import ROOT
from lib.views import VIEWS
from tests.factories import days_ago, make_lead


def test_the_tiles_show_the_four_numbers_and_their_rules(session, cast, now, open_page):
    for status in ("enriched", "conversing", "conversing", "lost"):
        make_lead(session, cast.alice, owner=cast.alice, status=status)
    make_lead(session, cast.alice, owner=cast.bob, status="contacted", last_contacted_at=days_ago(now, 8))

    app = open_page(cast.alice)

    assert {metric.label: metric.value for metric in app.metric} == {
        "My leads": "4", "Ready for outreach": "1", "In conversation": "2", "Follow-ups due": "1"}
    assert app.metric[3].help == VIEWS["due"].rule_for(cast.alice)
    assert "more than 7 days ago" in app.metric[3].help


def test_the_companys_own_days_are_in_the_rule(session, cast, open_page):
    session.execute(text("UPDATE companies SET follow_up_days = 3 WHERE id = :id"), {"id": cast.alice.company_id})

    assert "more than 3 days ago" in open_page(cast.alice).metric[3].help


def test_an_empty_queue_says_how_to_fill_it(cast, open_page):
    shown = " ".join(element.value for element in open_page(cast.bob).markdown)

    assert VIEWS["mine"].empty in shown


def test_every_view_can_be_opened(session, cast, now, open_page):
    make_lead(session, cast.alice, owner=cast.alice, status="contacted", contact_count=4,
              last_contacted_at=days_ago(now, 40), last_contact_method="email")
    app = open_page(cast.alice)

    for view in VIEWS:
        app.selectbox(key="view").set_value(view).run()
        assert not app.exception
        assert not app.error


def test_another_companys_people_see_their_own_numbers(session, cast, open_page):
    make_lead(session, cast.alice, owner=cast.alice, status="contacted")

    assert {metric.value for metric in open_page(cast.olga).metric} == {"0"}


def test_a_lead_that_is_not_there_is_one_plain_sentence(cast, open_page):
    for id_ in ("", "nonsense", "00000000-0000-0000-0000-000000000000"):
        app = open_page(cast.alice, page="lead.py", id=id_)
        assert [error.value for error in app.error] == ["There is no such lead."]
        assert [link.proto.label for link in app.get("page_link")] == ["My queue"], "the way back"


def test_somebody_who_is_deactivated_while_a_tab_is_open_sees_nothing_more(session, cast, open_page):
    app = open_page(cast.alice)
    session.execute(text("UPDATE users SET is_active = false WHERE id = :id"), {"id": cast.alice.user_id})

    app.run()

    assert [each.value for each in app.header] == ["No access"]
    assert [each.value for each in app.text] == ["You have no access to Lead Desk. Ask your manager to add you."]
    assert not app.metric


def test_who_is_looking_is_read_once_for_the_page_and_again_for_its_next_run(session, cast, connection, open_page):
    app = open_page(cast.alice)
    with recorded(connection) as sent:
        app.run()
    assert len([each for each, *_ in sent if "FROM users AS me" in each]) == 1

    session.execute(text("UPDATE users SET name = 'Alice Cooper' WHERE id = :id"), {"id": cast.alice.user_id})
    assert "Alice Cooper" in app.run().get("menu_button")[0].options


# ---------------------------------------------------------------- all leads


def test_all_leads_says_when_there_are_none_yet(cast, open_page):
    app = open_page(cast.alice, page="all_leads.py")

    assert any("There are no leads yet" in each.value for each in app.markdown)


def test_a_filter_from_the_address_is_a_chip_and_can_be_cleared(session, cast, open_page):
    make_lead(session, cast.alice, owner=cast.bob)
    app = open_page(cast.alice, page="all_leads.py", owner="Me")
    assert any("No lead matches your search and filters" in each.value for each in app.markdown)

    app.button(key="chip_owner").click().run()

    assert not app.exception
    assert not any("No lead matches" in each.value for each in app.markdown)
    assert "owner" not in app.query_params


def test_a_day_that_cannot_be_understood_is_said_and_the_list_is_there(session, cast, open_page):
    make_lead(session, cast.alice)

    app = open_page(cast.alice, page="all_leads.py", created_after="whenever")

    assert [each.value.replace("\\", "") for each in app.warning] == [
        "“whenever” is not a day; write it like 2026-01-10 or 30 days ago."]
    assert not app.error


# ---------------------------------------------------------------- who sees which page


NO_SUCH_LEAD = "There is no such lead."
# By page: what a rep, a team lead and a manager are told instead of seeing it; nothing where they see it.
PAGES = {
    "my_queue.py": (None, None, None),
    "all_leads.py": (None, None, None),
    "import_leads.py": (None, None, None),
    "log_contacts.py": (None, None, None),
    "lead.py": (None, None, None),
    "settings.py": (None, None, None),
    "workload.py": (*("Only a manager can see the workload of the team.",) * 2, None),
}


def test_every_page_is_in_the_table():
    assert {page.name for page in (ROOT / "pages").glob("*.py")} == set(PAGES)


def sent(app):
    """Everything that the page has sent to the browser, tables among it."""
    return b"".join(element.proto.SerializeToString() for element in app.main if getattr(element, "proto", None))


@pytest.mark.parametrize(("page", "who", "told"), [
    (page, who, told) for page, cells in PAGES.items() for who, told in zip(("alice", "tess", "mona"), cells, strict=True)])
def test_each_role_sees_its_pages_and_its_company(session, cast, open_page, page, who, told):
    for actor, name in ((cast.bob, "Quixwyrdsen"), (cast.olga, "Zzyzxwick")):
        lead_id = make_lead(session, actor, owner=actor, last_name=name, status="contacted")
        if actor is cast.bob:
            ours = lead_id

    app = open_page(getattr(cast, who), page=page, **({"id": str(ours)} if page == "lead.py" else {}))

    assert [error.value for error in app.error] == ([told] if told else [])
    assert b"Zzyzxwick" not in sent(app)
    if page in ("all_leads.py", "lead.py"):
        assert b"Quixwyrdsen" in sent(app)
    if told:
        assert not app.metric and not app.dataframe and not app.button


@pytest.mark.parametrize("page", PAGES)
def test_no_page_shows_anything_more_to_somebody_who_has_left(session, cast, open_page, page):
    lead_id = make_lead(session, cast.mona, owner=cast.mona, last_name="Quixwyrdsen")
    app = open_page(cast.mona, page=page, id=str(lead_id))
    session.execute(text("UPDATE users SET is_active = false WHERE id = :id"), {"id": cast.mona.user_id})

    app.run()

    assert [each.value for each in app.text] == ["You have no access to Lead Desk. Ask your manager to add you."]
    assert b"Quixwyrdsen" not in sent(app) and not app.metric and not app.button


@pytest.mark.parametrize("who", ["alice", "tess", "mona"])
def test_another_companys_lead_has_no_page(session, cast, open_page, who):
    theirs = make_lead(session, cast.olga, owner=cast.olga, last_name="Zzyzxwick")

    app = open_page(getattr(cast, who), page="lead.py", id=str(theirs))

    assert [error.value for error in app.error] == [NO_SUCH_LEAD] and b"Zzyzxwick" not in sent(app)
