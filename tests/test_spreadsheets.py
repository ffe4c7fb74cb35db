"""Files of every kind, read as rows of text, or refused in one sentence."""

import csv
import io
import zipfile
from datetime import date, datetime, time

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib import spreadsheets
from lib.errors import Invalid
from lib.spreadsheets import MAX_CELL, MAX_ROWS, from_csv_cell, read, to_csv_cell

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)


def table(content, name="leads.csv", **options):
    return read(io.BytesIO(content if isinstance(content, bytes) else content.encode()), name, **options)


def rows(content):
    return [cells for _, cells in table(content).rows()]


def refusal(content):
    with pytest.raises(Invalid) as caught:
        table(content)
    assert set(caught.value.fields) == {"file"}
    return str(caught.value)


def workbook(*lines):
    book, out = openpyxl.Workbook(), io.BytesIO()
    for line in lines:
        book.active.append(line)
    book.save(out)
    return out.getvalue()


# ---------------------------------------------------------------- what can be read


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_every_usual_encoding_and_delimiter_is_read(encoding, delimiter):
    text = f"Name{delimiter}Company\r\nJürgen Müller{delimiter}Société Générale\r\n"

    found = table(text.encode(encoding))

    assert found.header == ["Name", "Company"]
    assert list(found.rows()) == [(2, ["Jürgen Müller", "Société Générale"])]


def test_utf_8_from_beyond_europe_is_read_though_the_first_lines_are_plain():
    lines = "Name\n" + "Ada\n" * 5_000 + "日本太郎\n"

    found = table(lines)

    assert (found.encoding, found.count) == ("utf-8", 5_001)
    assert list(found.rows())[-1] == (5_002, ["日本太郎"])


def test_windows_quotes_and_the_euro_sign_are_read():
    assert rows("Name\n“Ada” – 5 €\n".encode("cp1252")) == [["“Ada” – 5 €"]]


def test_rows_keep_the_numbers_that_they_have_in_the_file():
    found = table("\nName,Company\n\nAda,A\n,\n\"Bob\nBrown\",B\n")

    assert list(found.rows()) == [(4, ["Ada", "A"]), (6, ["Bob\nBrown", "B"])]
    assert found.count == 2


def test_a_row_that_ends_early_is_filled_up():
    assert rows("Name,Company,Phone\nAda\n") == [["Ada", "", ""]]


def test_the_line_that_names_the_delimiter_is_no_row():
    assert table("sep=;\nName;Company\nAda;A, B\n").header == ["Name", "Company"]
    assert list(table("sep=;\nName;Company\nAda;A, B\n").rows()) == [(2, ["Ada", "A, B"])]


def test_columns_without_a_heading_get_their_letter_and_those_at_the_end_go():
    assert table("Name,,Phone,,\nAda,x,1,,\n").header == ["Name", "Column B", "Phone"]


def test_a_file_can_be_gone_through_again_and_again():
    found = table("Name\n" + "".join(f"Ada {number}\n" for number in range(3_000)))

    assert list(found.rows()) == list(found.rows())
    assert len(list(found.rows())) == found.count == 3_000
    assert len(found.first) == 20


def test_progress_is_told_on_the_way():
    told = []
    table("Name\n" + "Ada\n" * 2_500, progress=told.append)

    assert told == [1_000, 2_000]


def test_excel_cells_are_read_as_they_are_seen():
    content = workbook(["Name", "Phone", "Score", "Since", "At", "Time", "Ok", "Share"],
                       ["Ada", 4930123456, 85.0, date(2026, 3, 1), datetime(2026, 3, 1, 9, 30), time(9, 30), True,
                        0.5], [], ["Bob"])

    assert list(table(content, "leads.xlsx").rows()) == [
        (2, ["Ada", "4930123456", "85", "2026-03-01", "2026-03-01 09:30:00", "09:30:00", "TRUE", "0.5"]),
        (4, ["Bob", "", "", "", "", "", "", ""])]


def test_text_that_looks_like_a_formula_stays_text():
    assert rows('Name,Notes\nAda,"=HYPERLINK(""http://x"",""y"")"\n') == [["Ada", '=HYPERLINK("http://x","y")']]


# ---------------------------------------------------------------- what cannot


BAD = {
    "nothing": (b"", "The file is empty."),
    "blank lines": (b"\n \n,,\n", "The file is empty."),
    "only a mark": (b"\xef\xbb\xbf", "The file is empty."),
    "headings only": (b"Name,E-Mail\n\n", "The file has headings but no rows below them."),
    "twice the same heading": (b"E-mail,Name,E-MAIL\na,b,c\n", "Row 1: the heading “E-MAIL” is there twice, in columns "
                                                               "A and C. Rename or remove one of them."),
    "an old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "This is a file of an old Excel, or one with a "
                     "password. Save it as .xlsx without a password, or as CSV."),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "This is not a text file. The file has to be CSV or "
                  "Excel (.xlsx)."),
    "a broken archive": (b"PK\x03\x04" + b"nonsense" * 50, "This Excel file is damaged, or no Excel file at all. Save "
                         "it anew as .xlsx."),
    "half an UTF-16 letter": (b"\xff\xfeN\0a\0\n\0A\0\0", "Line 2 cannot be read as UTF-16. Save the file as “CSV "
                              "UTF-8”."),
    "UTF-8 that breaks off": ("\ufeffName\nAda\nJürgen\n".encode()[:-7] + b"\xfc\n",
                              "Line 3 cannot be read as UTF-8-SIG. Save the file as “CSV UTF-8”."),
    "too many cells": (b"Name,Phone\nAda,1\nBob,2,3\n", "Row 3 has 3 cells, but there are headings for 2 columns "
                                                        "only."),
    "an open quotation mark": (b'Name,Notes\nAda,"never\nclosed\n', "Row 2 begins a text with a quotation mark that is "
                               "never closed."),
    "text behind a quotation mark": (b'Name,Notes\nAda,"a"b\n', "Row 2 has text behind a closing quotation mark. Inside "
                                     "a text, quotation marks have to be doubled."),
    "a cell without end": (b"Name,Notes\nAda," + b"x" * 140_000 + b"\n", "Row 2 has a cell of more than 131,072 "
                           "characters. A quotation mark may be missing."),
    "a very long cell": (b"Name,Notes\nAda," + b"x" * (MAX_CELL + 1) + b"\n", "Row 2, column “Notes”: 50,001 characters "
                         "in one cell are too many; at most 50,000 can be read."),
    "too many columns": (b",".join(b"c%d" % number for number in range(201)) + b"\n1\n",
                         "The file has 201 columns; at most 200 can be read."),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_gets_one_plain_sentence(what):
    content, sentence = BAD[what]

    assert refusal(content) == sentence


def test_a_file_with_too_many_rows_is_refused():
    assert refusal("Name\n" + "A\n" * (MAX_ROWS + 1)) == "The file has more than 200,000 rows. Split it into several."


def test_a_file_of_two_gigabytes_is_refused_unread():
    class Huge(io.BytesIO):
        def seek(self, offset, whence=0):
            return 2**31 if whence == io.SEEK_END else super().seek(offset, whence)

        def read(self, *_):
            raise AssertionError("not one byte of it should be read")

    with pytest.raises(Invalid, match=r"^The file is larger than 50 MB\. Split it into several\.$"):
        read(Huge(), "huge.csv")


def test_an_archive_that_unfolds_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(spreadsheets, "MAX_UNPACKED", 1_000)

    assert refusal(workbook(["Name"], ["Ada"])) == ("This Excel file unfolds to more than can be read. Save it as CSV, "
                                                    "or split it into several.")


def test_an_archive_that_is_no_workbook_is_refused():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("hello.txt", "hello")

    assert refusal(out.getvalue()).startswith("This Excel file is damaged")


def test_a_workbook_that_asks_for_a_file_of_this_machine_gets_nothing(tmp_path):
    (tmp_path / "secret").write_text("Confidential")
    entity = f'<!DOCTYPE x [<!ENTITY stolen SYSTEM "file://{tmp_path}/secret">]>'
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(["Name"], ["Ada"]))) as source, zipfile.ZipFile(out, "w") as target:
        for entry in source.infolist():
            text = source.read(entry).decode("utf-8")
            if entry.filename.endswith(("sheet1.xml", "sharedStrings.xml")):
                declaration, _, rest = text.rpartition("?>")
                text = (f"{declaration}?>" if declaration else "") + entity + rest.replace("Ada", "&stolen;")
            target.writestr(entry.filename, text)
    assert b"&stolen;" in b"".join(zipfile.ZipFile(out).read(name) for name in zipfile.ZipFile(out).namelist())

    try:
        told = str(list(table(out.getvalue(), "leads.xlsx").rows()))
    except Invalid as error:
        told = str(error)

    assert "Confidential" not in told


def test_a_workbook_that_breaks_off_is_refused():
    good = workbook(["Name"], *[[f"Ada {number}"] for number in range(200)])
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as source, zipfile.ZipFile(out, "w") as target:
        for entry in source.infolist():
            data = source.read(entry)
            target.writestr(entry.filename, data[:len(data) // 2] if "sheet1" in entry.filename else data)

    assert refusal(out.getvalue()).startswith("This Excel file is damaged")


# ---------------------------------------------------------------- whatever comes


@given(content=st.binary(max_size=400) | st.builds(bytes.__add__, st.sampled_from(
    [b"PK\x03\x04", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"sep=;\n", b"Name,Phone\n", b'"']),
    st.binary(max_size=300)))
def test_any_bytes_are_rows_or_a_refusal(content):
    try:
        found = table(content)
    except Invalid as error:
        assert str(error) and "Traceback" not in str(error)
        return
    read_back = list(found.rows())
    assert len(read_back) == found.count > 0
    assert all(len(cells) == len(found.header) and any(cells) for _, cells in read_back)


@settings(max_examples=30)
@given(cut=st.integers(0, 5_000), flips=st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 255)), max_size=4))
def test_a_damaged_workbook_is_rows_or_a_refusal(cut, flips):
    content = bytearray(workbook(["Name", "Score"], ["Ada", 1], ["Bob", 2.5]))
    for place, value in flips:
        content[place % len(content)] = value
    try:
        table(bytes(content[:len(content) - cut % 200]))
    except Invalid as error:
        assert set(error.fields) == {"file"}


@given(lines=st.lists(st.lists(TEXT, min_size=2, max_size=2), min_size=1, max_size=5),
       encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), delimiter=st.sampled_from(",;\t|"))
def test_what_was_written_is_read_back(lines, encoding, delimiter):
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["First", "Second"])
    writer.writerows([to_csv_cell(cell) for cell in line] for line in lines)

    wanted = [stripped for line in lines if any(stripped := [cell.strip() for cell in line])]

    try:
        found = rows(out.getvalue().encode(encoding))
    except Invalid as error:
        # Control characters in heaps are what tells a picture from a text.
        assert not wanted or "not a text file" in str(error)
    else:
        assert [[cell.strip() for cell in line] for line in found] == wanted


@given(text=TEXT | st.from_regex(r"'{0,3}[=+@\-\t\r].*", fullmatch=True))
def test_no_cell_of_a_csv_begins_like_a_formula_and_each_can_be_read_back(text):
    assert not to_csv_cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert from_csv_cell(to_csv_cell(text)) == text


@pytest.mark.parametrize("text", ["=1+1", "+49 30", "-5", "@SUM(A1)", "\tx", "\rx"])
def test_a_formula_gets_an_apostrophe_in_front(text):
    assert to_csv_cell(text) == "'" + text
