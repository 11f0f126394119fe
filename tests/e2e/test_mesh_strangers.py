"""Strangers at the mesh's ports: no key, a wrong key, half a handshake, noise. They cost no memory to speak of, and no member its connection."""
import contextlib
import os
import random
import socket
import struct
import time
from pathlib import Path

import pytest
import zmq
from zmq.utils import z85

import second_words as w
from hearsay_lab import wait_until, zone
from second_member import SecondMember
from second_words import Word, subject_address

STRANGERS = 150
LINKS_MAX = 64
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE".ljust(20, b"\0") + b"\0" + bytes(31)       # ZMTP 3.1, as a client


@pytest.fixture(scope="module")
def a(lab):
    made = lab.node("a.example", zones=zone("bl.a.example", threshold=0.3, quorum=1))
    made.start()
    return made


@pytest.fixture(scope="module")
def member(lab, a):
    """A member that is connected all the time."""
    p = SecondMember("p.example", b"street", (lab.port(), lab.port()))
    lab.at_end(p.close)
    a.hearsay("peer", "add", p.card, "--trust", 1, check=True)
    p.link = p.add(a.card())
    p.until(lambda: p.link.up and p.counts["subscribed"] and p.counts["haves"], "connected")
    return p


def rss(a):
    text = Path(f"/proc/{a.process.pid}/status").read_text()
    return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024


def descriptors(a):
    return len(os.listdir(f"/proc/{a.process.pid}/fd"))


def ports(a):
    return a.publish, a.repair


def raw(port, *parts):
    s = socket.create_connection(("127.0.0.1", port))
    s.settimeout(0)
    for part in parts:
        try:
            s.sendall(part)
        except OSError:
            break
    return s


def hold_out(a, member, addr, before_bytes, before_fds):
    """The member is heard, nothing was lost, nothing is left."""
    assert rss(a) - before_bytes < 16 * 1024 * 1024, f"{(rss(a) - before_bytes) >> 20} MiB"
    member.publish([Word(subject_address(addr), b"malware", 5, 0)])
    member.until(lambda: a.ask(f"check {addr}") == "black", "the member is heard")
    member.until(lambda: descriptors(a) <= before_fds + 2, lambda: f"{descriptors(a)} descriptors, {before_fds} before")
    assert member.link.up and member.link.lost == 0, "nor was its connection lost"


def test_strangers_with_keys_of_their_own_are_refused(a, member):
    before = rss(a), descriptors(a)
    server = z85.encode(member.newest(member.link.root).curve)
    with zmq.Context() as context:
        sockets = []
        for i in range(STRANGERS):
            s = context.socket((zmq.DEALER, zmq.SUB)[i % 2])
            s.linger = 0
            s.curve_publickey, s.curve_secretkey = zmq.curve_keypair()
            s.curve_serverkey = server
            if s.type == zmq.SUB:
                s.subscribe(b"")
            s.connect(f"tcp://127.0.0.1:{ports(a)[1 - i % 2]}")
            if s.type == zmq.DEALER:
                with contextlib.suppress(zmq.Again):        # refused by now
                    for _ in range(10):
                        s.send(bytes(w.MESSAGE_MAX), zmq.DONTWAIT)
            sockets.append(s)
        member.until(lambda: a.json("status")["mesh"]["zap_denied"] >= STRANGERS, lambda: f"all refused: {a.json('status')['mesh']}")
        for s in sockets:
            s.close()
    hold_out(a, member, "192.0.2.1", *before)


def test_strangers_who_never_finish_their_handshake_are_let_go(a, member):
    before = rss(a), descriptors(a)
    held = [raw(ports(a)[i % 2], *((), (GREETING[:10],), (GREETING,))[i % 3]) for i in range(STRANGERS)]
    member.run(0.5)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and descriptors(a) > before[1] + 2:
        member.turn(0.1)
    for s in held:
        s.close()
    hold_out(a, member, "192.0.2.2", *before)


def test_strangers_who_send_noise_are_let_go(a, member):
    """Among it messages that say they are huge, before anybody was asked who they are."""
    before, dice = (rss(a), descriptors(a)), random.Random(4443)
    huge = b"\x06" + struct.pack(">Q", 1 << 40)         # a command of 2^40 bytes
    noise = [(b"GET / HTTP/1.0\r\n\r\n",), (dice.randbytes(100000),), (GREETING, huge, bytes(1000000)), (GREETING, b"\x04\xff" + dice.randbytes(255)), (b"\xff" * 1000000,)]
    held = [raw(ports(a)[i % 2], *noise[i % len(noise)]) for i in range(STRANGERS)]
    member.run(1)
    for s in held:
        s.close()
    hold_out(a, member, "192.0.2.3", *before)


def test_peers_beyond_the_most_links_are_members_all_the_same_and_counted(own_lab):
    """Nobody is at their addresses."""
    a = own_lab.node("a.example", zones=zone("bl.a.example", threshold=0.3, quorum=1))
    at = [f"tcp://127.0.0.1:{own_lab.port()}" for _ in range(2)]
    records = [w.make_record(w.Identity(), f"p{i}.example", *at, 1, int(time.time()) + 86400) for i in range(LINKS_MAX + 3)]
    (a.dir / "peers.conf").write_text("".join(f'peer "{r.name}" {{ card = "{w.card_of(r)}" trust = 1 link = true }}\n' for r in records))
    a.start()
    wait_until(lambda: a.json("status")["mesh"]["counts"]["over-links"] == 3, "three are too many for a link")
    assert len(a.json("status")["peers"]) == LINKS_MAX + 3
    assert a.json("status")["mesh"]["counts"]["over-members"] == 0
    assert "over-links 3" in a.hearsay("status").stdout
    assert a.log_text().count("is reached over others") == 3, "once for each"
