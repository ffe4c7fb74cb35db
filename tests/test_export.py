"""Leads as a file: everything that was asked for, nothing that a spreadsheet would carry out."""

import csv
import io
import logging

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib import columns, exports, imports, spreadsheets
from lib.errors import Invalid
from lib.exports import COLUMNS, Kind
from lib.filters import LeadFilter
from lib.report import Fate
from tests.factories import days_ago, forgotten, make_firm, make_lead

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40) | st.sampled_from(
    ["=1+1", "+49 30 1", "-1", "@x", "'=x", "''+x", '=HYPERLINK("http://x")', "http://x.example", "007", "1e5", "Ünï"])


def table(exported, kind):
    """The file's rows as a spreadsheet program would show them, by heading."""
    if kind is Kind.CSV:
        lines = list(csv.reader(io.StringIO(exported.file.read().decode("utf-8-sig"))))
        lines = [lines[0], *[[spreadsheets.from_csv_cell(cell) or None for cell in line] for line in lines[1:]]]
    else:
        sheet = openpyxl.load_workbook(exported.file).active
        assert all(cell.data_type != "f" and cell.hyperlink is None for line in sheet.iter_rows() for cell in line)
        lines = [[cell if cell is None else str(cell) for cell in line] for line in sheet.iter_rows(values_only=True)]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


each_kind = pytest.mark.parametrize("kind", Kind)


@each_kind
def test_every_column_is_there_in_plain_words(session, cast, now, kind):
    firm = make_firm(session, cast.alice, "Analytical Engines")
    lead_id = make_lead(session, cast.alice, owner=cast.bob, first_name="Ada", last_name="King", job_title="Countess",
                        email="ada@example.com", phone="+49 30 1", linkedin_url="https://linkedin.com/in/ada",
                        status="contacted", lead_company_id=firm, tags=["vip", "fair"], notes="Two\nlines", score=7,
                        source="N8N", source_workflow="Fair", last_contacted_at=now, last_contact_method="call",
                        contact_count=3, response_count=1, last_response_at=now, assigned_at=now, created_at=now)

    row, = table(exports.write(session, cast.alice, kind), kind)

    assert row.pop("Updated").startswith("20")
    assert row == {
        "First name": "Ada", "Last name": "King", "Job title": "Countess", "Company": "Analytical Engines",
        "E-mail": "ada@example.com", "Phone": "+49 30 1", "LinkedIn": "https://linkedin.com/in/ada",
        "Status": "contacted", "Lost reason": None, "Lost note": None,
        "Assigned to": "Bob Brown", "Assigned at": "2026-03-10T12:00:00+00:00",
        "Last contact": "2026-03-10T12:00:00+00:00", "Last contact method": "call", "Contacts": "3",
        "Last response": "2026-03-10T12:00:00+00:00", "Responses": "1", "Score": "7", "Tags": "vip; fair",
        "Notes": "Two\nlines", "Source": "N8N", "Source workflow": "Fair", "Created": "2026-03-10T12:00:00+00:00",
        "ID": str(lead_id)}


@each_kind
def test_the_filter_and_the_order_are_those_of_the_list(session, cast, now, kind):
    for days, status in ((1, "contacted"), (3, "contacted"), (2, "lost"), (5, "contacted")):
        make_lead(session, cast.alice, last_name=f"{days} days", status=status, last_contacted_at=days_ago(now, days))
    make_lead(session, cast.olga, status="contacted", last_name="Theirs")

    for order in ("recent", "company", "owner"):
        found = exports.write(session, cast.alice, kind, order=order, wanted=LeadFilter(
            statuses=("contacted",), last_contacted_before=days_ago(now, 2)))
        names = [row["Last name"] for row in table(found, kind)]
        assert (names if order == "recent" else sorted(names)) == ["3 days", "5 days"]
        assert (found.count, found.is_capped) == (2, False)


@each_kind
def test_what_is_shown_comes_as_it_is_shown_and_only_from_ones_own_company(session, cast, kind):
    mine = [make_lead(session, cast.alice, last_name=name) for name in "CAB"]
    theirs = make_lead(session, cast.olga)

    found = exports.write(session, cast.alice, kind, only=[mine[0], theirs, mine[2]])

    assert [row["Last name"] for row in table(found, kind)] == ["C", "B"]


@each_kind
@pytest.mark.parametrize(("there", "limit", "capped"), [(3, 2, True), (2, 2, False)])
def test_more_than_the_limit_is_left_out_and_said(session, cast, kind, there, limit, capped):
    for _ in range(there):
        make_lead(session, cast.alice)

    found = exports.write(session, cast.alice, kind, limit=limit)

    assert (found.count, found.is_capped, len(table(found, kind))) == (2, capped, 2)


@each_kind
@given(text=TEXT)
def test_no_text_is_a_formula_and_each_can_be_read_again(session, cast, kind, text):
    text = text.strip() or "x"
    with forgotten(session):
        make_lead(session, cast.alice, first_name=text, notes=text)
        found = exports.write(session, cast.alice, kind)
        if kind is Kind.CSV:
            cells = list(csv.reader(io.StringIO(found.file.read().decode("utf-8-sig"))))[1]
            assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)
            found.file.seek(0)

        assert table(found, kind)[0]["First name"] == text


@each_kind
def test_an_export_can_be_imported_again(session, cast, now, kind):
    make_lead(session, cast.alice, first_name="=Ada", phone="+49 30 1", tags=["a", "b"], score=5, source="x",
              lead_company_id=make_firm(session, cast.alice, "-Firm"), notes="Two\nlines", source_workflow="y")
    read = spreadsheets.read(exports.write(session, cast.alice, kind).file, f"leads.{kind}")
    assert set(columns.guess(read.header).values()) == set(columns.FIELDS) - {"name"}

    report = imports.run(session, cast.alice, read, imports.Plan(
        columns=columns.guess(read.header), duplicates=imports.Duplicates.OVERWRITE), now=now)[1]

    assert report.counts == {Fate.UNCHANGED: 1}


def test_it_is_noted_who_exported_how_many_and_nothing_else(session, cast, caplog):
    make_lead(session, cast.alice, first_name="Secret")

    with caplog.at_level(logging.INFO):
        exports.write(session, cast.alice, Kind.CSV)

    assert f"User {cast.alice.user_id} exported 1 leads as csv" in caplog.text
    assert "Secret" not in caplog.text


def test_an_unknown_order_is_refused(session, cast):
    with pytest.raises(Invalid):
        exports.write(session, cast.alice, Kind.CSV, order="nonsense")


def test_headings_do_not_repeat():
    assert len(COLUMNS) == len({*COLUMNS.values()})
