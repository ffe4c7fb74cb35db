"""The node's ways to read all pages of a list, and to write a query."""

import pytest

from tests.factories import make_lead


def test_the_pages_of_a_list_are_followed_to_their_end_by_next(app, node, cast, session):
    new = {str(make_lead(session, cast.tess)) for _ in range(5)}
    make_lead(session, cast.tess, status="lost")

    pages = node.all_pages("/api/leads", {"status": "new", "limit": 2})

    assert [page.status for page in pages] == [200] * 3
    assert [len(page.body["data"]) for page in pages] == [2, 2, 1]
    assert {lead["id"] for page in pages for lead in page.body["data"]} == new
    assert all(page.body["next"].startswith(f"{app.url}/api/leads?") for page in pages[:-1])
    assert (pages[-1].body["next"], pages[-1].body["next_cursor"], pages[-1].body["has_more"]) == (None, None, False)


def test_the_pages_of_a_list_are_followed_to_their_end_by_next_cursor(node, cast, session):
    new = {str(make_lead(session, cast.tess)) for _ in range(5)}
    seen, cursor = [], {}
    for _ in range(3):
        body = node.get("/api/leads", {"status": "new", "limit": "2", **cursor}).body
        seen += [lead["id"] for lead in body["data"]]
        cursor = {"cursor": body["next_cursor"]}

    assert cursor == {"cursor": None}
    assert len(seen) == 5 and set(seen) == new


def test_an_empty_cursor_is_refused_as_it_would_start_the_pages_again_for_ever(node, cast, session):
    make_lead(session, cast.tess)

    answer = node.get("/api/leads", {"status": "new", "limit": 2, "cursor": None})

    assert answer.status == 422
    assert "cursor" in answer.body["error"]["fields"]


def test_leads_that_change_while_the_pages_are_read_make_none_of_the_others_be_missed(node, cast, session):
    new = [make_lead(session, cast.tess, email=None) for _ in range(6)]
    first = node.get("/api/leads", {"status": "new", "limit": 2}).body
    for lead in first["data"]:
        node.post(f"/api/leads/{lead['id']}", {"status": "enriched", "enrichment_data": {}})

    rest = [page.body for page in node.all_pages(first["next"], {})]

    seen = [lead["id"] for body in (first, *rest) for lead in body["data"]]
    assert sorted(seen) == sorted(map(str, new))


@pytest.mark.parametrize("query", [
    {"status": ["new", "enriched"]}, {"status": "new,enriched"},
    {"status": "new,enriched", "q": None, "assigned_to": ""}])
def test_a_list_in_the_query_is_read_as_n8n_writes_it_and_what_is_empty_is_not_asked(node, cast, session, query):
    wanted = {str(make_lead(session, cast.tess, status=status)) for status in ("new", "enriched")}
    make_lead(session, cast.tess, status="lost")

    answer = node.get("/api/leads", query)

    assert answer.status == 200
    assert {lead["id"] for lead in answer.body["data"]} == wanted


def test_the_leads_that_wait_to_be_handed_out_are_found(node, cast, session):
    waiting = make_lead(session, cast.tess, status="enriched")
    make_lead(session, cast.tess, status="enriched", owner=cast.bob)

    answer = node.get("/api/leads", {"status": "enriched", "unassigned": "true"})

    assert [lead["id"] for lead in answer.body["data"]] == [str(waiting)]


def test_a_list_of_nothing_is_an_empty_list(node):
    answer = node.get("/api/leads", {"status": "new"})

    assert (answer.status, answer.body["data"], answer.body["next"]) == (200, [], None)
