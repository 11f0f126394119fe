"""The benchmarks, each beside a limit measured in the same run. Started by tools/bench, which builds the programs first.

A benchmark yields results: {name, value, unit, limit, ratio, aim}. The ratio is 1 for as good as the limit, whether the value is
a rate or a time. Ours and the limit take turns, round by round, and the medians are compared, since a shared machine has moods.
"""
import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import hearsay_lab                                                      # noqa: E402
import replay as replay_table                                           # noqa: E402
import trust as trust_table                                             # noqa: E402
from dns_lab import Rbldnsd                                             # noqa: E402
from hearsay_lab import BUILD, Lab, Process, stays, wait_until, zone    # noqa: E402
from zone_server import ZoneServer                                      # noqa: E402

PROGRAMS = BUILD / "tests" / "bench"
POLL_S = 0.005
_first, _look, _seeds = [0], [0], [3]


def rate(name, ours, limit, unit, aim):
    """ours, limit: what each round gave. The aim is a ratio."""
    value, most = statistics.median(ours), statistics.median(limit)
    return {"name": name, "value": round(value, 3), "unit": unit, "limit": round(most, 3), "ratio": round(value / most, 4), "aim": aim,
            "rounds": len(ours)}


def latency(name, value_ms, least_ms, aim_ms, rounds):
    """An aim in milliseconds, told as the ratio that it would be beside this limit."""
    return {"name": name, "value": round(value_ms, 3), "unit": "ms", "limit": round(least_ms, 3), "ratio": round(least_ms / value_ms, 4),
            "aim": round(least_ms / aim_ms, 4), "rounds": rounds}


def run_program(name, *args):
    """A C program's own results, line by line."""
    done = subprocess.run([PROGRAMS / name, *map(str, args)], text=True, stdout=subprocess.PIPE, check=True, timeout=600)
    return [json.loads(line) for line in done.stdout.splitlines()]


def load(address, requests, in_flight=16, verb="black", wanted="ok", text=""):
    """One round of the load generator; its subjects were never used before. Without a text (None), the verb is the whole request."""
    _first[0] += requests
    more = ["-b"] if text is None else ["-t", text]
    return run_program("bench_load", address, "-n", requests, "-k", in_flight, "-v", verb, "-f", _first[0] - requests, *more, "-w", wanted)[0]


# ---- the world

def quiet_node(lab, name, **options):
    """A member that logs as an ordinary one does."""
    node = lab.node(name, **options)
    node.conf.write_text(node.conf.read_text().replace('log = "debug"', 'log = "info"').replace(
        'advertise = "127.0.0.1"', 'advertise = "127.0.0.1"\n  budget = "100MB/s"'))
    return node


@contextlib.contextmanager
def echo(lab, label, address, *journal):
    """The bare loop. It stands still but for its own rounds."""
    process = Process(label, [str(PROGRAMS / "bench_echo"), address, *map(str, journal)], lab.dir / f"{label}.log")
    wait_until(lambda: can_connect(address), f"{label} listens")
    try:
        yield address
    finally:
        process.end()


def can_connect(address):
    with contextlib.suppress(OSError):
        hearsay_lab.connect(address[5:] if address.startswith("unix:") else ("127.0.0.1", int(address[4:])), 1).close()
        return True


@contextlib.contextmanager
def frozen(node):
    """While the limit is measured, the node's work in the background must not slow it."""
    node.process.freeze()
    yield
    node.process.thaw()


# ---- reports

def reports(quick):
    """One connection a report, against a bare epoll loop, and against one that flushes what came before it answers."""
    with Lab("bench") as lab:
        node = quiet_node(lab, "mx.a.example", mesh=False).start()
        ways = [("unix", f"unix:{node.unix}", lambda tag: f"unix:{lab.dir}/{tag}.sock", 12000),
                ("tcp", f"tcp:{node.tcp[1]}", lambda tag: f"tcp:{lab.port()}", 8000)]
        for label, address, other, requests in ways:
            with echo(lab, f"{label}-bare", other("bare")) as bare, \
                    echo(lab, f"{label}-durable", other("durable"), lab.dir / "journal") as durable:
                for in_flight in (16, 150):
                    yield from reports_one(node, f"reports.{label}.{in_flight}", address, bare, durable, in_flight,
                                           600 if quick else requests, 1 if quick else 5)


def reports_one(node, name, address, bare, durable, in_flight, requests, rounds):
    ours, limit, flushed = [], [], []
    for _ in range(rounds):
        with frozen(node):
            limit.append(load(bare, requests, in_flight)["rate"])
            flushed.append(load(durable, requests, in_flight)["rate"])
        ours.append(load(address, requests, in_flight)["rate"])
    yield rate(name, ours, limit, "reports/s", 0.6)
    yield rate(name + ".durable", ours, flushed, "reports/s", 0.6)


# ---- the street

class Dns:
    """A small resolver that asks again each few milliseconds."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))

    def lists(self, addr, name):
        labels = [*reversed(addr.split(".")), *name.split(".")]
        question = b"".join(bytes([len(l)]) + l.encode() for l in labels) + b"\0\0\1\0\1"
        self.socket.settimeout(0.5)
        with contextlib.suppress(TimeoutError, ConnectionError):
            self.socket.send(random.randbytes(2) + b"\1\0\0\1\0\0\0\0\0\0" + question)
            answer = self.socket.recv(1500)
            return len(answer) > 12 and answer[6:8] != b"\0\0"
        return False

    def wait(self, addr, name, seconds=120):
        deadline = time.monotonic() + seconds
        while not self.lists(addr, name):
            if time.monotonic() > deadline:
                raise AssertionError(f"{addr} is not listed in {name} after {seconds} s")
            time.sleep(POLL_S)


def street(quick):
    """From the report at A to the answer at B's rbldnsd, against how long rbldnsd itself takes to see a file that was renamed into place."""
    times = 3 if quick else 30
    with Lab("bench") as lab:
        a = quiet_node(lab, "mx.a.example")
        b = quiet_node(lab, "mx.b.example", zones=zone("bl.b.example", threshold=0.5, quorum=1))
        a.start(), b.start()
        a.peer_add(b), b.peer_add(a)
        wait_until(lambda: all(p["connected"] for n in (a, b) for p in n.json("status")["peers"]), "the peers are connected")
        dns = Dns(Rbldnsd(lab, "b", {"bl.b.example": b.dir / "zones" / "bl.b.example"}).port)
        sample = lab.dir / "sample"
        write_sample(sample, [])
        bare = Dns(Rbldnsd(lab, "bare", {"bl.bare.example": sample}).port)
        ours, limit = [], []
        for i in range(times + 1):
            addr = f"203.0.113.{i + 1}"
            time.sleep(random.random() * (0.1 if quick else 1))       # else each round would begin just after rbldnsd looked
            ours.append(timed(lambda: a.ask(f"black {addr}"), lambda: dns.wait(addr, "bl.b.example")))
            time.sleep(random.random() * (0.1 if quick else 1))
            limit.append(timed(lambda: write_sample(sample, [addr]), lambda: bare.wait(addr, "bl.bare.example")))
        for label, share, aim_ms in (("median", 0.5, 1500), ("p99", 0.99, 3000)):
            yield latency(f"street.{label}", part(ours[1:], share), part(limit[1:], share), aim_ms, times)      # the first warms up


def write_sample(path, addresses):
    subprocess.run([PROGRAMS / "zone_sample", path, "bl.bare.example"], input="".join(f"list spam {a}\n" for a in addresses), text=True,
                   stdout=subprocess.DEVNULL, check=True)


def timed(do, wait):
    began = time.monotonic()
    do()
    wait()
    return (time.monotonic() - began) * 1e3


def part(values, share):
    ordered = sorted(values)
    return ordered[round((len(ordered) - 1) * share)]


# ---- check, while B takes up all that A knows

def check(quick):
    """How long Exim waits for `check` at a member that merges at full speed, against the bare loop beside the same work."""
    known, requests, rounds = (3000, 200, 1) if quick else (150000, 2000, 5)
    with Lab("bench") as lab:
        a = quiet_node(lab, "mx.a.example").start()
        b = quiet_node(lab, "mx.b.example").start()
        teach(a, known)
        with echo(lab, "bare", f"unix:{lab.dir}/bare.sock") as bare:
            a.peer_add(b), b.peer_add(a)
            wait_until(lambda: opinions(b) > 0, "B begins to merge", 120)
            began, before = time.monotonic(), opinions(b)
            ours, limit = [], []
            for _ in range(rounds):
                ours.append(load(f"unix:{b.unix}", requests, 1, "check", ""))
                limit.append(load(bare, requests, 1, "check"))
            merged = (opinions(b) - before) / (time.monotonic() - began)
        for label, aim_ms in (("p50_ms", 0.2), ("p99_ms", 2)):
            yield latency(f"check.{label[:3]}", *(statistics.median(r[label] for r in rs) for rs in (ours, limit)), aim_ms, rounds)
        print(f"check: {merged:.0f} opinions/s were merged meanwhile", file=sys.stderr)


def teach(node, n):
    with node.stream() as s:
        reader = threading.Thread(target=lambda: [s.answer() for _ in range(n)])
        reader.start()
        for i in range(0, n, 1000):
            s.send(*(f"black 11.{k >> 16 & 255}.{k >> 8 & 255}.{k & 255}" for k in range(i, min(i + 1000, n))))
        reader.join()
    wait_until(lambda: node.json("status")["backlog"] == 0, "the reports are folded", 120)


def opinions(node):
    return node.json("status")["counts"]["opinions"]


# ---- the Exim toolbox, beside `check`

TOOLS = [               # name, verb, what follows the subject (None: the verb is all of it), the answer, the aim: those that look, and those that write
    ("count", "count", "", "0", 0.7), ("bounces", "bounces", "", "0:0", 0.7), ("srs-forward", "srs-forward", "@b.example fwd.example", "SRS0=", 0.7),
    ("srs-reverse", "srs-reverse {srs}", None, "a@b.example", 0.7), ("verdict.again", "verdict m c@d.example", None, "alternate;7;junk", 0.7),
    ("verdict-tag.again", "verdict-tag m c@d.example", None, "YWx0ZXJuYXRlOzc7anVuazs", 0.7),
    ("spfcheck", "spfcheck", " mail.b.example a@b.example", "pass", 0.7),
    ("tarpit", "tarpit", "", "1", 0.6), ("grey", "grey", " a@b.example c@d.example", "true", 0.6), ("bounce", "bounce", "@b.example", "ok", 0.6),
    ("spf.fail", "spf", " b.example fail", "ok", 0.6), ("spf.pass", "spf", " b.example pass", "ok", 0.6), ("note", "note", " bench some text", "ok", 0.6),
    ("verdict", "verdict", " c@d.example ip=192.0.2.7 sender=a@b.example spf=pass score=5", "alternate;7;junk", 0.6),
]
TOOLS_CONF = '''note "bench" { category = "abusive" }
srs { secrets = { "a secret for the benchmark" } }
verdict { rules = "verdict.rules"  profiles = "profiles" }
spf { resolver = "127.0.0.1:%d"  timeout = "30s" }
'''
# Every client passes. The DNS server is a small one in Python, so that spfcheck is also as slow as that.
TOOLS_ZONE = {"b.example": [{"TXT": "v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all"}]}


def tools_node(lab, dns):
    """A node with all that the toolbox needs, and one verdict that is known."""
    node = quiet_node(lab, "mx.a.example", mesh=False, extra=TOOLS_CONF % dns.port)
    (node.dir / "verdict.rules").write_text('rule 7 { when = "spam >= 5 and score < 1 and spf is pass" action = alternate location = "junk" }\n')
    (node.dir / "profiles").write_text("*@d.example: standard\n")
    node.start()
    assert node.ask("verdict m c@d.example ip=192.0.2.7 spf=pass score=5") == "alternate;7;junk"
    return node


def tools(quick):
    """Each request of the toolbox, one connection each and 150 at once, against `check` in the same way in the same round."""
    requests, rounds = (600, 1) if quick else (8000, 5)
    with Lab("bench") as lab, contextlib.closing(ZoneServer(TOOLS_ZONE)) as dns:
        node = tools_node(lab, dns)
        address, ours, limit = f"unix:{node.unix}", [[] for _ in TOOLS], []
        srs = node.ask("srs-forward a@b.example fwd.example")
        for _ in range(rounds):
            limit.append(load(address, requests, 150, "check", "unknown")["rate"])
            for rates, (_, verb, text, wanted, _) in zip(ours, TOOLS):
                rates.append(load(address, requests, 150, verb.format(srs=srs), wanted, text)["rate"])
                wait_until(lambda: node.json("status")["backlog"] == 0, "what was learned is folded", 120)
            limit.append(load(address, requests, 150, "check", "unknown")["rate"])
        for rates, (name, _, _, _, aim) in zip(ours, TOOLS):
            yield rate(f"tools.{name}", rates, limit, "requests/s", aim)


# ---- catching up

def catchup(quick):
    """A new member fetches all that another knows, from wire to committed scores, against the store alone taking the same batches."""
    known, rounds = (3000, 1) if quick else (1000000, 3)
    with Lab("bench") as lab:
        a = quiet_node(lab, "mx.a.example").start()
        teach(a, known)
        wait_until(lambda: has_told(a, known), "A has told all", 300, every=0.5)
        ours, limit, memory = [], [], []
        for i in range(rounds):
            with frozen(a):
                taken = take(a, lab.dir)
                limit.append(taken["opinions"] / taken["seconds"])
            ours.append(known / catch_up(lab, a, f"mx.b{i}.example", known, memory))
        yield rate("catchup", ours, limit, "opinions/s", 0.6)
        value = statistics.median(memory)                        # SQLite's own caches, 128 MiB for the writer, are part of it
        yield {"name": "memory.node.million", "value": round(value, 1), "unit": "MB", "limit": 128, "ratio": round(128 / value, 4), "aim": 0.5, "rounds": rounds}


# One member says here, and in a day, what the members of a large coalition say in a month.
NO_QUOTA = 'quota { batches = 1000000  bytes = "1GB"  opinions = 100000000  subjects = 10000000 }'


def has_told(node, n):
    return sqlite(node, "SELECT count(*) FROM evidence WHERE urgency = 0 AND told_epoch > 0")[0] >= n


def sqlite(node, question):
    with contextlib.closing(sqlite3.connect(f"file:{node.dir}/hearsay.db?mode=ro", uri=True, timeout=30)) as db:
        return db.execute(question).fetchone()


def take(node, where):
    """The store alone, with the batches of that node."""
    return run_program("bench_take", node.dir / "hearsay.db", node.card(), where, node.federation)[0]


def resident_mb(node):
    text = Path(f"/proc/{node.process.pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1000


def catch_up(lab, a, name, known, memory):
    """Seconds until a new member has scored all that A knows, from when it is told of A. Adds to `memory` by how many MB it has grown, for each million."""
    b = quiet_node(lab, name, zones=zone("bl.b.example", threshold=0.25, quorum=1), extra=NO_QUOTA).start()
    a.peer_add(b)
    before, began = resident_mb(b), time.monotonic()
    b.peer_add(a)
    # Counting a million rows ten times a second would take a processor of its own: the node's own count says when, and the rows whether it is so.
    wait_until(lambda: b.json("status")["counts"]["listings"] >= known, "B lists what A knows", 300, every=0.1)
    seconds = time.monotonic() - began
    assert sqlite(b, "SELECT count(*) FROM listing WHERE zone > 0")[0] >= known
    memory.append((resident_mb(b) - before) / known * 1e6)
    b.stop()
    a.hearsay("peer", "remove", name, check=True)
    shutil.rmtree(b.dir)
    return seconds


# ---- the log

def maillog(quick):
    """Exim's main log turned into requests by hearsay-maillog, against grep counting the failed deliveries in the same file."""
    rounds, messages = (1, 20000) if quick else (7, 600000)
    with Lab("bench") as lab:
        log = lab.dir / "mainlog"
        failed = write_log(log, messages)
        ours, limit, env = [], [], {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
        for _ in range(rounds):
            ours.append(megabytes(log, [BUILD / "tools" / "hearsay-maillog", "--log", log, "--dry-run"], env, lambda text: text.count("\n") == failed))
            limit.append(megabytes(log, ["grep", "-cF", " ** ", log], env, lambda text: int(text) == failed))
        yield rate("maillog.scan", ours, limit, "MB/s", 0.4)


def megabytes(path, argv, env, right):
    """MB of the file a second; `right` looks at what was printed."""
    began = time.monotonic()
    done = subprocess.run(list(map(str, argv)), text=True, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, timeout=300)
    took = time.monotonic() - began
    assert right(done.stdout), done.stdout[-200:]
    return path.stat().st_size / took / 1e6


def write_log(path, messages):
    """Of the last hours. One message in fifty fails; returns how many."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    refused, taken = ": SMTP error from remote mail server after RCPT TO: 550 5.1.1 no such user", ' C="250 2.0.0 Ok: queued as 4SxyzABCDEF"'
    start, failed = int(time.time()) - messages // 20 - 60, 0
    with open(path, "w", encoding="utf-8") as f:
        for i in range(messages):
            at, ident, stamp = start + i // 20, "", time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(start + i // 20))
            for _ in range(6):
                at, ident = at // 62, digits[at % 62] + ident
            head = f"{stamp} {ident}-{i % 1000000:06}-{digits[i % 62]}{digits[i // 62 % 62]}"
            fails = i % 50 == 0
            failed += fails
            f.write(f"{head} <= user{i % 5000}@here.example H=client{i % 997}.example.net ([192.0.2.{i % 250}]) [203.0.113.{i % 250}] P=esmtpsa "
                    f"X=TLS1.3:ECDHE_X25519__RSA_PSS_RSAE_SHA256__AES_256_GCM:256 CV=no A=plain_login:user{i % 5000} S={i % 90000} id={i}.abcdef@client.example.net\n")
            f.write(f"{head} {'**' if fails else '=>'} bob{i}@far.example R=dnslookup T=remote_smtp H=mx.far.example [198.51.100.7] X=TLS1.3:X CV=yes"
                    f"{refused if fails else taken}\n")
            f.write(f"{head} Completed\n")
    return failed


# ---- from a report to the listing elsewhere

def listing(quick):
    """From a report at A to B's `check`, without any zone file: the mesh alone. Against two reports that each wait for the disk only."""
    looks = 4 if quick else 200
    with Lab("bench") as lab:
        a, b = quiet_node(lab, "mx.a.example"), quiet_node(lab, "mx.b.example", zones=zone("bl.b.example", threshold=0.25, quorum=1))
        a.start(), b.start()
        a.peer_add(b), b.peer_add(a)
        wait_until(lambda: b.json("status")["peers"] and not b.json("status")["mesh"]["catching_up"]["held_back"], "B has caught up", 60)
        with echo(lab, "durable", f"unix:{lab.dir}/durable.sock", lab.dir / "journal") as durable:
            ours, limit = [], []
            for i in range(looks + 1):
                ours.append(report_to_check(a, b))
                if i % 20 == 0:
                    limit.append(2 * load(durable, 50, 1)["p50_ms"])
        for label, share, aim_ms in (("median", 0.5, 300), ("p99", 0.99, 1000)):
            yield latency(f"listing.{label}", part(ours[1:], share), statistics.median(limit), aim_ms, looks)      # the first warms up


def cost(quick):
    """What an opinion costs, by the size of its batch: to verify; on the wire with CURVE, ZMTP and TCP, as the simulation counts it; in the memory of the mesh core."""
    yield from run_program("bench_cost", *(["--quick"] if quick else []))


# ---- a flood beside it

def flood(quick):
    """Reports at A, and from a report at B to the listing at A, while a hostile neighbour sends as fast as it is read; against the same in its absence."""
    yield from direct_flood(quick)
    yield from relayed_flood(quick)


def hostile(lab, e, target):
    return Process("flood", [str(PROGRAMS / "bench_flood"), str(e.dir / "identity.pem"), e.card(), target.card(), target.federation], lab.dir / "flood.log")


def connected(node):
    return sum(p["connected"] for p in node.json("status")["peers"])


def has_caught_up(node):
    return not node.json("status")["mesh"]["catching_up"]["held_back"]


def direct_flood(quick):
    rounds, reports_n, looks = (1, 400, 3) if quick else (7, 6000, 10)
    with Lab("bench") as lab:
        a = quiet_node(lab, "mx.a.example", zones=zone("bl.a.example", threshold=0.25, quorum=1))
        b, e = quiet_node(lab, "mx.b.example"), quiet_node(lab, "mx.e.example")
        a.start(), b.start()
        a.peer_add(b), b.peer_add(a)
        wait_until(lambda: has_caught_up(a), "A has caught up", 60)
        a.peer_add(e)
        process = hostile(lab, e, a)
        try:
            wait_until(lambda: connected(a) == 2, "A is connected to both", 60)
            wait_until(lambda: a.json("status")["backlog"] >= 16 or peer(a, e.name)["batches"] >= 64, "the flood's first wave waits to be worked in", 120, every=0.01)
            wave = [report_to_check(b, a)]
            while a.json("status")["backlog"] >= 16 and len(wave) < 10 * looks:
                wave.append(report_to_check(b, a))
            print(f"flood: {len(wave)} reports of B were listed at A while the first wave of the flood was worked in, the last after {wave[-1]:.0f} ms", file=sys.stderr)
            wait_until(lambda: a.json("status")["backlog"] < 64, "A has scored the first wave of it", 120, every=1)
            with_it, without, slow, quick_ = [], [], [], []
            for _ in range(rounds):
                process.freeze()
                time.sleep(0.2 if quick else 1)
                without.append(load(f"unix:{a.unix}", reports_n, 16)["rate"])
                quick_ += [report_to_check(b, a) for _ in range(looks)]
                process.thaw()
                time.sleep(0.2 if quick else 1)
                with_it.append(load(f"unix:{a.unix}", reports_n, 16)["rate"])
                slow += [report_to_check(b, a) for _ in range(looks)]
            status = peer(a, e.name)
            assert process.alive() and peer(a, b.name)["connected"]
        finally:
            process.end(signal.SIGKILL)
        print(f"flood: {status['batches']} batches were taken of it, {status['over_quota']} passed over, it was not read for a moment {status['throttled']} times", file=sys.stderr)
        yield rate("flood.reports", with_it, without, "reports/s", 0.9)
        yield latency_ratio("flood.wave", statistics.median(wave), statistics.median(quick_), 0.9, len(wave))
        yield latency_ratio("flood.listing", statistics.median(slow), statistics.median(quick_), 0.9, len(slow))


def relayed_flood(quick):
    """It is a neighbour of R alone, which is honest, and over which A hears of B."""
    rounds, looks = (1, 3) if quick else (7, 10)
    with Lab("bench") as lab:
        a = quiet_node(lab, "mx.a.example", zones=zone("bl.a.example", threshold=0.25, quorum=1))
        b, r, e = (quiet_node(lab, f"mx.{x}.example") for x in "bre")
        a.start(), b.start(), r.start()
        for end, other in ((a, b), (b, a)):
            end.peer_add(r), r.peer_add(end)
            end.peer_add(other, 1.0, "--no-link"), end.peer_add(e, 1.0, "--no-link")
        wait_until(lambda: has_caught_up(a) and connected(r) == 2, "A has caught up", 60)
        r.peer_add(e)
        process = hostile(lab, e, r)
        try:
            wait_until(lambda: connected(r) == 3 and peer(a, r.name)["batches"] >= 64, "the flood comes to A over R", 120, every=0.05)
            slow, quick_ = [], []
            for _ in range(rounds):
                slow += [report_to_check(b, a) for _ in range(looks)]
                process.freeze()
                time.sleep(0.2 if quick else 1)
                quick_ += [report_to_check(b, a) for _ in range(looks)]
                process.thaw()
                time.sleep(0.2 if quick else 1)
            at_a, at_r = peer(a, r.name), peer(r, e.name)
            assert process.alive() and peer(a, r.name)["connected"]
        finally:
            process.end(signal.SIGKILL)
        print(f"flood: R took {at_r['batches']} batches of it and passed over {at_r['over_quota']}; {at_a['batches']} came to A over it", file=sys.stderr)
        yield latency_ratio("flood.relayed", statistics.median(slow), statistics.median(quick_), 0.9, len(slow))


def peer(node, name):
    return next(p for p in node.json("status")["peers"] if p["name"] == name)


def latency_ratio(name, value_ms, limit_ms, aim, rounds):
    return {"name": name, "value": round(value_ms, 3), "unit": "ms", "limit": round(limit_ms, 3), "ratio": round(limit_ms / value_ms, 4), "aim": aim, "rounds": rounds}


def report_to_check(a, b):
    """Milliseconds from the report at one member until the other one's `check` says so; no zone file and no rbldnsd in between."""
    _look[0] += 1
    addr = f"12.{_look[0] // 62500}.{_look[0] // 250 % 250}.{_look[0] % 250 + 1}"
    time.sleep(random.random() * 0.3)            # the publisher has a rhythm of its own

    def listed():
        deadline = time.monotonic() + 120
        while b.ask(f"check {addr}") != "black":
            assert time.monotonic() < deadline, f"{addr} is not listed after 120 s"
            time.sleep(0.001)
    return timed(lambda: a.ask(f"black {addr}"), listed)


def trust(quick):
    """Lies of insiders against the real store: who is listed, by it and by other rules over the same words. --seeds N: over so many worlds."""
    yield from trust_table.run(PROGRAMS / "bench_trust", quick, _seeds[0])


# ---- all of them

def replay(quick):
    """What the store foretells of a made-up history of lists, beside the reference model. With --data DIR, a real one: tools/bench replay --help."""
    yield from replay_table.run(PROGRAMS / "bench_replay", quick)


def program(name):
    def run(quick):
        with Lab("bench") as lab:
            yield from run_program(f"bench_{name}", lab.dir, *(["--quick"] if quick else []))
    run.__doc__ = {"merge": "Opinions a second from signed batches to registers and scores, against raw upserts of the same rows.",
                   "score": "Subjects scored anew, one of whose 10, 100 or 1,000 opinions changed, and all of a million; against reading the same rows.",
                   "growth": "From one to ten million opinions: merging, the file, memory, and `check` in the store; against the first million, and a bare SELECT.",
                   "zone": "A million listings written, from memory and from the database, against a bare write of the same bytes."}[name]
    return run


BENCHMARKS = {"reports": reports, "merge": program("merge"), "score": program("score"), "growth": program("growth"), "zone": program("zone"),
              "street": street, "check": check, "tools": tools, "catchup": catchup, "maillog": maillog, "flood": flood,
              "listing": listing, "cost": cost, "trust": trust, "replay": replay}


def show(r, quick):
    if "text" in r:
        print(r["text"], flush=True)
        return
    mark = "" if quick or r["ratio"] >= r["aim"] else "  below"
    print(f"{r['name']:<26} {r['value']:>12,.2f} {r['unit']:<11} {r['limit']:>12,.2f} {r['ratio']:>7.2f} {r['aim']:>5.2f}{mark}", flush=True)


def main():
    if sys.argv[1:2] == ["replay"] and not (sys.argv[2:] and set(sys.argv[2:]) <= {"--quick", "--json"}):
        return replay_table.main(PROGRAMS / "bench_replay", sys.argv[2:])
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="\n".join(f"{name:<9}{run.__doc__}" for name, run in BENCHMARKS.items()))
    parser.add_argument("names", metavar="NAME", nargs="*", help="those below that are to run; all by default")
    parser.add_argument("--only", metavar="NAME", action="append", choices=BENCHMARKS, help="the same; may be repeated")
    parser.add_argument("--seeds", metavar="N", type=int, default=_seeds[0], help="of trust: how many worlds (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object, with an object for each result by its name")
    parser.add_argument("--quick", action="store_true", help="a few seconds in all: whether it runs, not how fast")
    args = parser.parse_args()
    names = args.names + (args.only or [])
    for name in names:
        if name not in BENCHMARKS:
            parser.error(f"no benchmark is called {name}; there are {', '.join(BENCHMARKS)}")
    if args.seeds < 1:
        parser.error("--seeds: at least 1")
    _seeds[0] = args.seeds
    hearsay_lab.enter_private_world()
    results, failed = [], False
    if not args.json:
        print(f"{'':<26} {'value':>12} {'':<11} {'limit':>12} {'ratio':>7} {'aim':>5}")
    for name in names or BENCHMARKS:
        try:
            for r in BENCHMARKS[name](args.quick):
                results.append(r)
                if not args.json:
                    show(r, args.quick)
        except (AssertionError, OSError, subprocess.SubprocessError) as e:
            failed = True
            print(f"{name}: {e}", file=sys.stderr)
    if args.json:
        print(json.dumps({r["name"]: {k: v for k, v in r.items() if k != "text"} for r in results if set(r) != {"name", "text"}}, indent=1))
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
