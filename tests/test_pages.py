"""What the pages show, run in-process by Streamlit's own test harness."""

from sqlalchemy import text

from benchmarks.plans import recorded
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
    assert len([each for each, _ in sent if "FROM users AS me" in each]) == 1

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
