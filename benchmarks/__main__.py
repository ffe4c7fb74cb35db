"""Measures everything that docs/performance.md tells: ``python -m benchmarks``.

Some ten minutes on two cores that have nothing else to do, one with ``--quick``. The report is Markdown on stdout,
beginning with each figure beside its aim; on stderr it says what it is at. Ratios in one run are the result: the times
belong to the machine.
"""

import argparse
import json
import platform
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import calls, crowds, files, functions, growth, start, views, writers
from benchmarks.desks import Desk, opened
from benchmarks.figures import Section, verdicts
from benchmarks.load import FOLDER

LEADS, QUICK_LEADS = 1_000_000, 100_000
PORT = 8590


@dataclass(frozen=True)
class Options:
    quick: bool = False
    large: bool = False
    only: str = ""
    minutes: float | None = None
    leads: int | None = None
    folder: Path = FOLDER
    port: int = PORT

    @property
    def words(self) -> str:
        """What is asked for when it is no part: operations and calls whose name contains it."""
        return "" if self.only in PARTS else self.only

    def desk(self, leads: int | None = None):
        leads = leads or self.leads or (QUICK_LEADS if self.quick else LEADS)
        usual = leads == LEADS
        return opened(self.folder if usual else self.folder.with_name(f"{self.folder.name}-{leads}"), leads, self.port)


def _functions(options: Options, desk: Desk) -> Section:
    return functions.section(desk, only=options.words, repeats=30 if options.quick else 120)


def _calls(options: Options, desk: Desk) -> Section:
    quick = options.quick
    return calls.section(desk, repeats=20 if quick else 100, seconds=0.5 if quick else 3, only=options.words)


def _views(options: Options, desk: Desk) -> Section:
    return views.section(desk, repeats=1 if options.quick else 5)


def _crowds(options: Options, desk: Desk) -> Section:
    sizes = ((20, 3.0),) if options.quick else ((50, 10.0), (200, 20.0))
    return crowds.section(desk, sizes=sizes, seconds=5 if options.quick else 30)


def _writers(options: Options, desk: Desk) -> Section:
    quick = options.quick
    reading_seconds = (3 if quick else 30) if options.minutes is None else options.minutes * 60
    return writers.section(desk, seconds=0.5 if quick else 5, rounds=1 if quick else 3, reading_seconds=reading_seconds)


def _start(options: Options, desk: Desk) -> Section:
    return start.section(desk, repeats=1 if options.quick else 5)


def _files(options: Options, _: Desk) -> Section:
    return files.section(1_000 if options.quick else 50_000)


def _growth(options: Options, desk: Desk) -> Section:
    """Beside the desk that is open already, those of the other sizes."""
    sizes = [size for size in (*growth.SIZES, *([growth.LARGE] if options.large else [])) if size != desk.leads]
    if options.quick:
        sizes = [size for size in sizes if size < desk.leads]
    with ExitStack() as others:
        desks = [desk, *(others.enter_context(options.desk(size)) for size in sizes)]
        return growth.section(sorted(desks, key=lambda each: each.leads), repeats=20 if options.quick else 60,
                              in_a_browser=not options.quick)


PARTS: dict[str, Callable[[Options, Desk], Section]] = {
    "functions": _functions, "growth": _growth, "writers": _writers, "api": _calls, "pages": _views,
    "sessions": _crowds, "start": _start, "files": _files}


def measured(options: Options) -> Iterator[Section]:
    """The sections of the report, as they are ready. What is asked for by a word is an operation or a call."""
    named = [options.only] if options.only in PARTS else ["functions", "api"] if options.only else list(PARTS)
    with options.desk() as desk:
        for name in named:
            desk.use()
            try:
                yield PARTS[name](options, desk)
            except Exception as error:
                # Ten minutes of figures are not thrown away for a browser that did not come up.
                traceback.print_exc()
                yield Section(f"{name}: not measured", [f"It ended with {type(error).__name__}; stderr says where."],
                              failed=True)


def report(sections: Sequence[Section], options: Options) -> str:
    checks = [check for section in sections for check in section.checks]
    met = [check for check in checks if check.is_met]
    began = (f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, "
             f"{'quick; ' if options.quick else ''}{len(met)} of {len(checks)} figures at their aims.")
    return "\n\n".join([began, verdicts(checks), *map(str, sections)])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="100,000 leads and few repeats, in about a minute")
    parser.add_argument("--large", action="store_true", help="growth up to 10,000,000 leads; loading takes half an hour")
    parser.add_argument("--only", default="", metavar="PART", help=f"{', '.join(PARTS)}; or operations and calls whose "
                        "name contains this")
    parser.add_argument("--minutes", type=float, help="how long eight write while somebody reads")
    parser.add_argument("--leads", type=int, help=f"another number than {LEADS:,}")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the servers' data lie (default: %(default)s)")
    parser.add_argument("--port", type=int, default=PORT, help="the first of four that are free")
    parser.add_argument("--json", type=Path, help="also write every single time to this file")
    given = vars(parser.parse_args(arguments))
    path = given.pop("json")
    options = Options(**given)
    sections = list(measured(options))
    print(report(sections, options))
    if path:
        path.write_text(json.dumps({section.title: section.data for section in sections}))
    if any(section.failed for section in sections):
        sys.exit(1)


if __name__ == "__main__":
    main()
