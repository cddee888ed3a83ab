from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pendulum
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError

import x_provider.ledger as package
from x_provider.ledger import Ledger, LedgerError
from x_provider.ledger.database import HEAD
from x_provider.ledger.tables import metadata

NOW = pendulum.datetime(2026, 12, 1, 8, 0, 0)


def test_the_newest_migration_is_the_one_the_code_names():
    config = Config()
    config.set_main_option("script_location", str(Path(package.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_the_migrations_make_the_tables_that_the_code_uses(ledger):
    with ledger.database.read() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "x_ledger_version"})
        assert compare_metadata(context, metadata) == []


def test_many_processes_at_first_use_make_one_schema(ledger_url, ledger):
    script = (
        "import os; from x_provider.ledger import Ledger; Ledger(os.environ['LEDGER']).database.upgrade()"
    )
    environment = {**os.environ, "LEDGER": ledger_url.render_as_string(hide_password=False)}
    processes = [subprocess.Popen([sys.executable, "-c", script], env=environment) for _ in range(4)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0, 0]
    assert ledger.posts.all() == []


def test_one_process_may_make_several_ledgers_at_once(tmp_path):
    ledgers = [Ledger(f"sqlite:///{tmp_path}/{number}.db") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda ledger: ledger.database.upgrade(), ledgers))
    assert [ledger.posts.all() for ledger in ledgers] == [[], [], [], []]


def test_a_ledger_of_a_newer_release_is_left_alone(ledger, ledger_url):
    with ledger.database.write() as connection:
        connection.execute(text("UPDATE x_ledger_version SET version_num = '9999'"))
    with pytest.raises(LedgerError, match="newer airflow-provider-x") as newer:
        Ledger(ledger_url).posts.all()
    assert not newer.value.may_pass


def test_an_unusable_database_is_named_without_its_password():
    url = "postgresql+psycopg://me:s3cr3t-word@127.0.0.1:1/none?connect_timeout=2"
    with pytest.raises(LedgerError, match=r"me:\*\*\*@127\.0\.0\.1:1/none\?\S+ cannot be used") as caught:
        Ledger(url).posts.all()
    assert "s3cr3t-word" not in str(caught.value)


def test_a_directory_that_is_not_there_is_explained(tmp_path):
    with pytest.raises(LedgerError, match="unable to open database file") as away:
        Ledger(f"sqlite:///{tmp_path}/nowhere/ledger.db").posts.all()
    assert away.value.may_pass


def no_database(file):
    file.write_bytes(b"this is no database " * 500)


def damaged(file):
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + bytes(255 for _ in whole[4096:]))


@pytest.mark.parametrize(
    ("breaking", "words"),
    [(no_database, "file is not a database"), (damaged, "database disk image is malformed")],
)
def test_a_file_that_is_no_database_is_explained_and_not_waited_for(tmp_path, draft, breaking, words):
    path = tmp_path / "ledger.db"
    whole = Ledger(f"sqlite:///{path}")
    whole.posts.put(draft(), now=NOW)
    whole.database.dispose()
    breaking(path)
    broken = Ledger(f"sqlite:///{path}")
    for use in (broken.posts.all, lambda: broken.posts.put(draft(), now=NOW)):
        with pytest.raises(LedgerError, match=f"ledger.db is broken: {words}.*x_ledger points to") as said:
            use()
        assert not said.value.may_pass


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("state", ["XX001", "XX002"])
def test_a_damaged_table_of_postgresql_is_not_waited_for_either(ledger, state):
    complaint = f"DO $$ BEGIN RAISE 'invalid page in block 7' USING ERRCODE = '{state}'; END $$"
    with (
        pytest.raises(LedgerError, match="is broken: invalid page in block 7") as said,
        ledger.database.write() as c,
    ):
        c.execute(text(complaint))
    assert not said.value.may_pass


def test_a_trial_writes_and_leaves_nothing(ledger):
    ledger.database.try_to_write()
    with ledger.database.read() as c:
        assert c.execute(text("SELECT count(*) FROM x_charges")).scalar_one() == 0


def test_a_trial_finds_a_file_that_cannot_be_written(tmp_path):
    path = tmp_path / "ledger.db"
    Ledger(f"sqlite:///{path}").database.upgrade()
    opened_to_read = Ledger(f"sqlite:///file:{path}?mode=ro&uri=true")
    with pytest.raises(LedgerError, match="cannot be used: attempt to write a readonly database"):
        opened_to_read.database.try_to_write()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write any file")
def test_a_trial_finds_a_file_that_may_not_be_written(tmp_path):
    path = tmp_path / "ledger.db"
    Ledger(f"sqlite:///{path}").database.upgrade()
    for file in tmp_path.iterdir():
        file.chmod(0o444)
    with pytest.raises(LedgerError, match="readonly database"):
        Ledger(f"sqlite:///{path}").database.try_to_write()


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_a_trial_finds_a_server_that_only_reads_as_after_a_failover(ledger, ledger_url):
    ledger.database.upgrade()
    standby = Ledger(ledger_url.update_query_dict({"options": "-c default_transaction_read_only=on"}))
    with pytest.raises(LedgerError, match="cannot execute INSERT in a read-only transaction") as said:
        standby.database.try_to_write()
    assert said.value.may_pass
    standby.database.dispose()


@pytest.fixture
def reader(ledger, ledger_url):
    """The URL of a role that may read the ledger on PostgreSQL, and no more."""
    ledger.database.upgrade()
    name = f"x_reader_{uuid.uuid4().hex[:12]}"
    admin = create_engine(ledger_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE ROLE {name} LOGIN PASSWORD 's3cr3t-word'"))
        connection.execute(text(f"GRANT USAGE ON SCHEMA public TO {name}"))
        connection.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}"))
    yield ledger_url.set(username=name, password="s3cr3t-word")
    with admin.connect() as connection:
        connection.execute(text(f"DROP OWNED BY {name}"))
        connection.execute(text(f"DROP ROLE {name}"))
    admin.dispose()


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("granted", "lacks"), [("", "table x_charges"), ("INSERT ON ALL TABLES", "sequence x_charges_id_seq")]
)
def test_a_trial_finds_a_role_that_may_not_write(ledger, ledger_url, reader, granted, lacks):
    if granted:
        with ledger.database.write() as c:
            c.execute(text(f"GRANT {granted} IN SCHEMA public TO {reader.username}"))
    reading = Ledger(reader)
    with pytest.raises(
        LedgerError, match=f"cannot be written: permission denied for {lacks}. Give the role"
    ) as said:
        reading.database.try_to_write()
    assert "s3cr3t-word" not in str(said.value)
    reading.database.dispose()


def test_what_the_ledger_refuses_is_not_taken_for_its_trouble(ledger):
    with pytest.raises(IntegrityError), ledger.database.write() as c:
        c.execute(text("INSERT INTO x_halts (account) VALUES (NULL)"))


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "mistake"), [("SELECT 1 FROM nowhere", ProgrammingError), ("SELECT 1 / 0", DataError)]
)
def test_a_mistake_of_ours_is_not_taken_for_the_ledgers(ledger, statement, mistake):
    with pytest.raises(mistake), ledger.database.write() as c:
        c.execute(text(statement))


def test_what_sqlite_has_no_room_for_is_a_mistake_of_ours(tmp_path):
    with pytest.raises(DataError), Ledger(f"sqlite:///{tmp_path}/ledger.db").database.read() as c:
        c.execute(text("SELECT zeroblob(2000000000)"))


@pytest.fixture
def flushes(monkeypatch):
    """When each flush of a file to the disk began; each takes 20 ms."""
    began = []

    def flush(file):
        began.append((time.monotonic(), str(Path(f"/proc/self/fd/{file}").readlink())))
        time.sleep(0.02)
        os.fsync(file)

    monkeypatch.setattr(os, "fdatasync", flush)
    return began


@pytest.mark.skipif(not hasattr(os, "fdatasync"), reason="this system flushes with fsync")
def test_what_was_written_is_on_the_disk_when_the_transaction_has_ended(tmp_path, flushes, draft):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.posts.put(draft(), now=NOW)
    assert flushes[-1][1] == f"{tmp_path}/ledger.db-wal"


@pytest.mark.skipif(not hasattr(os, "fdatasync"), reason="this system flushes with fsync")
def test_many_transactions_share_a_flush_that_began_after_each_of_them(tmp_path, flushes):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.database.upgrade()
    flushes.clear()

    def write(number):
        with ledger.database.write() as connection:
            connection.execute(text("UPDATE x_posts SET at = :number"), {"number": str(number)})
            written = time.monotonic()
        return written, time.monotonic()

    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(write, range(64)))
    assert len(flushes) < 40
    for written, returned in done:
        assert any(written < began < returned for began, _ in flushes)


@pytest.mark.skipif(not hasattr(os, "fdatasync"), reason="this system flushes with fsync")
def test_a_disk_that_cannot_be_written_is_named(tmp_path, monkeypatch, draft):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.database.upgrade()

    def fail(file):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(LedgerError, match="Input/output error"):
        ledger.posts.put(draft(), now=NOW)


@pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)
def test_what_the_connection_says_of_the_database_stays_beside_our_own_time_limits(ledger_url):
    said = ledger_url.update_query_dict({"options": "-c search_path=staging"})
    database = Ledger(said).database
    with database._engine.connect() as connection:
        assert connection.execute(text("SHOW search_path")).scalar_one() == "staging"
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "15s"
    database.dispose()


def test_a_database_that_takes_no_writes_after_a_failover_is_told_as_away(postgres_url):
    Ledger(postgres_url).database.upgrade()
    standby = postgres_url.update_query_dict({"options": "-c default_transaction_read_only=on"})
    with pytest.raises(LedgerError, match="cannot be used") as away, Ledger(standby).database.write() as c:
        c.execute(text("DELETE FROM x_halts"))
    assert away.value.may_pass
