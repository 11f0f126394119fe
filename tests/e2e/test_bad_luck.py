"""Bad luck with the machine: kill -9, full disk, wrong modes, broken files. What was answered `ok` is never lost."""
import contextlib
import os
import random
import selectors
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest

from hearsay_lab import HEARSAYD, WAIT_S, Stream, connect, fill, in_time, private_world, stays, talk, wait_until, zone

KILLS = int(os.environ.get("HEARSAY_KILLS", "300"))
ZONES = zone("bl.a.example")
OTHER_USER = "daemon"           # any user that is not root


def subject(number):
    """The number-th of many addresses."""
    return f"20.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def listed(node, subjects):
    """Those of the subjects that `check` calls black."""
    with node.stream() as stream:
        black = set()
        for start in range(0, len(subjects), 500):
            part = subjects[start:start + 500]
            black |= {s for s, answer in zip(part, stream.ask(*(f"check {s}" for s in part))) if answer == "black"}
    return black


def all_listed(node, subjects):
    subjects = list(subjects)
    missing = []

    def none_missing():
        missing[:] = set(subjects) - listed(node, subjects)
        return not missing
    wait_until(none_missing, lambda: f"{len(missing)} of {len(subjects)} are missing, such as {missing[:3]}", every=0.1)


class Reporter:
    """A connection that reports new subjects as fast as it may, and counts what was answered ok."""

    def __init__(self, address, numbers):
        self.socket = connect(address)
        self.socket.sendall(b"stream\n")
        self.numbers, self.sent, self.ok = numbers, [], []
        self._answers, self._text = -1, b""             # the first answer is that of `stream`
        self.socket.setblocking(False)

    def turn(self):
        """Reads what has come, writes some more. False when the node has gone."""
        try:
            if len(self.sent) - self._answers < 64:
                new = [subject(next(self.numbers)) for _ in range(8)]
                self.sent += new
                self.socket.send("".join(f"black {s}\n" for s in new).encode())
            return self._read()
        except BlockingIOError:
            return True
        except ConnectionError:
            return False

    def _read(self):
        part = self.socket.recv(65536)
        *lines, self._text = (self._text + part).split(b"\n")
        for line in lines:
            if self._answers >= 0 and line == b"ok":
                self.ok.append(self.sent[self._answers])
            self._answers += 1
        return bool(part)

    def drain(self):
        """All answers that were on their way when the node died."""
        self.socket.setblocking(True)
        self.socket.settimeout(WAIT_S)
        with contextlib.suppress(ConnectionError):
            while self._read():
                pass
        self.socket.close()


def report_until_killed(node, numbers, seconds):
    """Two reporters, over unix and TCP; kill -9 after so many seconds. Returns what was answered ok."""
    reporters = [Reporter(address, numbers) for address in (node.unix, node.tcp)]
    with selectors.DefaultSelector() as selector:
        for reporter in reporters:
            selector.register(reporter.socket, selectors.EVENT_READ, reporter)
        deadline = time.monotonic() + seconds
        for reporter in reporters:
            reporter.turn()
        while (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                key.data.turn()
        node.kill()
    for reporter in reporters:
        reporter.drain()
    return [s for reporter in reporters for s in reporter.ok]


# ---- kill -9

def test_hundreds_of_kills_lose_nothing_that_was_answered_ok(own_lab):
    node = own_lab.node("mx.a.example", zones=ZONES, mesh=False)
    numbers, dice, oks = iter(range(1, 1 << 24)), random.Random(4440), []
    for kills in range(1, 2 * KILLS):
        node.start()
        oks += report_until_killed(node, numbers, dice.uniform(0.0, 0.04 if kills <= KILLS else 2))
        if kills >= KILLS and len(oks) > 10 * KILLS:        # a busy machine takes few reports in such moments, and gets longer ones at last
            break
    node.start()
    print(f"{kills} kills, {len(oks)} reports answered ok")
    assert len(oks) > 10 * KILLS, "the reports were in full flow"
    all_listed(node, oks)
    assert node.hearsay("verify").returncode == 0
    assert node.stop() == 0


def test_what_a_member_said_between_kills_reaches_its_peer(own_lab):
    """No batch number is used twice, and nothing that was not told before the kill is forgotten."""
    a, b = friends(own_lab)
    numbers, dice, oks = iter(range(1, 1 << 24)), random.Random(4441), []
    for _ in range(20):
        a.start()
        oks += report_until_killed(a, numbers, dice.uniform(0.02, 0.5))
    a.start()
    all_listed(a, oks)
    all_listed(b, oks)
    counts = b.json("status")["mesh"]["counts"]
    assert counts["equivocation"] == 0 and counts["bad-signature"] == 0, counts


# ---- the disk

def in_zone(path, addr):
    return path.exists() and addr in path.read_text()


@pytest.fixture
def small_disk(own_lab):
    """A member whose directory is a file system of 6 MB."""
    if not private_world():
        pytest.skip("needs root: mounts a small file system")
    folder = own_lab.dir / "mx.a.example"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=755", "tmpfs", str(folder)], check=True)
    own_lab.at_end(lambda: subprocess.run(["umount", "-l", str(folder)], check=True))
    return own_lab.node("mx.a.example", zones=ZONES, mesh=False).start()


def test_a_full_disk_is_answered_with_an_error_and_loses_nothing(small_disk):
    node, numbers = small_disk, iter(range(1, 1 << 20))
    oks = []
    with node.stream() as stream:
        for _ in range(20):
            new = [subject(next(numbers)) for _ in range(20)]
            assert set(stream.ask(*(f"black {s}" for s in new))) == {"ok"}
            oks += new
        fill(node.dir / "filler")

        def refused():
            new = [subject(next(numbers)) for _ in range(50)]
            answers = stream.ask(*(f"black {s}" for s in new))
            oks.extend(s for s, answer in zip(new, answers) if answer == "ok")
            assert all(answer == "ok" or answer.startswith("error: ") for answer in answers), answers
            return answers[-1] != "ok" and answers[-1]
        error = wait_until(refused, "an error while the disk is full", every=0)
        assert "full" in error or "space" in error, error
        assert node.ask("ping") == "pong" and node.process.alive()
        assert any("disk" in warning or "space" in warning for warning in node.json("status")["warnings"])
        (node.dir / "filler").unlink()
        fresh = subject(next(numbers))
        wait_until(lambda: stream.ask(f"black {fresh}") == ["ok"], "reports are taken again once there is space")
        oks.append(fresh)
    node.kill()
    node.start()
    all_listed(node, oks)
    assert node.hearsay("verify").returncode == 0


def test_a_full_disk_keeps_the_old_zone(small_disk):
    node = small_disk
    path = node.dir / "zones" / "bl.a.example"
    assert node.ask("black 203.0.113.1") == "ok"
    wait_until(lambda: in_zone(path, "203.0.113.1"), "the zone is written")
    (node.dir / "reserve").write_bytes(b"x" * 60_000)
    fill(node.dir / "filler")
    (node.dir / "reserve").unlink()                     # room for a report, hardly for more
    node.ask("black 203.0.113.2")
    stays(lambda: in_zone(path, "203.0.113.1"), 1.5, "the zone stays whole")
    (node.dir / "filler").unlink()
    wait_until(lambda: node.ask("black 203.0.113.3") == "ok", "reports are taken again")
    wait_until(lambda: in_zone(path, "203.0.113.3"), "the zone is written again")


def test_what_could_not_be_told_from_the_start_is_told_when_the_disk_takes_it(own_lab):
    a, b = own_lab.node("mx.a.example"), own_lab.node("mx.b.example", zones=zone("bl.b.example", threshold=0.5, quorum=1)).start()
    a.peer_add(b), b.peer_add(a)
    (a.dir / "hearsay.db-nonce.new").mkdir()        # in the way of what is written before the first number is used
    assert a.start().ask("black 192.0.2.1") == "ok"
    wait_until(lambda: any("other members are not told" in text for text in a.json("status")["warnings"]), "its operator is told")
    (a.dir / "hearsay.db-nonce.new").rmdir()
    b.becomes("check 192.0.2.1", "black")


def test_an_unwritable_zone_directory_is_a_warning_and_a_retry(own_lab):
    if not private_world():
        pytest.skip("needs root: runs the node as another user")
    node = own_lab.node("mx.a.example", zones=ZONES, mesh=False, user=OTHER_USER).start()
    folder, path = node.dir / "zones", node.dir / "zones" / "bl.a.example"
    assert node.ask("black 203.0.113.1") == "ok"
    wait_until(lambda: in_zone(path, "203.0.113.1"), "the zone is written")
    before = path.read_bytes()
    os.chown(folder, 0, 0)
    folder.chmod(0o555)
    assert node.ask("black 203.0.113.2") == "ok"
    warning = wait_until(lambda: [w for w in node.json("status")["warnings"] if "bl.a.example" in w], "a warning in status")
    assert str(folder) in warning[0] or "ermission" in warning[0], warning
    assert path.read_bytes() == before, "the old zone stays"
    assert node.ask("check 203.0.113.2") == "black", "the node goes on"
    import shutil
    shutil.chown(folder, OTHER_USER, OTHER_USER)
    folder.chmod(0o755)
    wait_until(lambda: in_zone(path, "203.0.113.2"), "it is tried again")
    wait_until(lambda: not [w for w in node.json("status")["warnings"] if "bl.a.example" in w], "the warning goes")


# ---- broken files: each complaint names the file and says what to do

@pytest.fixture
def stopped(own_lab):
    """A member that ran, was told something, and was stopped in order."""
    node = own_lab.node("mx.a.example", zones=ZONES).start()
    assert node.ask("black 203.0.113.1") == "ok"
    node.becomes("check 203.0.113.1", "black")
    assert node.stop() == 0
    return node


def says(text, *parts):
    for part in parts:
        assert any(word in text for word in part.split("|")), f"no {part!r} in:\n{text}"


def test_a_file_that_is_no_database_is_refused(stopped):
    database = stopped.dir / "hearsay.db"
    database.write_bytes(b"This is not a database. " * 1000)
    says(stopped.refuses_to_start(), "hearsay.db", "not a database|corrupt|damaged", "backup|move|restore|rebuild")
    assert database.read_bytes().startswith(b"This is not"), "it is left for the operator"


def test_a_corrupt_database_is_refused_or_found_by_verify(stopped):
    """Damage on a page that the start does not read may only show later; it never crashes the node."""
    database = stopped.dir / "hearsay.db"
    size = database.stat().st_size
    with open(database, "r+b") as f:
        f.seek(100)
        f.write(random.Random(4442).randbytes(4096 - 100))
    assert database.stat().st_size == size
    says(stopped.refuses_to_start(), "hearsay.db", "not a database|corrupt|damaged|malformed", "backup|move|restore|rebuild")


def test_a_newer_database_is_refused(stopped):
    with contextlib.closing(sqlite3.connect(stopped.dir / "hearsay.db")) as db:
        db.execute("PRAGMA user_version = 9999")
    says(stopped.refuses_to_start(), "hearsay.db", "newer", "upgrade|newer hearsay|version|install")


@pytest.mark.parametrize("break_, parts", [
    (lambda path: path.chmod(0o644), ("identity.pem", "0600|chmod")),
    (lambda path: path.chmod(0o640), ("identity.pem", "0600|chmod")),
    (lambda path: path.unlink(), ("identity.pem", "copy|backup")),
    (lambda path: path.write_text("no key\n"), ("identity.pem", "hearsay init|backup|not an identity")),
    (lambda path: path.write_text(path.read_text()[:100]), ("identity.pem", "hearsay init|backup|not an identity")),
], ids=["open-to-all", "open-to-group", "missing", "garbage", "cut"])
def test_a_key_that_cannot_be_used_is_refused(stopped, break_, parts):
    path = stopped.dir / "identity.pem"
    break_(path)
    says(stopped.refuses_to_start(), *parts)


def test_an_unreadable_key_is_refused(own_lab):
    if not private_world():
        pytest.skip("needs root: runs the node as another user")
    node = own_lab.node("mx.a.example", mesh=False, user=OTHER_USER)
    os.chown(node.dir / "identity.pem", 0, 0)
    says(node.refuses_to_start(), "identity.pem", "ermission|cannot be read|belong")


@pytest.mark.parametrize("name", ["hearsay.db", "hearsay.db-lock"])
def test_a_database_of_another_user_is_refused(own_lab, name):
    if not private_world():
        pytest.skip("needs root: runs the node as another user")
    node = own_lab.node("mx.a.example", mesh=False, user=OTHER_USER).start()
    node.stop()
    os.chown(node.dir / name, 0, 0)
    says(node.refuses_to_start(), name, "chown")


def test_a_proof_that_the_nodes_owner_may_not_write_says_how_to(own_lab):
    if not private_world():
        pytest.skip("needs root: runs the node as another user")
    node = own_lab.node("mx.a.example", user=OTHER_USER).start()
    assert node.ask("black 192.0.2.7") == "ok"
    wait_until(lambda: node.hearsay("why", "192.0.2.7", "--proof", "-").returncode == 0, "it is told")
    path = own_lab.dir / "proof"
    done = node.hearsay("why", "192.0.2.7", "--proof", path)
    assert done.returncode == 2 and "ermission denied" in done.stderr and "--proof - >FILE" in done.stderr and not path.exists(), done


def test_a_report_port_in_use_is_named(stopped):
    with socket.create_server(stopped.tcp):
        says(stopped.refuses_to_start(), str(stopped.tcp[1]), "in use")


@pytest.mark.parametrize("which", ["publish", "repair"])
def test_a_mesh_port_in_use_is_named(stopped, which):
    port = getattr(stopped, which)
    with socket.create_server(("127.0.0.1", port)):
        says(stopped.refuses_to_start(), str(port), "in use")


def test_a_unix_socket_that_somebody_answers_is_left_to_him(stopped):
    stopped.unix.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(stopped.unix))
        other.listen()
        says(stopped.refuses_to_start(), "report.sock", "in use|another")
        assert stopped.unix.exists()


def test_a_second_node_on_the_same_database_is_refused(own_lab):
    node = own_lab.node("mx.a.example", zones=ZONES, mesh=False).start()
    second = subprocess.run(node.argv(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=WAIT_S)
    assert second.returncode > 0
    says(second.stdout, "hearsay.db|report.sock", "another|in use|running")
    assert node.ask("ping") == "pong"


BROKEN = [
    ("unknown option", 'colour = "red"', "colour"),
    ("unknown section", 'colours "red" { }', "colours"),
    ("wrong type", 'zone "x.example" { quorum = "many" }', "quorum"),
    ("bad duration", 'category "spam" { half-life = "soon" }', "half-life"),
    ("bad code", 'category "spam" { code = "10.0.0.1" }', "code"),
    ("bad colour", 'zone "x.example" { lists = "grey" }', "lists"),
    ("bad trust", 'peer "x.example" { card = "hearsay1:xxxx" trust = 7 }', "card|trust"),
    ("bad network", 'protect = { "10.0.0.0/99" }', "10.0.0.0/99|protect"),
    ("bad listener", 'report "udp:127.0.0.1:1" { }', "report|udp"),
    ("open brace", 'zone "x.example" {', ""),
]


@pytest.mark.parametrize("text, word", [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_configuration_is_refused_with_file_and_line(own_lab, text, word):
    node = own_lab.node("mx.a.example", mesh=False)
    node.write_conf(extra=text)
    line = node.conf.read_text().splitlines().index(text) + 1
    tested = subprocess.run([str(HEARSAYD), "-t", "-c", str(node.conf)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, timeout=WAIT_S)
    assert tested.returncode == 2, tested.stdout
    nearby = "|".join(f"{node.conf}:{n}:" for n in range(line, line + 4))       # an open brace is seen at the end
    says(tested.stdout, nearby, *([word] if word else []))
    says(node.refuses_to_start(), nearby)


def test_a_good_configuration_passes_the_test(own_lab):
    node = own_lab.node("mx.a.example", zones=ZONES)
    assert subprocess.run([str(HEARSAYD), "-t", "-c", str(node.conf)], timeout=WAIT_S).returncode == 0


def test_keys_and_database_are_for_the_owner_alone(own_lab):
    node = own_lab.node("mx.a.example", zones=ZONES).start()
    assert node.ask("black 203.0.113.1") == "ok"
    private = [node.dir / "identity.pem", node.dir / "run" / "control.sock", *node.dir.glob("hearsay.db*")]
    open_ones = [f"{path.name} {path.stat().st_mode & 0o777:o}" for path in private if path.stat().st_mode & 0o077]
    assert len(private) >= 4 and not open_ones


# ---- reload and stop

def test_reloading_in_the_middle_of_reports_loses_none(own_lab):
    node = own_lab.node("mx.a.example", zones=ZONES, mesh=False).start()
    stop, hung_up = threading.Event(), []

    def hang_up():
        for round_ in range(1000):
            if stop.wait(0.03):
                return
            node.write_conf(zones=ZONES + zone(f"suspect{round_ % 2}.a.example", threshold=0.3))
            node.hang_up()
            hung_up.append(round_)
    thread = threading.Thread(target=hang_up)
    thread.start()
    subjects, answers = [subject(n) for n in range(20_000)], []
    try:
        with node.stream() as stream:
            for start in range(0, len(subjects), 100):
                answers += stream.ask(*(f"black {s}" for s in subjects[start:start + 100]))
            while len(hung_up) < 10:
                answers += stream.ask("black 203.0.113.1")
    finally:
        stop.set()
        thread.join()
    assert set(answers) == {"ok"}
    all_listed(node, subjects)
    node.write_conf(zones=ZONES + zone("last.a.example", threshold=0.3))
    node.hang_up()
    wait_until(lambda: [z for z in node.json("status")["zones"] if z["name"] == "last.a.example"], "the last zone is there")
    wait_until((node.dir / "zones" / "last.a.example").exists, "and it is written")
    assert node.process.alive() and node.starts == 1
    assert "stays in force" not in node.log_text(), "every configuration was good"


def test_a_broken_configuration_at_a_reload_changes_nothing(own_lab):
    node = own_lab.node("mx.a.example", zones=ZONES, mesh=False).start()
    node.write_conf(extra='colour = "red"')
    node.hang_up()
    wait_until(lambda: "colour" in node.log_text(), "it is logged")
    says(node.log_text(), f"{node.conf}:")
    assert node.ask("black 203.0.113.1") == "ok"
    node.becomes("check 203.0.113.1", "black")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_stopping_in_the_middle_of_reports_leaves_everything_safe(own_lab, signum):
    node = own_lab.node("mx.a.example", zones=ZONES).start()
    epoch = wait_until(lambda: node.json("status")["epoch"], "an epoch has begun")
    numbers, oks = iter(range(1, 1 << 20)), []

    def report_and_stop():
        reporter = Reporter(node.unix, numbers)
        deadline = time.monotonic() + 0.3
        while time.monotonic() < deadline or not reporter.ok:
            assert reporter.turn()
        node.process.send(signum)
        reporter.drain()
        oks.extend(reporter.ok)
        assert node.process.wait() == 0, "Ctrl-C is an orderly end"
    in_time(report_and_stop, 6, node.start)
    node.start()
    all_listed(node, oks)
    assert wait_until(lambda: node.json("status")["epoch"], "an epoch goes on") == epoch, "after a clean stop the epoch goes on"


def test_systemd_is_told_when_it_is_ready_and_when_it_stops(own_lab):
    node = own_lab.node("mx.a.example", zones=ZONES, mesh=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(own_lab.dir / "notify"))
        notify.setblocking(False)
        node.spawn(env={**os.environ, "NOTIFY_SOCKET": str(own_lab.dir / "notify")})
        words = []

        def told(word):
            with contextlib.suppress(BlockingIOError):
                words.extend(notify.recv(4096).decode().split("\n"))
            return word in words
        wait_until(lambda: told("READY=1"), "systemd is told that it is ready")
        assert talk(node.unix, "ping\n") == b"pong", "ready means that it answers"
        wait_until(lambda: told("WATCHDOG=1"), "the watchdog is fed")
        node.process.send(signal.SIGTERM)
        wait_until(lambda: told("STOPPING=1"), "systemd is told that it stops")
    assert node.process.wait() == 0


# ---- the mesh

def friends(lab):
    """A and B trust each other; B is started."""
    zones = zone("bl.x.example", threshold=0.5, quorum=1)
    a, b = lab.node("mx.a.example", zones=zones), lab.node("mx.b.example", zones=zones)
    a.peer_add(b, 1.0)
    b.peer_add(a, 1.0)
    b.start()
    return a, b


def report_all(node, subjects):
    with Stream(node.unix) as stream:
        assert set(stream.ask(*(f"black {s}" for s in subjects))) == {"ok"}


def test_what_was_said_while_a_member_was_down_reaches_it(own_lab):
    a, b = friends(own_lab)
    a.start()
    first, second = [subject(n) for n in range(100)], [subject(n) for n in range(1000, 1300)]
    report_all(a, first)
    all_listed(b, first)
    b.kill()
    report_all(a, second)
    b.start()
    all_listed(b, first + second)


def test_what_was_said_before_a_member_joined_reaches_it(own_lab):
    a = own_lab.node("mx.a.example", zones=ZONES).start()
    subjects = [subject(n) for n in range(500)]
    report_all(a, subjects)
    all_listed(a, subjects)
    b = own_lab.node("mx.b.example", zones=zone("bl.b.example", threshold=0.5, quorum=1)).start()
    a.peer_add(b, 1.0)                  # while both run: no restart
    b.peer_add(a, 1.0)
    all_listed(b, subjects)


def test_a_member_that_was_frozen_catches_up(own_lab):
    a, b = friends(own_lab)
    a.start()
    report_all(a, [subject(1)])
    all_listed(b, [subject(1)])
    b.process.freeze()
    subjects = [subject(n) for n in range(10, 2000)]
    report_all(a, subjects)
    all_listed(a, subjects)
    b.process.thaw()
    all_listed(b, subjects)


def test_a_restored_backup_uses_no_number_twice(own_lab):
    """Yesterday's database with today's neighbours: they know numbers that it has forgotten."""
    a, b = friends(own_lab)
    a.start()
    report_all(a, [subject(1)])
    all_listed(b, [subject(1)])
    assert a.stop() == 0
    kept = {path: path.read_bytes() for path in a.dir.glob("hearsay.db*")}
    a.start()
    report_all(a, [subject(2)])
    all_listed(b, [subject(2)])
    assert a.stop() == 0
    for path in a.dir.glob("hearsay.db*"):
        path.unlink()
    for path, content in kept.items():
        path.write_bytes(content)
    (a.dir / "hearsay.db").chmod(0o600)
    a.start()
    report_all(a, [subject(3)])
    all_listed(b, [subject(1), subject(3)])
    assert b.json("status")["mesh"]["counts"]["equivocation"] == 0


def test_a_lost_database_is_made_anew_and_filled_by_the_mesh(own_lab):
    a, b = friends(own_lab)
    a.start()
    report_all(a, [subject(1)])
    report_all(b, [subject(2)])
    all_listed(a, [subject(1), subject(2)])
    a.kill()
    for path in a.dir.glob("hearsay.db*"):
        path.unlink()
    a.start()
    all_listed(a, [subject(2)])
    report_all(a, [subject(3)])
    all_listed(b, [subject(3)])
    assert b.json("status")["mesh"]["counts"]["equivocation"] == 0


def test_a_member_of_another_federation_is_not_believed(own_lab):
    a, b = friends(own_lab)
    b.stop()
    b.federation = "other"
    b.write_conf()
    b.start()
    a.start()
    report_all(a, [subject(1)])
    stays(lambda: b.ask(f"check {subject(1)}") == "unknown", 3, "nothing of the other federation is merged")


def test_a_stranger_is_refused(own_lab):
    """B has A's card and connects; A does not know B."""
    a = own_lab.node("mx.a.example", zones=ZONES).start()
    b = own_lab.node("mx.b.example", zones=zone("bl.b.example", threshold=0.5, quorum=1))
    b.peer_add(a, 1.0)
    b.start()
    report_all(a, [subject(1)])
    wait_until(lambda: a.json("status")["mesh"].get("zap_denied", 0) > 0 or not a.json("status")["peers"], "A sees no friend")
    stays(lambda: b.ask(f"check {subject(1)}") == "unknown", 2, "a stranger learns nothing")


def test_a_tampered_batch_is_refused_and_counted(own_lab):
    """One byte of what A stored is changed while A is down; B asks for it and does not believe it."""
    a, b = friends(own_lab)
    b.stop()
    a.start()
    report_all(a, [subject(1)])
    wait_until(lambda: a.json("status")["seq"] > 0 or a.json("status")["counts"]["batches"] > 0, "a batch is told")
    assert a.stop() == 0
    with contextlib.closing(sqlite3.connect(a.dir / "hearsay.db")) as db, db:
        rows = db.execute("SELECT rowid, frame FROM batch").fetchall()
        assert rows
        for rowid, frame in rows:
            changed = bytearray(frame)
            changed[len(changed) // 2] ^= 1
            db.execute("UPDATE batch SET frame = ? WHERE rowid = ?", (bytes(changed), rowid))
    a.start()
    b.start()

    def counted():
        counts = b.json("status")["mesh"]["counts"]
        return counts["bad-signature"] + counts["malformed"] > 0
    wait_until(counted, "it is counted")
    assert b.ask(f"check {subject(1)}") == "unknown"
    report_all(a, [subject(2)])
    all_listed(b, [subject(2)])
