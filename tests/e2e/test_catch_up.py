"""A member that is new, or was away: what counts meanwhile, what it fetches, and that it goes on where it was."""
import signal

import pytest

from hearsay_lab import Lab, stays, wait_until, zone
from second_member import SecondMember
from second_words import FETCH_WIDTH_MAX, Word, subject_address

SUBJECTS = 3000
BATCHES, KILLS = 960, 3


@pytest.fixture
def lab():
    with Lab("catchup") as lab:
        yield lab


def member(lab, name):
    return lab.node(name, zones=zone(f"bl.{name[3:]}", threshold=0.25, quorum=1))


def teach(node, n, first=0):
    with node.stream() as s:
        assert s.ask(*(f"black 11.0.{k // 250}.{k % 250}" for k in range(first, first + n))) == ["ok"] * n
    wait_until(lambda: node.json("status")["backlog"] == 0, "the reports are folded")


def catching(node):
    return node.json("status")["mesh"]["catching_up"]


def test_a_new_member_fetches_all_and_then_lists_it(lab):
    a, b = member(lab, "mx.a.example").start(), member(lab, "mx.b.example").start()
    alone = b.hearsay("status").stdout
    assert "this node is alone" in alone and "catching up" not in alone, "with nobody"
    teach(a, SUBJECTS)
    a.peer_add(b)
    b.peer_add(a)
    b.becomes("check 11.0.3.7", "black")
    wait_until(lambda: b.json("status")["counts"]["listings"] == SUBJECTS, "all is listed")
    wait_until(lambda: catching(b)["share"] == 1, "all is here")
    assert not catching(b)["held_back"]
    assert b.hearsay("peer", "list").stdout.rstrip().endswith(" up") and b.json("peer", "list")["peers"][0]["link"]
    assert "catching up" not in b.hearsay("status").stdout
    assert "catching up" not in b.hearsay("why", "11.0.3.7").stdout


def test_own_evidence_lists_at_once_while_others_are_awaited(lab):
    a, b = member(lab, "mx.a.example"), member(lab, "mx.b.example")       # A is never started
    b.peer_add(a)
    b.start()
    assert b.ask("black 192.0.2.7") == "ok"
    assert b.ask("check 192.0.2.7") == "black"
    assert catching(b)["held_back"]
    assert "only own evidence lists" in b.hearsay("status").stdout
    wait_until(lambda: "192.0.2.7" in lists(b), "the zone file lists it")
    assert "This node is catching up" in b.hearsay("why", "192.0.2.8").stdout
    assert b.json("why", "192.0.2.7")["held_back"]


def lists(node):
    path = node.dir / "zones" / f"bl.{node.name[3:]}"
    return path.read_text() if path.exists() else ""


def test_a_member_that_was_here_before_keeps_its_zone_when_it_starts_alone(lab):
    a, b = member(lab, "mx.a.example").start(), member(lab, "mx.b.example").start()
    a.peer_add(b), b.peer_add(a)
    wait_until(lambda: not catching(b)["held_back"], "B has caught up")
    a.ask("black 192.0.2.7")
    b.becomes("check 192.0.2.7", "black")
    wait_until(lambda: "192.0.2.7" in lists(b), "the zone file lists it")
    a.stop()
    b.process.end(signal.SIGKILL)
    b.start()
    assert b.ask("check 192.0.2.7") == "black"
    stays(lambda: "192.0.2.7" in lists(b) and b.ask("check 192.0.2.7") == "black", 1, "the zone keeps what it listed")
    assert not catching(b)["held_back"]


def test_a_member_that_is_killed_while_it_catches_up_goes_on_where_it_was(lab):
    """Its neighbour serves only when it is given turns: so each kill is amid the catching up, whatever the machine's pace."""
    b = member(lab, "mx.b.example").start()
    with SecondMember("p.example", b.federation.encode(), (lab.port(), lab.port())) as p:
        p.settle(0)
        for k in range(BATCHES):
            p.publish([Word(subject_address(f"11.0.{k // 250}.{k % 250}"), b"spam", 5, 0)])
        b.hearsay("peer", "add", p.card, "--trust", 1, check=True)
        p.add(b.card())
        held = late = 0
        for life in range(1, KILLS + 1):
            until = p.counts["served"] + BATCHES // (KILLS + 1)
            p.until(lambda: p.counts["served"] >= until, "another part is served")
            want = held + BATCHES // (KILLS + 1) - 2 * FETCH_WIDTH_MAX
            wait_until(lambda: b.json("status")["counts"]["batches"] >= want, "nearly all that was served is on disk")
            assert 0 < b.json("status")["counts"]["batches"] < BATCHES
            late += b.json("status")["mesh"]["counts"]["fetch-timeouts"]
            b.kill()
            b.start()
            assert b.json("status")["counts"]["batches"] >= want
            held = b.json("status")["counts"]["batches"]
        p.until(lambda: b.json("status")["counts"]["listings"] == BATCHES, "all is listed")
        assert b.json("status")["counts"]["batches"] == BATCHES
        late += b.json("status")["mesh"]["counts"]["fetch-timeouts"]
        # Of each life two requests may have been answered in vain: one that a dead node had sent, and one that the kill cut short; and those that had no answer in time, as when
        # the neighbour has no turn for ten seconds, since the machine is busy: these are counted, but for one that may come just before the kill.
        assert BATCHES <= p.counts["served"] <= BATCHES + (3 * KILLS + late) * FETCH_WIDTH_MAX
    assert b.hearsay("verify").returncode == 0
