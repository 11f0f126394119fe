"""Keys for the long run: a root key kept offline, new keys, records that run out, members that leave or are thrown out. Real daemons on loopback."""
import json
import time

import pytest

from hearsay_lab import stays, wait_until, zone

ZONES = zone("bl.x.example", threshold=0.5, quorum=1)


def member(lab, name, **options):
    return lab.node(name, zones=ZONES, **options)


def trust(*nodes):
    """Each trusts each."""
    for one in nodes:
        for other in nodes:
            if one is not other:
                one.peer_add(other, 1.0)


def offline(lab, name):
    """A member whose root key was moved away. Its first record named the ports of `init`; this signs one for those of the test."""
    node = member(lab, name, init=("--offline-root",))
    root = lab.dir / f"{name}-root.pem"
    (node.dir / "root.pem").rename(root)
    node.hearsay("rotate", "--root", root, check=True)
    return node, root


def peer(node, name):
    return next(p for p in node.json("status")["peers"] if p["name"] == name)


def linked(node, name):
    return peer(node, name)["connected"]


def wait_linked(node, *names):
    for name in names:
        wait_until(lambda: linked(node, name), f"{node.name} has a link to {name}")


def warnings(node, word):
    return [w for w in node.json("status")["warnings"] if word in w]


def said(a, b, subject):
    assert a.ask(f"black {subject}") == "ok"
    b.becomes(f"check {subject}", "black")


def test_members_may_share_one_list_of_peers_with_themselves_in_it(own_lab):
    a, b = member(own_lab, "mx.a.example"), member(own_lab, "mx.b.example")
    shared = "".join(f'peer "{n.name}" {{ card = "{n.card()}" trust = 1 }}\n' for n in (a, b))
    for node in (a, b):
        (node.dir / "peers.conf").write_text(shared)
    a.start(), b.start()
    said(a, b, "203.0.113.1")
    assert [p["name"] for p in a.json("status")["peers"]] == [p["name"] for p in a.json("peer", "list")["peers"]] == ["mx.b.example"]
    (a.dir / "peers.conf").write_text("# again\n" + shared)
    a.hang_up()
    wait_until(lambda: "reload: done, 1 peers" in a.log_text(), "it is read again")
    assert a.hearsay("verify").returncode == 0


# ---- another member's keys beside the same database

def test_what_a_node_saw_is_told_anew_under_new_keys(own_lab):
    a, b = member(own_lab, "mx.a.example"), member(own_lab, "mx.b.example")
    trust(a, b)
    a.start(), b.start()
    said(a, b, "203.0.113.1")
    a.stop()
    for name in ("identity.pem", "identity.card"):
        (a.dir / name).unlink(missing_ok=True)
    other = own_lab.node("mx.z.example")
    (a.dir / "identity.pem").write_bytes((other.dir / "identity.pem").read_bytes())
    (a.dir / "identity.pem").chmod(0o600)
    assert b.hearsay("peer", "remove", "--purge", "mx.a.example").returncode == 0
    b.becomes("check 203.0.113.1", "unknown")
    b.peer_add(a, 1.0)
    a.start()
    b.becomes("check 203.0.113.1", "black")
    for node in (a, b):
        assert node.hearsay("verify").returncode == 0, node.hearsay("verify").stdout


# ---- the root key offline

def test_init_puts_the_root_key_into_a_file_of_its_own(own_lab):
    node = own_lab.node("mx.a.example", init=("--offline-root",))
    root, identity = node.dir / "root.pem", node.dir / "identity.pem"
    assert root.stat().st_mode & 0o777 == 0o600 and identity.stat().st_mode & 0o777 == 0o600
    assert root.read_text().count("PRIVATE KEY-----") == 2
    text = identity.read_text()
    assert "BEGIN PUBLIC KEY" in text and "BEGIN HEARSAY RECORD" in text
    assert root.read_text().splitlines()[2] not in text, "the root's secret is in one file only"


def test_init_says_as_json_where_the_root_key_is(tmp_path, own_lab):
    node = own_lab.node("mx.a.example")
    made = json.loads(node.hearsay("init", "--offline-root", "--name", "mx.z.example", "--json", tmp_path / "z", conf=False).stdout)
    assert made["ok"] and made["files"]["root"].endswith("root.pem")
    again = node.hearsay("init", "--offline-root", "--name", "mx.z.example", tmp_path / "z", conf=False)
    assert again.returncode == 2 and "overwrites nothing" in again.stderr


def test_a_node_runs_without_its_root_key(own_lab):
    (a, _), b = offline(own_lab, "mx.a.example"), member(own_lab, "mx.b.example")
    trust(a, b)
    (a.dir / "identity.card").unlink()                  # the key file is all it needs
    a.start(), b.start()
    said(a, b, "203.0.113.1")
    assert a.json("status")["root_offline"] and not warnings(a, "root key")


def test_without_the_root_key_nothing_is_signed(own_lab):
    node, root = offline(own_lab, "mx.a.example")
    before = (node.dir / "identity.pem").read_bytes()
    done = node.hearsay("rotate", "--keys")
    assert done.returncode == 2 and "--root FILE" in done.stderr
    other = member(own_lab, "mx.b.example", init=("--offline-root",))
    done = node.hearsay("rotate", "--root", other.dir / "root.pem")
    assert done.returncode == 2 and "another member" in done.stderr
    root.chmod(0o644)
    done = node.hearsay("rotate", "--root", root)
    assert done.returncode == 2 and "0600" in done.stderr
    for bad in ("0s", "-1d", "soon", "90000d", ""):
        assert node.hearsay("rotate", "--root", root, "--not-after", bad).returncode == 2
    assert (node.dir / "identity.pem").read_bytes() == before


# ---- new keys

@pytest.mark.parametrize("how", ["online", "offline"])
def test_new_keys_are_followed_by_all_without_an_operator(own_lab, how):
    """A - B - C, all linked to each other; A changes all its keys while they run."""
    root = None
    if how == "offline":
        a, root = offline(own_lab, "mx.a.example")
    else:
        a = member(own_lab, "mx.a.example")
    b, c = member(own_lab, "mx.b.example"), member(own_lab, "mx.c.example")
    trust(a, b, c)
    for node in (a, b, c):
        node.start()
    said(a, b, "203.0.113.1")
    wait_linked(a, "mx.b.example", "mx.c.example")
    wait_linked(b, "mx.a.example"), wait_linked(c, "mx.a.example")
    old = (a.dir / "identity.pem").read_text()
    done = json.loads(a.hearsay("rotate", "--keys", *(("--root", root) if root else ()), "--json", check=True).stdout)
    assert done["ok"] and done["in_force"] and done["keys"]
    said(a, b, "203.0.113.2")                           # signed with the new key already
    wait_until(lambda: "the new CURVE key is in use" in a.log_text(), "the new CURVE key is in use")
    wait_linked(a, "mx.b.example", "mx.c.example")
    wait_linked(b, "mx.a.example"), wait_linked(c, "mx.a.example")
    for node in (b, c):
        wait_until(lambda: "the old CURVE key of mx.a.example is cut" in node.log_text(), "the old key is cut")
    wait_linked(a, "mx.b.example", "mx.c.example")
    said(a, c, "203.0.113.3")
    said(b, a, "203.0.113.4")
    text = (a.dir / "identity.pem").read_text()
    assert text.count("BEGIN PRIVATE KEY") == (2 if root else 3), "the key before is forgotten"
    assert not set(old.split("-----BEGIN")[2:3]) & set(text.split("-----BEGIN")), "the operational key is another"
    assert b.json("status")["mesh"]["counts"]["bad-signature"] == 0
    a.restart()
    said(a, b, "203.0.113.5")


def test_keys_that_changed_while_the_node_was_down_are_followed_also_by_who_was_away(own_lab):
    """A star: B, which is away, has nobody but A to hear of it, and knows only a key that A uses no more when B comes back."""
    a, b, c = (member(own_lab, f"mx.{x}.example") for x in "abc")
    trust(a, b), trust(a, c)
    for node in (a, b, c):
        node.start()
    said(a, b, "203.0.113.1"), said(a, c, "203.0.113.1")
    a.stop(), b.stop()
    a.hearsay("rotate", "--keys", check=True)
    a.start()
    said(a, c, "203.0.113.2")
    wait_until(lambda: "the new CURVE key is in use" in a.log_text(), "in use, since all who are there know it")
    wait_until(lambda: [peer(a, n)["unaware"] for n in ("mx.b.example", "mx.c.example")] == [True, False], "status names who has not heard")
    assert "mx.b.example has not heard of it yet" in a.log_text()
    wait_linked(c, "mx.a.example")
    a.restart()                                         # the key that was left is in its file
    assert "LEFT CURVE KEY" in (a.dir / "identity.pem").read_text()
    b.start()
    said(a, b, "203.0.113.3"), said(a, c, "203.0.113.3")
    wait_linked(b, "mx.a.example"), wait_linked(a, "mx.b.example", "mx.c.example")
    said(b, a, "203.0.113.4"), said(c, a, "203.0.113.5")
    wait_until(lambda: "LEFT CURVE KEY" not in (a.dir / "identity.pem").read_text(), "all have heard: the key before is forgotten")
    assert not peer(a, "mx.b.example")["unaware"]


def test_a_newer_card_takes_the_place_of_the_old_one(own_lab):
    a, b = member(own_lab, "mx.a.example"), member(own_lab, "mx.b.example")
    b.peer_add(a, 0.7)
    old = a.card()
    a.hearsay("rotate", check=True)
    assert b.hearsay("peer", "add", old).returncode == 1
    done = json.loads(b.hearsay("peer", "add", a.card(), "--json", check=True).stdout)
    assert done["renewed"]
    assert [p["trust"] for p in b.json("peer", "list")["peers"]] == [0.7]
    assert b.hearsay("peer", "add", old).returncode == 1, "an old card does not come back"


# ---- the end of a record

def test_a_record_with_the_root_key_here_is_renewed_in_time(own_lab):
    a, b = member(own_lab, "mx.a.example"), member(own_lab, "mx.b.example")
    trust(a, b)
    a.start(), b.start()
    short = json.loads(a.hearsay("rotate", "--not-after", "8s", "--json", check=True).stdout)
    assert short["in_force"]
    late = short["not_after_s"] + 80 * 86400
    wait_until(lambda: a.json("status")["record_expires_s"] > late, "it is renewed half way")
    wait_until(lambda: peer(b, "mx.a.example")["record_expires_s"] > late, "and B has it")
    said(a, b, "203.0.113.1")


def test_a_record_that_runs_out_is_warned_of_and_the_node_goes_on(own_lab):
    (a, root), b = offline(own_lab, "mx.a.example"), member(own_lab, "mx.b.example")
    trust(a, b)
    a.start(), b.start()
    said(a, b, "203.0.113.1")
    a.hearsay("rotate", "--root", root, "--not-after", "29d", check=True)
    assert not warnings(a, "runs out"), "not from the first day of a short life"
    def both_are_warned(seconds):
        """Before it has run out; a busy machine may be too slow for that."""
        a.hearsay("rotate", "--root", root, "--not-after", f"{seconds}s", check=True)
        end_s = time.time() + seconds
        seen = [wait_until(lambda: warnings(node, f"record{of} runs out") or time.time() > end_s, "a warning") for node, of in ((a, ""), (b, " of mx.a.example"))]
        return True not in seen
    assert any(both_are_warned(seconds) for seconds in (20, 60)), "A is warned, and B of A"
    wait_until(lambda: warnings(a, "has run out"), "it has run out")
    wait_until(lambda: warnings(b, "has run out"), "B says so")
    a.restart()                                         # also a start is possible
    assert a.ask("black 203.0.113.2") == "ok"
    a.becomes("check 203.0.113.2", "black")
    stays(lambda: b.ask("check 203.0.113.2") == "unknown", 3, "nobody is told")
    assert a.hearsay("card").stderr.count("over") == 1
    a.hearsay("rotate", "--root", root, check=True)
    b.becomes("check 203.0.113.2", "black")             # nothing was lost
    wait_until(lambda: not warnings(b, "mx.a.example"), "B is content")


# ---- leaving, and being thrown out

def test_who_leaves_is_shown_and_says_nothing_new(own_lab):
    a, b = member(own_lab, "mx.a.example"), member(own_lab, "mx.b.example")
    trust(a, b)
    a.start(), b.start()
    said(a, b, "203.0.113.1")
    assert a.hearsay("leave", check=True).stdout.startswith("mx.a.example has left")
    wait_until(lambda: peer(b, "mx.a.example")["left"], "B shows that A has left")
    assert a.ask("black 203.0.113.2") == "ok"
    a.becomes("check 203.0.113.2", "black")
    stays(lambda: b.ask("check 203.0.113.2") == "unknown", 3, "it tells nothing more")
    assert b.ask("check 203.0.113.1") == "black", "what it said fades, it does not vanish"
    assert "left" in b.hearsay("status").stdout and not warnings(b, "mx.a.example")
    assert warnings(a, "has left")
    a.restart()                                         # a restart does not take it back
    assert a.json("status")["left"]
    a.stop()
    stays(lambda: not warnings(b, "mx.a.example"), 2, "nobody expects it back")
    a.start()
    a.hearsay("rotate", check=True)
    b.becomes("check 203.0.113.2", "black")
    wait_until(lambda: not peer(b, "mx.a.example")["left"], "it is back")


def test_who_is_thrown_out_is_cut_at_once_and_the_others_come_back(own_lab):
    a, b, c = (member(own_lab, f"mx.{x}.example") for x in "abc")
    trust(a, b, c)
    for node in (a, b, c):
        node.start()
    said(a, b, "203.0.113.1"), said(c, b, "203.0.113.2")
    wait_linked(a, "mx.b.example"), wait_linked(c, "mx.b.example")
    before = len(a.log_text())
    b.hearsay("peer", "remove", "mx.a.example", "--purge", check=True)
    wait_until(lambda: not linked(a, "mx.b.example"), "A has lost its link to B")
    assert "silent" not in a.log_text()[before:], "it was cut, not given up after a while"
    b.becomes("check 203.0.113.1", "unknown")           # what it said is gone
    assert b.ask("check 203.0.113.2") == "black"
    wait_linked(c, "mx.b.example"), wait_linked(b, "mx.c.example")
    said(c, b, "203.0.113.3")
    assert a.ask("black 203.0.113.4") == "ok"
    c.becomes("check 203.0.113.4", "black")             # C trusts it still
    stays(lambda: b.ask("check 203.0.113.4") == "unknown", 2, "B takes nothing of A, from nobody")
    assert not linked(a, "mx.b.example")
