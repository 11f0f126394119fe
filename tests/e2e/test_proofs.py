"""Two batches with one number: proved, kept, shown, told to all, healed by a new epoch; the second time within 30 days is quarantine.

A member is copied while it is stopped in order, as the image of a disk is, so that the copy cannot know that it is one; each of the two speaks to another neighbour.
"""
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess

from hearsay_lab import HEARSAY, WAIT_S, wait_until, zone

ZONES = zone("bl.x.example", threshold=0.5, quorum=1)


def says(node, subject, other):
    """Told to `other`."""
    assert node.ask(f"black {subject}") == "ok"
    other.becomes(f"check {subject}", "black")


def proofs(node):
    return node.json("proofs")["proofs"]


def stop(*nodes):
    for node in nodes:
        assert node.stop() == 0


def world(lab):
    """A, its twin, and B and C, who trust it and each other. The twin's directory is filled by twin_of()."""
    a, twin, b, c = (lab.node(name, zones=ZONES) for name in ("mx.a.example", "mx.twin.example", "mx.b.example", "mx.c.example"))
    a.peer_add(b, 1.0)
    for one, other in ((b, a), (b, c), (c, b), (c, a)):
        one.peer_add(other, 1.0)
    twin.publish, twin.repair = a.publish, a.repair     # it is where A's card says: the two never run at once
    twin.write_conf()
    twin.conf.write_text(twin.conf.read_text().replace(f'name = "{twin.name}"', f'name = "{a.name}"'))
    twin_of(a, twin)
    twin.peer_add(c, 1.0)
    return a, twin, b, c


def twin_of(a, twin):
    """In an image the file beside the database is the same one; in a copy of the directory it is another, so the copied database is told that it is not."""
    for path in twin.dir.glob("hearsay.db*"):
        path.unlink()
    for path in [*a.dir.glob("hearsay.db*"), *a.dir.glob("identity.*")]:
        shutil.copy(path, twin.dir / path.name)
    nonce = twin.dir / "hearsay.db-nonce"
    if nonce.exists():
        seen = os.stat(nonce)
        with contextlib.closing(sqlite3.connect(twin.dir / "hearsay.db")) as db, db:
            db.executemany("UPDATE meta SET number = ? WHERE name = ?", [(seen.st_ino, "nonce_inode"), (seen.st_ctime_ns, "nonce_changed_ns")])


def equivocate(a, twin, b, c, subjects, above=()):
    """One number, two batches: B has the one, C the other, and B has what A says above that number. All are stopped at the end."""
    twin_of(a, twin)
    b.start(), a.start()
    for subject in (subjects[0], *above):
        says(a, subject, b)
    stop(a, b)
    c.start(), twin.start()
    says(twin, subjects[1], c)
    stop(twin, c)


def verify(path):
    return subprocess.run([str(HEARSAY), "verify", "--proof", str(path)], text=True, capture_output=True, timeout=WAIT_S, env={})


def test_two_batches_with_one_number_are_proved_and_the_second_time_is_quarantine(own_lab):
    a, twin, b, c = world(own_lab)
    b.start(), a.start()
    says(a, "203.0.113.1", b)
    stop(a, b)
    equivocate(a, twin, b, c, ("203.0.113.2", "203.0.113.3"), above=["203.0.113.7"])
    b.start(), c.start()
    for node in (b, c):
        wait_until(lambda: proofs(node), f"{node.name} has the proof")
        wait_until(lambda: [w for w in node.json("status")["warnings"] if "two different batches" in w], "it is a warning")
        node.becomes("check 203.0.113.2", "black")  # both of the pair count
        node.becomes("check 203.0.113.3", "black")
        node.becomes("check 203.0.113.7", "unknown")  # above it all is dead
    first = proofs(b)[0]
    keys = ("root", "epoch", "seq", "hash_a", "hash_b")
    assert [first[k] for k in keys] == [proofs(c)[0][k] for k in keys] and first["hash_a"] > first["hash_b"]
    assert "mx.a.example" in b.hearsay("proofs").stdout and not first["quarantined"]

    # The proof leaves the house.
    written = json.loads(b.hearsay("proofs", "--write", own_lab.dir / "proofs", "--json", check=True).stdout)["proofs"][0]["file"]
    good = verify(written)
    assert good.returncode == 0 and "two different batches" in good.stdout, good.stderr
    for want in (first["hash_a"], first["hash_b"], f"epoch {first['epoch']}, seq {first['seq']}", "fingerprint"):
        assert want in good.stdout
    text = open(written).read()
    lines = text.splitlines()
    middle = len(lines) // 2
    lines[middle] = lines[middle][:-1] + ("A" if lines[middle][-1] != "A" else "B")
    for bad in ("\n".join(lines) + "\n", text[:len(text) // 2], "", "hearsay1:rubbish\n"):
        (own_lab.dir / "bad.proof").write_text(bad)
        done = verify(own_lab.dir / "bad.proof")
        assert done.returncode == 1 and "proves nothing" in done.stderr
    assert verify(own_lab.dir / "absent.proof").returncode == 2

    # It is still there after a kill; nothing is found wrong; a new epoch heals.
    b.kill()
    b.start()
    assert proofs(b)[0]["hash_a"] == first["hash_a"]
    a.start()
    says(a, "203.0.113.4", b)
    c.becomes("check 203.0.113.4", "black")
    for node in (b, c):
        node.becomes("check 203.0.113.7", "black")  # its author's own node tells it again
    assert b.hearsay("verify").returncode == 0
    stop(a, b, c)

    # Once more.
    equivocate(a, twin, b, c, ("203.0.113.5", "203.0.113.6"))
    b.start(), c.start()
    for node in (b, c):
        wait_until(lambda: len(proofs(node)) == 2, f"{node.name} has the second proof")
        wait_until(lambda: [w for w in node.json("status")["warnings"] if "quarantine" in w and "again" in w], "it is in quarantine")
        for subject in ("203.0.113.1", "203.0.113.2", "203.0.113.5"):
            node.becomes(f"check {subject}", "unknown")
    b.restart()
    assert b.ask("check 203.0.113.1") == "unknown", "a restart does not end it"
    quarantined = {p["name"]: p["quarantined"] for p in b.json("peer", "list")["peers"]}
    assert quarantined.pop("mx.a.example") and not any(quarantined.values()), quarantined
    assert ", in quarantine" in b.hearsay("peer", "list").stdout
    b.hearsay("peer", "trust", "mx.a.example", "0.9", check=True)
    b.becomes("check 203.0.113.1", "black")
    assert all(p["forgiven"] and not p["quarantined"] for p in proofs(b))
    assert not any(p["quarantined"] for p in b.json("peer", "list")["peers"])
    assert c.ask("check 203.0.113.1") == "unknown", "each node decides for itself"
    assert b.hearsay("verify").returncode == 0 and c.hearsay("verify").returncode == 0


def test_there_are_no_proofs_against_the_honest(own_lab):
    a = own_lab.node("mx.a.example", zones=ZONES)
    assert a.json("proofs") == {"ok": True, "proofs": []}
    assert a.hearsay("proofs").stdout.startswith("No proofs")
    assert a.hearsay("verify", "--proof", "x", "--rebuild").returncode == 2
