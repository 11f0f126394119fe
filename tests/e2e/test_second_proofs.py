"""Two batches with one number among real daemons and the second implementation of proto/PROTOCOL.md: all freeze, tell again and agree; and proofs as files, read by one and written by the other.

A and B are daemons; P is a second member with a link to A; R is one whose state was restored while it went on.
"""
import json
import re
import time
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

import second_proof
import second_words as w
from command_lab import run
from hearsay_lab import WAIT_S, wait_until, zone
from second_member import SecondMember
from second_words import Word, subject_address

FEDERATION = b"street"
KEPT, PAIR, ABOVE = "192.0.2.1", ("192.0.2.2", "192.0.2.3"), "192.0.2.4"


def bad(addr, black=5):
    return Word(subject_address(addr), b"malware", black, 0)


def second(lab, name):
    made = SecondMember(name, FEDERATION, (lab.port(), lab.port()))
    lab.at_end(made.close)
    return made


def turn_until(members, true, what):
    """All of them go on until it holds."""
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline, f"{what}: {[dict(m.counts) for m in members]}"
        for m in members:
            m.turn(0.01)


@pytest.fixture(scope="module")
def street(lab):
    a, b = (lab.node(f"{x}.example", zones=zone(f"bl.{x}.example", threshold=0.3, quorum=1)) for x in "ab")
    p, r = second(lab, "p.example"), second(lab, "r.example")
    a.peer_add(b), b.peer_add(a)
    for node in (a, b):
        for m in (p, r):
            node.hearsay("peer", "add", m.card, "--trust", 0.9, check=True)
    a.start(), b.start()
    for one, other in ((p, r), (r, p)):
        one.know(b.card())
        one.refuses.add(one.know(b.card()))
        one.know(other.card)
        one.link = one.add(a.card())
    turn_until((p, r), lambda: all(m.link.up and m.counts["subscribed"] and m.counts["haves"] for m in (p, r)), "connected")
    return SimpleNamespace(lab=lab, a=a, b=b, p=p, r=r)


def heard(member, root):
    """What counts of a member here: (subject, category): masses and time."""
    return {key[1:]: said[1:] for key, said in member.registers.items() if key[0] == root}


def lists(node, addr):
    return node.ask(f"check {addr}") == "black"


@pytest.fixture(scope="module")
def frozen(street):
    """R says three things; then comes what its restored twin said with the number of the second."""
    a, b, p, r = street.a, street.b, street.p, street.r
    r.settle()
    for addr in (KEPT, PAIR[0], ABOVE):
        r.publish([bad(addr)])
    old = (r.epoch, 2)
    turn_until((p, r), lambda: lists(a, ABOVE) and lists(b, ABOVE) and len(heard(p, r.root)) == 3, "all have heard it")
    twin = r.compose([bad(PAIR[1])], seq=2, previous=b"")
    r.send(twin)
    return SimpleNamespace(number=old, one=next(iter(r.log[r.root][old].values())).frame, other=twin)


def test_a_pair_freezes_an_epoch_at_all_alike_and_its_author_tells_again(street, frozen):
    a, b, p, r = street.a, street.b, street.p, street.r
    hashes = sorted((w.batch_hash(f) for f in (frozen.one, frozen.other)), reverse=True)

    def froze(node):
        return any((x["root"], x["epoch"], x["seq"], x["hash_a"], x["hash_b"]) == (r.root.hex(), *frozen.number, *(h.hex() for h in hashes)) for x in node.json("proofs")["proofs"])
    turn_until((p, r), lambda: froze(a) and froze(b) and all(m.frozen[r.root].get(frozen.number[0]) for m in (p, r)), "all know the proof")
    for m in (p, r):
        seq, both = m.frozen[r.root][frozen.number[0]]
        assert seq == 2 and sorted(both, reverse=True) == hashes
        assert (frozen.number[0], 3) not in m.log[r.root], "what its author said above is dead"
    turn_until((p, r), lambda: r.epoch > frozen.number[0] and all(lists(node, addr) for node in (a, b) for addr in (KEPT, *PAIR, ABOVE)), "told again, and listed again")
    turn_until((p, r), lambda: set(heard(p, r.root)) == set(heard(r, r.root)), "P has all that R has")
    assert heard(p, r.root) == heard(r, r.root) and {key[0] for key in heard(p, r.root)} == {subject_address(x) for x in (KEPT, *PAIR, ABOVE)}
    (opinion,) = [o for o in b.json("why", ABOVE)["opinions"] if o["member"] == "r.example"]
    order = p.registers[r.root, subject_address(ABOVE), b"malware"][0]
    assert (opinion["batch"]["epoch"], opinion["batch"]["seq"], opinion["batch"]["hash"]) == (order[0], order[1], order[2].hex()) and order[0] == r.epoch
    assert not p.link.blamed and not r.link.blamed, "who relays the proof is not to blame"
    assert all(peer["bad"] == 0 for node in (a, b) for peer in node.json("status")["peers"])


def test_a_newcomer_learns_the_proof_also_when_it_lies_below_the_floor(street, frozen):
    a, p, r = street.a, street.p, street.r
    turn_until((p, r), lambda: r.epoch > frozen.number[0], "R has begun anew")
    r.publish([bad(x) for x in (KEPT, *PAIR, ABOVE)], floor=(r.epoch, r.seq + 1))
    turn_until((p, r), lambda: p.floor[r.root] == (r.epoch, r.seq), "the old epoch is dead")
    q = second(street.lab, "q.example")
    a.hearsay("peer", "add", q.card, check=True)
    q.know(r.card)
    q.link = q.add(a.card())
    turn_until((p, q, r), lambda: frozen.number[0] in q.frozen[r.root] and len(heard(q, r.root)) == 4, "Q has the proof and the words")
    assert q.frozen[r.root][frozen.number[0]] == p.frozen[r.root][frozen.number[0]] and q.counts["proofs fetched"]
    assert heard(q, r.root) == heard(p, r.root) and not q.link.blamed
    assert [log.frozen for (root, epoch), log in q._logs() if (root, epoch) == (r.root, frozen.number[0])] == [2], "and tells of it"


def keys_of(node):
    """A daemon's identity, as its key file has it."""
    blocks = re.findall(rb"-----BEGIN PRIVATE KEY-----.*?-----END PRIVATE KEY-----\n", (node.dir / "identity.pem").read_bytes(), re.S)
    return w.Identity(*(w.raw_secret(load_pem_private_key(block, None)) for block in blocks[:3]))


def test_a_daemon_that_hears_of_a_pair_of_its_own_does_the_same(street):
    """P has what somebody with A's keys signed, and A learns of it by P's Have."""
    a, b, p, said = street.a, street.b, street.p, ("198.51.100.1", "198.51.100.2", "198.51.100.3")
    root = p.link.root

    def order(addr):
        return p.registers.get((root, subject_address(addr), b"malware"), [None])[0]
    for addr in said:               # each in a batch of its own
        assert a.ask(f"black {addr} malware") == "ok"
        turn_until((p, street.r), lambda addr=addr: order(addr) and lists(b, addr), f"heard of {addr}")
    epoch, seq, _ = order(said[1])
    assert order(said[2]) > (epoch, seq + 1)
    twin = w.make_batch(keys_of(a), FEDERATION, epoch, seq, [bad("198.51.100.4")], time_s=int(time.time()), record_serial=max(p.records[root]), floor=p.floor[root])
    assert p.take(twin) and p.frozen_at(root, epoch) == seq and order(said[2]) is None, "P froze it"
    p.link.have_s = 0               # and says so
    turn_until((p, street.r), lambda: order(said[2]) and lists(b, "198.51.100.4"), "A tells again what it said above, and B has the pair, too")
    assert order(said[2])[0] > epoch and order(said[1])[:2] == order("198.51.100.4")[:2] == (epoch, seq)
    turn_until((p, street.r), lambda: all(lists(b, addr) for addr in said), "B agrees")
    (opinion,) = [o for o in b.json("why", said[2])["opinions"] if o["member"] == "a.example"]
    assert (opinion["batch"]["epoch"], opinion["batch"]["seq"], opinion["batch"]["hash"]) == (*order(said[2])[:2], order(said[2])[2].hex())
    assert [x["seq"] for x in b.json("proofs")["proofs"] if x["root"] == root.hex()] == [seq]


# ---- files

def test_it_reads_the_proofs_that_a_daemon_writes(street, frozen):
    a, p, r = street.a, street.p, street.r
    turn_until((p, r), lambda: a.json("proofs")["proofs"], "A has the proof")
    written = json.loads(a.hearsay("proofs", "--write", street.lab.dir / "proofs", "--json", check=True).stdout)["proofs"][0]["file"]
    proof = second_proof.open_proof(open(written).read())
    ((one, other),) = proof.equivocations
    assert {one.frame, other.frame} == {frozen.one, frozen.other} and one.origin == r.root
    turn_until((p, r), lambda: lists(a, KEPT), "listed")
    path = street.lab.dir / "subject.proof"
    a.hearsay("why", KEPT, "--proof", path, check=True)
    proof = second_proof.open_proof(path.read_text())
    assert proof.subject == subject_address(KEPT) and proof.federation == FEDERATION and proof.words() == [(r.root, bad(KEPT, proof.words()[0][1].black))]
    lines = path.read_text().splitlines()
    lines[-3] = lines[-3][:-1] + ("A" if lines[-3][-1] != "A" else "B")
    with pytest.raises(w.Fault):
        second_proof.open_proof("\n".join(lines) + "\n")


def test_a_daemon_reads_the_proofs_that_it_writes(street, frozen):
    path, record = street.lab.dir / "second.proof", street.r.newest(street.r.root).frame

    def check(*batches, **about):
        path.write_text("# by the second implementation\n" + second_proof.write_proof([record], batches, **about))
        done = run("verify", "--proof", path, "--json")
        try:
            second_proof.open_proof(path.read_text())
        except w.Fault:
            assert done.returncode == 1, "both refuse it"
            return None
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    pair = check(frozen.one, frozen.other)
    assert pair["proves"] == "equivocation" and pair["equivocations"][0]["seq"] == 2
    about = {"federation": FEDERATION, "subject": subject_address(PAIR[0])}
    assert [o["subject"] for o in check(frozen.one, **about)["opinions"]] == [PAIR[0]]
    assert check(frozen.one, frozen.other, **about) is None, "the other says nothing of it"
    network = {"federation": FEDERATION, "subject": subject_address("192.0.2.0/29"), "network": True}
    assert sorted(o["subject"] for o in check(frozen.one, frozen.other, **network)["opinions"]) == sorted(PAIR)
    assert check(frozen.one, **{**network, "subject": subject_address("192.0.2.8/29")}) is None
    assert check(frozen.one, **{**network, "subject": subject_address(PAIR[0])}) is None, "an address is no network"
    assert check(frozen.one, **{**about, "federation": b"avenue"}) is None
    wait_until(lambda: street.a.hearsay("verify").returncode == 0, "A is well after all that")
