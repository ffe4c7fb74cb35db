"""What the benchmark is at, said on stderr: stdout is the report's."""

import sys
import time


def said(what: str) -> None:
    print(f"  {time.strftime('%H:%M:%S')}  {what}", file=sys.stderr, flush=True)
