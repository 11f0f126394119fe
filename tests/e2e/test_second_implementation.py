"""proto/PROTOCOL.md is enough for a second implementation: this one, written from it alone, is a member among real daemons.

A is its neighbour. B knows it too, but it lets B's connections in no more than B has one of its own: what B knows of it came over A.
"""
import re
import time
from types import SimpleNamespace

import pytest

import second_words as w
from hearsay_lab import WAIT_S, wait_until, zone
from second_member import SecondMember
from second_words import Identity, Word, pb, subject_address, subject_name

FEDERATION = b"street"
DOCUMENT = (w.PROTO / "PROTOCOL.md").read_text(encoding="ascii")


def bad(addr, black=5):
    return Word(subject_address(addr), b"malware", black, 0)


def second(lab, name, **more):
    return SecondMember(name, FEDERATION, (lab.port(), lab.port()), **more)


def node(lab, name):
    return lab.node(name, zones=zone(f"bl.{name}", threshold=0.3, quorum=1))


def lists(node, addr):
    return node.ask(f"check {addr}") == "black"


@pytest.fixture(scope="module")
def street(lab):
    a, b = node(lab, "a.example"), node(lab, "b.example")
    p = second(lab, "p.example")
    lab.at_end(p.close)
    a.peer_add(b)
    b.peer_add(a)
    for other in (a, b):
        other.hearsay("peer", "add", p.card, "--trust", 0.9, check=True)
    a.start()
    b.start()
    p.know(b.card())
    p.refuses.add(p.know(b.card()))
    link = p.add(a.card())
    p.until(lambda: link.up and p.counts["subscribed"] and p.counts["haves"], "connected in both directions")
    return SimpleNamespace(a=a, b=b, p=p, link=link, a_root=link.root, b_root=p.know(b.card()))


def peer(node, name="p.example"):
    """What `status` says of it, once it knows it: what it shows is up to a moment old."""
    return wait_until(lambda: next((p for p in node.json("status")["peers"] if p["name"] == name), None), f"{name} in status")


def told(p, root, addr, category=b"malware"):
    return p.registers.get((root, subject_address(addr), category))


# ---- the document's own examples

EXAMPLES = {name.strip(): bytes.fromhex(re.sub(r"\s", "", text)) for name, text in re.findall(r"```hex ([a-z ]+)\n(.*?)```", DOCUMENT, re.S)}
EXAMPLE_CARD = re.search(r"```card\n(.*?)\n```", DOCUMENT, re.S)[1]
EXAMPLE_INVITE = re.search(r"```invite\n(.*?)\n```", DOCUMENT, re.S)[1]


def example_identity():
    return Identity(b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)


def test_it_writes_the_records_of_the_document_byte_for_byte():
    me = example_identity()
    record = w.make_record(me, "mx.a.example", "tcp://mx.a.example:4441", "tcp://mx.a.example:4442", 1, 1807776000)
    assert me.root == EXAMPLES["root key"] and record.operational == EXAMPLES["operational key"]
    assert record.frame == EXAMPLES["record"] and w.card_of(record) == EXAMPLE_CARD and w.open_card(EXAMPLE_CARD) == record
    assert w.fingerprint(me.root) in DOCUMENT


def test_it_writes_the_batch_of_the_document_byte_for_byte():
    words = [bad("192.0.2.7"), Word(subject_address("2001:db8:1:2::99"), b"spam", 3, 1, 3), Word(subject_name("bad.example"), b"spam", 0, 0, 1)]
    frame = w.make_batch(example_identity(), b"example-coalition", 1, 1, words, time_s=1800000000, record_serial=1)
    assert frame == EXAMPLES["batch"] and w.batch_hash(frame) == EXAMPLES["batch hash"]
    assert [word for word, _ in w.check_batch(frame, w.name_batch(frame), b"example-coalition").words] == sorted(words)
    assert w.subject_sender("User@Bad.Example", w.sender_key(b"example-coalition", b"secret")) == EXAMPLES["sender"]


def test_it_reckons_the_sums_of_the_document():
    hashes = [EXAMPLES["batch hash"], b"\xaa" * 32]
    assert w.sum_of(EXAMPLES["salt"], hashes[:1]) == EXAMPLES["sum of one"]
    assert w.sum_of(EXAMPLES["salt"], hashes) == w.sum_of(EXAMPLES["salt"], hashes[::-1]) == EXAMPLES["sum of both"]
    assert w.sum_of(EXAMPLES["salt"], []) == bytes(8)


# ---- joining, verifying, publishing

def test_it_joins_over_curve_and_is_seen_as_connected(street):
    wait_until(lambda: peer(street.a)["connected"], "A is connected to it, too", every=0.1)
    assert peer(street.a)["root"] == street.p.root.hex() and street.link.refused == 0
    assert street.a.hearsay("peer", "list").stdout.count("p.example")


def test_it_refuses_whom_it_wants_to(street):
    before = street.p.counts["denied"]
    street.b.hang_up()
    street.p.until(lambda: street.p.counts["denied"] > 0, "B tried")
    assert not peer(street.b)["connected"], before


def test_it_verifies_and_reads_what_a_says(street):
    assert street.a.ask("black 192.0.2.7 malware") == "ok"
    street.p.until(lambda: told(street.p, street.a_root, "192.0.2.7"), "heard of 192.0.2.7")
    _, black, white, time_s = told(street.p, street.a_root, "192.0.2.7")
    assert w.STEPS[black] == 5 and white == 0 and time.time() - 1300 < time_s <= time.time(), "one event of weight 5"
    assert street.a.ask("white 2001:db8:5:6::1 spam") == "ok"
    street.p.until(lambda: told(street.p, street.a_root, "2001:db8:5:6::1", b"spam"), "heard of the network")
    assert not street.link.blamed


def test_it_hears_b_over_a(street):
    assert street.b.ask("black 192.0.2.8 malware") == "ok"
    street.p.until(lambda: told(street.p, street.b_root, "192.0.2.8"), "heard of 192.0.2.8")


def test_it_hears_a_withdrawal(street):
    assert street.a.ask("black 192.0.2.9 malware") == "ok"
    street.p.until(lambda: told(street.p, street.a_root, "192.0.2.9"), "heard of it")
    assert street.a.ask("retract 192.0.2.9 malware") == "ok"
    street.p.until(lambda: told(street.p, street.a_root, "192.0.2.9")[1:3] == (0, 0), "and that it is withdrawn")


def test_what_it_publishes_is_merged_and_listed_by_a_and_over_a_by_b(street):
    street.p.publish([bad("198.51.100.7"), Word(subject_name("bad.example"), b"spam", 6, 0)])
    street.p.until(lambda: lists(street.a, "198.51.100.7") and lists(street.b, "198.51.100.7"), "listed at A and B")
    assert lists(street.b, "bad.example")
    why = street.b.json("why", "198.51.100.7")
    assert [o["signature"] for o in why["opinions"] if o["member"] == "p.example"] == ["ok"], why
    street.p.publish([Word(subject_address("198.51.100.7"), b"malware", 0, 0)])
    street.p.until(lambda: not lists(street.a, "198.51.100.7") and not lists(street.b, "198.51.100.7"), "withdrawn at A and B")


# ---- repair

def test_it_fetches_what_a_said_while_it_was_away(street):
    with street.a.stream() as stream:
        assert set(stream.ask(*(f"black 203.0.113.{i}" for i in range(1, 200)))) == {"ok"}
    with second(street.a.lab, "q.example") as q:
        street.a.hearsay("peer", "add", q.card, check=True)
        link = q.add(street.a.card())
        for card in (street.b.card(), street.p.card):
            q.know(card)
        q.until(lambda: sum(root == street.a_root for root, _, _ in q.registers) >= 199, "all of A's words")
        q.until(lambda: told(q, street.b_root, "192.0.2.8") and told(q, street.p.root, "198.51.100.7"), "and those of the others")
        assert q.counts["fetched"] > 0 and not link.blamed
        assert {k: v for k, v in q.registers.items() if k[0] == street.p.root} == {k: v for k, v in street.p.registers.items() if k[0] == street.p.root}
    street.a.hearsay("peer", "remove", "q.example", check=True)


def test_a_fetches_what_it_said_while_a_was_away(street):
    p, before = street.p, street.p.counts["served"]
    street.a.stop()
    for i in range(1, 120):
        p.publish([bad(f"198.51.100.{i}")])
        p.turn(0)
    street.a.start()
    p.until(lambda: lists(street.a, "198.51.100.1") and lists(street.a, "198.51.100.119"), "A has all that was said meanwhile")
    assert p.counts["served"] - before >= 119
    wait_until(lambda: peer(street.a)["behind"] == 0, "and knows it")
    assert peer(street.a)["bad"] == 0


# ---- records, floors, epochs

def test_it_follows_a_record_of_a(street):
    before = street.p.newest(street.a_root)
    conf = street.a.conf.read_text()
    street.a.conf.write_text(conf.replace('advertise = "127.0.0.1"', 'advertise = "localhost"'))
    street.a.hang_up()
    street.p.until(lambda: street.p.newest(street.a_root).serial > before.serial, "a newer record of A")
    assert street.p.newest(street.a_root).publish.startswith("tcp://localhost:")
    assert street.a.ask("black 192.0.2.20 malware") == "ok"
    street.p.until(lambda: told(street.p, street.a_root, "192.0.2.20"), "a batch under the new record")
    street.a.conf.write_text(conf)
    street.a.hang_up()


def test_a_follows_its_new_operational_key(street):
    p = street.p
    p.new_record(max(p.records[p.root]) + 1, operational=Identity().operational_key)
    p.publish([bad("198.51.100.200")])
    p.until(lambda: lists(street.a, "198.51.100.200") and lists(street.b, "198.51.100.200"), "A and B have asked for the record")
    assert peer(street.a)["bad"] == 0


def test_a_raised_floor_ends_what_is_below_it(street):
    p = street.p
    p.publish([bad("198.51.100.201")])
    p.publish([bad("198.51.100.202")], floor=(p.epoch, p.seq + 1))

    def held():
        return street.a.json("status")["counts"]["batches"]
    p.until(lambda: lists(street.a, "198.51.100.202") and not lists(street.a, "198.51.100.201"), "what was not said again is gone")
    p.until(lambda: held() < 100, "its old batches are forgotten")
    assert min(p.log[p.root]) == (p.epoch, p.seq)
    assert told(p, p.root, "198.51.100.202") and not told(p, p.root, "198.51.100.201")


def test_it_loses_its_memory_and_takes_its_own_log_over_from_a(street):
    p = street.p
    p.publish([bad("198.51.100.210")])
    p.until(lambda: lists(street.a, "198.51.100.210"), "known to A")
    last, ports = (p.epoch, p.seq), (p.publish_at, p.repair_at)
    p.log.clear(), p.seen.clear(), p.hashes.clear(), p.registers.clear(), p.floor.clear()
    p.epoch = p.seq = 0
    p.counts["haves"] = 0
    street.link.holds.clear()
    street.link.full_s = 0
    p.settle()
    assert p.epoch > last[0] and last in p.log[p.root] and ports
    p.publish([bad("198.51.100.211")])
    p.until(lambda: lists(street.a, "198.51.100.211") and lists(street.a, "198.51.100.210"), "A follows into the new epoch")


def test_it_detects_a_fork_that_a_relays(street):
    with second(street.a.lab, "two-tongues.example") as liar:
        street.a.hearsay("peer", "add", liar.card, check=True)
        link = liar.add(street.a.card())
        street.p.know(liar.card)
        liar.until(lambda: link.up and liar.counts["subscribed"], "connected")
        liar.settle()
        one, other = liar.compose([bad("192.0.2.30")]), liar.compose([bad("192.0.2.31")])
        for frame in (one, other):
            liar.send(frame)
        liar.run(0.2)
        street.p.until(lambda: (liar.root, liar.epoch, 1) in street.p.forks, "both batches of one number")
        wait_until(lambda: "two-tongues.example" in " ".join(street.a.json("status")["warnings"]) or "two-tongues" in street.a.log_text(), "A's operator is told")
        assert not street.link.blamed, "who relays the proof is not to blame"
    street.a.hearsay("peer", "remove", "two-tongues.example", "--purge", check=True)


# ---- introductions

def test_it_writes_the_introductions_of_the_document_byte_for_byte():
    other = w.make_record(Identity(b"\x04" * 32, b"\x05" * 32, b"\x06" * 32), "mx.b.example", "tcp://mx.b.example:4441", "tcp://mx.b.example:4442", 1, 1807776000)
    assert other.frame == EXAMPLES["introduced record"]
    frame = w.make_introductions(example_identity(), b"example-coalition", 1, 1800000000, [(other, 250, 1807776000)], time_s=1800000000)
    assert frame == EXAMPLES["introductions"]
    made = w.check_introductions(frame, w.name_introductions(frame), w.open_record(EXAMPLES["record"]), b"example-coalition")
    assert made.stamp == EXAMPLES["stamp"]


def test_whom_a_introduces_it_believes_and_hears(street):
    """C is known to A alone; A vouches for it, and so P hears C over A and believes it half as much."""
    p = street.p
    p.trust[street.a_root] = 0.8
    with second(street.a.lab, "c.example") as c:
        street.a.hearsay("peer", "add", c.card, "--trust", 1, check=True)
        link = c.add(street.a.card())
        c.until(lambda: link.up and c.counts["subscribed"] and c.counts["haves"], "connected")
        c.publish([bad("192.0.2.50")])
        assert c.root not in p.records
        street.a.hearsay("introduce", "c.example", "--share", "0.5", check=True)
        deadline = time.monotonic() + WAIT_S    # the slowest way: A's next full Have
        while time.monotonic() < deadline and not told(p, c.root, "192.0.2.50"):
            c.turn()
            p.turn()
        assert p.taus().get(c.root) == 200000, p.taus()
        assert told(p, c.root, "192.0.2.50"), "its batches come over A"
        assert not street.link.blamed


def test_whom_it_introduces_a_takes_up(street):
    """A trusts P, so a member that P alone knows is one at A, too."""
    p = street.p
    with second(street.a.lab, "d.example") as d:
        d.know(p.card)
        link = p.add(d.card)
        p.introduce([(d.newest(d.root), 1000, int(time.time()) + 86400)])
        deadline = time.monotonic() + WAIT_S
        d.settle(0)
        d.publish([bad("192.0.2.60")])
        while time.monotonic() < deadline and not lists(street.a, "192.0.2.60"):
            d.turn()
            p.turn()
            link_up = link.up
        p.drop(d.root)
        assert link_up and "d.example" in street.a.hearsay("introductions", check=True).stdout
        why = street.a.json("why", "192.0.2.60")
        assert [o["member"] for o in why["opinions"]] == ["d.example"], why


# ---- joining

def test_it_reads_the_invite_of_the_document_and_no_damaged_one():
    made = w.open_invite(EXAMPLE_INVITE)
    assert made.record.frame == EXAMPLES["record"]
    assert (made.federation, made.curve_secret, made.expires_s) == (b"example-coalition", b"\x07" * 32, 1800086400)
    for at in range(len(w.INVITE_TEXT_TAG), len(EXAMPLE_INVITE), 7):
        other = "A" if EXAMPLE_INVITE[at] != "A" else "B"
        with pytest.raises(w.Fault):
            w.open_invite(EXAMPLE_INVITE[:at] + other + EXAMPLE_INVITE[at + 1:])


def test_it_joins_with_an_invite_that_no_other_can_use_again(street):
    invite = street.a.json("invite", "--trust", "1")["invite"]
    with second(street.a.lab, "j.example") as j, second(street.a.lab, "k.example") as k:
        j.federation = b""
        link, _ = j.join(invite)
        assert j.federation == FEDERATION and link.root == street.a_root
        j.until(lambda: link.up and j.counts["subscribed"] and j.counts["haves"], "connected as a member")
        j.settle(1)
        j.publish([bad("192.0.2.70")])
        j.until(lambda: lists(street.a, "192.0.2.70"), "A lists what the newcomer says")
        with pytest.raises(w.Fault, match="used already"):
            k.join(invite)
        again, _ = j.join(invite)
        assert again.root == street.a_root, "its answer may have been lost"


# ---- members come and go

def test_who_comes_and_goes_drops_nobody_else(street):
    """Also one whom the neighbours knew, and asked for, before A did: their connections stay."""
    p, before = street.p, street.link.lost
    with second(street.a.lab, "r.example") as r:
        p.know(r.card)
        p.run(0.3)
        street.a.hearsay("peer", "add", r.card, check=True)
        link = r.add(street.a.card())
        r.until(lambda: link.up and r.counts["subscribed"] and r.counts["haves"], "connected")
        r.publish([bad("192.0.2.40")])
        r.run(0.2)
        p.until(lambda: told(p, r.root, "192.0.2.40"), "p hears of it over A")
        assert not link.lost
        street.a.hearsay("peer", "remove", "r.example", check=True)
        r.until(lambda: link.lost >= 2 and not link.up, "both of its connections are cut, and not for silence", 25)
        r.until(lambda: link.refused, "and its key is refused")
    assert street.a.ask("black 192.0.2.41 malware") == "ok"
    p.until(lambda: told(p, street.a_root, "192.0.2.41"), "all goes on")
    assert street.link.lost == before


# ---- those who mean ill

def forged(p):
    frame = bytearray(p.compose([bad("192.0.2.100")]))
    frame[-1] ^= 1
    return bytes(frame)


def signed_by_another(p):
    return p.compose([bad("192.0.2.100")], key=Identity().operational_key)


def changed_on_the_way(p):
    return p.compose([bad("192.0.2.101")]).replace(subject_address("192.0.2.101"), subject_address("192.0.2.100"))


def oversize(p):
    frame = p.compose([Word(subject_name(f"{'x' * 60}.{'y' * 60}.{'z' * 60}.n{i}.example"), b"spam", 5, 0) for i in range(400)] + [bad("192.0.2.100")])
    assert len(frame) > w.BATCH_MAX
    return frame


def spoilt(spoil):
    return lambda p: p.compose([bad("192.0.2.100")], spoil=spoil)


def unsorted(body):
    body.opinions.add(subject=subject_address("192.0.2.99"), category=0, black=5)


def said_twice(body):
    body.opinions.add(subject=subject_address("192.0.2.100"), category=0, black=6)


# name: (the frame, does A blame the neighbour?). In no case is anything merged.
ILL = {
    "a forged signature": (forged, True),
    "signed by a key of nobody": (signed_by_another, True),
    "changed on its way": (changed_on_the_way, True),
    "larger than a batch may be": (oversize, True),
    "no frame at all": (lambda p: b"hello", True),
    "an empty frame": (lambda p: b"", True),
    "of another kind": (lambda p: p.newest(p.root).frame, True),
    "cut short": (lambda p: p.compose([bad("192.0.2.100")])[:-70], True),
    "without an origin": (spoilt(lambda body: body.ClearField("origin")), True),
    "of number 0": (lambda p: p.compose([bad("192.0.2.100")], seq=0), True),
    "of a member that A does not know": (lambda p: w.make_batch(Identity(), FEDERATION, p.epoch, 1, [bad("192.0.2.100")], time_s=int(time.time()), record_serial=1), False),
    "of another federation": (lambda p: p.compose([bad("192.0.2.100")], federation=b"elsewhere"), True),
    "of an epoch two days ahead": (lambda p: p.compose([bad("192.0.2.100")], epoch=p.epoch + 2880, seq=1), False),
    "older than thirty days": (lambda p: p.compose([bad("192.0.2.100")], time_s=int(time.time()) - 31 * 86400), False),
    "a mass beyond the scale": (lambda p: p.compose([bad("192.0.2.100", black=len(w.STEPS))]), True),
    "opinions out of order": (spoilt(unsorted), True),
    "two words on one matter": (spoilt(said_twice), True),
    "a category that it does not name": (spoilt(lambda body: body.opinions.add(subject=b"\x10z.example", category=7, black=1)), True),
    "a floor above itself": (lambda p: p.compose([bad("192.0.2.100")], floor=(p.epoch, p.seq + 9)), True),
    "evidence from before the age of thirty days": (lambda p: p.compose([Word(subject_address("192.0.2.100"), b"malware", 5, 0, 4321)]), True),
    "a subject with bits beyond its prefix": (spoilt(lambda body: body.opinions.add(subject=b"\x04\xc0\x00\x02\x65\x18", category=0, black=5)), True),
}


FAULTS_MAX = 7           # of one villain: a few more, and its link is paused


def new_villain(street, number):
    v = second(street.a.lab, f"v{number}.example")
    street.a.lab.at_end(v.close)
    street.a.hearsay("peer", "add", v.card, "--trust", 1, check=True)
    v.link, v.mark, v.faults = v.add(street.a.card()), 0, 0
    v.until(lambda: v.link.up and v.counts["subscribed"] and v.counts["haves"], "connected")
    v.settle()
    return v


@pytest.fixture
def villain(street):
    """A member with a key that A trusts, and who is up to no good. When it has done too much, another one comes in its place."""
    villains = vars(street).setdefault("villains", [])
    if not villains or villains[-1].faults >= FAULTS_MAX:
        villains.append(new_villain(street, len(villains)))
    return villains[-1]


def after(street, v):
    """What A's `status` says of it once A has taken all that was sent so far: a good batch is the last."""
    v.mark += 1
    addr = f"203.{len(street.villains)}.112.{v.mark}"
    v.publish([bad(addr)])
    v.until(lambda: lists(street.a, addr), f"the good batch {v.mark}")
    wait_until(lambda: peer(street.a, v.name)["head"] == v.seq, "in status")
    return peer(street.a, v.name)


@pytest.mark.parametrize("ill", ILL)
def test_a_takes_no_harm_from(street, villain, ill):
    make, blamed = ILL[ill]
    before = after(street, villain)
    villain.send(make(villain))
    now = after(street, villain)
    assert not lists(street.a, "192.0.2.100"), "nothing is merged"
    assert now["bad"] - before["bad"] == blamed
    villain.faults += blamed


def test_a_batch_that_comes_again_changes_nothing(street, villain):
    v = villain
    frame = v.publish([bad("192.0.2.110")])
    v.publish([Word(subject_address("192.0.2.110"), b"malware", 0, 0)])
    v.until(lambda: not lists(street.a, "192.0.2.110"), "withdrawn")
    before = after(street, v)
    for _ in range(20):
        v.send(frame)
    assert after(street, v)["bad"] == before["bad"] and not lists(street.a, "192.0.2.110")


def test_a_word_of_another_on_its_topic_counts_for_the_one_who_signed(street, villain):
    """The topic is for routing only."""
    frame = street.p.publish([bad("192.0.2.111")])
    street.p.run(0.1)
    villain.send(frame, topic=w.topic(villain.root))
    after(street, villain)
    assert [o["member"] for o in street.a.json("why", "192.0.2.111")["opinions"]] == ["p.example"]


MESSAGES = {
    "no protobuf": (b"\xff\xff\xff", True),
    "an answer in a request": (w.message(fetched=pb.Fetched(id=1, last=True)), True),
    "a range too wide": (w.message(fetch=pb.Fetch(id=1, origin=b"\x01" * 32, epoch=1, **{"from": 1, "to": 65})), True),
    "a range turned round": (w.message(fetch=pb.Fetch(id=1, origin=b"\x01" * 32, epoch=1, **{"from": 9, "to": 8})), True),
    "a short origin": (w.message(record_want=pb.RecordWant(origin=b"\x01" * 31)), True),
    "a comparison without a salt": (w.message(compare=pb.Compare(origin=b"\x01" * 32, epoch=1, to=8, **{"from": 1})), True),
    "a sum without a salt": (w.message(have=pb.Have(logs=[pb.LogHave(origin=b"\x07" * 32, epoch=1, floor=1, head=9, head_hash=b"12345678", sum=b"12345678")])), True),
    "a field of the wrong wire type": (b"\x08\x01", True),
    "a kind of a newer version": (bytes([15 << 3 | 2, 2, 1, 2]), False),
    "a message of no kind": (b"", False),
    "a log of a member that A does not know": (w.message(have=pb.Have(logs=[pb.LogHave(origin=b"\x07" * 32, epoch=1, floor=1, head=9, head_hash=b"12345678")])), False),
}


@pytest.mark.parametrize("what", MESSAGES)
def test_a_judges_a_message_as_the_document_says(street, villain, what):
    data, blamed = MESSAGES[what]
    before = after(street, villain)
    villain.send_to(villain.link, data)
    villain.send_to(villain.link, w.message(fetch=pb.Fetch(id=900000, origin=b"\x09" * 32, epoch=1, **{"from": 1, "to": 1})))
    got, keep = [], villain._fetched
    villain._fetched = lambda link, body: got.append(body.id) if body.id == 900000 else keep(link, body)
    villain.until(lambda: got, "the question after it is answered")
    villain._fetched = keep
    assert after(street, villain)["bad"] - before["bad"] == blamed
    villain.faults += blamed


def test_a_compares_as_the_document_says(street, villain):
    """A's sums of its own log, under a salt of ours, are those of the batches that we hold of it."""
    v, got, log = villain, [], street.p.log[street.a_root]
    keep = v._answered
    v._answered = lambda link, data: got.append(w.open_message(data)[1]) if w.open_message(data)[0] == "compared" else keep(link, data)
    epoch = max(e for e, _ in log)
    asked = pb.Compare(origin=street.a_root, epoch=epoch, to=200, salt=bytes(range(16)), **{"from": 1})
    try:
        v.send_to(v.link, w.message(compare=asked))
        v.until(lambda: got, "the sums have come")
    finally:
        v._answered = keep
    assert any(got[0].sums)
    street.p.until(lambda: w.message(compared=got[0]) == w.compared(asked, log)[0], "they are ours, once we hold what A does")


def test_a_serves_ranges_as_the_document_says(street, villain):
    """Highest first, each with the id, then one `last`; of an unknown origin `last` at once."""
    v, got = villain, []
    keep, v._fetched = v._fetched, lambda link, body: got.append((body.id, body.frame, body.last))
    try:
        for request in (pb.Fetch(id=900001, origin=street.a_root, epoch=max(e for e, _ in street.p.log[street.a_root]), **{"from": 1, "to": 64}),
                        pb.Fetch(id=900002, origin=b"\x09" * 32, epoch=1, **{"from": 1, "to": 64})):
            v.send_to(v.link, w.message(fetch=request))
        v.until(lambda: {900001, 900002} <= {i for i, _, last in got if last}, "both are answered to the end")
    finally:
        v._fetched = keep
    numbers = [w.name_batch(frame).seq for i, frame, _ in got if i == 900001 and frame]
    assert numbers and numbers == sorted(numbers, reverse=True) and not [1 for i, frame, _ in got if i == 900002 and frame]


def test_who_goes_on_so_is_shut_out_and_nobody_else(street):
    v, lost = new_villain(street, 99), street.link.lost
    for _ in range(12):
        v.send(forged(v))
    v.until(lambda: not v.link.up and "cut off" in peer(street.a, v.name)["problem"], "its connection is cut, and status says why")
    v.until(lambda: v.link.refused, "and its key refused")
    assert not v.link.up
    assert peer(street.b, "p.example")["bad"] == 0 and not peer(street.a)["bad"]
    assert street.a.ask("black 192.0.2.120 malware") == "ok"
    street.p.until(lambda: told(street.p, street.a_root, "192.0.2.120"), "the others go on")
    assert (v.root, subject_address("192.0.2.100"), b"malware") not in street.p.registers
    assert street.link.lost == lost, "nobody else's connection is touched"


def test_a_is_well_after_all_that(street):
    assert street.a.hearsay("verify").returncode == 0
    assert street.b.hearsay("verify").returncode == 0
    assert all(p["bad"] == 0 for p in street.b.json("status")["peers"]), "A passed on nothing ill"
    assert not street.link.blamed, street.link.blamed
