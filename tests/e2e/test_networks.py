"""Networks: when enough addresses of a /24 are listed by the words of two members, real rbldnsd answers for their neighbours, too, and no longer when they go.

A and B report, C lists. C's own good mail, `hearsay delist` and retractions let a neighbour out again.
"""
import pytest

from dns_lab import Rbldnsd
from hearsay_lab import Lab, wait_until, zone

ZONE = "bl.c.example"


@pytest.fixture(scope="module")
def coalition():
    with Lab("networks") as lab:
        a, b, c = (lab.node(f"mx.{x}.example", zones=zone(f"bl.{x}.example", more='text = "$subject: listed by $categories"')) for x in "abc")
        for teller in (a, b):
            teller.peer_add(c, 1.0)
            c.peer_add(teller, 1.0)
        for node in (a, b, c):
            node.start()
        wait_until(lambda: c.links() == 2, "C is connected to both")
        yield a, b, c, Rbldnsd(lab, "c", {ZONE: c.dir / "zones" / ZONE})


def say(node, verb, subjects, more=""):
    with node.stream() as stream:
        assert stream.ask(*(f"{verb} {s} {more}".strip() for s in subjects)) == ["ok"] * len(subjects)


def networks(node):
    return [row for row in node.json("list", "--zone", ZONE)["listings"] if row.get("network")]


def named(node):
    return [row["subject"] for row in networks(node)]


def becomes_named(node, want):
    wait_until(lambda: named(node) == want, lambda: f"networks are {want}, still {named(node)}")


def test_a_network_grows_shrinks_and_lets_neighbours_out(coalition):
    a, b, c, dns = coalition
    bad = [f"192.0.2.{i}" for i in (1, 2, 3, 4, 6)]
    say(a, "black", bad, "count=4")
    wait_until(lambda: c.json("status")["counts"]["subjects"] >= 5, "C has heard A")
    assert named(c) == [], "one member alone makes no network"
    say(b, "black", bad, "count=4")
    becomes_named(c, ["192.0.2.0/29"])

    # Everywhere an operator, Exim and the DNS look.
    assert c.ask("check 192.0.2.5") == "black"
    assert c.ask("check 192.0.2.8") == "unknown"
    assert c.ask("score 192.0.2.5") == "0"
    info = dict(pair.split("=", 1) for pair in c.ask("info 192.0.2.5").split())
    assert (info["state"], info["categories"], info["zones"], info["code"]) == ("black", "spam", ZONE, "127.0.0.2")
    assert int(info["until"]) > 0
    wait_until(lambda: dns.lists("192.0.2.5"), "rbldnsd answers for the neighbour")
    assert dns.lookup("192.0.2.5") == (["127.0.0.2"], ['"192.0.2.5: listed by spam"'])
    assert not dns.lists("192.0.2.8")
    why = c.hearsay("why", "192.0.2.5", check=True).stdout
    assert ("its network 192.0.2.0/29 is listed because 5 addresses of it, said by 2 groups, are listed; 0 innocent neighbours") in why, why
    assert "192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.6" in why
    [row] = c.json("why", "192.0.2.0/29")["networks"]
    assert (row["addresses"], row["groups"], row["innocents"]) == (5, 2, 0)
    assert c.json("status")["counts"]["networks"] == 1
    proof = c.dir / "network.proof"
    done = c.hearsay("why", "192.0.2.0/29", "--proof", proof, check=True).stdout
    assert "It is of what was said of 5 listed addresses of the network." in done, done
    checked = a.hearsay("verify", "--proof", proof, check=True).stdout
    assert "Of the network 192.0.2.0/29: 5 addresses of it called bad, 2 members speaking." in checked, checked
    assert all(f"mx.{x}.example said of {s} in spam: black" in checked for x in "ab" for s in bad)
    assert "hearsay why 192.0.2.0/29 --proof FILE" in c.hearsay("why", "192.0.2.5", "--proof", proof).stderr
    wider = a.json("verify", "--proof", proof)
    assert wider["network"] and wider["subject"] == "192.0.2.0/29" and len(wider["opinions"]) == 10
    say(a, "black", ["192.0.2.0/29"])
    wait_until(lambda: c.json("why", "192.0.2.0/29")["opinions"], "C has heard of the network as such")
    c.hearsay("why", "192.0.2.0/29", "--proof", proof, check=True)
    checked = b.hearsay("verify", "--proof", proof, check=True).stdout
    assert "said of 192.0.2.0/29 in spam: black" in checked and ": 5 addresses of it called bad, 2 members" in checked, "a prefix is no address"
    assert "1 network around them" in c.hearsay("status").stdout
    line = [text for text in c.hearsay("list").stdout.splitlines() if text.startswith("192.0.2.0/29 ")]
    assert len(line) == 1 and line[0].endswith(" of 5") and " - " in line[0], line
    ended = c.json("what-if", "trust", "mx.b.example", "0")["end"]
    assert [row["subject"] for row in ended if row["addresses"] > 0] == ["192.0.2.0/29"]

    # Own good mail of a neighbour, and the operator's hand, let it out; the network narrows around it.
    say(c, "white", ["192.0.2.5"])
    becomes_named(c, ["192.0.2.0/30"])
    c.becomes("check 192.0.2.5", "white")
    wait_until(lambda: not dns.lists("192.0.2.5") and dns.lists("192.0.2.6"), "only the listed address is answered there")
    assert "1 innocent neighbour in its /24 is left out" in c.hearsay("why", "192.0.2.0/30").stdout
    c.hearsay("delist", "192.0.2.2", "--for", "1h", "--why", "a test", check=True)
    becomes_named(c, [])
    c.becomes("check 192.0.2.0", "unknown")
    wait_until(lambda: not dns.lists("192.0.2.0") and dns.lists("192.0.2.1"), "the network has gone from the zone")
    assert c.hearsay("verify").returncode == 0, c.hearsay("verify").stdout


def test_64s_of_a_48_grow_and_end_with_their_retraction(coalition):
    a, b, c, dns = coalition
    bad = [f"2001:db8:7:{i}::25" for i in range(1, 7)]
    say(a, "black", bad, "count=4")
    say(b, "black", bad, "count=4")
    wait_until(lambda: "2001:db8:7::/61" in named(c), lambda: f"the /61 is listed, still {named(c)}")
    wait_until(lambda: dns.lists("2001:db8:7:7::1"), "rbldnsd answers for another /64 of it")
    assert not dns.lists("2001:db8:7:8::1")
    say(a, "retract", bad)
    say(b, "retract", bad)
    wait_until(lambda: not any(":" in name for name in named(c)), lambda: f"it has gone, still {named(c)}")
    wait_until(lambda: not dns.lists("2001:db8:7:7::1"), "rbldnsd answers no more")
