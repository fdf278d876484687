# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger as a file: what cannot be one is refused in words and left as it is; what is one is private and whole."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.allocate import allocate
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.hold import release_hold
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.lifecycle import release
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.maintenance import (
    backup_ledger,
    describe_ledger,
    migrate_ledger,
    restore_ledger,
    verify_ledger,
)
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.pools import declare_pools
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.requests import read_requests
from ansible_collections.shadownet.ipam.plugins.module_utils.ipam.views import find_subnets
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger import ledger as ledger_file
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger import sqlite, sqlite_files, sqlite_schema
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.ledger import Ledger
from ansible_collections.shadownet.ipam.plugins.module_utils.ledger.sqlite_files import file_system_type
from ansible_collections.shadownet.ipam.plugins.module_utils.model.errors import (
    Conflict,
    InvalidInput,
    LedgerBusy,
    LedgerError,
    LedgerHeld,
    LedgerMissing,
    LedgerNewer,
    LedgerUnusable,
    ShadownetError,
)
from ansible_collections.shadownet.ipam.tests.integration.ledger.test_concurrency import FORK, run_together

NOBODY = 65534


def fill(path: Path, count: int = 20) -> None:
    with Ledger(path, create=True) as ledger, ledger.transaction("test") as transaction:
        declare_pools(transaction, [{"name": "p", "prefixes": ["10.0.0.0/16"]}])
        allocate(transaction, read_requests([{"name": f"s{n}", "prefix_length": 28} for n in range(count)]))


def names(path: Path) -> set[str]:
    with Ledger(path) as ledger, ledger.snapshot() as transaction:
        return {one["name"] for one in find_subnets(transaction, {})}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@contextmanager
def root_only() -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("needs root to become somebody else or to mount")
    yield


def open_as_nobody(path: Path) -> str:
    """What another user is told who wants to declare a pool there; nothing is told when it worked."""

    def child(pipe: Connection) -> None:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        said = ""
        try:
            with Ledger(path, create=True) as ledger, ledger.transaction("test") as transaction:
                declare_pools(transaction, [{"name": "other", "prefixes": ["192.0.2.0/24"]}])
        except ShadownetError as error:
            said = f"{type(error).__name__} {error}"
        pipe.send(said)

    if Path("/proc/self/uid_map").read_text().split()[2:] == ["1"]:
        pytest.skip("needs another user; this user namespace has only one")
    with root_only():
        ours, theirs = FORK.Pipe(duplex=False)
        process = FORK.Process(target=child, args=(theirs,))
        process.start()
        theirs.close()
        try:
            return str(ours.recv())
        finally:
            process.join(30)


@pytest.fixture
def open_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that another user reaches."""
    with tempfile.TemporaryDirectory(prefix="shadownet-test-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    with root_only(), tempfile.TemporaryDirectory(prefix="shadownet-test-") as name:
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", name]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            pytest.skip(f"needs the right to mount: {made.stderr.strip()}")
        try:
            yield Path(name)
        finally:
            # Lazily, so that a failed test with an open file leaves no mount behind.
            subprocess.run(["umount", "-l", name], check=True)


# -- what is no ledger


def test_a_missing_ledger_is_an_error_that_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(LedgerMissing, match=r"^ledger: there is no ledger at .*shadownet\.ipam\.pool"):
        Ledger(tmp_path / "ledger.db")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_ledger_is_made_with_its_folders_where_that_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "ledger.db"
    with Ledger(path, create=True) as ledger:
        assert ledger.store.created
    with Ledger(path, create=True) as ledger:
        assert not ledger.store.created


def test_in_check_mode_a_missing_ledger_is_not_made(tmp_path: Path) -> None:
    with Ledger(tmp_path / "a" / "ledger.db", create=True, check=True) as ledger:
        with ledger.transaction("test", check=True) as transaction:
            declare_pools(transaction, [{"name": "p", "prefixes": ["10.0.0.0/24"]}])
            given = allocate(transaction, read_requests([{"name": "a", "prefix_length": 28}]))
        assert given[0].subnet.block.prefix_length == 28
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_counts_as_missing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.touch()
    with pytest.raises(LedgerMissing):
        Ledger(path)
    fill(path)
    assert len(names(path)) == 20


def test_a_link_to_nowhere_stays_a_link_when_the_ledger_is_made(tmp_path: Path) -> None:
    link, target = tmp_path / "link.db", tmp_path / "target.db"
    link.symlink_to(target)
    fill(link)
    assert link.is_symlink()
    assert len(names(target)) == 20


def write_sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()


def _loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.mkdir(), "is a folder"),
        (os.mkfifo, "is not a regular file"),
        (lambda path: path.write_text("pools: []\n"), "damaged: it ends inside its header"),
        (lambda path: path.write_text("# a YAML file\n" * 100), "is not a Shadownet ledger"),
        (write_sqlite, "is not a Shadownet ledger"),
        (_loop, "Too many levels of symbolic links"),
    ],
    ids=["folder", "pipe", "short text", "text", "SQLite file of somebody else", "link to itself"],
)
@pytest.mark.parametrize("create", [False, True])
def test_what_is_no_ledger_is_refused_and_left_alone(
    tmp_path: Path, make: Callable[[Path], Any], words: str, create: bool
) -> None:
    path = tmp_path / "ledger.db"
    make(path)
    regular = path.is_file()
    before = tree(tmp_path) if regular else {}
    with pytest.raises(LedgerUnusable, match=f"^ledger: .*{words}"):
        Ledger(path, create=create)
    assert (tree(tmp_path) if regular else {}) == before
    assert [one.name for one in tmp_path.iterdir()] == ["ledger.db"]


def test_a_path_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerUnusable, match="Not a directory"):
        Ledger(tmp_path / "file" / "ledger.db", create=True)


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnusable, match="File name too long"):
        Ledger(tmp_path / ("x" * 300), create=True)


@pytest.mark.parametrize("location", ["postgresql://db/ledger", "a\0b", "  "])
def test_what_names_no_file_is_refused(location: str) -> None:
    with pytest.raises(InvalidInput, match=r"^ledger: "):
        Ledger(location, create=True)


# -- rights, disks


def test_another_user_can_neither_read_nor_change_it(open_folder: Path) -> None:
    path = open_folder / "ledger.db"
    fill(path)
    assert "LedgerUnusable ledger: " in (said := open_as_nobody(path))
    assert "Permission denied" in said


def test_a_read_only_ledger_is_refused(open_folder: Path) -> None:
    path = open_folder / "ledger.db"
    fill(path)
    path.chmod(0o644)
    before = tree(open_folder)
    said = open_as_nobody(path)
    assert said.startswith("LedgerUnusable ledger: ")
    assert str(path) in said
    assert tree(open_folder) == before


def test_a_folder_that_cannot_be_written_to_is_refused(open_folder: Path) -> None:
    said = open_as_nobody(open_folder / "ledger.db")
    assert said.startswith("LedgerUnusable ")
    assert "Permission denied" in said
    assert list(open_folder.iterdir()) == []


def test_a_folder_that_cannot_be_entered_is_refused(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    said = open_as_nobody(closed / "ledger.db")
    assert said.startswith("LedgerUnusable ledger: ")
    assert "Permission denied" in said


def test_on_a_full_disk_nothing_is_changed(tmp_path: Path) -> None:
    with small_disk("600k") as folder:
        path = folder / "ledger.db"
        fill(path)
        filler = folder / "filler"
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(b"x" * 2**20)
        with pytest.raises(LedgerUnusable, match=r"^ledger: .*disk is full; nothing was changed"):
            fill_more(path, 2000)
        filler.unlink()
        assert len(names(path)) == 20
        with Ledger(path) as ledger:
            assert verify_ledger(ledger) == []
        fill_more(path, 1)
        assert len(names(path)) == 21


def fill_more(path: Path, count: int) -> None:
    with Ledger(path) as ledger, ledger.transaction("test") as transaction:
        allocate(transaction, read_requests([{"name": f"more{n}", "prefix_length": 30} for n in range(count)]))


def test_on_a_full_disk_no_half_made_ledger_or_backup_is_left(tmp_path: Path) -> None:
    with small_disk("64k") as folder:
        (folder / "filler").write_bytes(b"x" * 40_000)
        with pytest.raises(LedgerUnusable):
            Ledger(folder / "ledger.db", create=True)
        fill(tmp_path / "ledger.db")
        with Ledger(tmp_path / "ledger.db") as ledger, pytest.raises(LedgerUnusable):
            backup_ledger(ledger, str(folder / "backup.db"))
        assert [one.name for one in folder.iterdir()] == ["filler"]


MOUNTS = """\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:40 / /home rw,relatime shared:2 master:1 - nfs4 server:/home rw,vers=4.2
31 30 0:41 / /home/local\\040disk rw - xfs /dev/sdb1 rw
32 21 0:42 / /srv/d\xe9p\xf4t rw - cifs //server/share rw
33 21 0:43 / /mnt/over rw - ext4 /dev/sdc1 rw
34 33 0:44 / /mnt/over rw - fuse.sshfs host: rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib/x", "ext4"),
        ("/home/me/.shadownet", "nfs4"),
        ("/home/local disk/x", "xfs"),
        ("/homeland", "ext4"),
        ("/srv/d\xe9p\xf4t/x", "cifs"),
        ("/mnt/over/x", "fuse.sshfs"),
    ],
)
def test_the_type_of_the_innermost_and_latest_mount_counts(path: str, kind: str) -> None:
    assert file_system_type(Path(path), MOUNTS) == kind


def test_the_type_of_a_real_mount_is_found(tmp_path: Path) -> None:
    with small_disk("64k") as folder:
        assert file_system_type(folder / "ledger.db") == "tmpfs"


@pytest.mark.parametrize("linked", [False, True])
def test_on_a_network_file_system_it_is_refused_and_nothing_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: bool
) -> None:
    """No such mount can be had here, so a mount of another type plays one: only its name is different."""
    with small_disk("600k") as folder:
        monkeypatch.setattr(sqlite_files, "NETWORK_FILE_SYSTEMS", {"tmpfs"})
        path = folder / "ledger.db"
        if linked:
            path = tmp_path / "ledger.db"
            path.symlink_to(folder / "ledger.db")
        with pytest.raises(LedgerUnusable, match=r"network file system \(tmpfs\)"):
            Ledger(path, create=True)
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_all_its_files_are_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    path, copy = tmp_path / "ledger.db", tmp_path / "backup.db"
    before = os.umask(umask)
    try:
        with Ledger(path, create=True) as ledger:
            with ledger.transaction("test") as transaction:
                declare_pools(transaction, [{"name": "p", "prefixes": ["10.0.0.0/16"]}])
            backup_ledger(ledger, str(copy))
            modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(["ledger.db", "ledger.db-wal", "ledger.db-shm", "backup.db"], 0o600)


# -- versions


def set_version(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
        connection.commit()


def test_a_ledger_of_a_newer_version_is_left_untouched(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    fill(path)
    set_version(path, sqlite_schema.SCHEMA_VERSION + 1)
    before = tree(tmp_path)
    for create in (False, True):
        with pytest.raises(LedgerNewer, match="Upgrade the collection"):
            Ledger(path, create=create)
    assert tree(tmp_path) == before


def test_a_newer_version_is_found_even_while_another_program_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    fill(path)
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {sqlite_schema.SCHEMA_VERSION + 1}")
        with pytest.raises(LedgerNewer):
            Ledger(path)
        assert newer.execute("SELECT COUNT(*) FROM subnet").fetchone() == (20,)


def add_migration(monkeypatch: pytest.MonkeyPatch, *statements: str) -> None:
    migrations = (*sqlite_schema.MIGRATIONS, statements)
    for module in (sqlite, sqlite_schema):
        monkeypatch.setattr(module, "MIGRATIONS", migrations)
    from ansible_collections.shadownet.ipam.plugins.module_utils.ipam import maintenance

    for target in (sqlite, sqlite_files, ledger_file, sqlite_schema, maintenance):
        monkeypatch.setattr(target, "SCHEMA_VERSION", len(migrations))


def test_an_older_ledger_is_refused_until_it_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, old = tmp_path / "ledger.db", sqlite_schema.SCHEMA_VERSION
    fill(path)
    add_migration(monkeypatch, "ALTER TABLE pool ADD COLUMN colour TEXT", "CREATE TABLE added (x)")
    with pytest.raises(LedgerUnusable, match=r"state=migrated"):
        Ledger(path)
    with Ledger(path, any_version=True) as ledger:
        assert migrate_ledger(ledger, check=True) == (old, old + 1)
        assert ledger.store.version == old
        assert migrate_ledger(ledger) == (old, old + 1)
        assert migrate_ledger(ledger) == (old + 1, old + 1)
    assert len(names(path)) == 20
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT colour FROM pool").fetchall() == [(None,)]


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, old = tmp_path / "ledger.db", sqlite_schema.SCHEMA_VERSION
    fill(path)
    with monkeypatch.context() as patch:
        add_migration(patch, "CREATE TABLE added (x)", "INSERT INTO nowhere VALUES (1)")
        with Ledger(path, any_version=True) as ledger, pytest.raises(LedgerUnusable):
            migrate_ledger(ledger)
    with Ledger(path) as ledger:
        assert ledger.store.version == old
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema WHERE name = 'added'").fetchall() == []


# -- damage


def test_a_truncated_ledger_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    fill(path, 500)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(LedgerUnusable, match="damaged"):
        fill_more(path, 1)


def test_a_damaged_page_is_found_by_verify(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    fill(path, 500)
    with closing(sqlite3.connect(path)) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'subnet'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    found: list[str] = []
    with Ledger(path) as ledger:
        try:
            found = verify_ledger(ledger)
        except LedgerUnusable as error:
            found = [str(error)]
    assert found
    assert "subnet" in " ".join(found) or "damaged" in " ".join(found)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("DELETE FROM occupied WHERE holder_id = 3", "neither free nor in use"),
        ("DELETE FROM subnet WHERE name = 's3'", "but there are 19 subnets"),
        ("UPDATE subnet SET prefix_length = 29 WHERE name = 's3'", "'s3' does not hold its prefix"),
        ("UPDATE pool SET bandwidth_used = 5", "counts 5 bit/s"),
        ("UPDATE free_block SET prefix_length = prefix_length + 1", "neither free nor in use"),
        ("DELETE FROM pool_prefix", "outside their pool's prefixes"),
    ],
)
def test_verify_finds_what_does_not_fit_together(tmp_path: Path, sql: str, words: str) -> None:
    path = tmp_path / "ledger.db"
    fill(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql)
        connection.commit()
    with Ledger(path) as ledger:
        assert words in "\n".join(verify_ledger(ledger))


# -- several at once


def test_processes_that_make_the_same_ledger_at_the_same_moment_share_one(tmp_path: Path) -> None:
    for round_number in range(10):
        path = tmp_path / f"{round_number}" / "ledger.db"
        if round_number % 2:
            path.parent.mkdir()
            path.touch()

        def work(number: int, pipe: Any, path: Path = path) -> None:
            with Ledger(path, create=True) as ledger, ledger.transaction("test") as transaction:
                prefix = f"10.{number}.0.0/16"
                declare_pools(transaction, [{"name": f"p{number}", "prefixes": [prefix]}])
            pipe.send([])

        run_together(6, work)
        with Ledger(path) as ledger, ledger.snapshot() as transaction:
            assert sorted(transaction.pools()) == [f"p{number}" for number in range(6)]
        assert not [one for one in path.parent.iterdir() if one.name.endswith(".new")]


def test_a_writer_that_waits_too_long_says_so(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    fill(path)
    with Ledger(path) as first, Ledger(path, timeout=0.2) as second:
        with first.transaction("test"):
            with pytest.raises(LedgerBusy, match=r"for more than 0\.2 s\. .*SHADOWNET_LEDGER_TIMEOUT"):
                second.store.begin(write=True)
            with second.snapshot() as reader:
                assert len(find_subnets(reader, {})) == 20
        with second.transaction("test") as transaction:
            release(transaction, ["s0"])


def test_a_backup_made_while_writers_run_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    fill(path)
    stop = FORK.Event()

    def write(number: int) -> None:
        with Ledger(path) as ledger:
            for n in range(100_000):
                if stop.is_set():
                    return
                with ledger.transaction("test") as transaction:
                    items = [{"name": f"w{number}-{n}-{m}", "prefix_length": 30} for m in range(2)]
                    allocate(transaction, read_requests(items))

    writers = [FORK.Process(target=write, args=(number,)) for number in range(2)]
    for one in writers:
        one.start()
    try:
        counts = []
        with Ledger(path) as ledger:
            for number in range(5):
                backup_ledger(ledger, str(tmp_path / f"backup{number}.db"))
                counts.append(len(names(path)))
    finally:
        stop.set()
        for one in writers:
            one.join(60)
    assert [one.exitcode for one in writers] == [0, 0]
    for number, later in enumerate(counts):
        with Ledger(tmp_path / f"backup{number}.db") as backup:
            assert verify_ledger(backup) == []
        held = names(tmp_path / f"backup{number}.db")
        # Both requests of a call are in it, or neither.
        assert len(held) % 2 == 0
        assert 20 <= len(held) <= later


def test_a_backup_never_replaces_a_file(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    fill(path)
    (tmp_path / "mine").write_text("precious")
    with Ledger(path) as ledger:
        with pytest.raises(Conflict, match="exists already"):
            backup_ledger(ledger, str(tmp_path / "mine"))
        with pytest.raises(LedgerUnusable, match="there is no folder"):
            backup_ledger(ledger, str(tmp_path / "no" / "where"))
    assert (tmp_path / "mine").read_text() == "precious"


# -- restore


def test_after_a_restore_nothing_is_handed_out_until_it_is_reconciled(tmp_path: Path) -> None:
    path, copy = tmp_path / "ledger.db", tmp_path / "backup.db"
    fill(path)
    with Ledger(path) as ledger:
        backup_ledger(ledger, str(copy))
        fill_more(path, 5)
        restore_ledger(ledger, str(copy), "test")
        assert describe_ledger(ledger)["held"] == "restored from a backup"
    assert names(path) == {f"s{n}" for n in range(20)}
    with pytest.raises(LedgerHeld, match=r"shadownet\.ipam\.reconcile"):
        fill_more(path, 1)
    with Ledger(path) as ledger:
        with ledger.transaction("test") as transaction:
            assert release_hold(transaction)
            assert not release_hold(transaction)
        assert verify_ledger(ledger) == []
    fill_more(path, 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_restore_reaches_those_who_have_the_ledger_open(tmp_path: Path) -> None:
    path, copy = tmp_path / "ledger.db", tmp_path / "backup.db"
    fill(path)
    with Ledger(path) as ledger, Ledger(path) as other:
        backup_ledger(ledger, str(copy))
        fill_more(path, 5)
        restore_ledger(ledger, str(copy), "test")
        with other.snapshot() as reader:
            assert len(find_subnets(reader, {})) == 20
        with pytest.raises(LedgerHeld), other.transaction("test") as transaction:
            allocate(transaction, read_requests([{"name": "x", "prefix_length": 30}]))


def test_a_restore_in_check_mode_changes_nothing(tmp_path: Path) -> None:
    path, copy = tmp_path / "ledger.db", tmp_path / "backup.db"
    fill(path)
    with Ledger(path) as ledger:
        backup_ledger(ledger, str(copy))
        fill_more(path, 5)
        restore_ledger(ledger, str(copy), "test", check=True)
    assert len(names(path)) == 25


def damaged(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 4)
        file.write(b"\xff" * 4096 * 6)


def inconsistent(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM occupied WHERE holder_id = 3")
        connection.commit()


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda path: path.unlink(), LedgerMissing),
        (lambda path: path.write_bytes(b""), LedgerMissing),
        (lambda path: path.write_bytes(b"no ledger" * 50), LedgerUnusable),
        (lambda path: os.truncate(path, 8192), LedgerUnusable),
        (damaged, LedgerUnusable),
        (inconsistent, LedgerUnusable),
        (lambda path: set_version(path, 99), LedgerNewer),
    ],
    ids=["missing", "empty", "text", "truncated", "damaged", "inconsistent", "newer"],
)
def test_a_backup_that_cannot_be_used_leaves_the_ledger_as_it_was(
    tmp_path: Path, spoil: Callable[[Path], Any], error: type[LedgerError]
) -> None:
    path, copy = tmp_path / "ledger.db", tmp_path / "backup.db"
    fill(path, 300)
    with Ledger(path) as ledger:
        backup_ledger(ledger, str(copy))
        fill_more(path, 5)
        spoil(copy)
        with closing(sqlite3.connect(path)) as connection:
            before = list(connection.iterdump())
        with pytest.raises(error):
            restore_ledger(ledger, str(copy), "test")
        assert describe_ledger(ledger)["held"] is None
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before


def test_a_read_only_backup_can_be_restored(tmp_path: Path) -> None:
    path, copy = tmp_path / "ledger.db", tmp_path / "backup.db"
    fill(path)
    with Ledger(path) as ledger:
        backup_ledger(ledger, str(copy))
        copy.chmod(0o400)
        restore_ledger(ledger, str(copy), "test")
    assert len(names(path)) == 20


def test_a_copied_ledger_file_can_be_restored_and_stays_as_it_is(tmp_path: Path) -> None:
    path, copy = tmp_path / "ledger.db", tmp_path / "copy.db"
    fill(path)
    shutil.copy(path, copy)
    before = copy.read_bytes()
    with Ledger(path) as ledger:
        restore_ledger(ledger, str(copy), "test")
    assert copy.read_bytes() == before


def test_the_same_connection_serves_another_thread(tmp_path: Path) -> None:
    """The resident manager opens the ledger in one thread and uses it in others, one after another."""
    path = tmp_path / "ledger.db"
    fill(path)
    with Ledger(path) as ledger:
        got: list[list[str]] = []
        thread = threading.Thread(target=lambda: got.append(verify_ledger(ledger)))
        thread.start()
        thread.join()
    assert got == [[]]
