"""Lead Desk, all of it in one process: run it with ``streamlit run app.py``."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from anyio import to_thread
from starlette.middleware import Middleware

from lib import api, entrance, headers, logs, startup
from lib.errors import CannotStart
from lib.ui import outage


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    try:
        await to_thread.run_sync(startup.start)
    except CannotStart as error:
        print(f"Lead Desk cannot start: {error}", file=sys.stderr, flush=True)
        # The server would turn an exception into a traceback and a status of its own.
        os._exit(1)
    startup.heed_the_signal_to_stop()
    yield
    await to_thread.run_sync(startup.stop)


app = st.App(
    Path(__file__).parent / "lib" / "shell.py",
    lifespan=lifespan,
    on_script_error=outage.explain,
    routes=api.routes(),
    # The first is the outermost: what is refused at the entrance has an id and the headers too.
    middleware=[Middleware(logs.RequestIds), Middleware(headers.Headers), Middleware(entrance.Entrance)],
)
