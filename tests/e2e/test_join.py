"""Invite and join: one command on each side. Whoever joins needs no restart, nor does the inviter."""
import json
import os
import re
import subprocess
import time

import pytest

from hearsay_lab import HEARSAY, WAIT_S, Lab, wait_until, zone

BAD = "192.0.2.66"


@pytest.fixture
def lab():
    with Lab("join") as made:
        yield made


def member(lab, letter, **options):
    return lab.node(f"mx.{letter}.example", zones=zone(f"bl.{letter}.example", threshold=0.3, quorum=1), **options)


def invite(node, *args):
    return node.json("invite", *args)


def join(node, text, *args):
    return node.hearsay("join", text, *args)


def score(node):
    return int(node.ask(f"score {BAD}"))


def connected(node, name):
    return any(p["name"] == name and p["connected"] for p in node.json("status")["peers"])


def test_a_newcomers_report_is_heard_by_the_inviter_and_over_it_by_a_third(lab):
    a, b, c = member(lab, "a"), member(lab, "b", federation="hearsay"), member(lab, "c")
    a.extra = 'secret = "our own"'
    a.write_conf()
    a.peer_add(c, 1.0)
    c.peer_add(a, 1.0)
    for node in (a, b, c):
        node.start()
    pid = b.process.pid
    assert b.ask(f"black {BAD} count=4") == "ok"           # before it joins
    wait_until(lambda: connected(c, "mx.a.example"), "A and C are connected")
    made = invite(a, "--trust", "0.9", "--introduce", "--share", "1")
    assert made["ok"] and made["running"] and made["federation"] == "street"
    assert made["fingerprint"] == a.json("card")["fingerprint"]
    done = join(b, made["invite"], "--trust", "0.7")
    assert done.returncode == 0, done
    for node in (a, b):
        assert node.json("card")["fingerprint"] in done.stdout
    assert "Joined street" in done.stdout and "has taken it over" in done.stdout
    conf = b.conf.read_text()
    assert "federation = 'street'" in conf and "secret = 'our own'" in conf
    assert b.conf.stat().st_mode & 0o777 == 0o640, "the secret is for nobody else"
    assert "is a secret" not in b.log_text() and f"{a.conf} can be read by every user" in a.log_text()
    trust = {p["name"]: p["trust"] for node in (a, b) for p in node.json("peer", "list")["peers"]}
    assert trust["mx.b.example"] == 0.9 and trust["mx.a.example"] == 0.7
    wait_until(lambda: connected(a, "mx.b.example") and connected(b, "mx.a.example"), "A and B are connected")
    wait_until(lambda: score(a) > 300, lambda: "the inviter hears B " + a.log_text() + b.log_text())
    wait_until(lambda: score(c) > 200, lambda: "a third member hears B " + c.log_text())
    assert b.process.pid == pid and b.process.alive()
    assert "joined by invite" in a.log_text()
    used = a.json("invite", "--list")["invites"][0]
    assert used["state"] == "used" and used["joined"]["name"] == "mx.b.example"
    assert used["joined"]["fingerprint"] == b.json("card")["fingerprint"]
    for node in (a, b, c):
        assert node.hearsay("verify").returncode == 0


def test_join_makes_the_node_where_there_is_none(lab):
    a = member(lab, "a", extra='secret = "theirs"').start()
    made = invite(a)
    where = lab.dir / "fresh"
    argv = [str(HEARSAY), "join", "-", "--name", "mx.n.example", "--advertise", "127.0.0.1", "--port", str(lab.port()), "--json", str(where)]
    done = subprocess.run(argv, input=made["invite"] + "\n", text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=WAIT_S)
    assert done.returncode == 0, done
    said = json.loads(done.stdout)
    assert said["ok"] and said["federation"] == "street" and said["own"]["name"] == "mx.n.example"
    assert said["inviter"] == {"name": "mx.a.example", "fingerprint": made["fingerprint"]}
    assert [p["name"] for p in a.json("peer", "list")["peers"]] == ["mx.n.example"]
    assert (where / "identity.pem").stat().st_mode & 0o777 == 0o600
    assert (where / "hearsay.conf").stat().st_mode & 0o777 == 0o640 and "warning" not in said


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to give files away")
def test_a_node_of_another_user_keeps_its_configuration_when_root_joins_for_it(lab):
    """The daemon reads root's hearsay.conf by the bits for others alone: to take them away would stop it."""
    a, b = member(lab, "a", extra='secret = "theirs"').start(), member(lab, "b", federation="hearsay")
    b.write_conf()
    b.hearsay("card", check=True)                          # makes the keys
    os.chown(b.conf.parent / "identity.pem", 65534, b.conf.stat().st_gid)     # a group that is not that user's
    done = join(b, invite(a)["invite"])
    assert done.returncode == 0 and "every user of this host can read it" in done.stderr and "chmod 640" in done.stderr, done
    assert b.conf.stat().st_mode & 0o777 == 0o644
    b.hearsay("peer", "remove", "mx.a.example", check=True)
    b.write_conf()
    os.chown(b.conf, 0, 65534)
    os.chown(b.conf.parent / "identity.pem", 65534, 65534)
    done = join(b, invite(a)["invite"])
    assert done.returncode == 0 and "every user" not in done.stderr and b.conf.stat().st_mode & 0o777 == 0o640, "its group lets it read on"


def test_an_invite_works_once_also_across_restarts(lab):
    a, b, c = member(lab, "a"), member(lab, "b"), member(lab, "c")
    a.start()
    text = invite(a)["invite"]
    assert join(b, text, "--trust", "0.7").returncode == 0
    a.kill()
    a.start()
    done = join(c, text)
    assert done.returncode == 1 and "used already" in done.stderr, done
    assert c.json("peer", "list")["peers"] == []
    again = join(b, text)                                  # its answer may have been lost
    assert again.returncode == 0, again
    assert "who invited us, trusted with 0.7" in again.stdout, "the trust that it has, not the one that a newcomer would get"
    assert [p["name"] for p in a.json("peer", "list")["peers"]] == ["mx.b.example"]


def test_bad_invites_get_clear_errors_and_change_nothing(lab):
    a, b, c = member(lab, "a"), member(lab, "b"), member(lab, "c")
    a.start()
    made = invite(a, "--name", "mx.c.example")
    text = made["invite"]
    body = text.split(":", 1)[1]
    middle = len(body) // 2
    cases = [(text[:-20], "not signed by the member|was it cut"), ("hearsay-invite1:", "was it cut"), ("rubbish", "this is no invite"),
             (a.card(), "this is no invite"),
             ("hearsay-invite1:" + body[:middle] + ("A" if body[middle] != "A" else "B") + body[middle + 1:], "not signed by the member|this is no invite")]
    for word, want in cases:
        done = join(b, word)
        assert done.returncode == 2 and re.search(want, done.stderr), (word, done)
    done = join(b, text)
    assert done.returncode == 1 and "for another name" in done.stderr, done
    assert join(a, text).returncode == 2                   # one's own
    assert a.json("peer", "list")["peers"] == b.json("peer", "list")["peers"] == []
    assert a.json("invite", "--list")["invites"][0]["state"] == "open"
    assert join(c, text).returncode == 0                   # still good for whom it is for
    withdrawn = invite(a)
    assert a.hearsay("invite", "--withdraw", withdrawn["id"]).returncode == 0
    done = join(b, withdrawn["invite"])
    assert done.returncode == 1 and "does not let this invite in" in done.stderr, done
    assert a.hearsay("invite", "--withdraw", withdrawn["id"]).returncode == 1


def test_an_invite_runs_out(lab):
    a, b = member(lab, "a"), member(lab, "b")
    a.start()
    text = invite(a, "--expires", "1m")["invite"]
    path = a.dir / "invites"
    assert path.stat().st_mode & 0o777 == 0o600
    assert text not in path.read_text()
    lines = path.read_text().splitlines()
    words = lines[1].split()
    words[1] = str(int(time.time()) - 1)                   # the inviter's clock is the one that counts
    path.write_text("\n".join([lines[0], " ".join(words)]) + "\n")
    a.hearsay("invite", "--list", check=True)
    done = join(b, text)
    assert done.returncode == 1 and "has run out" in done.stderr, done


def test_without_the_inviters_node_the_invite_stays_good_and_nothing_that_join_made_stays(lab):
    a, b = member(lab, "a"), member(lab, "b")
    made = a.hearsay("invite")
    assert made.returncode == 0 and "not running" in made.stdout
    text = made.stdout.splitlines()[0]
    fresh, old = lab.dir / "fresh", lab.dir / "old"
    old.mkdir()
    (old / "notes.txt").write_text("mine")
    (old / "identity.card").write_text("mine, too")
    makers = [subprocess.Popen([str(HEARSAY), "join", text, "--name", "mx.n.example", "--advertise", "127.0.0.1", "--port", str(lab.port()), str(where)],
                               text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for where in (fresh, old)]
    done = b.hearsay("join", text)
    assert done.returncode == 1 and "nobody answers" in done.stderr, done
    for maker in makers:
        _, said = maker.communicate(timeout=WAIT_S)
        assert maker.returncode == 1 and "nobody answers" in said and "taken away again" in said, said
    assert b.conf.exists() and not fresh.exists()
    assert sorted(p.name for p in old.iterdir()) == ["identity.card", "notes.txt"]
    a.start()
    assert join(b, text).returncode == 0


def test_an_invite_outlives_new_keys_until_they_are_in_use(lab):
    """The key before goes on as long as no neighbour knows the new one: what the invite names answers."""
    a, b, c = member(lab, "a"), member(lab, "b"), member(lab, "c")
    a.peer_add(c)
    c.peer_add(a)
    a.start(), c.start()
    wait_until(lambda: connected(a, "mx.c.example") and connected(c, "mx.a.example"), "A and C are connected")
    text = invite(a)["invite"]
    c.process.freeze()                                      # a neighbour that does not come to know of the new key
    a.hearsay("rotate", "--keys", check=True)
    assert join(b, text).returncode == 0
    assert "the new CURVE key is in use" not in a.log_text()
    assert "mx.b.example" in [p["name"] for p in a.json("peer", "list")["peers"]]


@pytest.mark.parametrize("running", [True, False])
def test_a_newcomer_connects_while_the_inviters_new_keys_wait_for_a_neighbour(lab, running):
    """Until all know them, or a minute is over, the inviter goes by the keys before: those of the invite."""
    a, b, away = member(lab, "a"), member(lab, "b"), member(lab, "z")
    a.peer_add(away)
    a.start()
    if running:
        b.start()
    text = invite(a)["invite"]
    a.hearsay("rotate", "--keys", check=True)
    assert join(b, text).returncode == 0
    if not running:
        b.start()
    wait_until(lambda: connected(b, "mx.a.example") and connected(a, "mx.b.example"), "they are connected, though the change goes on", seconds=40)


def test_waiting_says_who_joined(lab):
    a, b = member(lab, "a"), member(lab, "b")
    a.start()
    argv = [str(HEARSAY), "-c", str(a.conf), "invite", "--wait"]
    with subprocess.Popen(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as waiting:
        text = waiting.stdout.readline().strip()
        assert join(b, text).returncode == 0
        said, _ = waiting.communicate(timeout=WAIT_S)
    assert waiting.returncode == 0
    assert "mx.b.example joined" in said and b.json("card")["fingerprint"] in said


def test_an_open_invite_opens_nothing_else(lab):
    """With the one-time key in hand: no batches, no answers to anything but a join."""
    zmq = pytest.importorskip("zmq")
    from zmq.utils import z85
    a, b = member(lab, "a"), member(lab, "b")
    a.peer_add(b)
    a.start()
    a.ask(f"black {BAD}")
    text = invite(a)["invite"]
    key = secret_of(text)
    context = zmq.Context()
    try:
        public = zmq.curve_public(z85.encode(key))
        for kind, port in ((zmq.SUB, a.publish), (zmq.DEALER, a.repair)):
            s = context.socket(kind)
            s.linger = 0
            s.curve_publickey, s.curve_secretkey = public, z85.encode(key)
            s.curve_serverkey = z85.encode(curve_of(text))
            s.connect(f"tcp://127.0.0.1:{port}")
            if kind == zmq.SUB:
                s.subscribe(b"")
                s.subscribe(b"B" + bytes.fromhex(a.json("status")["root"])[:8])
            else:
                s.send(b"\x0a\x02\x10\x01")                # a Have that wants an answer
                s.send(b"\x22\x22\x0a\x20" + bytes.fromhex(a.json("status")["root"]))
            a.ask("black 192.0.2.67")
            assert s.poll(2500) == 0
            s.close()
    finally:
        context.destroy(linger=0)


def fields(data):
    """The length-delimited fields of a protobuf message."""
    out, i = {}, 0
    while i < len(data):
        tag, i = varint(data, i)
        value, i = varint(data, i)
        if tag & 7 == 2:
            out[tag >> 3] = data[i:i + value]
            i += value
        else:
            out[tag >> 3] = value
    return out


def varint(data, i):
    value = shift = 0
    while True:
        value |= (data[i] & 127) << shift
        shift += 7
        i += 1
        if not data[i - 1] & 128:
            return value, i


def body_of(text):
    import base64
    word = text.split(":", 1)[1]
    frame = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
    assert frame.startswith(b"hearsay-invite-1\n")
    return fields(frame[len(b"hearsay-invite-1\n"):-64])


def secret_of(text):
    return body_of(text)[3]


def curve_of(text):
    record = body_of(text)[1]
    return fields(record[len(b"hearsay-record-1\n"):-64])[3]
