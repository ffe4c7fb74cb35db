"""Reads that are put into words once: the same rows, planned for their values where that is asked."""

import pytest
from sqlalchemy import bindparam, select

from benchmarks.plans import recorded
from lib import lists
from lib.filters import LeadFilter
from lib.models import Lead, Status
from lib.statements import Read
from tests.factories import make_lead

_LEADS = Lead.__table__


def test_a_read_takes_values_that_it_has_and_values_that_it_is_given(session, cast):
    found = make_lead(session, cast.alice, status="conversing", last_name="100 % \\ sure")
    make_lead(session, cast.alice, status="lost", last_name="100 % \\ sure")
    read = Read(select(_LEADS.c.id, _LEADS.c.status).where(
        _LEADS.c.company_id == bindparam("company"), _LEADS.c.status == Status.CONVERSING,
        _LEADS.c.last_name.in_(bindparam(None, ["100 % \\ sure"], expanding=True, literal_execute=True))))

    assert [tuple(row) for row in read.rows(session, {"company": cast.alice.company_id})] == [(found, "conversing")]
    assert read.rows(session, {"company": cast.olga.company_id}).all() == []


@pytest.mark.parametrize(("wanted", "is_prepared"), [
    (LeadFilter(), True), (LeadFilter(search="ada"), False), (LeadFilter(tags_any=("vip",)), False)])
def test_only_a_list_that_is_asked_for_in_words_is_planned_anew_each_time(connection, session, cast, wanted, is_prepared):
    with recorded(connection) as sent:
        lists.page(session, cast.alice, wanted)

    assert [each.is_prepared for each in sent] == [is_prepared]


def test_another_word_and_another_person_are_asked_about_in_the_same_statement(connection, session, cast):
    with recorded(connection) as sent:
        lists.page(session, cast.alice, LeadFilter(search="ada", assigned_to=cast.alice.user_id))
        lists.page(session, cast.olga, LeadFilter(search="o'neill%", assigned_to=cast.olga.user_id))

    assert sent[0].text == sent[1].text and sent[0].parameters != sent[1].parameters
