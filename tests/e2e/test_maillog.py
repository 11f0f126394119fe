"""hearsay-maillog follows the main log of a real Exim, and lines that a test writes, into a real node."""
import gzip
import json
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

from exim_lab import Exim
from hearsay_lab import BUILD, SOURCE, WAIT_S, Process, in_time, private_world, wait_until

MAILLOG = BUILD / "tools" / "hearsay-maillog"
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Watcher:
    """A hearsay-maillog with a configuration and a state of its own."""

    def __init__(self, lab, node, log, name="maillog", extra=""):
        self.lab, self.name, self.log = lab, name, log
        self.state = lab.dir / f"{name}.state"
        self.conf = lab.dir / f"{name}.conf"
        self.conf.write_text(f'log = "{log}"\nnode = "unix:{node.unix}"\nstate = "{self.state}"\n{extra}\n')
        self.process = None
        lab.at_end(lambda: self.process and self.process.alive() and self.kill())

    def argv(self, *more):
        return [str(MAILLOG), "-c", str(self.conf), *more]

    def start(self, wait=True):
        """Without a state it begins with what the log is by then: so it is waited for, unless the test says that nothing hangs on it."""
        log = self.lab.dir / f"{self.name}.log"
        before = log.read_text().count("following ") if log.exists() else 0
        self.process = Process(self.name, self.argv(), log, env={**os.environ, "TZ": "UTC"})
        if wait:
            wait_until(lambda: log.read_text().count("following ") > before, lambda: f"{self.name} follows its log:\n{log.read_text()}")
        return self

    def kill(self):
        return self.process.end(signal.SIGKILL, 60)     # it ends behind its flush of the state, which a busy disk may hold up

    def stop(self):
        return self.process.end()

    def run(self, *more):
        return subprocess.run(self.argv(*more), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=WAIT_S, env={**os.environ, "TZ": "UTC"})

    def once(self):
        done = self.run("--once")
        assert done.returncode == 0, done.stderr

    def status(self):
        done = self.run("--status", "--json")
        return json.loads(done.stdout)


class Log:
    """Exim's main log, played: `bounce()` writes the three lines of a message that failed."""

    def __init__(self, path):
        self.path, self.n = path, 0
        self._lock = threading.Lock()

    def append(self, text, path=None):
        with open(path or self.path, "a", encoding="utf-8") as f:
            f.write(text)

    @staticmethod
    def stamp(age_s=0):
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() - age_s))

    def id(self, age_s=0):
        self.n += 1
        at, text = int(time.time() - age_s), ""
        for _ in range(6):
            at, text = at // 62, DIGITS[at % 62] + text
        return f"{text}-{self.n:06}-AB"

    def message(self, user, age_s=0):
        ident = self.id(age_s)
        return ident, f"{self.stamp(age_s)} {ident} <= {user}@here.example H=c.example [203.0.113.5] P=esmtpsa A=plain:{user} S=400\n"

    def failure(self, ident, age_s=0):
        return f"{self.stamp(age_s)} {ident} ** x@far.example R=dnslookup T=remote_smtp: 550 no such user\n"

    def bounce(self, user, age_s=0):
        with self._lock:
            ident, text = self.message(user, age_s)
            self.append(text + self.failure(ident, age_s) + f"{self.stamp(age_s)} {ident} Completed\n")


@pytest.fixture(scope="module")
def node(lab):
    return lab.node("mx.a.example", mesh=False, extra='limits { queue = 65536 }').start()


def bounces(node, user):
    return node.ask(f"bounces {user}")


def counts(node, user, hour, seconds=WAIT_S):
    node.becomes(f"bounces {user}", f"{hour}:{hour}", seconds)


# ---- the log, played

def test_a_bounce_counts_within_a_second(lab, node):
    log = Log(lab.dir / "live-log")
    log.bounce("before")
    watcher = Watcher(lab, node, log.path, "live").start()
    counts(node, "before", 1)
    users = []

    def bounce():
        users.append(f"alice{len(users)}")
        log.bounce(users[-1])
        counts(node, users[-1], 1)
    in_time(bounce, 5)
    wait_until(lambda: watcher.status()["taken"] == 1 + len(users), "it has heard that they are taken")
    assert watcher.stop() == 0


def test_what_was_counted_is_not_counted_again_after_a_restart(lab, node):
    log = Log(lab.dir / "again-log")
    watcher = Watcher(lab, node, log.path, "again")
    for _ in range(3):
        log.bounce("bert")
    watcher.once()
    assert bounces(node, "bert") == "3:3"
    watcher.once()
    log.bounce("bert")
    watcher.once()
    assert bounces(node, "bert") == "4:4"


def test_old_bounces_count_at_their_own_time_and_very_old_ones_not_at_all(lab, node):
    log = Log(lab.dir / "old-log")
    log.bounce("carl", 3 * 365 * 86400)
    log.bounce("carl", 26 * 3600)
    log.bounce("carl", 20 * 3600)
    log.bounce("carl", 7000)
    log.bounce("carl", 60)
    Watcher(lab, node, log.path, "old").once()
    assert bounces(node, "carl") == "1:3"


def test_a_dry_run_prints_what_it_would_send_and_sends_nothing(lab, node):
    log = Log(lab.dir / "dry-log")
    log.bounce("dora")
    watcher = Watcher(lab, node, log.path, "dry")
    done = watcher.run("--dry-run")
    assert (done.returncode, done.stdout) == (0, "bounce dora\n")
    assert bounces(node, "dora") == "0:0"
    assert not watcher.state.exists()
    assert watcher.run("--status").returncode == 1
    assert watcher.status()["ok"] is False


def test_while_the_node_is_down_nothing_is_lost(lab, node):
    log = Log(lab.dir / "down-log")
    log.append("")
    watcher = Watcher(lab, node, log.path, "down").start()
    node.kill()
    try:
        for _ in range(50):
            log.bounce("emil")
        wait_until(lambda: "requests wait" in watcher.process.log.read_text(), "it says that the node is down")
    finally:
        node.start()
    counts(node, "emil", 50)
    watcher.stop()


def test_while_the_node_is_frozen_nothing_is_lost(lab, node):
    log = Log(lab.dir / "frozen-log")
    log.append("")
    watcher = Watcher(lab, node, log.path, "frozen").start()
    node.process.freeze()
    try:
        for _ in range(20):
            log.bounce("fritz")
        time.sleep(1)
        watcher.kill()              # the requests may have been sent, and the node may find them when it wakes
        watcher.start()
    finally:
        node.process.thaw()
    counts(node, "fritz", 20)
    watcher.stop()
    watcher.once()
    assert bounces(node, "fritz") == "20:20"


def test_a_request_that_the_node_refuses_does_not_hold_up_the_others(lab, node):
    log = Log(lab.dir / "refused-log")
    watcher = Watcher(lab, node, log.path, "refused", '''use = { "bounce" }
rule "wrong" { literal = 'far.example'  pattern = 'far'  request = 'black 127.0.0.1' }''')
    log.bounce("finn")
    watcher.once()
    assert bounces(node, "finn") == "1:1"
    assert {k: watcher.status()[k] for k in ("requests", "taken", "refused")} == {"requests": 2, "taken": 1, "refused": 1}


def test_patterns_become_tarpit_and_black(lab, node):
    log = Log(lab.dir / "patterns-log")
    watcher = Watcher(lab, node, log.path, "patterns", '''use = { "bounce", "tarpit", "login", "malware" }
rule "trap" {
  literal = ' rejected RCPT <trap@'
  pattern = '^H=.*?\\[(?<ip>[0-9a-fA-F.:]+)\\]\\S* .*?rejected RCPT <trap@'
  request = 'black ${ip} spam cause=trap'
}''')
    for text in ("H=(x) [203.0.113.61] F=<a@b.example> rejected RCPT <nobody@here.example>: Unrouteable address",
                 "H=(x) [203.0.113.62] F=<a@b.example> rejected RCPT <trap@here.example>: no such user here",
                 "plain_login authenticator failed for (x) [203.0.113.63]: 535 Incorrect authentication data (set_id=bob)",
                 "1vM5Xy-000123-AB H=(x) [203.0.113.64] F=<a@b.example> rejected after DATA: this message contains malware (Eicar)"):
        log.append(f"{log.stamp()} {text}\n")
    watcher.once()
    assert node.ask("count 203.0.113.61") == "1"
    for addr, category in (("203.0.113.62", "spam"), ("203.0.113.63", "abusive"), ("203.0.113.64", "malware")):
        node.becomes(f"check {addr}", "black")
        assert f"categories={category}" in node.ask(f"info {addr}")


def test_the_sample_is_read_as_it_stands_and_a_mistake_is_named(lab, node):
    sample = SOURCE / "conf" / "maillog.conf"
    done = subprocess.run([MAILLOG, "-c", sample, "--test"], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0 and "rule bounce" in done.stdout, done.stderr
    commented_in = re.sub(r"(?m)^(## |#(?=[a-z]))", "", sample.read_text())
    conf = lab.dir / "whole.conf"
    conf.write_text(commented_in)
    done = subprocess.run([MAILLOG, "-c", conf, "--test"], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0 and "rule trap" in done.stdout, done.stderr
    for wrong, says in (("logg = 1\n", "whole.conf:1"), ('messages = "12"\n', "messages"), ('use = { "nosuch" }\n', "nosuch"), ("use = { }\n", "no rule"),
                        ("\nrule \"x\" {\n  literal = 'x' pattern = '(' request = 'ping'\n}\n", "whole.conf:4: rule \"x\": pattern"), ('node = "udp:1"\n', "node")):
        conf.write_text(wrong)
        done = subprocess.run([MAILLOG, "-c", conf, "--test"], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=WAIT_S)
        assert done.returncode == 2 and says in done.stderr, (wrong, done.stderr)
        done = subprocess.run([MAILLOG, "-c", conf, "--once", "--state", lab.dir / "none"], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=WAIT_S)
        assert done.returncode == 2 and says in done.stderr, (wrong, done.stderr)


def test_every_option_is_in_the_sample_and_the_manual():
    manual = (SOURCE / "tools" / "man" / "hearsay-maillog.8").read_text()
    sample = (SOURCE / "conf" / "maillog.conf").read_text()
    source = (SOURCE / "tools" / "maillog" / "conf.c").read_text()
    names = re.findall(r'\{ "(?:rule)?", "([a-z-]+)", "', source)
    assert len(names) >= 11
    for name in names:
        assert re.search(rf"(?m)^\.It Ic {name}\b", manual), name
        assert re.search(rf"(?m)^#*\s*{name} = ", sample), name
    usage = subprocess.run([MAILLOG, "--help"], text=True, stdout=subprocess.PIPE).stdout
    for option in re.findall(r"--[a-z-]+", usage):
        assert option.replace("--", "Fl -") in manual, option


def test_it_is_installed_with_its_unit_manual_and_sample(lab):
    there = lab.dir / "installed"
    done = subprocess.run(["cmake", "--install", str(BUILD)], env={**os.environ, "DESTDIR": str(there)}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    names = {path.name for path in there.rglob("*")}
    assert {"hearsay-maillog", "hearsay-maillog.service", "hearsay-maillog.8", "maillog.conf", "bounce-event"} <= names
    program, = (path for path in there.rglob("hearsay-maillog") if path.is_file())
    assert "hearsay-maillog" in subprocess.run([program, "--version"], text=True, stdout=subprocess.PIPE, check=True).stdout


def test_a_message_that_arrived_before_the_start_is_found_in_the_log(lab, node):
    log = Log(lab.dir / "found-log")
    for i in range(200):
        log.bounce("noise", 1000 - i)
    ident, text = log.message("gina", 500)
    log.append(text)
    watcher = Watcher(lab, node, log.path, "found")
    watcher.once()
    before = watcher.status()["requests"]
    os.rename(log.path, f"{log.path}.1")
    log.append(log.failure(ident))
    watcher.once()
    assert bounces(node, "gina") == "1:1"
    assert watcher.status()["requests"] == before + 1


def test_a_log_that_is_not_there_is_said_and_waited_for(lab, node):
    log = Log(lab.dir / "late-log")
    watcher = Watcher(lab, node, log.path, "late")
    done = watcher.run("--dry-run")
    assert done.returncode == 1 and "No such file or directory" in done.stderr
    watcher.start()
    wait_until(lambda: "waiting for it" in watcher.process.log.read_text(), "it says so")
    log.bounce("karl")
    counts(node, "karl", 1)
    assert watcher.process.log.read_text().count("waiting for it") == 1
    assert watcher.stop() == 0


# ---- rotation and sudden death

def rotate_by_rename(path):
    """Keeps all: what is deleted before it was read is lost, and a killed watcher may be far behind."""
    for i in range(200, 0, -1):
        for ending in ("", ".gz"):
            if os.path.exists(f"{path}.{i}{ending}"):
                os.rename(f"{path}.{i}{ending}", f"{path}.{i + 1}{ending}")
    os.rename(path, f"{path}.1")
    if os.path.exists(f"{path}.2"):
        compress(f"{path}.2")
    open(path, "a", encoding="utf-8").close()


def compress(path):
    """As gzip does it: the plain file goes when the other is whole, with the time of the plain one."""
    with open(path, "rb") as plain, gzip.open(f"{path}.gz", "wb") as packed:
        shutil.copyfileobj(plain, packed)
    st = os.stat(path)
    os.utime(f"{path}.gz", ns=(st.st_atime_ns, st.st_mtime_ns))
    os.unlink(path)


def rotate_by_copy(log):
    """Nobody writes meanwhile: what a copier loses is its own."""
    path = log.path
    for i in range(200, 0, -1):
        if os.path.exists(f"{path}.{i}"):
            os.rename(f"{path}.{i}", f"{path}.{i + 1}")
    with log._lock:
        shutil.copy(path, f"{path}.1")
        os.truncate(path, 0)


@pytest.mark.parametrize("how", ["rename", "copy"])
def test_rotation_under_load_loses_nothing_and_counts_nothing_twice(lab, node, how):
    log, user = Log(lab.dir / f"{how}-log"), f"load-{how}"
    log.append("")
    watcher = Watcher(lab, node, log.path, how).start()
    for i in range(1, 1501):
        log.bounce(user)
        if i % 300 == 0 and how == "rename":
            rotate_by_rename(log.path)
        elif i % 300 == 0:
            rotate_by_copy(log)
    counts(node, user, 1500)
    assert watcher.stop() == 0
    assert "lost" not in watcher.process.log.read_text()


@pytest.mark.parametrize("victim", ["watcher", "node", "both"])
def test_killed_at_any_moment_nothing_is_lost_and_nothing_counts_twice(lab, node, victim):
    log, user, seed = Log(lab.dir / f"kill-{victim}-log"), f"kill-{victim}", random.randrange(10**6)
    print("seed", seed)
    rng, stop, written = random.Random(seed), threading.Event(), []
    log.append("")

    def write():
        begun = 0
        while not stop.is_set():
            log.bounce(user)
            written.append(1)
            begun = begun or time.time()            # the file's first line is no younger
            if time.time() - begun > 1.2:           # rotated files are told apart by the second of their first line
                with log._lock:
                    rotate_by_rename(log.path)
                begun = 0
            time.sleep(0.0005)
    writer = threading.Thread(target=write)
    watcher = Watcher(lab, node, log.path, f"kill-{victim}").start()
    writer.start()
    try:
        for _ in range(20):
            time.sleep(rng.uniform(0, 0.3))
            if victim in ("node", "both"):
                node.kill()
            if victim in ("watcher", "both"):
                watcher.kill()
                watcher.start(wait=False)
            if not node.process.alive():
                node.start()
    finally:
        stop.set()
        writer.join()
    counts(node, user, len(written))
    watcher.stop()
    watcher.once()
    assert bounces(node, user) == f"{len(written)}:{len(written)}"
    assert "not there any more" not in watcher.process.log.read_text()


def test_a_full_disk_below_the_state_doubles_nothing(lab, node):
    if not private_world():
        pytest.skip("needs root: mounts a small disk")
    small = lab.dir / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=True)
    lab.at_end(lambda: subprocess.run(["umount", str(small)], check=True))
    log = Log(lab.dir / "full-log")
    log.bounce("nina")
    watcher = Watcher(lab, node, log.path, "full")
    watcher.state = small / "state"
    watcher.conf.write_text(watcher.conf.read_text().replace(str(lab.dir / "full.state"), str(watcher.state)))
    watcher.start()
    counts(node, "nina", 1)
    wait_until(lambda: watcher.status()["taken"] == 1, "the place is noted")
    with pytest.raises(OSError), open(small / "filler", "wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))
    for _ in range(5):
        log.bounce("nina")
    counts(node, "nina", 6)
    wait_until(lambda: "No space left" in watcher.process.log.read_text(), "it says so")
    watcher.kill()
    assert watcher.run("--once").returncode == 1, "without a note of where it stands nothing is sent"
    (small / "filler").unlink()
    watcher.once()
    assert bounces(node, "nina") == "6:6"


def test_a_state_has_one_watcher(lab, node):
    log = Log(lab.dir / "two-log")
    log.bounce("lars")
    watcher = Watcher(lab, node, log.path, "two").start()
    counts(node, "lars", 1)
    done = watcher.run("--once")
    assert done.returncode == 1 and "another hearsay-maillog uses it" in done.stderr
    assert watcher.run("--dry-run").stdout == "bounce lars\n"
    watcher.kill()
    watcher.once()
    assert bounces(node, "lars") == "1:1"


def test_once_counts_once_and_says_what_failed(node):
    once = "once 8f3a0c1d5e7b92468f3a0c1d5e7b9246"
    assert [node.ask(f"{once}:{n} bounce mia") for n in (1, 1, 2)] == ["ok"] * 3
    assert bounces(node, "mia") == "2:2"
    assert [node.ask(f"{once}:{n} black 203.0.113.91") for n in (3, 3)] == ["ok"] * 2
    assert node.ask(f"{once}:4 tarpit 203.0.113.92") == "1"
    assert node.ask(f"{once}:4 tarpit 203.0.113.92") == "ok"
    for request in ("check 203.0.113.91", "count 203.0.113.92", "ping", "stream", "bounces mia"):
        assert node.ask(f"{once}:5 {request}") == "error: once needs a request that changes something"
    assert node.ask(f"{once}:5 tarpit nonsense").startswith("error: "), "not the harmless 0"
    assert node.ask("once x:5 bounce mia").startswith("error: once needs SOURCE:NUMBER")
    assert node.ask(f"{once}:6 once 8f3a0c1d5e7b92468f3a0c1d5e7b9247:1 bounce mia").startswith("error: unknown request")
    assert bounces(node, "mia") == "2:2"


def test_an_unwritable_state_is_said_and_nothing_starts(lab, node):
    log = Log(lab.dir / "state-log")
    log.bounce("hans")
    watcher = Watcher(lab, node, log.path, "state")
    absent = lab.dir / "absent" / "dir" / "state"
    done = watcher.run("--once", "--state", absent)
    assert done.returncode == 1 and f"{absent}: its directory is not there" in done.stderr
    assert bounces(node, "hans") == "0:0"
    watcher.state.write_text("{}")
    done = watcher.run("--once")
    assert done.returncode == 2 and "no state of hearsay-maillog" in done.stderr


# ---- a real Exim

ACLS = """acl_rcpt:
  accept authenticated = *
  deny domains = +local_domains
       local_parts = !user
       message = no such user here
       log_message = Unrouteable address
  accept
"""


def test_exims_own_log_is_understood(lab, node):
    exim = Exim(lab, "logged.example", main="""acl_smtp_rcpt = acl_rcpt
log_selector = +all
log_timezone
auth_advertise_hosts = *
""", acls=ACLS, routers="""fail:
  driver = redirect
  domains = far.example
  allow_fail
  data = :fail: no such user at far.example
""", extra="""begin authenticators
made_up_name:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if eq{$auth3}{secret}}
  server_set_id = $auth2
""")
    watcher = Watcher(lab, node, exim.dir / "log" / "mainlog", "exim", 'use = { "bounce", "tarpit" }').start()
    with exim.session("203.0.113.71") as smtp:
        smtp.say("EHLO client.example")
        assert smtp.say("AUTH PLAIN AGlyaXMAc2VjcmV0").startswith("235")        # \0iris\0secret
        for i in range(3):
            assert smtp.mail("iris@here.example", f"nobody{i}@far.example", hello=False).startswith("250 ")
    counts(node, "iris", 3)
    assert exim.send_mail("203.0.113.72", sender="jan@here.example", rcpt="nobody@far.example").startswith("250 ")
    counts(node, "jan@here.example", 1)
    assert exim.send_mail("203.0.113.73", sender="", rcpt="nobody@far.example").startswith("250 ")
    assert exim.send_mail("203.0.113.74", rcpt="other@here.example").startswith("550 ")
    node.becomes("count 203.0.113.74", "1")
    exim.rotate_log()
    assert exim.send_mail("203.0.113.72", sender="jan@here.example", rcpt="nobody@far.example").startswith("250 ")
    counts(node, "jan@here.example", 2)
    assert watcher.stop() == 0
    status = watcher.status()
    assert (status["refused"], status["unknown"]) == (0, 0) and status["nobody"] >= 1
