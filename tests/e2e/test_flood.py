"""A neighbour with a valid key that sends as fast as it is read. bench_flood is that neighbour."""
import signal

import pytest

from hearsay_lab import BUILD, Lab, Process, wait_until, zone

FLOOD = BUILD / "tests" / "bench" / "bench_flood"
pytestmark = pytest.mark.skipif(not FLOOD.exists(), reason="bench_flood is not built")


@pytest.fixture
def world():
    """A, its honest neighbour B, and E, whose place the flood takes."""
    with Lab("flood") as lab:
        a = lab.node("mx.a.example", zones=zone("bl.a.example", threshold=0.25, quorum=1)).start()
        b, e = lab.node("mx.b.example").start(), lab.node("mx.e.example")
        a.peer_add(b), b.peer_add(a)
        wait_until(lambda: not a.json("status")["mesh"]["catching_up"]["held_back"], "A has caught up")
        a.peer_add(e, 0)
        wait_until(lambda: len(a.json("status")["peers"]) == 2, "A knows both")
        yield lab, a, b, e


def flood(lab, a, e, *requests_a_second):
    process = Process("flood", [str(FLOOD), str(e.dir / "identity.pem"), e.card(), a.card(), a.federation, *map(str, requests_a_second)], lab.dir / "flood.log")
    lab.at_end(lambda: process.alive() and process.end(signal.SIGKILL))
    return process


def peer(node, name):
    return next(p for p in node.json("status")["peers"] if p["name"] == name)


def test_others_are_heard_beside_a_flood(world):
    lab, a, b, e = world
    flood(lab, a, e)
    wait_until(lambda: peer(a, e.name)["throttled"] > 3, "it is not read for a moment, since it sends too fast")
    for i in range(10):
        assert b.ask(f"black 192.0.2.{i}") == "ok"
        a.becomes(f"check 192.0.2.{i}", "black")
    got = peer(a, e.name)
    assert got["connected"] and got["bad"] == 0 and got["paused_until_s"] == 0


def test_a_neighbour_that_asks_too_much_is_paused_and_others_come_back(world):
    lab, a, b, e = world
    flood(lab, a, e, 3000)
    wait_until(lambda: peer(a, e.name)["paused_until_s"] > 0, "it is paused")
    assert "paused" in a.hearsay("status").stdout
    assert "paused" in a.hearsay("peer", "list").stdout
    wait_until(lambda: peer(b, a.name)["connected"] and peer(a, b.name)["connected"], "A and B are connected")
    for i in range(5):
        assert b.ask(f"black 192.0.2.{i}") == "ok"
        a.becomes(f"check 192.0.2.{i}", "black")
    wait_until(lambda: not peer(a, e.name)["connected"], "it is shut out, and again if its pause was over meanwhile")
    assert peer(a, b.name)["trust"] == 1
