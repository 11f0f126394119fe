"""Each file in conf/exim is run by a real Exim, with the node alive, dead and frozen: mail goes on in every case."""
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from dns_lab import Rbldnsd, Resolver
from exim_lab import Exim
from hearsay_lab import SOURCE, wait_until, zone

SNIPPETS = SOURCE / "conf" / "exim"
LIMIT_S = 3             # the time limit that the snippets give the node
TRIES = 5
STATES = ("alive", "dead", "frozen")

SCANNER = """#!/bin/sh
# Stands for a virus scanner: says what Exim's `cmdline` interface looks for.
grep -qr MALICIOUS "$1" && echo "found: Test.Virus"
exit 0
"""


def include(*names):
    return "".join(f".include {SNIPPETS / name}\n" for name in names)


def acl(name, *snippets, before="", after=""):
    return f"{name}:\n{before}{include(*snippets)}{after}  accept\n"


def site(lab, node, name, macros, **acls):
    """An Exim whose ACLs hold the snippets word for word."""
    scanner = lab.dir / "scan"
    scanner.write_text(SCANNER)
    scanner.chmod(0o755)
    main = macros + f"hostlist relay_from_hosts = 192.0.2.1\nav_scanner = cmdline:{scanner} %s:found:found. (.+)\n"
    main += "".join(f"acl_smtp_{which} = acl_{which}\n" for which in acls)
    return Exim(lab, name, main, "".join(acls.values()))


@pytest.fixture(scope="module")
def village(lab):
    """One node with its zones, and an Exim for each snippet."""
    node = lab.node("mx.a.example", mesh=False, zones=zone("bl.a.example") + zone("wl.a.example", lists="white")).start()
    dns = Rbldnsd(lab, node.name, {name: node.dir / "zones" / name for name in ("bl.a.example", "wl.a.example")})
    Resolver(lab, {name: dns.port for name in dns.zones})
    (lab.dir / "hearsay-traps").write_text("trap\n")
    macros = (SNIPPETS / "macros").read_text()
    for old, new in (("127.0.0.1:4440", f"127.0.0.1:{node.tcp[1]}"), ("/etc/exim4", str(lab.dir))):
        assert old in macros
        macros = macros.replace(old, new)
    made = {
        "report-trap": dict(rcpt=acl("acl_rcpt", "report-trap")),
        "report-virus": dict(rcpt="acl_rcpt:\n  accept\n", data=acl("acl_data", "report-virus")),
        "report-clean": dict(rcpt="acl_rcpt:\n  accept\n", data=acl(
            "acl_data", "report-clean", before="  warn set acl_m_clean = ${if match{$message_body}{certainly wanted}{yes}}\n")),
        "check": dict(connect=acl("acl_connect", "check-connect"), rcpt=acl("acl_rcpt", "check-rcpt")),
        "dnsbl": dict(rcpt=acl("acl_rcpt", "dnsbl")),
        "dnsbl-domain": dict(rcpt=acl("acl_rcpt", "dnsbl-domain")),
        "dnsbl-category": dict(rcpt=acl("acl_rcpt", "dnsbl-category")),
        "white-zone": dict(rcpt=acl("acl_rcpt", "white-zone")),
    }
    exims = {name: site(lab, node, f"{name}.example", macros, **acls) for name, acls in made.items()}
    return SimpleNamespace(node=node, dns=dns, exims=exims)


def timed(call, *args, **named):
    started = time.monotonic()
    got = call(*args, **named)
    return got, time.monotonic() - started


def mailed(exim, addr, **mail):
    """What Exim answered to a mail, and after how many seconds."""
    return timed(exim.send_mail, addr, **mail)


def listed(village, subject, name="bl.a.example"):
    wait_until(lambda: village.dns.lists(subject, name), f"{subject} is in {name}")


# ---- alive

def test_every_snippet_has_a_test():
    tested = {"macros", "report-trap", "report-virus", "report-clean", "check-connect", "check-rcpt",
              "dnsbl", "dnsbl-domain", "dnsbl-category", "white-zone"}
    # in test_toolbox.py
    tested |= {"tarpit", "tarpit-connect", "grey", "bounce-event", "bounce-transport", "bounces", "spf", "spfcheck", "srs-forward", "srs-reverse",
               "verdict-routers", "verdict-transport", "verdict-tag", "note"}
    assert {name for name in os.listdir(SNIPPETS) if name != "README.md"} == tested


def test_every_request_has_the_time_limit():
    """How many there are on the way of a mail, and what a mail does meanwhile, is tested below."""
    for path in SNIPPETS.iterdir():
        requests = re.findall(r"\$\{readsocket\{HEARSAY_SOCKET\}.*?\\n\}\{(.*?)\}", path.read_text(), re.DOTALL)
        assert len(requests) == path.read_text().count("readsocket{HEARSAY_SOCKET}") and set(requests) <= {f"{LIMIT_S}s"}, path


def test_report_trap_reports_who_writes_to_a_trap(village):
    answer, _ = mailed(village.exims["report-trap"], "203.0.113.10", rcpt="trap@here.example")
    assert answer == "550 no such user here"
    village.node.becomes("check 203.0.113.10", "black")
    assert "categories=spam" in village.node.ask("info 203.0.113.10")


def test_report_trap_spares_other_recipients_and_own_clients(village):
    assert mailed(village.exims["report-trap"], "203.0.113.11")[0].startswith("250 ")
    assert mailed(village.exims["report-trap"], "192.0.2.1", rcpt="trap@here.example")[0].startswith("250 ")
    assert [village.node.ask(f"score {addr}") for addr in ("203.0.113.11", "192.0.2.1")] == ["0", "0"]


def test_report_virus_reports_who_sends_malware(village):
    answer, _ = mailed(village.exims["report-virus"], "203.0.113.12", body="MALICIOUS")
    assert answer == "550 this message contains Test.Virus"
    village.node.becomes("check 203.0.113.12", "black")
    assert "categories=malware" in village.node.ask("info 203.0.113.12")


def test_report_virus_refuses_own_clients_without_reporting_them(village):
    assert mailed(village.exims["report-virus"], "192.0.2.1", body="MALICIOUS")[0].startswith("550 ")
    assert mailed(village.exims["report-virus"], "203.0.113.13", body="harmless")[0].startswith("250 ")
    assert [village.node.ask(f"score {addr}") for addr in ("192.0.2.1", "203.0.113.13")] == ["0", "0"]


def test_report_clean_reports_who_sends_good_mail(village):
    assert mailed(village.exims["report-clean"], "203.0.113.14", body="certainly wanted")[0].startswith("250 ")
    assert mailed(village.exims["report-clean"], "203.0.113.15", body="merely harmless")[0].startswith("250 ")
    village.node.becomes("check 203.0.113.14", "white")
    assert village.node.ask("score 203.0.113.15") == "0"


def test_check_refuses_who_is_black_but_not_at_postmaster(village):
    assert village.node.ask("black 203.0.113.16") == "ok"
    village.node.becomes("check 203.0.113.16", "black")
    exim = village.exims["check"]
    assert mailed(exim, "203.0.113.16")[0] == "550 203.0.113.16 has a bad reputation here"
    assert mailed(exim, "203.0.113.16", rcpt="postmaster@here.example")[0].startswith("250 ")
    assert mailed(exim, "203.0.113.17")[0].startswith("250 ")


def test_check_survives_an_answer_that_is_an_error(village):
    """Loopback is protected: the node answers `error: protected`."""
    assert village.node.ask("check 127.0.0.1").startswith("error: ")
    assert mailed(village.exims["check"], "127.0.0.1")[0].startswith("250 ")


def test_dnsbl_refuses_who_is_listed(village):
    assert village.node.ask("black 203.0.113.18") == "ok"
    assert village.node.ask("black 2001:db8:9:9::18") == "ok"
    listed(village, "203.0.113.18")
    listed(village, "2001:db8:9:9::18")
    exim = village.exims["dnsbl"]
    assert mailed(exim, "203.0.113.18")[0].startswith("550 203.0.113.18 is listed at bl.a.example: ")
    assert mailed(exim, "2001:db8:9:9::77")[0].startswith("550 2001:db8:9:9::77 is listed at bl.a.example: ")
    assert mailed(exim, "203.0.113.18", rcpt="postmaster@here.example")[0].startswith("250 ")
    assert mailed(exim, "203.0.113.19")[0].startswith("250 ")


def test_dnsbl_domain_refuses_a_listed_senders_domain(village):
    assert village.node.ask("black bad.shop.example") == "ok"
    listed(village, "bad.shop.example")
    exim = village.exims["dnsbl-domain"]
    assert mailed(exim, "203.0.113.20", sender="x@bad.shop.example")[0].startswith("550 bad.shop.example is listed at ")
    assert mailed(exim, "203.0.113.20", sender="x@good.example")[0].startswith("250 ")
    assert mailed(exim, "203.0.113.20", sender="")[0].startswith("250 "), "a bounce passes"


def test_dnsbl_category_uses_the_sub_zones(village):
    assert village.node.ask("black 203.0.113.21 malware") == "ok"
    assert village.node.ask("black 203.0.113.22 spam") == "ok"
    listed(village, "203.0.113.21", "malware.bl.a.example")
    listed(village, "203.0.113.22", "spam.bl.a.example")
    exim = village.exims["dnsbl-category"]
    assert mailed(exim, "203.0.113.21")[0].startswith("550 203.0.113.21 sends malware: ")
    assert mailed(exim, "203.0.113.22", body="marked mail")[0].startswith("250 ")
    wait_until(lambda: "marked mail" in exim.mailbox(), "the mail is delivered")
    assert "X-Hearsay: 203.0.113.22 spam.bl.a.example 127.0.0." in exim.mailbox()


def test_white_zone_marks_who_is_well_spoken_of(village):
    assert village.node.ask("white 203.0.113.23") == "ok"
    listed(village, "203.0.113.23", "wl.a.example")
    exim = village.exims["white-zone"]
    assert mailed(exim, "203.0.113.23", body="white mail")[0].startswith("250 ")
    wait_until(lambda: "white mail" in exim.mailbox(), "the mail is delivered")
    assert "X-Hearsay-White: 203.0.113.23 wl.a.example" in exim.mailbox()
    assert mailed(exim, "203.0.113.24", body="ordinary mail")[0].startswith("250 ")


def test_a_spam_run_of_150_sessions_is_reported_in_full(village):
    """As many hosts at the same moment, each in an SMTP session of its own."""
    addrs = [f"198.51.99.{i + 1}" for i in range(150)]
    with ThreadPoolExecutor(len(addrs)) as pool:
        answers = list(pool.map(lambda addr: mailed(village.exims["report-trap"], addr, rcpt="trap@here.example")[0], addrs))
    assert set(answers) == {"550 no such user here"}
    with village.node.stream() as stream:
        wait_until(lambda: set(stream.ask(*(f"check {addr}" for addr in addrs))) == {"black"}, "all are listed")


# ---- in bad times

# (exim, mail, how the answer begins, requests to the node on its way); the address is never listed
MAILS = [
    ("report-trap", dict(rcpt="trap@here.example"), "550 no such user", 1),
    ("report-trap", {}, "250 ", 0),
    ("report-virus", dict(body="MALICIOUS"), "550 this message contains", 1),
    ("report-virus", {}, "250 ", 0),
    ("report-clean", dict(body="certainly wanted"), "250 ", 1),
    ("check", {}, "250 ", 1),
    ("dnsbl", {}, "250 ", 0),
    ("dnsbl-domain", {}, "250 ", 0),
    ("dnsbl-category", {}, "250 ", 0),
    ("white-zone", {}, "250 ", 0),
]


def all_mails(village, net):
    """All at once, each from an address of its own."""
    with ThreadPoolExecutor(len(MAILS)) as pool:
        jobs = [pool.submit(mailed, village.exims[name], f"{net}.{i + 1}", **mail) for i, (name, mail, _, _) in enumerate(MAILS)]
        return [job.result() for job in jobs]


def promptly(send_all, asks, state):
    """A result, (answer, seconds), of each mail, when it waited for the node no longer than its requests may; and the number of runs. send_all() is given a network of
    its own for each run.

    The quickest of the mails that ask nothing shows what a mail takes at the moment. What waits once more than it may takes a whole limit more than that: however busy the
    machine is, it is late, and in each run. What a busy machine holds up is not held up in each."""
    waits = [n * LIMIT_S if state == "frozen" else 0 for n in asks]
    good, late = {}, {}
    for run in range(TRIES):
        results = send_all(f"198.51.{100 + len(STATES) * run + STATES.index(state)}")
        bare = min(seconds for n, (_, seconds) in zip(asks, results) if n == 0)
        for i, (answer, seconds) in enumerate(results):
            if seconds - waits[i] < bare + LIMIT_S - 0.5:
                good.setdefault(i, (answer, seconds))
            else:
                late[i] = f"{seconds:.1f} s, and {bare:.1f} s without a request"
        if len(good) == len(asks):
            return [good[i] for i in range(len(asks))], run + 1
    raise AssertionError(f"in each of {TRIES} runs these took too long: { {i: late[i] for i in late if i not in good} }")


def asked(node):
    """How often, by all who came before: they are taken in turn, and these two come last."""
    assert [node.ask("ping", address) for address in (node.unix, node.tcp)] == ["pong", "pong"]
    return node.json("status")["reports"]["connections"]


@pytest.mark.parametrize("state", STATES)
def test_mail_goes_on_while_the_node_is(village, state):
    """Whatever a snippet does without the node, it does within the time that it promises."""
    requests = [asks for *_, asks in MAILS]
    before = asked(village.node)
    if state == "dead":
        village.node.kill()
    elif state == "frozen":
        village.node.process.freeze()
    try:
        results, runs = promptly(lambda net: all_mails(village, net), requests, state)
    finally:
        if state == "dead":
            village.node.start()
        village.node.process.thaw()
    if state != "dead":
        assert asked(village.node) - 2 - before == runs * sum(requests), "each asks as often as it should"
    for (name, mail, want, asks), (answer, seconds) in zip(MAILS, results):
        assert answer.startswith(want), f"{name} {mail} while {state}: {answer}"
        if state == "frozen" and asks:
            assert seconds > LIMIT_S - 0.5, f"{name} did not ask the node: {seconds:.1f} s"


@pytest.mark.parametrize("state", ["dead", "frozen"])
def test_who_is_listed_stays_refused_through_dns_while_the_node_is(village, state):
    assert village.node.ask("black 203.0.113.30") == "ok"
    listed(village, "203.0.113.30")
    if state == "dead":
        village.node.kill()
    else:
        village.node.process.freeze()
    try:
        assert mailed(village.exims["dnsbl"], "203.0.113.30")[0].startswith("550 ")
    finally:
        if state == "dead":
            village.node.start()
        village.node.process.thaw()


def test_mail_goes_on_without_rbldnsd(village):
    """The resolver answers SERVFAIL: nobody is listed."""
    assert village.node.ask("black 203.0.113.31") == "ok"
    listed(village, "203.0.113.31")
    village.dns.stop()
    names = ("dnsbl", "dnsbl-domain", "dnsbl-category", "white-zone")
    try:
        with ThreadPoolExecutor(len(names)) as pool:
            results = list(pool.map(lambda name: mailed(village.exims[name], "203.0.113.31"), names))
        assert all(answer.startswith("250 ") for answer, _ in results), results
        assert max(seconds for _, seconds in results) < 60, results
    finally:
        village.dns.start()
    wait_until(lambda: mailed(village.exims["dnsbl"], "203.0.113.31")[0].startswith("550 "), "refused again")
