"""Lead Desk, all of it in one process: run it with ``streamlit run app.py``."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from anyio import to_thread
from starlette.middleware import Middleware

from lib import api, entrance, headers, logs, sign_ins, startup
from lib.config import settings
from lib.errors import CannotStart
from lib.proxies import OnlyFromProxy
from lib.return_path import BackToPage
from lib.ui import ahead, outage


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    try:
        sign_ins.check_start(settings(), address=st.get_option("server.address"), headers=_user_headers(),
                             forwarded=os.environ.get("FORWARDED_ALLOW_IPS"),
                             checks_origin=st.get_option("server.enableCORS"))
        await to_thread.run_sync(startup.start)
    except CannotStart as error:
        print(f"Lead Desk cannot start: {error}", file=sys.stderr, flush=True)
        # The server would turn an exception into a traceback and a status of its own.
        os._exit(1)
    startup.heed_the_signal_to_stop()
    ahead.load()
    yield
    await to_thread.run_sync(startup.stop)


def _user_headers() -> dict[str, str]:
    return st.get_option("server.trustedUserHeaders")


app = st.App(
    Path(__file__).parent / "lib" / "shell.py",
    lifespan=lifespan,
    on_script_error=outage.explain,
    routes=api.routes(),
    # The first is the outermost: what is refused at the entrance has an id and the headers too.
    middleware=[Middleware(logs.RequestIds), Middleware(headers.Headers), Middleware(entrance.Entrance),
                Middleware(OnlyFromProxy, headers=_user_headers, proxies=lambda: settings().trusted_proxy),
                Middleware(BackToPage)],
)
