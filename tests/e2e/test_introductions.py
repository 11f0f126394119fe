"""Introductions: B knows A and C, who do not know each other. B's word makes C's reports count at A.

A -- B -- C. A trusts B with 0.8; C's word at A counts half of that, times the share.
"""
import re
import time

import pytest

from hearsay_lab import Lab, wait_until, zone

BAD = "192.0.2.66"


@pytest.fixture
def line():
    with Lab("introductions") as lab:
        yield make_line(lab)


def make_line(lab):
    nodes = [lab.node(f"mx.{x}.example", zones=zone(f"bl.{x}.example", threshold=0.3, quorum=1)) for x in "abc"]
    a, b, c = nodes
    a.peer_add(b, 0.8)
    b.peer_add(a, 0.8)
    b.peer_add(c, 0.8)
    c.peer_add(b, 0.8)
    for node in nodes:
        node.start()
    wait_until(lambda: b.links() == 2, "B is connected to both")
    return nodes


def score(node, subject=BAD):
    return int(node.ask(f"score {subject}"))


def introduced(node):
    """What an introduction gives trust to, by the status of the running node."""
    return {m["name"]: m for m in node.json("status")["introduced"]}


def row(node, introducer, name):
    rows = [r for r in node.json("introductions")["introductions"] if r["introducer"] == introducer and r["introduced"] == name]
    return rows[0] if rows else None


def test_an_introduced_members_report_counts_and_a_withdrawal_ends_it(line):
    a, b, c = line
    assert c.ask(f"black {BAD} count=4") == "ok"
    b.becomes(f"check {BAD}", "black")
    assert score(a) == 0
    assert introduced(a) == {}
    done = b.hearsay("introduce", "mx.c.example", "--share", "1", check=True)
    assert c.json("card")["fingerprint"] in done.stdout
    wait_until(lambda: score(a) > 300, lambda: f"C's word counts at A: {a.json('introductions')} {a.log_text()}")
    wait_until(lambda: "mx.c.example" in introduced(a), "the snapshot that status shows has C")
    assert a.ask(f"check {BAD}") == "black"
    assert abs(introduced(a)["mx.c.example"]["trust"] - 0.4) < 1e-6
    assert introduced(a)["mx.c.example"]["group"] == introduced(a)["mx.c.example"]["introducer"] == "mx.b.example"
    why = a.json("why", BAD)["opinions"][0]
    assert (why["member"], why["introducer"], why["group"]) == ("mx.c.example", "mx.b.example", "mx.b.example")
    assert "mx.c.example (by mx.b.example)" in a.hearsay("why", BAD).stdout
    heard = row(a, "mx.b.example", "mx.c.example")
    assert heard["share"] == 1.0 and heard["counts"] and not heard["own"]
    assert abs(heard["expires_s"] - time.time() - 90 * 86400) < 600
    assert row(b, "this node", "mx.c.example")["own"]
    assert a.hearsay("verify").returncode == 0
    b.hearsay("introduce", "--withdraw", "mx.c.example", check=True)
    wait_until(lambda: score(a) == 0 and introduced(a) == {}, "A forgets C")
    a.becomes(f"check {BAD}", "unknown")
    assert row(a, "mx.b.example", "mx.c.example") is None
    assert score(b) > 0


def test_what_is_said_while_the_node_is_down_takes_effect_when_it_starts(line):
    a, b, c = line
    assert c.ask(f"black {BAD}") == "ok"
    b.becomes(f"check {BAD}", "black")
    b.stop()
    done = b.hearsay("introduce", c.card(), "--share", "0.5", "--expires", "never", check=True)
    assert "renewed" in done.stdout and "not running" in done.stdout
    mine = row(b, "this node", "mx.c.example")
    assert mine["own"] and not mine["signed"] and mine["renewed"]
    b.start()
    wait_until(lambda: score(a) > 0, "C's word counts at A")
    wait_until(lambda: "mx.c.example" in introduced(a), "the snapshot that status shows has C")
    assert abs(introduced(a)["mx.c.example"]["trust"] - 0.2) < 1e-6
    wait_until(lambda: row(b, "this node", "mx.c.example")["signed"], "it is signed")


def test_an_introduction_ends_by_itself(line):
    a, b, c = line
    assert c.ask(f"black {BAD}") == "ok"
    b.becomes(f"check {BAD}", "black")
    b.hearsay("introduce", "mx.c.example", "--share", "1", check=True)
    peers = b.dir / "peers.conf"

    def counts_for(seconds):
        """Whether C's word counted at A before its introduction ended; a busy machine may be too slow for that."""
        end_s = int(time.time()) + seconds
        soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end_s))
        peers.write_text(re.sub(r'introduce-until = "[^"]*"', f'introduce-until = "{soon}"', peers.read_text()))
        b.hang_up()
        wait_until(lambda: score(a) > 0 or time.time() > end_s, "C's word counts at A, or it is too late for that")
        return score(a) > 0
    assert any(counts_for(seconds) for seconds in (6, 12, 60)), "C's word counts at A"
    wait_until(lambda: score(a) == 0 and introduced(a) == {}, "and counts no more")


def test_an_introducer_that_lost_its_database_goes_on(line):
    a, b, c = line
    b.hearsay("introduce", "mx.c.example", check=True)
    wait_until(lambda: "mx.c.example" in introduced(a), "A knows C")
    b.stop()
    for path in b.dir.glob("hearsay.db*"):
        path.unlink()
    b.start()
    wait_until(lambda: row(b, "this node", "mx.c.example")["signed"], "B has its list again")
    assert c.ask(f"black {BAD}") == "ok"
    wait_until(lambda: score(a) > 0, "C's word counts at A")
    b.hearsay("introduce", "--withdraw", "mx.c.example", check=True)
    wait_until(lambda: introduced(a) == {}, "and a withdrawal is heard")


def test_a_restored_backup_does_not_bring_a_withdrawn_introduction_back(line):
    a, b, c = line
    b.hearsay("introduce", "mx.c.example", check=True)
    wait_until(lambda: "mx.c.example" in introduced(a), "A knows C")
    b.stop()
    backup = {path: path.read_bytes() for path in b.dir.glob("hearsay.db*")}
    b.start()
    b.hearsay("introduce", "--withdraw", "mx.c.example", check=True)
    wait_until(lambda: introduced(a) == {}, "A forgets C")
    b.stop()
    for path, text in backup.items():
        path.write_bytes(text)
    b.start()
    wait_until(lambda: row(b, "this node", "mx.c.example") is None, "B takes its newest list back")
    assert introduced(a) == {}


def test_trust_reaches_over_two_hops(line):
    a, b, c = line
    d = a.lab.node("mx.d.example", zones=zone("bl.d.example", threshold=0.3, quorum=1))
    c.peer_add(d, 0.8)
    d.peer_add(c, 0.8)
    d.start()
    b.hearsay("introduce", "mx.c.example", "--share", "1", check=True)
    c.hearsay("introduce", "mx.d.example", "--share", "1", check=True)
    assert d.ask(f"black {BAD} count=4") == "ok"
    wait_until(lambda: score(a) > 150, lambda: f"D's word counts at A {a.json('introductions')} {a.log_text()}")
    wait_until(lambda: "mx.d.example" in introduced(a), "the snapshot that status shows has D")
    there = introduced(a)["mx.d.example"]
    assert abs(there["trust"] - 0.2) < 1e-6 and there["hops"] == 2
    assert (there["group"], there["introducer"]) == ("mx.b.example", "mx.c.example")
    assert "mx.d.example (by mx.c.example of mx.b.example)" in a.hearsay("why", BAD).stdout
    b.hearsay("introduce", "--withdraw", "mx.c.example", check=True)
    wait_until(lambda: introduced(a) == {} and score(a) == 0, "without the first hop the second is gone")
    wait_until(lambda: "mx.d.example" in introduced(b), "B has it still")
    assert abs(introduced(b)["mx.d.example"]["trust"] - 0.4) < 1e-6


def test_a_rotation_of_the_introducers_keys_signs_its_list_anew(line):
    a, b, c = line
    b.hearsay("introduce", "mx.c.example", "--share", "1", check=True)
    wait_until(lambda: "mx.c.example" in introduced(a), "A knows C")
    assert c.ask(f"black {BAD} count=4") == "ok"
    b.hearsay("rotate", "--keys", check=True)
    wait_until(lambda: b.log_text().count("introductions: signed a list of 1") == 2, b.log_text)
    wait_until(lambda: score(a) > 300, lambda: f"C's word counts at A {a.log_text()}")
    b.hearsay("introduce", "--withdraw", "mx.c.example", check=True)
    wait_until(lambda: introduced(a) == {}, "a list under the new key is taken")


def test_a_removed_peer_that_others_introduce_is_warned_of(line):
    a, b, c = line
    a.peer_add(c, 0.9)
    b.hearsay("introduce", "mx.c.example", "--share", "1", check=True)
    wait_until(lambda: row(a, "mx.b.example", "mx.c.example"), "A heard of it")
    assert row(a, "mx.b.example", "mx.c.example")["direct"]
    assert introduced(a) == {}
    done = a.hearsay("peer", "remove", "mx.c.example", check=True)
    assert "introduced by mx.b.example" in done.stderr
    wait_until(lambda: abs(introduced(a).get("mx.c.example", {}).get("trust", 0) - 0.4) < 1e-6, "it is believed by introduction")
    a.peer_add(c, 0)
    wait_until(lambda: introduced(a) == {}, "a trust of 0 blocks")


def test_faults_are_named(line):
    a, b, c = line
    stranger = a.lab.node("mx.d.example")
    for args, status, text in (
            (("introduce", "mx.nobody.example"), 1, "no peer mx.nobody.example"),
            (("introduce", stranger.card()), 1, "hearsay peer add"),
            (("introduce", "mx.c.example", "--share", "2"), 2, "from 0 to 1"),
            (("introduce", "mx.c.example", "--share", "0"), 2, "more than nothing"),
            (("introduce", "mx.c.example", "--expires", "yesterday"), 2, "such as 90d"),
            (("introduce", "mx.c.example", "--expires", "2001-01-01"), 2, "that is over"),
            (("introduce", "--withdraw", "mx.c.example"), 1, "not introduced")):
        done = b.hearsay(*args)
        assert done.returncode == status and text in done.stderr, (args, done)
    b.hearsay("peer", "trust", "mx.c.example", "0", check=True)
    done = b.hearsay("introduce", "mx.c.example")
    assert done.returncode == 1 and "believes nothing" in done.stderr, done
    assert a.hearsay("introductions").stdout.startswith("Nobody introduces anybody")
