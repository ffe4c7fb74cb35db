"""CSV and Excel files as rows of text, read and written a row at a time.

Whatever comes in is first copied into a temporary file of one plain kind, which can be gone through as often as
needed: to show the first rows, to check, to import. Never more than a few rows are in memory.
"""

import codecs
import csv
import io
import re
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import islice
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError


from lib.errors import Invalid

MAX_ROWS = 200_000
MAX_COLUMNS = 200
MAX_BYTES = 50 * 1024 * 1024
# What the XML inside an Excel file may come to: a small file can be packed to unfold without end.
MAX_UNPACKED = 500 * 1024 * 1024
MAX_CELL = 50_000
SPOOLED = 4 * 1024 * 1024
PROGRESS_EVERY = 1_000
DELIMITERS = ",;\t|"
KIND = "The file has to be CSV or Excel (.xlsx)."
# A cell that begins so is a formula to Excel and its like. A number of apostrophes in front counts, so that one can be
# put before it and taken away again without a doubt.
FORMULA = re.compile(r"'*[=+\-@\t\r]")

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Table:
    """A file that has been read: what it calls its columns, how many rows it has, and the rows in a file of our own."""

    name: str
    header: Sequence[str]
    count: int
    encoding: str
    first: Sequence[tuple[int, Sequence[str]]]
    _copy: Any = field(repr=False)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Every row that is not empty, with the number that it has in the file, from the top. One reader at a time."""
        self._copy.seek(0)
        for number, *cells in csv.reader(io.TextIOWrapper(_Open(self._copy), "utf-8", newline="")):
            yield int(number), cells

    def close(self) -> None:
        self._copy.close()


def read(file: BinaryIO, name: str, progress: Progress = lambda done: None) -> Table:
    """Read a file whole, or raise Invalid with one sentence that says what is wrong with it, and in which row.

    ``progress`` is told how many rows there have been. Cells are text as a person sees them; dates are ISO 8601.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size == 0:
        raise Invalid.field("file", "The file is empty.")
    if size > MAX_BYTES:
        raise Invalid.field("file", f"The file is larger than {MAX_BYTES // 2**20} MB. Split it into several.")
    start = file.read(8)
    file.seek(0)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise Invalid.field("file", "This is a file of an old Excel, or one with a password. Save it as .xlsx without "
                                    "a password, or as CSV.")
    if start.startswith(b"PK\x03\x04"):
        return _copied(name, "Excel", _excel(file), progress)
    encoding = _encoding(file)
    return _copied(name, encoding, _csv(file, encoding), progress)


def to_csv_cell(value: Any) -> str:
    """A cell's text that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if FORMULA.match(text) else text


def from_csv_cell(text: str) -> str:
    """The text that ``to_csv_cell`` was given."""
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def column_name(index: int) -> str:
    """What a spreadsheet calls the column, counted from 0: A, B, …"""
    from openpyxl.utils import get_column_letter

    return get_column_letter(index + 1)


def _copied(name: str, encoding: str, rows: Iterable[Sequence[str]], progress: Progress) -> Table:
    copy = tempfile.SpooledTemporaryFile(SPOOLED)  # noqa: SIM115 - it lives as long as the table
    out = io.TextIOWrapper(_Open(copy), "utf-8", newline="", write_through=True)
    writer = csv.writer(out)
    numbered = enumerate(rows, 1)
    header = _header(next(((number, cells) for number, cells in numbered if any(cells)), None))
    count, first = 0, []
    for number, cells in numbered:
        if not any(cells):
            continue
        count += 1
        if count > MAX_ROWS:
            raise Invalid.field("file", f"The file has more than {MAX_ROWS:,} rows. Split it into several.")
        if any(cells[len(header):]):
            raise Invalid.field("file", f"Row {number} has {len(cells):,} cells, but there are headings for "
                                        f"{len(header):,} columns only.")
        cells = [*cells[:len(header)], *[""] * (len(header) - len(cells))]
        for index, cell in enumerate(cells):
            if len(cell) > MAX_CELL:
                raise Invalid.field("file", f"Row {number}, column “{header[index]}”: {len(cell):,} characters in one "
                                            f"cell are too many; at most {MAX_CELL:,} can be read.")
        if len(first) < 20:
            first.append((number, cells))
        writer.writerow([number, *cells])
        if count % PROGRESS_EVERY == 0:
            progress(count)
    if not count:
        raise Invalid.field("file", "The file has headings but no rows below them.")
    out.flush()
    return Table(name, header, count, encoding, first, copy)


def _header(found: tuple[int, Sequence[str]] | None) -> list[str]:
    if found is None:
        raise Invalid.field("file", "The file is empty.")
    number, cells = found
    while cells and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) > MAX_COLUMNS:
        raise Invalid.field("file", f"The file has {len(cells):,} columns; at most {MAX_COLUMNS} can be read.")
    header: list[str] = []
    known: dict[str, int] = {}
    for index, cell in enumerate(cells):
        heading = " ".join("".join(c if c.isprintable() else " " for c in cell).split())[:200]
        if heading and heading.lower() in known:
            raise Invalid.field("file", f"Row {number}: the heading “{heading}” is there twice, in columns "
                                        f"{column_name(known[heading.lower()])} and {column_name(index)}. Rename or "
                                        "remove one of them.")
        known[heading.lower()] = index
        header.append(heading or f"Column {column_name(index)}")
    return header


# ---------------------------------------------------------------- CSV


def _encoding(file: BinaryIO) -> str:
    """The file's encoding. Western European is assumed where it is no Unicode.

    Detectors guess from statistics, and were tried: on the few short words of a list of names they take é for the
    letter of another language. Nothing is lost by an error here that the first rows on the page do not show.
    """
    sample = file.read(4096)
    file.seek(0)
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"),
                           (codecs.BOM_UTF16_BE, "utf-16")):
        if sample.startswith(mark):
            _decodes(file, encoding)
            return encoding
    for odd, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if sample[odd::2].count(0) > len(sample) * 0.4 and sample[1 - odd::2].count(0) < len(sample) * 0.1:
            _decodes(file, encoding)
            return encoding
    if sum(byte < 32 and byte not in b"\t\n\r\f" for byte in sample) > len(sample) * 0.05:
        raise Invalid.field("file", f"This is not a text file. {KIND}")
    try:
        _decodes(file, "utf-8")
    except Invalid:
        # Windows' own, which leaves five bytes undefined; the rest of the world's, which defines them all.
        try:
            _decodes(file, "cp1252")
        except Invalid:
            return "latin-1"
        return "cp1252"
    return "utf-8"


def _decodes(file: BinaryIO, encoding: str) -> None:
    decoder, line = codecs.getincrementaldecoder(encoding)(), 1
    try:
        while block := file.read(1 << 20):
            line += decoder.decode(block).count("\n")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        line += error.object[:error.start].count(b"\n")
        raise Invalid.field("file", f"Line {line:,} cannot be read as {encoding.upper()}. Save the file as "
                                    "“CSV UTF-8”.") from error
    finally:
        file.seek(0)


def _csv(file: BinaryIO, encoding: str) -> Iterator[list[str]]:
    text = io.TextIOWrapper(_Open(file), encoding, newline="")
    head = text.readline(1 << 20)
    if named := re.match(r"sep=(.)\r?\n?$", head):
        # What Excel writes for itself; not counted by it, so not counted as a row here.
        delimiter = named[1]
    else:
        delimiter = max(DELIMITERS, key=lambda each: _columns(head, each))
        file.seek(0)
        text = io.TextIOWrapper(_Open(file), encoding, newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise Invalid.field("file", _in_words(number, error)) from error
        if cells is None:
            return
        yield [from_csv_cell(cell).strip() for cell in cells]


def _in_words(number: int, error: csv.Error) -> str:
    if "field larger" in str(error):
        return (f"Row {number} has a cell of more than {csv.field_size_limit():,} characters. A quotation mark may be "
                "missing.")
    if "unexpected end" in str(error):
        return f"Row {number} begins a text with a quotation mark that is never closed."
    return f"Row {number} has text behind a closing quotation mark. Inside a text, quotation marks have to be doubled."


def _columns(line: str, delimiter: str) -> int:
    return len(next(csv.reader([line], delimiter=delimiter), []))


class _Open(io.RawIOBase):
    """A file as a text wrapper wants it, left open when the wrapper goes."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._file.read(len(buffer))
        buffer[:len(block)] = block
        return len(block)

    def write(self, block: Any) -> int:
        return self._file.write(block)


# ---------------------------------------------------------------- Excel


def _excel(file: BinaryIO) -> Iterator[list[str]]:
    # Only whoever reads an Excel file waits for this and what it brings along.
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    broken = Invalid.field("file", "This Excel file is damaged, or no Excel file at all. Save it anew as .xlsx.")
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MAX_UNPACKED:
            raise Invalid.field("file", "This Excel file unfolds to more than can be read. Save it as CSV, or split "
                                        "it into several.")
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        sheet = next(iter(book.worksheets), None)
        if sheet is None:
            raise Invalid.field("file", "This Excel file has no sheet with cells.")
        # What the file says about its own size may be wrong, and would fill up every row to it.
        sheet.reset_dimensions()
        for cells in sheet.iter_rows(values_only=True):
            # A file may name a cell far to the right and nothing before it.
            yield [_shown(cell) for cell in islice(cells, MAX_COLUMNS * 2)]
    except Invalid:
        raise
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, TypeError, IndexError, AttributeError, ParseError,
            InvalidFileException, EOFError, OSError, NotImplementedError, RuntimeError, struct.error) as error:
        # openpyxl has no error of its own for what it cannot make sense of.
        raise broken from error


def _shown(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value.strip()
        case bool():
            return "TRUE" if value else "FALSE"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime() | date() | time():
            return value.isoformat(*([" "] if isinstance(value, datetime) else []))
        case _:
            return str(value)
