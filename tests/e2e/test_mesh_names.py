"""How members find each other: host names that resolve anew, to several addresses or to none; IPv6; keys that are allowed later.

Every node has a network namespace, /etc/hosts and a name server of its own.
"""
import time

import pytest

from hearsay_lab import WAIT_S, in_time, stays, wait_until, zone
from netns_lab import MeshNode, Wires, befriend, converge, key_of, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

BLACK_HOLE = "10.77.0.250"          # nobody has this address: what is sent there is lost


@pytest.fixture
def wires(own_lab):
    return Wires(own_lab, seed=11)


def node(wires, name, **options):
    return MeshNode(wires.lab, wires, name, zones=zone(f"bl.{name}", threshold=0.5, quorum=1), **options)


def connected(a, b, seconds=WAIT_S, what=""):
    started = time.monotonic()
    wait_until(lambda: a.connected_to(b), lambda: f"{a.name} is connected to {b.name} {what}: {a.peer(b)}\n{a.log_text()[-2000:]}", seconds, 0.1)
    return time.monotonic() - started


def hears(hearer, speaker, addr):
    assert speaker.ask(f"black {addr} malware") == "ok"
    return converge([hearer, speaker], {speaker: [key_of(addr)]})


def test_a_host_that_moved_is_found_again(wires):
    a, b = node(wires, "a.example"), node(wires, "b.example", advertise="b.example")
    befriend([a, b])
    a.host.knows(b_example=b.host.ipv4)
    a.start()
    b.start()
    connected(a, b, what="by name")
    b.host.also_has("10.77.0.99")
    b.host.has_not(b.host.ipv4)
    a.host.knows(b_example="10.77.0.99")
    took = hears(a, b, "192.0.2.1")
    print(f"b.example moved to another address and was heard again after {took:.1f} s")
    wait_until(lambda: a.connected_to(b) and "has moved to tcp://10.77.0.99:" in a.log_text() or took > 25, "at the new address")


def test_a_host_that_moved_while_it_was_down_is_found_soon(wires):
    a, b = node(wires, "a.example"), node(wires, "b.example", advertise="b.example")
    befriend([a, b])
    a.host.knows(b_example=b.host.ipv4)
    a.start()
    b.start()
    connected(a, b)
    b.stop()
    wait_until(lambda: not a.connected_to(b), "the end is seen")
    b.host.also_has("10.77.0.98")
    b.host.has_not(b.host.ipv4)
    a.host.knows(b_example="10.77.0.98")
    b.start()
    print(f"down, moved and up again: connected after {connected(a, b, 25):.1f} s")
    hears(a, b, "192.0.2.2")


def test_a_name_with_a_dead_address_is_reached_at_the_other(wires):
    """The first of its addresses is one of IPv6 that leads nowhere: most hosts with such a name are reached over IPv4 all the same."""
    a, b = node(wires, "a.example"), node(wires, "b.example", advertise="b.example")
    befriend([a, b])
    a.host.knows(b_example=["fd77::dead", b.host.ipv4])
    a.start()
    b.start()
    print(f"one dead IPv6 address, one good IPv4 address: connected after {connected(a, b):.1f} s")
    hears(a, b, "192.0.2.3")


def test_a_silent_name_server_delays_nobody_else(wires):
    """Resolving blocks. It must not block what is connected, nor what has an address."""
    a, b = node(wires, "a.example"), node(wires, "b.example")
    lost = [node(wires, f"lost{i}.example", advertise=f"lost{i}.example") for i in range(3)]
    befriend([a, b])
    for other in lost:
        a.hearsay("peer", "add", other.card(), check=True)
    a.host.name_server(BLACK_HOLE)
    b.start()
    in_time(lambda: (a.start(), connected(a, b)), 5, a.stop)
    addrs = iter(f"192.0.2.{i}" for i in range(10, 80))
    slowest = wait_until(lambda: (took := max(hears(a, b, next(addrs)) for _ in range(6))) < 3 and took, "six reports in a row come soon")
    print(f"three names unanswered: a report of the other member came after {slowest:.2f} s at the most")
    wait_until(lambda: "leads nowhere" in a.peer(lost[0])["problem"], lambda: f"and is told: {a.peer(lost[0])}")
    in_time(a.stop, 5, a.start)         # nor does it delay the end


def test_a_name_that_is_known_later_is_found(wires):
    a, b = node(wires, "a.example"), node(wires, "b.example", advertise="b.example")
    befriend([a, b])
    a.start()
    b.start()
    wait_until(lambda: "leads nowhere" in a.peer(b)["problem"], lambda: f"no such name yet: {a.peer(b)}")
    a.host.knows(b_example=b.host.ipv4)
    print(f"a name known later: connected after {connected(a, b):.1f} s")


@pytest.mark.parametrize("listen, advertise", [("[::]", "ipv6"), ("[::]", "ipv4"), ("0.0.0.0", "ipv4")])
def test_ipv6_and_ipv4(wires, listen, advertise):
    """A node that listens on [::] is reached over both; its card names either."""
    a = node(wires, "a.example", listen=listen)
    a.advertise = f"{getattr(a.host, advertise)}"
    a.write_conf()
    b = node(wires, "b.example", listen="[::]")
    b.advertise = b.host.ipv6
    b.write_conf()
    befriend([a, b])
    want = f"tcp://[{a.host.ipv6}]:4441" if advertise == "ipv6" else f"tcp://{a.host.ipv4}:4441"
    assert a.json("card")["endpoints"]["publish"] == want
    a.start()
    b.start()
    connected(a, b)
    connected(b, a)
    hears(a, b, "192.0.2.4")
    hears(b, a, "192.0.2.5")


def test_a_key_that_is_allowed_later_gets_in_without_a_restart(wires):
    """libzmq never tries again where it was refused."""
    a, d = node(wires, "a.example"), node(wires, "d.example")
    d.hearsay("peer", "add", a.card(), check=True)
    a.start()
    d.start()
    wait_until(lambda: "refused" in d.peer(a)["problem"], lambda: f"refused first: {d.peer(a)}")
    stays(lambda: not d.connected_to(a), 3, "and again")
    a.hearsay("peer", "add", d.card(), "--trust", "0.9", check=True)
    print(f"allowed later: connected after {connected(d, a):.1f} s")
    connected(a, d)
    hears(a, d, "192.0.2.6")
