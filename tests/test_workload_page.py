"""The page Workload: who may open it, and that its numbers are those of the data access."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pyarrow as pa
import pytest
from sqlalchemy import event

from lib import attribution, contacts, funnel, leads, replies, staffing, workload
from lib.errors import DatabaseUnavailable
from lib.leads import Edit
from lib.models import Status
from lib.queries import NOBODY, Query
from lib.scope import Scope
from lib.staffing import Taking
from lib.ui import charts, finder, progress, team_load, words
from lib.users import sign_in
from lib.views import OPEN
from lib.workload import Load, Unowned
from tests.factories import make_lead, make_user

NOW = datetime.now(UTC)
HEADINGS = {"Workload", "How it goes", "Open leads of each", "Unassigned", "Funnel", "Activity", "Replies",
            "What led to conversions"}


@pytest.fixture
def open_as(open_page):
    """Opens the page as one of the cast, with what stands in its address."""
    return partial(open_page, page="workload.py")


@pytest.fixture
def team(session, cast):
    """A month of the team's work, up to this moment: the page counts from the clock."""
    ids = [make_lead(session, cast.mona, owner=cast.alice, source="apollo", assigned_at=NOW - timedelta(days=5),
                     created_at=NOW - timedelta(days=6), status="enriched") for _ in range(4)]
    ids += [make_lead(session, cast.mona, owner=cast.bob, source="website", assigned_at=NOW - timedelta(days=3),
                      created_at=NOW - timedelta(days=4), status="enriched")]
    for number, source in ((3, "apollo"), (1, None)):
        for _ in range(number):
            make_lead(session, cast.mona, source=source, created_at=NOW - timedelta(days=9))
    for days, lead in zip((4, 3, 2), ids[:3], strict=True):
        contacts.log_contact(session, cast.alice, [lead], method="email", occurred_at=NOW - timedelta(days=days),
                             now=NOW)
    contacts.log_contact(session, cast.alice, [ids[0]], method="email", direction="inbound",
                         occurred_at=NOW - timedelta(days=1), now=NOW)
    leads.edit(session, cast.alice, [Edit(ids[0], "status", "conversing", "converted")], now=NOW)
    return cast


def frames(app) -> dict:
    """What the tables behind the charts hold, by the first of their columns that tells them apart."""
    return {tuple(each.value.columns)[:2]: each.value for each in app.dataframe}


def shown(app) -> str:
    return " ".join(each.value for each in (*app.markdown, *app.caption))


# ---------------------------------------------------------------- who


@pytest.mark.parametrize("who", ["alice", "tess"])
def test_whoever_is_no_manager_gets_one_sentence_and_no_number(team, open_as, who):
    app = open_as(getattr(team, who))

    assert [each.value for each in app.error] == ["Only a manager can see the workload of the team."]
    assert not app.metric and not app.dataframe and not app.header


def test_what_is_missing_in_a_table_is_a_dash_and_no_none(team, open_as):
    app = open_as(team.mona)

    assert app.dataframe and {each.proto.placeholder for each in app.dataframe} == {"–"}


def test_another_companys_manager_sees_nothing_of_it(team, open_as):
    app = open_as(team.olga)

    assert {each.value for each in app.metric} == {"0"}
    assert "Alice" not in shown(app) + str(frames(app))


# ---------------------------------------------------------------- numbers


def test_the_tiles_are_the_totals_of_what_the_data_access_counts(session, team, open_as):
    loads = workload.by_rep(session, team.mona, now=NOW)
    app = open_as(team.mona)

    assert {each.label: each.value for each in app.metric} == {
        "Open leads": "8", "Unassigned": "4", "Follow-ups due": "0",
        "Ready, untouched": str(sum(each.waiting for each in loads.values())), "Replies, 30 days": "1",
        "Conversions, 30 days": "1"}
    assert sum(each.waiting for each in loads.values()) == 2
    assert all(each.help for each in app.metric)


def test_the_table_has_every_reps_numbers_and_shows_who_has_nothing(session, team, open_as):
    idle = make_user(session, team.mona.company_id, "Ida Idle")
    loads = workload.by_rep(session, team.mona, now=NOW)

    table = frames(open_as(team.mona))["Name", "Open"].set_index("Name")

    assert list(table.index) == ["Alice Adams", "Bob Brown", idle.name]
    for actor in (team.alice, team.bob):
        load, row = loads[actor.user_id], table.loc[actor.name]
        assert {status: row[words.STATUS[status]] for status in OPEN} == {
            status: load.open.get(status, 0) for status in OPEN}
        assert row["Open"] == sum(load.open.values())
        assert (row["Due"], row["Ready, untouched"], row["Replies"], row["Conversions"]) == (
            load.due, load.waiting, load.replies, load.conversions)
        assert {method: row[f"{name}, 7 days"] for method, name in words.METHOD.items()} == {
            method: load.week.get(method, 0) for method in words.METHOD}
        assert row["Touches, 30 days"] == sum(load.month.values())
    touches = workload.first_touches(session, team.mona, now=NOW)[team.alice.user_id]
    assert table.loc["Alice Adams"]["Taken"] == touches.taken == 4
    assert table.loc["Alice Adams"]["Touched"] == touches.touched == 3
    assert table.loc["Alice Adams"]["First touch"] == pytest.approx(touches.within.total_seconds() / 86_400)
    assert table.loc[idle.name]["Open"] == 0


@pytest.mark.parametrize("asked", [{}, {"period": "30 days"}, {"rep": "Alice Adams"}, {"from_source": "apollo"}])
def test_the_tables_behind_the_charts_are_what_the_statistics_say(session, team, open_as, asked):
    scope = Scope(since=NOW - timedelta(days=30 if "period" in asked else 90),
                  rep=team.alice.user_id if "rep" in asked else None, source=asked.get("from_source"))

    found = frames(open_as(team.mona, **asked))

    assert list(found["Status", "Entered"]["Entered"]) == [
        each.entered for each in funnel.stages(session, team.mona, scope)]
    assert found["Day", "Method"]["Contacts"].sum() == sum(
        each.count for each in funnel.activity(session, team.mona, "UTC", scope))
    assert list(found["Channel", "Made"]["Made"]) == [
        each.made for each in replies.by_channel(session, team.mona, scope)]
    assert list(found["Attempt", "Made"]["Replied to"]) == [
        each.replied for each in replies.by_attempt(session, team.mona, scope)]
    assert list(found["Channel", "First contact"]["Equal parts"]) == [
        each.linear for each in attribution.shares(session, team.mona, scope)]


def test_few_contacts_are_too_few_to_tell(team, open_as):
    app = open_as(team.mona)

    assert frames(app)["Channel", "Made"]["Rate"].isna().all()
    assert "Time to a reply: too few to tell (1 lead replied)" in shown(app)


def test_a_new_company_sees_what_there_will_be(cast, open_as):
    app = open_as(cast.olga)

    assert {each.value for each in (*app.header, *app.subheader)} == HEADINGS
    for sentence in ("Every open lead has an owner.", "No lead was added or moved in this period.",
                     "No contact was made in this period.", "No lead became converted in this period."):
        assert sentence in shown(app)


def test_a_name_is_shown_as_text(session, cast, open_as):
    make_user(session, cast.mona.company_id, "![x](https://example.com/a) **B**")

    assert "\\!\\[x\\]" in shown(open_as(cast.mona))


# ---------------------------------------------------------------- cost


def test_it_takes_few_statements_and_a_minute_later_none_of_them_again(team, open_as, connection):
    seen = []
    listener = lambda conn, cursor, statement, *_: seen.append(statement)  # noqa: E731
    event.listen(connection, "before_cursor_execute", listener)
    try:
        app = open_as(team.mona)
        of_page = [each for each in seen if "contact_attempts" in each or "lead_events" in each or " leads" in each]
        seen.clear()
        app.run()
        again = [each for each in seen if "contact_attempts" in each or "lead_events" in each or " leads" in each]
        app.button(key="refresh").click().run()
    finally:
        event.remove(connection, "before_cursor_execute", listener)

    # My Queue, where AppTest begins, has two; then one for each question, and the sources to choose from.
    assert len(of_page) <= 2 + 10 + 1
    assert again == []
    assert len(seen) > 10


def test_first_touches_that_are_not_counted_in_time_are_missing_and_nothing_else(team, open_as, monkeypatch):
    def slow(*_args, **_options):
        raise DatabaseUnavailable("The database took too long.")

    monkeypatch.setattr(workload, "first_touches", slow)
    app = open_as(team.mona)
    table = frames(app)["Name", "Open"]

    assert len(app.warning) == 1
    assert not {"Taken", "Touched", "First touch"} & set(table.columns)
    assert {each.value for each in (*app.header, *app.subheader)} == HEADINGS
    assert table.set_index("Name").loc["Alice Adams"]["Conversions"] == 1


def test_somebody_else_in_the_same_tab_gets_numbers_of_their_own(team, open_as):
    app = open_as(team.mona)
    app.selectbox(key="as").set_value(str(team.olga.user_id)).run()

    assert {each.value for each in app.metric} == {"0"}


def test_what_is_not_counted_in_time_says_so_in_its_own_place(team, open_as, monkeypatch):
    tries = []

    def slow(*_args, **_options):
        tries.append(1)
        raise DatabaseUnavailable("The database took too long.")

    monkeypatch.setattr(funnel, "stages", slow)
    app = open_as(team.mona)
    app.run()

    assert [each.value for each in app.warning] == [
        "This could not be counted in time. Choose a shorter period, or refresh the page in a while."]
    assert {each.value for each in (*app.header, *app.subheader)} == HEADINGS - {"Funnel"}
    # That it takes too long is known for a minute too.
    assert len(tries) == 1


# ---------------------------------------------------------------- what stands out, and where it leads


def test_what_a_bar_opens_are_its_leads(session, cast):
    _, members = sign_in(session, cast.mona.user_id)
    for query in (Query(owner=(str(cast.alice.user_id),), stage=("contacted",)),
                  Query(owner=(NOBODY,), stage=OPEN, source=("apollo",)), Query(score_min=3, never_contacted=True)):
        wanted = finder.of_url(finder.address(query, members), cast.mona, members)

        assert wanted.asked == Query(**{name: tuple(map(str, value)) if isinstance(value, tuple) else value
                                        for name in finder.CHIPS for value in [getattr(query, name)]})


def test_everybody_is_told_apart_and_ordered_by_load(session, cast):
    twin = make_user(session, cast.mona.company_id, "Alice Adams")
    _, members = sign_in(session, cast.mona.user_id)
    people = team_load.reps(members, {twin.user_id: Load(open={"new": 2}), cast.lea.user_id: Load(open={"new": 9}),
                                      cast.mona.user_id: Load(replies=1)})

    assert [each.name for each in people][0] == "Lea Lang (left)"
    assert len({each.name for each in people}) == len(people) == 5
    assert [each.open for each in people] == [9, 2, 0, 0, 0]


def test_it_says_who_has_much_who_nothing_and_what_waits(session, cast):
    _, members = sign_in(session, cast.mona.user_id)
    loads = {cast.alice.user_id: Load(open={"new": 40}, due=3, oldest_due=NOW - timedelta(days=12)),
             cast.lea.user_id: Load(open={"new": 2}), cast.tess.user_id: Load(open={"new": 10})}
    said = team_load.findings(team_load.reps(members, loads), [Unowned(7, None, 5), Unowned(0, None, 9)], NOW)

    assert [each.split("**")[1] for each in said] == [
        "Much to do", "No open lead", "Waiting the most", "Left with open leads", "On nobody's desk"]
    assert "Alice Adams \\(40\\)" in said[0] and "Bob Brown" in said[1] and "12 days ago" in said[2]
    assert "Lea Lang" in said[3] and "5 open leads" in said[4]


def test_a_machine_that_logged_a_contact_is_no_colleague_without_work(session, team, open_as):
    machine = make_user(session, team.mona.company_id, "N8N", is_service=True, role="team_lead")
    contacts.log_contact(session, machine, [make_lead(session, team.mona, owner=team.bob)], method="email", now=NOW)
    _, members = sign_in(session, team.mona.user_id)
    loads = workload.by_rep(session, team.mona, now=NOW)

    people = team_load.reps(members, loads)
    app = open_as(team.mona)

    # Its contacts count; it has no desk that could be empty, or make half of the team have less.
    assert [each.load.month for each in people if each.name == "N8N"] == [{"email": 1}]
    assert "N8N" not in shown(app)
    two = [replace(each, load=Load(open={"new": 9})) for each in people if each.name in ("Alice Adams", "Bob Brown")]
    idle = [replace(people[0], name=f"N8N {number}", load=Load(), is_machine=True) for number in range(3)]
    assert team_load.findings([*two, *idle], [], NOW) == []


def test_nothing_stands_out_in_a_team_where_nothing_does():
    assert team_load.findings([], [], NOW) == []


def test_late_attempts_are_one_bar_with_all_of_their_contacts():
    made = [replies.Replies(number, 30, number) for number in range(1, 12)]

    few = progress._few(made)

    assert [each.of for each in few] == list(range(1, 9))
    assert sum(each.made for each in few) == 330 and sum(each.replied for each in few) == 66


def test_a_long_name_is_there_in_full_and_every_status_has_its_badges_colour():
    name = "Maximiliane-Katharina von und zu Hohenstein-Waldenburg the 3rd"

    lines = charts.wrapped(name).split("\n")

    assert "".join(lines).replace(" ", "") == name.replace(" ", "")
    assert max(map(len, lines)) <= charts.NAME_WIDTH
    assert set(charts.STATUS) == set(Status) and len(set(charts.STATUS.values())) == len(Status)


def test_the_bars_of_a_chart_have_the_numbers_of_the_table_behind_it(team, open_as):
    app = open_as(team.mona)
    drawn = [pa.ipc.open_stream(dataset.data.data).read_pandas() for each in app.get("vega_lite_chart")
             for dataset in each.proto.datasets]

    desks = next(each for each in drawn if "leads" in each)
    table = frames(app)["Name", "Open"].set_index("Name")
    assert desks.groupby("name")["leads"].sum().to_dict() == table["Open"].to_dict()
    funnel_bars = next(each for each in drawn if list(each.get("name", ())) == list(words.STATUS.values()))
    assert list(funnel_bars["value"]) == list(frames(app)["Status", "Entered"]["Entered"])


# ---------------------------------------------------------------- people


def test_an_absence_that_cannot_be_is_refused_in_the_dialog_and_what_was_typed_stays(session, team, open_as):
    app = open_as(team.mona)
    app.button(key="people").click().run()
    first, last = app.date_input
    first.set_value(date(2030, 5, 10))
    last.set_value(date(2030, 5, 1))
    app.button(key=next(each.key for each in app.button if each.key.startswith("save:"))).click().run()

    assert [each.value for each in app.error] == ["The absence has to end after it begins\\."]
    assert [each.value for each in app.date_input] == [date(2030, 5, 10), date(2030, 5, 1)]
    assert staffing.taking(session, team.mona)[team.alice.user_id] == Taking()


def test_days_away_that_nobody_touched_keep_their_hour(session, team, open_as):
    begins = datetime(2030, 5, 10, 9, 30, tzinfo=UTC)
    held = Taking(away_from=begins, away_until=begins + timedelta(days=3))
    staffing.set_taking(session, team.mona, team.alice.user_id, held)
    app = open_as(team.mona)
    app.button(key="people").click().run()
    app.toggle[0].set_value(False)
    app.button(key=next(each.key for each in app.button if each.key.startswith("save:"))).click().run()

    assert staffing.taking(session, team.mona)[team.alice.user_id] == replace(held, takes_leads=False)
