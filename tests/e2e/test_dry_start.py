"""hearsayd -t says what a start would refuse, and changes nothing."""
import os
import sqlite3
import subprocess

import pytest

from hearsay_lab import HEARSAYD, WAIT_S, zone

MEMBER = "mx.a.example"


@pytest.fixture
def node(own_lab):
    node = own_lab.node(MEMBER, mesh=False, zones=zone("bl.a.example"))
    node.write_conf()
    return node


def dry_start(node):
    before = listing(node)
    done = subprocess.run([str(HEARSAYD), "-t", "-c", str(node.conf)], text=True, capture_output=True, timeout=WAIT_S)
    assert listing(node) == before
    return done


def listing(node):
    return sorted((str(p), p.lstat().st_mtime_ns, p.lstat().st_mode) for p in node.conf.parent.rglob("*"))


def used(node):
    """With keys and a database of its own."""
    node.start()
    node.stop()
    return node.conf.parent / "identity.pem", node.conf.parent / "hearsay.db"


def refused(node, *words):
    done = dry_start(node)
    assert done.returncode == 2, done
    assert "good" not in done.stdout
    for word in words:
        assert word in done.stderr, done.stderr
    return done


def test_a_used_node_is_good(node):
    used(node)
    done = dry_start(node)
    assert done.returncode == 0 and "good" in done.stdout, done


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_keys_that_others_can_read_are_refused(node, mode):
    identity, _ = used(node)
    identity.chmod(mode)
    refused(node, str(identity), "0600")


def test_lost_keys_beside_a_database_are_refused(node):
    identity, _ = used(node)
    identity.unlink()
    refused(node, str(identity), "from a copy")


def test_a_file_without_keys_is_refused(node):
    identity, _ = used(node)
    identity.write_text("nonsense")
    refused(node, str(identity), "not an identity file")


@pytest.mark.parametrize("text", ["nonsense", "x" * 5000])
def test_what_is_no_database_is_refused(node, text):
    _, database = used(node)
    database.write_text(text)
    refused(node, str(database), "not a database")


@pytest.mark.parametrize("pragma, word", [("application_id = 7", "another program"), ("user_version = 999", "newer")])
def test_a_database_of_another_is_refused(node, pragma, word):
    _, database = used(node)
    handle = sqlite3.connect(database)
    handle.execute("PRAGMA " + pragma)
    handle.commit()
    handle.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    handle.close()
    refused(node, str(database), word)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to be somebody else")
def test_a_zone_that_cannot_be_written_is_a_warning(node):
    for path in [node.conf.parent, *node.conf.parent.rglob("*")]:
        os.chown(path, 65534, 65534)
    zones = node.conf.parent / "zones"
    zones.mkdir(exist_ok=True)
    os.chown(zones, 0, 0)
    zones.chmod(0o755)
    done = subprocess.run([str(HEARSAYD), "-t", "-c", str(node.conf)], text=True, capture_output=True, timeout=WAIT_S, user=65534, group=65534)
    if "good" not in done.stdout and "ermission" in done.stderr and "zones" not in done.stderr:
        pytest.skip("the laboratory is closed to others")
    assert done.returncode == 0, done
    assert "warning" in done.stderr and "bl.a.example" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to be somebody else")
@pytest.mark.parametrize("suffix", ["", "-lock", "-wal"])
def test_a_file_of_another_user_beside_the_database_is_refused(node, suffix):
    used(node)
    for path in [node.conf.parent, *node.conf.parent.rglob("*")]:
        os.chown(path, 65534, 65534)
    path = node.conf.parent / f"hearsay.db{suffix}"
    path.touch()
    os.chown(path, 0, 0)
    path.chmod(0o644)
    done = subprocess.run([str(HEARSAYD), "-t", "-c", str(node.conf)], text=True, capture_output=True, timeout=WAIT_S, user=65534, group=65534)
    if path.name not in done.stderr and "ermission" in done.stderr:
        pytest.skip("the laboratory is closed to others")
    assert done.returncode == 2 and f"{path.name}: cannot be written" in done.stderr and "chown" in done.stderr, done


def test_a_group_that_is_not_there_is_refused(node):
    text = node.conf.read_text()
    node.conf.write_text(text + 'report "unix:run/other.sock" { group = "no-such-group" }\n')
    refused(node, f"{node.conf}:{text.count(chr(10)) + 1}: ", "run/other.sock", 'no group "no-such-group"', "expected")


@pytest.mark.parametrize("text, option", [('secret = "x"', "secret"), ('srs { secrets = { "x" } }', "secrets")])
def test_a_secret_that_everybody_can_read_is_a_warning(node, text, option):
    other = node.conf.parent / "secret.conf"
    other.write_text(text + "\n")
    node.conf.write_text(node.conf.read_text() + 'include("secret.conf")\n')
    for mode, warned in ((0o644, True), (0o640, False), (0o600, False), (0o604, True)):
        other.chmod(mode)
        done = dry_start(node)
        assert done.returncode == 0 and (f"warning: {other} can be read by every user of this host, and `{option}`" in done.stderr) == warned, done
        assert ("chmod 640" in done.stderr) == warned
    other.write_text(text.replace("x", "") + "\n" if option == "secret" else "")
    assert "secret" not in dry_start(node).stderr, "an empty one is none"


def test_a_category_that_hides_names_is_a_warning(node):
    """A sub-zone `bot` stands before the names that end in .bot."""
    node.conf.write_text(node.conf.read_text() + 'category "bot" { code = "127.0.0.9" }\ncategory "bots" { code = "127.0.0.10" }\n')
    done = dry_start(node)
    assert done.returncode == 0 and 'category "bot"' in done.stderr and 'category "bots"' not in done.stderr, done


def test_a_configuration_that_is_not_there_is_said_with_what_to_do(node):
    done = subprocess.run([str(HEARSAYD), "-t", "-c", str(node.conf) + ".old"], text=True, capture_output=True, timeout=WAIT_S)
    assert done.returncode == 2 and ".old: No such file" in done.stderr and "hearsay init" in done.stderr, done
