"""spfcheck through a real node, its helpers and a DNS server on loopback: the published test suite of RFC 7208, and what a hostile world does.

The suite is read from Debian's package python3-spf; nothing of it is kept here."""
import gzip
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import yaml

from hearsay_lab import BUILD, Lab, in_time, wait_until
from zone_server import ZoneServer

SUITE = Path("/usr/share/doc/python3-spf/rfc7208-tests.yml.gz")

# Where libspf2 falls short: a prefix of no bits on `mx`, and on `a` for IPv6, is a permerror to it. Such a policy lets everybody pass.
DEVIATIONS = {"a-cidr6-0-ip6", "a-cidr6-0-nxdomain", "mx-nxdomain", "mx-cidr4-0", "mx-cidr6-0-ip6", "mx-cidr6-0-nxdomain"}


def quote(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def check(node, ip, helo, sender):
    return node.ask(f"spfcheck {ip} {quote(helo)} {quote(sender)}")


@pytest.fixture(scope="module")
def dns():
    server = ZoneServer()
    yield server
    server.close()


def start(lab, dns, more=""):
    return lab.node("mx.a.example", extra=f'spf {{ resolver = "127.0.0.1:{dns.port}" {more} }}\n').start()


@pytest.fixture(scope="module")
def node(dns):
    with Lab("spf") as lab:
        yield start(lab, dns, 'timeout = "60s"')


def helpers(node):
    """The pids of hearsay-spf under this node."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if name == "hearsay-spf" and int(rest.split()[1]) == node.process.pid and rest.split()[0] != "Z":
            found.append(int(stat.parent.name))
    return found


# ---- the suite

def scenarios():
    if not SUITE.exists():
        pytest.skip(f"{SUITE} is not there: install python3-spf with its documentation")
    return list(yaml.safe_load_all(gzip.open(SUITE)))


def test_the_published_suite(node, dns):
    wrong, seen = [], 0
    for scenario in scenarios():
        dns.set(scenario["zonedata"])
        for name, case in scenario["tests"].items():
            want = case["result"] if isinstance(case["result"], list) else [case["result"]]
            got = check(node, case["host"], case["helo"], case["mailfrom"] or "")
            seen += 1
            if (got in want) == (name in DEVIATIONS):
                wrong.append(f"{name} ({case.get('spec')}): want {want}, got {got}")
    assert seen > 200
    assert not wrong, "\n".join(wrong)


# ---- a policy that is none of the suite's

def test_what_passes_and_what_fails(node, dns):
    dns.set({"example.com": [{"TXT": "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"}]})
    assert check(node, "192.0.2.7", "mail.example.com", "user@example.com") == "pass"
    assert check(node, "::ffff:192.0.2.7", "mail.example.com", "user@example.com") == "pass"
    assert check(node, "2001:db8::7", "mail.example.com", "user@example.com") == "pass"
    assert check(node, "203.0.113.7", "mail.example.com", "user@example.com") == "fail"
    assert check(node, "203.0.113.7", "mail.example.com", "user@none.example") == "none"


def test_the_null_sender_is_the_helo(node, dns):
    dns.set({"mail.example.com": [{"TXT": "v=spf1 ip4:192.0.2.7 -all"}]})
    assert check(node, "192.0.2.7", "mail.example.com", "") == "pass"
    assert node.ask("spfcheck 203.0.113.7 mail.example.com <>") == "fail"


def test_a_long_policy_comes_over_tcp(node, dns):
    dns.set({"example.com": [{"TXT": "v=spf1 " + "ip4:198.51.100.1 " * 60 + "ip4:192.0.2.7 -all"}]})
    assert check(node, "192.0.2.7", "mail.example.com", "user@example.com") == "pass"


@pytest.mark.parametrize("ip, helo, sender", [
    ("192.0.2.7", "\\\"'; drop", "user@example.com"), ("192.0.2.7", "x" * 250, "user@example.com"), ("192.0.2.7", "x" * 1000, "user@example.com"),
    ("192.0.2.7", "mail.example.com", "x" * 300 + "@example.com"), ("192.0.2.7", "mail.example.com", "x" * 2000 + "@example.com"),
    ("192.0.2.7", "mail.example.com", "@@@"), ("192.0.2.7", "mail.example.com", "user"), ("192.0.2.7", "mail.example.com", '"a b"@example.com'),
    ("192.0.2.7", "\u00e4\u00f6", "user@b\u00fccher.example"), ("192.0.2.7", "[192.0.2.7]", ""), ("192.0.2.7", "", ""),
    ("192.0.2.7", "mail.example.com", "user@" + "a." * 120 + "example.com"), ("192.0.2.7", "%{d}%{i}%", "%{l}%n%s@example.com"),
])
def test_whatever_a_client_says_gets_an_answer(node, dns, ip, helo, sender):
    dns.set({"example.com": [{"TXT": "v=spf1 exists:%{l1r-}.%{h}.%{d}.spf.example.com ?all"}]})
    died = node.log_text().count("a helper")
    assert check(node, ip, helo, sender) in ("pass", "fail", "softfail", "none", "neutral", "permerror")
    assert node.log_text().count("a helper") == died


def test_what_cannot_be_read_lets_mail_through(node):
    assert node.ask("spfcheck 1.2.3 mail.example.com user@example.com") == "temperror"
    assert node.ask("spfcheck 192.0.2.7") == "temperror"


# ---- limits

def test_nested_includes_do_not_multiply(node, dns):
    names = [f"n{i}.example" for i in range(40)]
    dns.set({name: [{"TXT": "v=spf1 " + " ".join(f"include:{other}" for other in names if other != name)[:3000].rsplit(" ", 1)[0] + " -all"}] for name in names})
    dns.asked.clear()
    assert check(node, "192.0.2.7", "mail.example.com", "user@n0.example") == "permerror"
    assert len(dns.asked) <= 2 * 11        # the first policy and ten more, each once over UDP and, being long, over TCP


def test_a_silent_server_is_a_temperror_in_time():
    dns = ZoneServer({"example.com": ["TIMEOUT"]}, quick=False)
    try:
        with Lab("spfslow") as lab:
            node = start(lab, dns, 'timeout = "1s" workers = 2 queue = 4')
            with node.stream() as stream:
                # 2 at work, 4 wait, 6 are too many: none waits longer than the timeout, but for a busy machine
                answers = in_time(lambda: stream.ask(*["spfcheck 192.0.2.7 mail.example.com user@example.com"] * 12), 5)
                assert answers == ["temperror"] * 12
                stream.send("ping")
                assert stream.answer() == "pong"
            wait_until(lambda: len(helpers(node)) <= 2, "no more than two, once those are gone that were killed")
    finally:
        dns.close()


def test_a_slow_resolver_is_waited_for_to_the_end():
    """One that needs longer than the second after which the C library would ask again."""
    class Slow(ZoneServer):
        def answer(self, query, room):
            time.sleep(1.2)
            return super().answer(query, room)

    dns = Slow({"example.com": [{"TXT": "v=spf1 ip4:192.0.2.7 -all"}]})
    try:
        with Lab("spfpatient") as lab:
            node = start(lab, dns, 'timeout = "60s"')
            assert check(node, "192.0.2.7", "mail.example.com", "user@example.com") == "pass"
            assert len(dns.asked) == 1
    finally:
        dns.close()


# ---- helpers that die

def test_a_dead_helper_costs_one_temperror_at_most(node, dns):
    dns.set({"example.com": [{"TXT": "v=spf1 ip4:192.0.2.7 -all"}]})
    assert check(node, "192.0.2.7", "mail.example.com", "user@example.com") == "pass"
    for pid in helpers(node):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: check(node, "192.0.2.7", "mail.example.com", "user@example.com") == "pass", "a new helper answers")


def test_a_frozen_helper_is_killed_in_time(dns):
    with Lab("spffrozen") as lab:
        node = start(lab, dns, 'timeout = "500ms" workers = 1')
        dns.set({"example.com": [{"TXT": "v=spf1 ip4:192.0.2.7 -all"}]})
        wait_until(lambda: check(node, "192.0.2.7", "mail.example.com", "user@example.com") == "pass", "a helper answers")
        frozen = helpers(node)
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        assert check(node, "192.0.2.7", "mail.example.com", "user@example.com") == "temperror"
        wait_until(lambda: check(node, "192.0.2.7", "mail.example.com", "user@example.com") == "pass", "a new helper answers")
        wait_until(lambda: not set(frozen) & set(helpers(node)), "the frozen helper is gone")


def test_helpers_end_with_their_node(dns):
    with Lab("spfend") as lab:
        node = start(lab, dns)
        dns.set({"example.com": [{"TXT": "v=spf1 ip4:192.0.2.7 -all"}]})
        wait_until(lambda: check(node, "192.0.2.7", "mail.example.com", "user@example.com") == "pass", "a helper answers")
        pids = helpers(node)
        assert pids
        node.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "the helpers are gone")


def test_a_new_resolver_is_asked_after_a_reload(dns):
    other = ZoneServer({"example.com": [{"TXT": "v=spf1 -all"}]})
    try:
        with Lab("spfreload") as lab:
            node = start(lab, dns)
            dns.set({"example.com": [{"TXT": "v=spf1 ip4:192.0.2.7 -all"}]})
            wait_until(lambda: check(node, "192.0.2.7", "mail.example.com", "user@example.com") == "pass", "the first resolver is asked")
            node.write_conf(extra=f'spf {{ resolver = "127.0.0.1:{other.port}" }}')
            node.hang_up()
            wait_until(lambda: check(node, "192.0.2.7", "mail.example.com", "user@example.com") == "fail", "the second resolver is asked")
    finally:
        other.close()


def test_a_resolver_may_have_an_ipv6_address():
    dns = ZoneServer({"example.com": [{"TXT": "v=spf1 " + "ip4:198.51.100.1 " * 60 + "ip4:192.0.2.7 -all"}]}, host="::1")
    try:
        with Lab("spf6") as lab:
            node = lab.node("mx.a.example", extra=f'spf {{ resolver = "[::1]:{dns.port}" }}\n').start()
            wait_until(lambda: check(node, "192.0.2.7", "mail.example.com", "user@example.com") == "pass", "the resolver at ::1 is asked")
            assert check(node, "192.0.2.8", "mail.example.com", "user@example.com") == "fail"
    finally:
        dns.close()


@pytest.mark.parametrize("place", ["sbin", "libexec/hearsay"])
def test_the_helper_is_found_where_it_is_installed(dns, place):
    dns.set({"example.com": [{"TXT": "v=spf1 ip4:192.0.2.7 -all"}]})
    with Lab("spfplace") as lab:
        (lab.dir / "sbin").mkdir()
        (lab.dir / place).mkdir(parents=True, exist_ok=True)
        daemon = shutil.copy(BUILD / "node" / "hearsayd", lab.dir / "sbin")
        shutil.copy(BUILD / "node" / "hearsay-spf", lab.dir / place)
        node = lab.node("mx.a.example", extra=f'spf {{ resolver = "127.0.0.1:{dns.port}" }}\n')
        node.argv = lambda: [daemon, "-c", str(node.conf)]
        node.start()
        wait_until(lambda: check(node, "192.0.2.7", "mail.example.com", "user@example.com") == "pass", "the helper is found")


def test_status_says_that_the_helper_is_missing(dns):
    with Lab("spfmissing") as lab:
        daemon = shutil.copy(BUILD / "node" / "hearsayd", lab.dir)
        node = lab.node("mx.a.example")
        node.argv = lambda: [daemon, "-c", str(node.conf)]
        node.start()
        if check(node, "192.0.2.7", "mail.example.com", "user@example.com") != "temperror":
            pytest.skip("hearsay-spf is installed on this machine")
        status = node.json("status")
        assert status["spfcheck"]["asked"] == 1 and not status["healthy"]
        assert "spfcheck answers temperror" in status["warnings"][0] and "no such file" in status["warnings"][0]


# ---- the cage

def test_a_helper_stands_behind_its_walls(node, dns):
    dns.set({"example.com": [{"TXT": "v=spf1 ip4:192.0.2.7 -all"}]})
    check(node, "192.0.2.7", "mail.example.com", "user@example.com")
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{helpers(node)[0]}/status").read_text().splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_the_daemon_itself_does_not_load_libspf2(node):
    assert "libspf2" not in Path(f"/proc/{node.process.pid}/maps").read_text()
    assert (BUILD / "node" / "hearsay-spf").exists()
