"""What figures mean: medians, ratios, and whether they are at their aims. There is no clock and no database in here."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

AIM, SLACK_MS = 1.5, 0.2


@dataclass(frozen=True)
class Result:
    """How long each repeat of an operation took, and of its floor, in milliseconds; ``cold`` in new connections."""

    name: str
    call: Sequence[float]
    floor: Sequence[float]
    cold_call: Sequence[float] = ()
    cold_floor: Sequence[float] = ()

    @property
    def ratio(self) -> float:
        return statistics.median(self.call) / statistics.median(self.floor)

    @property
    def ratio_of_p95(self) -> float:
        return p95(self.call) / p95(self.floor)

    @property
    def at_aim(self) -> bool:
        return within_aim(statistics.median(self.call), statistics.median(self.floor))

    @property
    def p95_at_aim(self) -> bool:
        return within_aim(p95(self.call), p95(self.floor))


@dataclass(frozen=True)
class Check:
    """A figure beside its aim. ``value`` is None where this run did not measure it."""

    figure: str
    value: float | None
    aim: float
    unit: str = ""
    at_least: bool = False

    @property
    def is_met(self) -> bool | None:
        if self.value is None:
            return None
        return self.value >= self.aim if self.at_least else self.value <= self.aim

    @property
    def cells(self) -> tuple[str, str, str, str]:
        unit = self.unit and f" {self.unit}"
        return (self.figure, f"{'at least' if self.at_least else 'at most'} {plain(self.aim)}{unit}",
                "–" if self.value is None else f"{plain(self.value)}{unit}",
                {None: "not measured", True: "yes", False: "**no**"}[self.is_met])


@dataclass
class Section:
    """What one part of the benchmark has to say: Markdown, figures beside their aims, and every single time."""

    title: str
    text: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    failed: bool = False

    def __str__(self) -> str:
        return "\n\n".join([f"## {self.title}", *self.text])


def within_aim(call: float, floor: float) -> bool:
    """A fifth of a millisecond is what a function may cost beside a statement that costs next to nothing."""
    return call <= AIM * floor + SLACK_MS


def p95(times: Sequence[float]) -> float:
    return statistics.quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]


def share(met: Iterable[bool]) -> float:
    """Of 1; not a number of nothing."""
    each = list(met)
    return sum(each) / len(each) if each else float("nan")


def ratio_of_medians(times: Sequence[float], to: Sequence[float]) -> float:
    return statistics.median(times) / statistics.median(to)


def growth(medians: Mapping[int, float]) -> float:
    """How many times as long the largest size takes as the smallest."""
    return medians[max(medians)] / medians[min(medians)]


def plain(number: float) -> str:
    """With as many digits as tell something."""
    if isinstance(number, int):
        return f"{number:,}"
    if number != number:
        return "–"
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], words: int = 1) -> str:
    """Markdown; the first ``words`` columns are words, the others figures."""
    lines = [header, ["---"] * words + ["---:"] * (len(header) - words)]
    lines += [[plain(cell) if isinstance(cell, int | float) else str(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def verdicts(checks: Iterable[Check]) -> str:
    return table(["figure", "aim", "here", "met"], [check.cells for check in checks], words=4)
