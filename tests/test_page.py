import base64
import json
import string
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from lib import lists, orders
from lib.errors import Invalid
from lib.filters import LeadFilter
from lib.orders import ORDERS
from lib.models import Lead, LeadCompany, Status
from lib.views import VIEWS
from tests.factories import forgotten, make_firm, make_lead

EVERYTHING = LeadFilter()
MOMENT = datetime(2026, 2, 10, 9, 30, 0, 123456, tzinfo=UTC)

# Few values for each column, so that ties and NULLs are the rule.
a_lead = st.fixed_dictionaries({
    "first_name": st.sampled_from([None, "Ada", "ada", "Émile", ""]),
    "last_name": st.sampled_from([None, "Lovelace", "Zola", "Ångström", "李"]),
    "status": st.sampled_from([s.value for s in Status]),
    "score": st.sampled_from([None, None, 0, 1, 90]),
    "contact_count": st.integers(0, 2),
    "last_contacted_at": st.sampled_from([None, None, MOMENT, MOMENT + timedelta(microseconds=1),
                                          MOMENT - timedelta(days=1)]),
    "created_at": st.sampled_from([MOMENT, MOMENT + timedelta(microseconds=1)]),
    "firm": st.sampled_from([None, 0, 1]),
    "owner": st.sampled_from([None, "alice", "bob"]),
})


def fill(session, cast, drawn):
    firms = [make_firm(session, cast.alice, "Acme"), make_firm(session, cast.alice, "globex")]
    if drawn:
        session.execute(insert(Lead), [
            {name: value for name, value in each.items() if name not in ("firm", "owner")} | {
                "company_id": cast.alice.company_id,
                "lead_company_id": None if each["firm"] is None else firms[each["firm"]],
                "assigned_to_user_id": each["owner"] and getattr(cast, each["owner"]).user_id}
            for each in drawn])
    make_lead(session, cast.olga)


def walk(session, actor, wanted, order, size):
    """Every page in turn, as a caller with nothing but cursors goes through a list."""
    pages, cursor = [], None
    while True:
        page = lists.page(session, actor, wanted, order=order, limit=size, cursor=cursor)
        pages.append([row.id for row in page.rows])
        cursor = page.next_cursor
        if cursor is None:
            return pages
        assert len(pages) < 100, "the walk does not end"


@pytest.mark.parametrize("order", ORDERS)
@given(drawn=st.lists(a_lead, max_size=12), size=st.integers(1, 7))
@settings(max_examples=25)
def test_walking_by_cursor_visits_every_lead_once_and_in_order(session, cast, order, drawn, size):
    with forgotten(session):
        fill(session, cast, drawn)
        by = ORDERS[order]
        at_a_stretch = list(session.scalars(orders.ordered(select(Lead.id), by)
                                            .where(Lead.company_id == cast.alice.company_id)))

        pages = walk(session, cast.alice, EVERYTHING, order, size)

        assert [lead_id for page in pages for lead_id in page] == at_a_stretch
        assert len(at_a_stretch) == len(drawn)
        assert all(len(page) == size for page in pages[:-1])
        for number, page in enumerate(pages):
            jumped_to = lists.page(session, cast.alice, EVERYTHING, order=order, limit=size, offset=number * size)
            assert [row.id for row in jumped_to.rows] == page
            assert jumped_to.count == len(drawn) or not drawn


@pytest.mark.parametrize("order", ORDERS)
def test_a_walk_keeps_to_its_filter(session, cast, order):
    for number in range(5):
        make_lead(session, cast.alice, owner=cast.alice, score=number % 2 or None)
        make_lead(session, cast.alice, owner=cast.bob)

    pages = walk(session, cast.alice, LeadFilter(assigned_to=cast.bob.user_id), order, 2)

    assert [len(page) for page in pages] == [2, 2, 1]


def in_order(session, cast, order, **columns):
    """The values of one column, each a lead, as the order puts them."""
    (column, values), = columns.items()
    for value in values:
        make_lead(session, cast.alice, **{column: value})
    page = lists.page(session, cast.alice, EVERYTHING, order=order)
    everything = {row.id: getattr(row, column) for row in session.execute(select(*Lead.__table__.columns))}
    return [everything[row.id] for row in page.rows]


def test_the_longest_wait_begins_with_those_never_contacted(session, cast, now):
    old, new = now - timedelta(days=9), now
    assert in_order(session, cast, "waiting", last_contacted_at=[new, None, old]) == [None, old, new]


def test_the_latest_contact_ends_with_those_never_contacted(session, cast, now):
    old, new = now - timedelta(days=9), now
    assert in_order(session, cast, "recent", last_contacted_at=[old, None, new]) == [new, old, None]


def test_the_best_score_ends_with_those_without_one(session, cast):
    assert in_order(session, cast, "score", score=[3, None, 90, 0]) == [90, 3, 0, None]


def test_names_are_in_order_whatever_their_case(session, cast):
    assert in_order(session, cast, "name", last_name=["beta", "Alpha", "Gamma"]) == ["Alpha", "beta", "Gamma"]


def test_statuses_are_in_the_order_of_the_pipeline(session, cast):
    assert in_order(session, cast, "status", status=sorted(Status)) == list(Status)


def test_leads_without_a_firm_or_an_owner_come_last(session, cast):
    alone = make_lead(session, cast.alice)
    owned = make_lead(session, cast.alice, owner=cast.bob, lead_company_id=make_firm(session, cast.alice))

    for order in ("company", "owner"):
        rows = lists.page(session, cast.alice, EVERYTHING, order=order).rows
        assert [row.id for row in rows] == [owned, alone]


# ---------------------------------------------------------------- cursors


def packed(*content):
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


@pytest.mark.parametrize("order", ORDERS)
def test_it_refuses_a_cursor_of_another_order(session, cast, order):
    for _ in range(2):
        make_lead(session, cast.alice)
    other = next(each for each in ORDERS if each != order)
    cursor = lists.page(session, cast.alice, EVERYTHING, order=other, limit=1).next_cursor

    with pytest.raises(Invalid, match="does not belong to this list") as refusal:
        lists.page(session, cast.alice, EVERYTHING, order=order, cursor=cursor)

    assert list(refusal.value.fields) == ["cursor"]


A_LEAD = str(uuid.uuid4())


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("content", [
    (), ("x",), (1, 2, 3), (None, None, None), ({}, [], ""), ("{order}", None, None), ("{order}", None, 7),
    ("{order}", None, "no id"), ("{order}", {"a": 1}, A_LEAD), ("{order}", [1], A_LEAD), ("{order}", True, A_LEAD),
    ("{order}", "\0", A_LEAD), ("{order}", "\ud800", A_LEAD), ("{order}", 1.5, A_LEAD), ("{order}", 10**30, A_LEAD),
    ("{order}", float("nan"), A_LEAD), ("{order}", None, A_LEAD, "more"),
])
def test_it_refuses_a_forged_cursor(session, cast, order, content):
    forged = packed(*(order if part == "{order}" else part for part in content))

    with pytest.raises(Invalid, match="does not belong to this list"):
        lists.page(session, cast.alice, EVERYTHING, order=order, cursor=forged)


@pytest.mark.parametrize(("order", "value"), [
    ("score", "90"), ("contacts", "many"), ("status", "sleeping"), ("waiting", 5), ("newest", "yesterday"),
    ("recent", "2026-13-01T00:00:00+00:00"), ("name", 5), ("owner", 5), ("company", False)])
def test_it_refuses_a_cursor_whose_value_is_of_another_type(session, cast, order, value):
    with pytest.raises(Invalid, match="does not belong to this list"):
        lists.page(session, cast.alice, EVERYTHING, order=order, cursor=packed(order, value, A_LEAD))


@pytest.mark.parametrize("cursor", ["", "x", "====", "é", "null", "\0", "[" * 60_000,
                                    base64.urlsafe_b64encode(b"[" * 60_000).decode(), "bnVsbA", "//", "WzFd"])
def test_it_refuses_garbage_for_a_cursor(session, cast, cursor):
    with pytest.raises(Invalid, match="does not belong to this list"):
        lists.page(session, cast.alice, EVERYTHING, cursor=cursor)


@given(cursor=st.text(string.printable))
@settings(max_examples=100)
def test_whatever_comes_as_a_cursor_gets_a_sentence(session, cast, cursor):
    with pytest.raises(Invalid):
        lists.page(session, cast.alice, EVERYTHING, cursor=cursor)


def test_it_refuses_an_order_that_does_not_exist(session, cast):
    with pytest.raises(Invalid, match="There is no order “height”; choose one of waiting, recent"):
        lists.page(session, cast.alice, EVERYTHING, order="height")


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (-1, 0), (501, 0), (50, -1)])
def test_it_refuses_a_page_out_of_bounds(session, cast, limit, offset):
    with pytest.raises(Invalid, match="A page holds 1 to 500 leads"):
        lists.page(session, cast.alice, EVERYTHING, limit=limit, offset=offset)


# ---------------------------------------------------------------- the count


@pytest.mark.parametrize(("made", "counted"), [(0, 0), (1, 1), (3, 3), (4, 4), (9, 4)])
def test_the_count_stops_one_past_its_limit(session, cast, monkeypatch, made, counted):
    monkeypatch.setattr(lists, "COUNT_LIMIT", 3)
    for _ in range(made):
        make_lead(session, cast.alice)

    assert lists.page(session, cast.alice, EVERYTHING, limit=2).count == counted


@pytest.mark.parametrize("bound", [1, 5, 1000])
@pytest.mark.parametrize("order", ["newest", "company", "owner", "score"])
def test_what_a_search_finds_comes_in_order_whether_it_is_much_or_little(session, cast, monkeypatch, bound, order):
    monkeypatch.setattr(lists, "SEARCH_COUNT_LIMIT", bound)
    monkeypatch.setattr(lists, "LOOKED_UP", bound)
    firms = [make_firm(session, cast.alice, "Acme"), None]
    for number in range(7):
        make_lead(session, cast.alice, first_name="Zyxw", score=number * 5 % 7, lead_company_id=firms[number % 2],
                  owner=cast.alice if number % 3 else None, created_at=MOMENT + timedelta(days=number * 3 % 7))
        make_lead(session, cast.alice, first_name="Bob")
    by = ORDERS[order]
    at_a_stretch = list(session.scalars(orders.ordered(select(Lead.id), by).where(
        Lead.company_id == cast.alice.company_id, Lead.first_name == "Zyxw")))

    wanted = LeadFilter(search="ZYX")
    pages = [lists.page(session, cast.alice, wanted, order=order, limit=3, offset=offset) for offset in (0, 3, 6)]

    assert [row.id for page in pages for row in page.rows] == at_a_stretch
    assert {page.count for page in pages} == {min(7, bound + 1)}
    assert [page.next_cursor is not None for page in pages] == [True, True, False]
    assert [lead_id for page in walk(session, cast.alice, wanted, order, 3) for lead_id in page] == at_a_stretch


@pytest.mark.parametrize("frequent", [0, 1, 100], ids=["both words", "one word", "no word"])
def test_words_that_many_firms_have_find_the_same_leads(session, cast, monkeypatch, frequent):
    monkeypatch.setattr(lists, "FREQUENT", frequent)
    lists._firms_with.cache_clear()
    kalberg, brimberg = (make_firm(session, cast.alice, name) for name in ("Kalberg Foods", "Brimberg Foods"))
    found = [make_lead(session, cast.alice, lead_company_id=kalberg),
             make_lead(session, cast.alice, last_name="Kalberg", lead_company_id=brimberg)]
    make_lead(session, cast.alice, lead_company_id=brimberg)
    make_lead(session, cast.alice, last_name="Kalberg")
    wanted = LeadFilter(search="kalberg foods")

    try:
        assert {row.id for row in lists.page(session, cast.alice, wanted).rows} == set(found)
        assert set(lists.matching(session, cast.alice, wanted)) == set(found)
    finally:
        lists._firms_with.cache_clear()


@pytest.mark.parametrize("bound", [1, 100])
@pytest.mark.parametrize("order", ["newest", "company", "owner"])
@pytest.mark.parametrize("words", ["kalb", "kalb foods", "ka"])
def test_a_lead_that_has_a_word_as_its_firm_does_is_found_once(session, cast, monkeypatch, words, order, bound):
    monkeypatch.setattr(lists, "SEARCH_COUNT_LIMIT", bound)
    monkeypatch.setattr(lists, "LOOKED_UP", bound)
    kalberg, foods = (make_firm(session, cast.alice, name) for name in ("Kalberg Foods", "Brimberg Foods"))
    found = [make_lead(session, cast.alice, last_name="Kalb", lead_company_id=kalberg),
             make_lead(session, cast.alice, last_name="Kalb", lead_company_id=foods),
             make_lead(session, cast.alice, last_name="Ada", lead_company_id=kalberg)]
    make_lead(session, cast.alice, last_name="Ada", lead_company_id=foods)
    make_lead(session, cast.olga, last_name="Kalb", lead_company_id=make_firm(session, cast.olga, "Kalberg Foods"))
    wanted = LeadFilter(search=words)

    page = lists.page(session, cast.alice, wanted, order=order)

    assert sorted(row.id for row in page.rows) == sorted(found) and page.count == min(3, bound + 1)
    assert sorted(lists.matching(session, cast.alice, wanted)) == sorted(found)
    assert len(lists.matching(session, cast.alice, wanted, limit=1)) == 2


def test_a_page_behind_the_end_is_empty_and_still_counts_the_list(session, cast):
    make_lead(session, cast.alice)

    page = lists.page(session, cast.alice, EVERYTHING, offset=50)

    assert (page.rows, page.next_cursor, page.count) == ([], None, 1)


def test_a_full_last_page_has_no_next_one(session, cast):
    for _ in range(4):
        make_lead(session, cast.alice)

    first = lists.page(session, cast.alice, EVERYTHING, limit=2)
    second = lists.page(session, cast.alice, EVERYTHING, limit=2, cursor=first.next_cursor)

    assert first.next_cursor and second.next_cursor is None
    assert first.count == second.count == 4


def test_it_need_not_count(session, cast):
    make_lead(session, cast.alice)

    assert lists.page(session, cast.alice, EVERYTHING, count=False).count == 0


# ---------------------------------------------------------------- filters


@pytest.mark.parametrize(("wanted", "found"), [
    (LeadFilter(statuses=("new", "lost")), ["new", "lost"]),
    (LeadFilter(statuses=(Status.QUALIFIED,)), ["qualified"]),
    (LeadFilter(awaits_answer=True), ["contacted", "conversing"]),
    (LeadFilter(awaits_answer=True, statuses=("conversing", "new")), ["conversing"]),
])
def test_it_filters_by_status(session, cast, wanted, found):
    for status in Status:
        make_lead(session, cast.alice, status=status)

    rows = lists.page(session, cast.alice, wanted, order="status").rows

    assert sorted(row.status for row in rows) == sorted(found)


def test_it_refuses_a_status_that_does_not_exist(session, cast):
    with pytest.raises(Invalid, match="“asleep” is not a status") as refusal:
        lists.page(session, cast.alice, LeadFilter(statuses=("new", "asleep")))

    assert list(refusal.value.fields) == ["status"]


def test_never_contacted_leads_are_found_by_their_own_filter_only(session, cast, now):
    never = make_lead(session, cast.alice)
    long_ago = make_lead(session, cast.alice, last_contacted_at=now - timedelta(days=90))

    def found(**wanted):
        return [row.id for row in lists.page(session, cast.alice, LeadFilter(**wanted)).rows]

    assert found(last_contacted_before=now) == [long_ago]
    assert found(never_contacted=True) == [never]


def test_contacted_before_leaves_out_the_moment_itself(session, cast, now):
    make_lead(session, cast.alice, last_contacted_at=now)
    before = make_lead(session, cast.alice, last_contacted_at=now - timedelta(microseconds=1))

    rows = lists.page(session, cast.alice, LeadFilter(last_contacted_before=now)).rows

    assert [row.id for row in rows] == [before]


def test_three_contacts_or_more_includes_three(session, cast):
    for contacts in (0, 2, 3, 4):
        make_lead(session, cast.alice, contact_count=contacts)

    rows = lists.page(session, cast.alice, LeadFilter(contact_count_min=3)).rows

    assert sorted(row.contact_count for row in rows) == [3, 4]


def test_it_filters_by_the_last_method(session, cast):
    for method in (None, "email", "linkedin", "call"):
        make_lead(session, cast.alice, last_contact_method=method)

    rows = lists.page(session, cast.alice, LeadFilter(last_contact_methods=("call", "linkedin"))).rows

    assert sorted(row.last_contact_method for row in rows) == ["call", "linkedin"]


def test_unassigned_leads_have_no_owner(session, cast):
    nobodys = make_lead(session, cast.alice)
    make_lead(session, cast.alice, owner=cast.bob)

    rows = lists.page(session, cast.alice, LeadFilter(unassigned=True)).rows

    assert [row.id for row in rows] == [nobodys]


# ---------------------------------------------------------------- search


def search(session, actor, words):
    rows = lists.page(session, actor, LeadFilter(search=words)).rows
    return {row.last_name for row in rows}


@pytest.fixture
def people(session, cast):
    firm = make_firm(session, cast.alice, "Wayne Enterprises, Inc.")
    for first_name, last_name, email, firm_id in [
        ("Anna", "O'Neil", "anna.oneil@example.com", None),
        ("Ada", "Lovelace", "ada@analytical.example", firm),
        ("Percy", "100% Sure", "under_score@example.com", None),
        ("Back", r"Sla\sh", None, None),
        ("ΟΔΥΣΣΕΑΣ", "Ελύτης", None, None),
        ("Лев", "Толстой", None, None),
        ("İpek", "Yılmaz", None, None),
        ("伟", "李", None, None),
        ("Zoë", "Müller", None, None),
        (None, None, "nameless@example.com", None),
    ]:
        make_lead(session, cast.alice, first_name=first_name, last_name=last_name, email=email, lead_company_id=firm_id)
    make_lead(session, cast.olga, first_name="Ada", last_name="Outsider", email="ada@example.com",
              lead_company_id=make_firm(session, cast.olga, "Wayne Enterprises, Inc."))


@pytest.mark.parametrize(("words", "found"), [
    ("lovel", {"Lovelace"}), ("OVELA", {"Lovelace"}), ("lace", {"Lovelace"}),
    ("ada", {"Lovelace"}), ("ada love", {"Lovelace"}), ("lovelace ada", {"Lovelace"}),
    ("ada oneil", set()), ("analytical", {"Lovelace"}), ("@analytical.", {"Lovelace"}),
    ("wayne", {"Lovelace"}), ("ENTERPRISES, inc", {"Lovelace"}), ("wayne lovelace", {"Lovelace"}),
    ("o'neil", {"O'Neil"}), ("nameless", {None}),
    ("%", {"100% Sure"}), ("100%", {"100% Sure"}), ("0%s", set()),
    ("_", {"100% Sure"}), ("under_score", {"100% Sure"}), ("a_a", set()),
    ("\\", {r"Sla\sh"}), (r"a\s", {r"Sla\sh"}), ("\\%", set()), ("'; --", set()),
    ("οδυσσ", {"Ελύτης"}), ("ΟΔΥΣΣΕΑΣ", {"Ελύτης"}), ("толст", {"Толстой"}), ("ЛЕВ", {"Толстой"}),
    ("İpek", {"Yılmaz"}), ("yılmaz", {"Yılmaz"}), ("李", {"李"}), ("MÜLL", {"Müller"}), ("zoë müller", {"Müller"}),
    ("nobody at all", set()), ("ada\0", {"Lovelace"}), ("ada\ud800", {"Lovelace"}), ("\0", set()),
])
def test_search_finds_any_part_of_a_name_an_address_or_a_firm(session, cast, people, words, found):
    if not words.strip("\0"):
        found = search(session, cast.alice, "")
    assert search(session, cast.alice, words) == found


@pytest.mark.parametrize("words", ["", "   ", "\n\t"])
def test_an_empty_search_finds_everybody(session, cast, people, words):
    assert lists.page(session, cast.alice, LeadFilter(search=words)).count == 10


def test_search_does_not_look_into_another_companys_firms(session, cast, people):
    assert search(session, cast.olga, "wayne") == {"Outsider"}


@given(words=st.text(max_size=300))
@settings(max_examples=60)
def test_whatever_is_searched_for_gets_an_answer(session, cast, words):
    lists.page(session, cast.alice, LeadFilter(search=words))


@pytest.mark.parametrize("length", [99, 100, 101, 199, 200])
@pytest.mark.parametrize("character", ["%", "_", "\\", "a"])
def test_a_very_long_word_still_finds_what_it_is_part_of(session, cast, length, character):
    lead_id = make_lead(session, cast.alice, last_name=character * length)
    make_lead(session, cast.alice, last_name="Somebody else")

    rows = lists.page(session, cast.alice, LeadFilter(search=character * length)).rows

    assert [row.id for row in rows if row.last_name != "Somebody else" or character != "a"] == [lead_id]


# ---------------------------------------------------------------- views and rows


def matches(session, actor, view, now):
    return {row.id for row in lists.page(session, actor, VIEWS[view].filter(actor, now)).rows}


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_can_be_opened_in_its_own_order(session, cast, now, view):
    page = lists.page(session, cast.alice, VIEWS[view].filter(cast.alice, now), order=VIEWS[view].order)

    assert page.rows == []
    assert "{" not in VIEWS[view].rule_for(cast.alice)


def test_quiet_leads_are_open_mine_and_contacted_more_than_thirty_days_ago(session, cast, now):
    month = now - timedelta(days=30)
    quiet = make_lead(session, cast.alice, owner=cast.alice, status="qualified",
                      last_contacted_at=month - timedelta(seconds=1))
    make_lead(session, cast.alice, owner=cast.alice, status="qualified", last_contacted_at=month)
    make_lead(session, cast.alice, owner=cast.alice, status="lost", last_contacted_at=month - timedelta(days=1))
    make_lead(session, cast.alice, owner=cast.bob, last_contacted_at=month - timedelta(days=1))
    make_lead(session, cast.alice, owner=cast.alice)

    assert matches(session, cast.alice, "quiet", now) == {quiet}


def test_unanswered_leads_were_contacted_three_times(session, cast, now):
    unanswered = make_lead(session, cast.alice, owner=cast.alice, status="contacted", contact_count=3)
    make_lead(session, cast.alice, owner=cast.alice, status="contacted", contact_count=2)
    make_lead(session, cast.alice, owner=cast.alice, status="conversing", contact_count=3)

    assert matches(session, cast.alice, "unanswered", now) == {unanswered}


@pytest.mark.parametrize("view", ["email", "linkedin", "call"])
def test_the_views_by_method_show_the_last_touch(session, cast, now, view):
    by_method = {method: make_lead(session, cast.alice, owner=cast.alice, last_contact_method=method)
                 for method in ("email", "linkedin", "call", "other")}

    assert matches(session, cast.alice, view, now) == {by_method[view]}


def test_the_unassigned_view_leaves_out_closed_leads(session, cast, now):
    lead_ids = {status: make_lead(session, cast.alice, status=status) for status in Status}

    assert matches(session, cast.alice, "unassigned", now) == {
        lead_id for status, lead_id in lead_ids.items() if status not in ("converted", "lost")}


def test_rows_come_in_the_order_of_their_ids(session, cast):
    lead_ids = [make_lead(session, cast.alice) for _ in range(5)]
    wanted = [lead_ids[3], lead_ids[0], lead_ids[4]]

    assert [row.id for row in lists.rows(session, cast.alice, wanted)] == wanted


def test_rows_leave_out_what_the_actor_may_not_see(session, cast):
    mine, theirs = make_lead(session, cast.alice), make_lead(session, cast.olga)

    assert [row.id for row in lists.rows(session, cast.alice, [theirs, uuid.uuid4(), mine])] == [mine]
    assert lists.rows(session, cast.alice, []) == []


def test_rows_name_the_firm(session, cast):
    firm = make_firm(session, cast.alice, "Globex")
    lead_id = make_lead(session, cast.alice, lead_company_id=firm)

    assert lists.rows(session, cast.alice, [lead_id])[0].company == "Globex"
    assert session.scalar(select(LeadCompany.name).where(LeadCompany.id == firm)) == "Globex"
