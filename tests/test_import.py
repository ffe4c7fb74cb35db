"""Leads from a file: what becomes of each row, what is stored, and the way back."""

import io
from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from lib import addresses, columns, contacts, db, firms, imports, leads, spreadsheets, undo
from lib.errors import Invalid, NotAllowed, NotFound
from lib.imports import Duplicates, Plan
from lib.leads import ANYTHING, Edit
from lib.models import Lead, LeadCompany, LeadEvent
from lib.report import Fate
from tests.crowd import at_once
from tests.factories import events, forgotten, make_firm, make_lead, row

HEADER = "First name,Last name,E-mail,LinkedIn,Company,Status,Score,Tags,Notes"


def read(*lines, header=HEADER):
    return spreadsheets.read(io.BytesIO("\n".join([header, *lines]).encode()), "fair.csv")


def plan(table, **values):
    return Plan(columns=columns.guess(table.header), **values)


def run(session, actor, *lines, now, header=HEADER, **values):
    table = read(*lines, header=header)
    return imports.run(session, actor, table, plan(table, **values), now=now)


def told(report):
    """The report's lines, without the heading."""
    return [line.split(",", 3) for line in report.file.read().decode("utf-8-sig").splitlines()[1:]]


def lead_of(session, actor, email):
    return row(session, session.scalars(select(Lead.id).where(Lead.company_id == actor.company_id,
                                                              Lead.email == email)).one())


def everything(session, actor):
    return session.execute(select(*(column for column in Lead.__table__.columns if column.name != "updated_at"))
                           .where(Lead.company_id == actor.company_id).order_by(Lead.id)).all()


# ---------------------------------------------------------------- new leads


def test_a_row_becomes_a_lead_with_every_field(session, cast, now):
    outcome, report = run(session, cast.alice,
                          'Ada,King,ADA@Example.com,linkedin.com/in/ada,Analytical,Enriched,85,vip; fair,"Wants\ta call"',
                          now=now, source="import: fair.csv", source_workflow="Trade fair")

    lead = row(session, outcome.done[0])
    assert (lead.first_name, lead.last_name, lead.email, lead.linkedin_url, lead.status, lead.score, lead.tags,
            lead.notes, lead.source, lead.source_workflow, lead.assigned_to_user_id, lead.enrichment_data) == (
        "Ada", "King", "ada@example.com", "https://linkedin.com/in/ada", "enriched", 85, ["vip", "fair"],
        "Wants\ta call", "import: fair.csv", "Trade fair", None, {})
    assert session.get_one(LeadCompany, lead.lead_company_id).name == "Analytical"
    assert report.counts == {Fate.ADDED: 1}


def test_its_making_is_an_event_with_what_was_given(session, cast, now):
    outcome, _ = run(session, cast.alice, "Ada,King,ada@example.com,,,,,,", now=now, source="x")

    event, = events(session, outcome.done[0])
    assert (event.action, event.actor_id, event.at, event.batch_id, event.source, event.before) == (
        "created", cast.alice.user_id, now, outcome.batch_id, "ui", {})
    assert event.after == {"first_name": "Ada", "last_name": "King", "email": "ada@example.com", "source": "x"}


def test_the_files_own_source_goes_before_that_of_the_import(session, cast, now):
    run(session, cast.alice, "a@b.example,Webinar", "b@b.example,", header="E-mail,Source", now=now, source="import")

    assert lead_of(session, cast.alice, "a@b.example").source == "Webinar"
    assert lead_of(session, cast.alice, "b@b.example").source == "import"


def test_new_leads_get_the_owner_who_was_chosen(session, cast, now):
    outcome, _ = run(session, cast.tess, "Ada,King,,,,,,,", now=now, owner=cast.bob.user_id)

    lead = row(session, outcome.done[0])
    assert (lead.assigned_to_user_id, lead.assigned_at) == (cast.bob.user_id, now)
    assert events(session, lead.id)[0].after["assigned_to_user_id"] == str(cast.bob.user_id)


@pytest.mark.parametrize(("owner", "error"), [("bob", NotAllowed), ("lea", Invalid), ("olga", NotFound)])
def test_an_owner_who_cannot_be_given_leads_is_refused_before_anything(session, cast, now, owner, error):
    table = read("Ada,King,,,,,,,")
    wanted = plan(table, owner=getattr(cast, owner).user_id)

    for call in (imports.check, imports.run):
        with pytest.raises(error):
            call(session, cast.alice, table, wanted)

    assert everything(session, cast.alice) == []


def test_firms_are_found_by_name_and_made_once(session, cast, now):
    known = make_firm(session, cast.alice, "Analytical Engines")
    make_firm(session, cast.olga, "Difference Ltd")

    run(session, cast.alice, "A,A,,,ANALYTICAL ENGINES,,,,", "B,B,,,Difference Ltd,,,,", "C,C,,,difference LTD,,,,",
        now=now)

    found = session.execute(select(LeadCompany.id, LeadCompany.name).where(
        LeadCompany.company_id == cast.alice.company_id).order_by(LeadCompany.name)).all()
    assert [firm.name for firm in found] == ["Analytical Engines", "Difference Ltd"]
    assert found[0].id == known
    assert session.execute(select(Lead.last_name, Lead.lead_company_id).order_by(Lead.last_name)).all() == [
        ("A", known), ("B", found[1].id), ("C", found[1].id)]


def test_more_firms_than_locks_are_made_once_each(session, cast, now, monkeypatch):
    monkeypatch.setattr(firms, "CHUNK", 3)
    names = [name for number in range(8) for name in (f"Firm {number}", f"FIRM {number}")]

    found = firms.made(session, cast.alice, names)

    assert len(set(found.values())) == 8
    assert all(found[f"Firm {number}"] == found[f"FIRM {number}"] for number in range(8))
    assert firms.made(session, cast.alice, names) == found


# ---------------------------------------------------------------- what cannot be read


BAD_CELLS = {
    "an address": ("Ada,King,not an address,,,,,,", "E-mail: “not an address” is not an e-mail address."),
    "a status": ("Ada,King,,,,hot,,,", "Status: “hot” is not a status; choose one of new, enriched, contacted, "
                                       "conversing, qualified, converted, lost."),
    "a score in words": ("Ada,King,,,,,3rd of March,,", "Score has to be a whole number from 0 to 1,000,000."),
    "a formula for a score": ("Ada,King,,,,,=1+1,,", "Score has to be a whole number from 0 to 1,000,000."),
    "a link": ("Ada,King,,javascript:alert(1),,,,,", "LinkedIn: “javascript:alert(1)” is not a web address."),
    "a long name": ("A" * 10_000 + ",King,,,,,,,", "First name is 10,000 characters long; at most 200 are kept."),
    "a long note": ("Ada,King,,,,,,," + "x" * 20_001, "Notes is 20,001 characters long; at most 20,000 are kept."),
    "a NUL": ("A\0da,King,,,,,,,", "First name has characters that cannot be shown."),
    "nobody": (",,,,Analytical,,,,", "Last name: There is neither a name nor an e-mail or LinkedIn address."),
}


@pytest.mark.parametrize("what", BAD_CELLS)
def test_a_bad_row_is_named_with_its_field_and_the_good_ones_are_stored(session, cast, now, what):
    line, sentence = BAD_CELLS[what]
    table = read("Bob,Brown,bob@example.com,,,,,,", line)

    for report in (imports.check(session, cast.alice, table, plan(table)),
                   imports.run(session, cast.alice, table, plan(table), now=now)[1]):
        assert report.counts == {Fate.ADDED: 1, Fate.REFUSED: 1}
        assert [(number, reason) for number, _, reason in report.refused] == [(3, sentence)]

    assert [lead.email for lead in everything(session, cast.alice)] == ["bob@example.com"]


def test_two_bad_fields_of_a_row_are_both_named(session, cast):
    table = read("Ada,King,x,,,hot,,,")

    reason = imports.check(session, cast.alice, table, plan(table)).refused[0][2]

    assert "E-mail: “x”" in reason and "Status: “hot”" in reason


def test_a_formula_is_kept_as_text_and_harmless_in_the_report(session, cast, now):
    outcome, report = run(session, cast.alice, '"=HYPERLINK(""http://x"")",King,,,,,,,', now=now)

    assert row(session, outcome.done[0]).first_name == '=HYPERLINK("http://x")'
    assert "\"'=HYPERLINK" in report.file.read().decode()


@pytest.mark.parametrize(("chosen", "sentence"), [
    ({}, "Choose a column for the name, the e-mail or the LinkedIn address: without any of them there is no lead."),
    ({4: "company"}, "Choose a column for the name, the e-mail or the LinkedIn address: without any of them there is no "
                     "lead."),
    ({0: "email", 2: "email"}, "E-mail is chosen for two columns, “First name” and “E-mail”. Leave one of them out."),
    ({2: "assigned_to_user_id"}, "“assigned_to_user_id” is not a field that can be imported."),
    ({99: "email"}, "“email” is not a field that can be imported."),
])
def test_columns_that_make_no_lead_are_refused(session, cast, chosen, sentence):
    table = read("Ada,King,ada@example.com,,,,,,")

    for call in (imports.check, imports.run):
        with pytest.raises(Invalid) as caught:
            call(session, cast.alice, table, Plan(columns=chosen))
        assert str(caught.value) == sentence


# ---------------------------------------------------------------- leads that are there


def there(session, cast, **values):
    return make_lead(session, cast.alice, **({"first_name": "Ada", "last_name": None, "email": "ada@example.com",
                                              "linkedin_url": None, "score": 5} | values))


@pytest.mark.parametrize(("duplicates", "after"), [
    (Duplicates.SKIP, ("Ada", None, 5, "new")), (Duplicates.FILL, ("Ada", "King", 5, "new")),
    (Duplicates.OVERWRITE, ("Augusta", "King", 9, "qualified"))])
def test_a_lead_that_is_there_is_skipped_filled_or_overwritten(session, cast, now, duplicates, after):
    lead_id = there(session, cast)

    outcome, report = run(session, cast.alice, "Augusta,King,ADA@example.com,,,qualified,9,,", now=now,
                          duplicates=duplicates)

    lead = row(session, lead_id)
    assert (lead.first_name, lead.last_name, lead.score, lead.status) == after
    assert len(everything(session, cast.alice)) == 1
    if duplicates is Duplicates.SKIP:
        assert (outcome.done, events(session, lead_id)) == ([], [])
        assert report.counts == {Fate.SKIPPED: 1}
    else:
        event, = events(session, lead_id)
        assert (event.action, event.batch_id, outcome.done) == ("edited", outcome.batch_id, [lead_id])
        assert {name: getattr(lead, name) for name in event.after} == event.after
        assert report.counts == {Fate.UPDATED: 1}


def test_an_empty_cell_erases_nothing(session, cast, now):
    lead_id = there(session, cast, tags=["vip"], notes="Likes tea")

    _, report = run(session, cast.alice, "Ada,,ada@example.com,,,,5,,", now=now, duplicates=Duplicates.OVERWRITE)

    assert (row(session, lead_id).tags, row(session, lead_id).notes) == (["vip"], "Likes tea")
    assert report.counts == {Fate.UNCHANGED: 1}
    assert events(session, lead_id) == []


@pytest.mark.parametrize("url", ["https://www.linkedin.com/in/Ada", "de.linkedin.com/in/ada/?trk=x"])
def test_a_lead_is_found_by_its_linkedin_address_however_written(session, cast, now, url):
    lead_id = there(session, cast, email=None, linkedin_url="https://linkedin.com/in/ada/")

    run(session, cast.alice, f"Ada,King,new@example.com,{url},,,,,", now=now, duplicates=Duplicates.FILL)

    assert (row(session, lead_id).email, row(session, lead_id).last_name) == ("new@example.com", "King")
    assert row(session, lead_id).linkedin_url == "https://linkedin.com/in/ada/"


def test_a_row_between_two_leads_is_refused(session, cast, now):
    there(session, cast)
    there(session, cast, first_name="Bob", email=None, linkedin_url="https://linkedin.com/in/bob")
    before = everything(session, cast.alice)

    _, report = run(session, cast.alice, "X,Y,ada@example.com,linkedin.com/in/bob,,,,,", now=now,
                    duplicates=Duplicates.OVERWRITE)

    assert report.refused == [(2, "X Y", "The e-mail address is that of Ada, the LinkedIn address that of Bob.")]
    assert everything(session, cast.alice) == before


@pytest.mark.parametrize(("who", "changed"), [("alice", False), ("bob", True), ("tess", True)])
def test_a_colleagues_lead_is_changed_by_its_owner_or_a_team_lead_only(session, cast, now, who, changed):
    lead_id = there(session, cast, owner=cast.bob)
    table = read("Ada,King,ada@example.com,,,,,,")
    wanted = plan(table, duplicates=Duplicates.FILL)

    checked = imports.check(session, getattr(cast, who), table, wanted)
    _, report = imports.run(session, getattr(cast, who), table, wanted, now=now)

    assert (row(session, lead_id).last_name == "King") is changed
    assert checked.counts == report.counts == {Fate.UPDATED if changed else Fate.REFUSED: 1}
    if not changed:
        assert report.refused[0][2] == "It belongs to Bob Brown. Ask Bob Brown or a team lead to change it."


def test_another_companys_leads_are_neither_found_nor_in_the_way(session, cast, now):
    theirs = make_lead(session, cast.olga, email="ada@example.com", linkedin_url="https://linkedin.com/in/ada")
    before = row(session, theirs)

    _, report = run(session, cast.alice, "Ada,King,ada@example.com,linkedin.com/in/ada,,,,,", now=now,
                    duplicates=Duplicates.OVERWRITE)

    assert report.counts == {Fate.ADDED: 1}
    assert row(session, theirs) == before


# ---------------------------------------------------------------- the file against itself


@pytest.mark.parametrize("size", [1, 2, 1_000])
def test_a_lead_that_stands_in_the_file_twice_is_met_like_one_that_is_there(session, cast, now, monkeypatch, size):
    monkeypatch.setattr(imports, "CHUNK", size)
    lines = ["Ada,,ada@example.com,,,,,,", "Bob,,,linkedin.com/in/bob,,,,,", "Ada,King,ada@example.com,,,,7,,",
             "Bob,,,www.linkedin.com/in/Bob/,,,3,,"]
    with forgotten(session):
        _, skipped = run(session, cast.alice, *lines, now=now)
        assert [lead.score for lead in everything(session, cast.alice)] == [None, None]
        assert skipped.counts == {Fate.ADDED: 2, Fate.SKIPPED: 2}
        assert told(skipped)[2] == ["4", "skipped", "Ada King", "The same lead as in row 2."]

    outcome, filled = run(session, cast.alice, *lines, now=now, duplicates=Duplicates.FILL)

    assert sorted((lead.first_name, lead.last_name, lead.score) for lead in everything(session, cast.alice)) == [
        ("Ada", "King", 7), ("Bob", None, 3)]
    assert filled.counts == {Fate.ADDED: 2, Fate.UPDATED: 2}
    assert len(outcome.done) == 2

    undo.undo(session, cast.alice, outcome.batch_id, now=now)
    assert everything(session, cast.alice) == []


CELLS = st.fixed_dictionaries({
    "first": st.sampled_from(["", "Ada", "Bob"]), "last": st.sampled_from(["", "King"]),
    "email": st.sampled_from(["", "a@x.example", "b@x.example", "c@x.example", "bad"]),
    "link": st.sampled_from(["", "linkedin.com/in/a", "www.linkedin.com/in/B/", "linkedin.com/in/b"]),
    "score": st.sampled_from(["", "1", "2", "high"])})
NAMES = {"first": "first_name", "last": "last_name", "email": "email", "link": "linkedin_url", "score": "score"}


def slowly(held, lines, duplicates):
    """What an import comes to, a row after the other, in plain words: the leads, and each row's fate."""
    found, fates = [dict(lead) for lead in held], []
    for cells in lines:
        values = {NAMES[name]: cell for name, cell in cells.items() if cell}
        if values.get("email") == "bad" or values.get("score") == "high" or not values.keys() - {"score"}:
            fates.append(Fate.REFUSED)
            continue
        if "score" in values:
            values["score"] = int(values["score"])
        if "linkedin_url" in values:
            values["linkedin_url"] = "https://" + values["linkedin_url"]
        def key(lead):
            return (lead.get("linkedin_url") or "").removeprefix("https://").removeprefix("www.").lower().rstrip("/")
        by_email = [lead for lead in found if "email" in values and lead.get("email") == values["email"]]
        by_link = [lead for lead in found if key(values) and key(lead) == key(values)]
        twins = by_email or by_link
        if not twins:
            found.append(values)
            fates.append(Fate.ADDED)
        elif duplicates is Duplicates.SKIP:
            fates.append(Fate.SKIPPED)
        elif by_email and by_link and by_email[0] not in by_link:
            fates.append(Fate.REFUSED)
        else:
            wanted = {name: value for name, value in values.items() if twins[0].get(name) != value
                      and (duplicates is Duplicates.OVERWRITE or twins[0].get(name) is None)}
            twins[0] |= wanted
            fates.append(Fate.UPDATED if wanted else Fate.UNCHANGED)
    return found, fates


@example(held=["b"], duplicates=Duplicates.OVERWRITE, size=3, lines=[
    # An address that one lead gives up goes to another in the same chunk.
    dict(zip(("first", "last", "email", "link", "score"), cells, strict=True)) for cells in (
        ("", "", "", "", "1"), ("", "", "", "", "1"), ("", "", "a@x.example", "linkedin.com/in/a", ""),
        ("", "", "c@x.example", "linkedin.com/in/a", ""), ("", "", "a@x.example", "www.linkedin.com/in/B/", ""))])
@settings(max_examples=120)
@given(lines=st.lists(CELLS.filter(lambda cells: any(cells.values())), min_size=1, max_size=8),
       held=st.lists(st.sampled_from(["a", "b"]), unique=True, max_size=2), duplicates=st.sampled_from(Duplicates),
       size=st.sampled_from([1, 2, 3, 1_000]))
def test_an_import_is_its_rows_one_after_the_other_and_its_undo_leaves_no_trace(
        session, cast, now, lines, held, duplicates, size):
    with forgotten(session), pytest.MonkeyPatch.context() as patch:
        patch.setattr(imports, "CHUNK", size)
        before = [{"first_name": "Old", "email": f"{name}@x.example",
                   "linkedin_url": f"https://linkedin.com/in/{name}"} for name in held]
        for values in before:
            make_lead(session, cast.alice, **({"last_name": None} | values))
        at_first = everything(session, cast.alice)
        table = read(*[",".join(cells[name] for name in NAMES) for cells in lines],
                     header="First name,Last name,E-mail,LinkedIn,Score")
        wanted = plan(table, duplicates=duplicates)

        checked = imports.check(session, cast.alice, table, wanted)
        assert everything(session, cast.alice) == at_first
        outcome, report = imports.run(session, cast.alice, table, wanted, now=now)

        expected, fates = slowly(before, lines, duplicates)
        def seen(lead):
            return tuple(str(lead.get(name)) for name in NAMES.values())
        assert sorted(seen(lead._asdict()) for lead in everything(session, cast.alice)) == sorted(map(seen, expected))
        assert [line[1] for line in told(report)] == fates
        # Only whether a row brings anything new is not known before the rows above it are stored.
        assert [line[1].replace("unchanged", "updated") for line in told(checked)] == [
            fate.replace("unchanged", "updated") for fate in fates]

        if outcome.done:
            taken = undo.undo(session, cast.alice, outcome.batch_id, now=now)
            assert sorted(taken.done) == sorted(outcome.done)
        assert everything(session, cast.alice) == at_first


# ---------------------------------------------------------------- at the same time


def test_two_imports_of_a_company_do_not_run_at_once(committed_cast, now):
    alice, bob = committed_cast.alice, committed_cast.bob
    lines = [f"A,{number},lead{number}@example.com,,,,,," for number in range(300)]

    outcomes = at_once(*[lambda session, who=who: run(session, who, *lines, now=now) for who in (alice, bob)])

    refused = [outcome for outcome in outcomes if isinstance(outcome, imports.ImportRunning)]
    assert len(refused) <= 1
    with db.transaction() as session:
        assert session.scalar(select(func.count()).where(Lead.company_id == alice.company_id)) == 300


def test_one_that_somebody_adds_meanwhile_is_left_to_them(session, cast, now, monkeypatch):
    found = addresses.known_by_address

    def late(*arguments, **options):
        rows = found(*arguments, **options)
        make_lead(session, cast.alice, email="ada@example.com", first_name="Theirs")
        return rows

    monkeypatch.setattr(addresses, "known_by_address", late)

    outcome, report = run(session, cast.alice, "Ada,King,ada@example.com,,,,,,", "Bob,Brown,bob@example.com,,,,,,",
                          header="First name,Last name,E-mail,LinkedIn,Phone,Status,Score,Tags,Notes", now=now)

    assert report.counts == {Fate.ADDED: 1, Fate.SKIPPED: 1}
    assert told(report)[0] == ["2", "skipped", "Ada King", "Somebody else has just added this lead."]
    assert lead_of(session, cast.alice, "ada@example.com").first_name == "Theirs"
    assert [row(session, lead_id).email for lead_id in outcome.done] == ["bob@example.com"]


# ---------------------------------------------------------------- the way back


def test_undo_restores_what_was_overwritten_and_removes_what_was_added(session, cast, now):
    there(session, cast, tags=["old"])
    before = everything(session, cast.alice)
    outcome, _ = run(session, cast.alice, "Augusta,King,ada@example.com,,Analytical,lost,9,new,Note",
                     "Bob,Brown,bob@example.com,,,,,,", now=now, duplicates=Duplicates.OVERWRITE)

    taken = undo.undo(session, cast.alice, outcome.batch_id, now=now)

    assert everything(session, cast.alice) == before
    assert (sorted(taken.done), taken.refused) == (sorted(outcome.done), [])
    assert session.scalar(select(func.count()).where(LeadCompany.name == "Analytical")) == 1


def test_undo_leaves_and_names_the_leads_that_were_worked_on_since(session, cast, now):
    kept = there(session, cast)
    outcome, _ = run(session, cast.alice, "Augusta,,ada@example.com,,,,,,", "Bob,Brown,bob@example.com,,,,,,",
                     "Cyd,Clark,cyd@example.com,,,,,,", now=now, duplicates=Duplicates.OVERWRITE)
    bob = lead_of(session, cast.alice, "bob@example.com").id
    contacts.log_contact(session, cast.alice, [bob], method="call", now=now)
    leads.edit(session, cast.bob, [Edit(kept, "first_name", ANYTHING, "A.")], now=now)

    taken = undo.undo(session, cast.alice, outcome.batch_id, now=now + timedelta(hours=1))

    assert sorted(str(refusal) for refusal in taken.refused) == [
        "A.: Bob Brown has changed First name since.", "Bob Brown: It has been worked on since."]
    assert len(taken.done) == 1
    assert [lead.email for lead in everything(session, cast.alice) if lead.id not in (kept, bob)] == []


def test_undo_tells_how_far_it_is_and_can_be_stopped(session, cast, now, monkeypatch):
    outcome, _ = run(session, cast.alice, *[f"A,{number},,,,,,," for number in range(7)], now=now)
    monkeypatch.setattr(leads, "CHUNK", 3)
    progress = []

    with forgotten(session):
        undo.undo(session, cast.alice, outcome.batch_id, progress=progress.append, now=now)

    assert progress == [3, 6, 7]
    assert session.scalar(select(func.count()).select_from(LeadEvent).where(
        LeadEvent.batch_id == outcome.batch_id)) == 7


def test_an_import_that_is_stopped_changes_nothing(session, cast, now, monkeypatch):
    monkeypatch.setattr(imports, "CHUNK", 2)

    class Enough(Exception):
        pass

    def stop(done):
        if done >= 4:
            raise Enough

    table = read(*[f"A,{number},,,Firm {number},,,," for number in range(9)])
    nested = session.begin_nested()
    with pytest.raises(Enough):
        imports.run(session, cast.alice, table, plan(table), progress=stop, now=now)
    nested.rollback()

    assert everything(session, cast.alice) == []
    assert session.scalar(select(func.count()).where(LeadCompany.company_id == cast.alice.company_id)) == 0


# ---------------------------------------------------------------- columns


@pytest.mark.parametrize(("headings", "fields"), [
    (["First Name", "Last Name", "E-Mail", "Company name", "LinkedIn"],
     ["first_name", "last_name", "email", "company", "linkedin_url"]),
    (["first_name", "last_name", "email_address", "job_title", "linkedin_url", "phone_number"],
     ["first_name", "last_name", "email", "job_title", "linkedin_url", "phone"]),
    (["Vorname", "Nachname", "E-Mail-Adresse", "Firma", "Telefon"],
     ["first_name", "last_name", "email", "company", "phone"]),
    (["Name", "Title", "Organization", "Person Linkedin Url", "Lead Source", "Source workflow"],
     ["name", "job_title", "company", "linkedin_url", "source", "source_workflow"]),
])
def test_headings_give_their_fields_away(headings, fields):
    assert columns.guess(headings) == dict(enumerate(fields))


def test_a_second_column_for_a_field_and_one_that_nobody_knows_are_left_out():
    assert columns.guess(["E-mail", "Work e-mail", "Shoe size", ""]) == {0: "email"}


@pytest.mark.parametrize(("whole", "parts"), [
    ("Ada King", ("Ada", "King")), ("King, Ada", ("Ada", "King")), ("Ada Augusta King", ("Ada Augusta", "King")),
    ("Ludwig van Beethoven", ("Ludwig", "van Beethoven")), ("Ada", ("", "Ada")), ("van Gogh", ("van", "Gogh")),
    ("Oscar de la Renta", ("Oscar", "de la Renta")),
])
def test_a_whole_name_is_split(whole, parts):
    assert columns.split_name(whole) == parts


def test_a_column_of_its_own_goes_before_the_whole_name(session, cast, now):
    outcome, _ = run(session, cast.alice, "Ada King,Byron", header="Name,Last name", now=now)

    assert (row(session, outcome.done[0]).first_name, row(session, outcome.done[0]).last_name) == ("Ada", "Byron")


def test_every_field_of_the_menu_is_stored_somewhere():
    stored = {*addresses.STORED, "company", "name"}

    assert set(columns.FIELDS) <= stored
