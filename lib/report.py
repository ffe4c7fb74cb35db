"""What became of each row of a file: counted, and written down for the person to keep."""

import csv
import io
import tempfile
from collections import Counter
from enum import StrEnum
from typing import BinaryIO

from lib.spreadsheets import SPOOLED, to_csv_cell

SHOWN = 200


class Fate(StrEnum):
    ADDED = "added"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    REFUSED = "refused"


class Report:
    """``counts`` by fate; ``refused`` are the first SHOWN refused rows, with number, name and reason.

    ``file`` is a CSV with a line for each row of the imported file, in its order.
    """

    def __init__(self) -> None:
        self.counts: Counter[Fate] = Counter()
        self.refused: list[tuple[int, str, str]] = []
        self.file: BinaryIO = tempfile.SpooledTemporaryFile(SPOOLED)
        self._noted: dict[int, tuple[Fate, str, str]] = {}
        self._add("\ufeffRow", "Outcome", "Name", "Reason")

    def note(self, row: int, fate: Fate, name: str, reason: str) -> None:
        """What becomes of a row; said again before ``write``, the last word counts."""
        self._noted[row] = fate, name, reason

    def write(self) -> None:
        """Write down what has been noted since the last time."""
        for row, (fate, name, reason) in sorted(self._noted.items()):
            self.counts[fate] += 1
            if fate is Fate.REFUSED and len(self.refused) < SHOWN:
                self.refused.append((row, name, reason))
            self._add(row, fate, name, reason)
        self._noted.clear()

    def finished(self) -> "Report":
        self.file.seek(0)
        return self

    @property
    def total(self) -> int:
        return self.counts.total()

    def _add(self, *cells: object) -> None:
        line = io.StringIO()
        csv.writer(line).writerow([to_csv_cell(cell) for cell in cells])
        self.file.write(line.getvalue().encode())
