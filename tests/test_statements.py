"""Statements that are put into words once: the same rows, planned for their values where that is asked."""

import pytest
from sqlalchemy import ARRAY, UUID, any_, bindparam, select, update
from sqlalchemy.dialects.postgresql import JSONB

from benchmarks.plans import recorded
from lib import lists
from lib.filters import LeadFilter
from lib.models import Lead, Status
from lib.statements import Read, Write
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


def test_a_statement_can_be_given_leads_none_and_nothing_at_all(session, cast):
    found = [make_lead(session, cast.alice) for _ in range(2)]
    read = Read(select(_LEADS.c.id).where(_LEADS.c.id == any_(bindparam("leads", type_=ARRAY(UUID)))))

    assert set(read.rows(session, {"leads": found}).scalars()) == set(found)
    assert [read.rows(session, {"leads": given}).all() for given in ([], None)] == [[], []]


def test_what_is_written_later_and_what_returns_rows_are_there_alike(session, cast):
    lead_id = make_lead(session, cast.alice, enrichment_data={"a": 1})
    change = Write(update(_LEADS).where(_LEADS.c.id == bindparam("lead")).values(
        enrichment_data=bindparam("found", type_=JSONB)).returning(_LEADS.c.enrichment_data))

    assert change.now(session, {"lead": lead_id, "found": {"b": [1, None]}}).scalar_one() == {"b": [1, None]}
    change.later(session, {"lead": lead_id, "found": {"c": "%"}})
    assert session.scalar(select(_LEADS.c.enrichment_data).where(_LEADS.c.id == lead_id)) == {"c": "%"}


def test_columns_that_are_worked_out_once_are_those_of_each_statement(session, cast):
    make_lead(session, cast.alice, last_name="Ada")
    one, other = (Read(select(_LEADS.c[name].label(label)).where(_LEADS.c.company_id == bindparam("company")))
                  for name, label in (("last_name", "name"), ("status", "state")))
    company = {"company": cast.alice.company_id}

    for _ in range(2):
        assert (one.rows(session, company).one().name, other.rows(session, company).one().state) == ("Ada", "new")


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
