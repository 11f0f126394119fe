"""What is behind a listing, for people and as a proof: written at one member, checked at another and where no node is."""
import base64
import json
import time

import pytest

from command_lab import DONE, NO, USAGE, run
from hearsay_lab import wait_until, zone

SUBJECT, OTHER, UNHEARD = "192.0.2.7", "192.0.2.8", "192.0.2.9"
OTHER_KEY = bytes([4, 192, 0, 2, 8, 32])
TAG = b"hearsay-proof-1\n"


@pytest.fixture(scope="module")
def pair(lab):
    """A and B trust each other; both have seen the subject, B the other one alone. C is of another federation."""
    a = lab.node("mx.a.example", zones=zone("bl.a.example", threshold=0.5, quorum=1))
    b = lab.node("mx.b.example")
    a.peer_add(b), b.peer_add(a)
    a.start(), b.start()
    for node in (a, b):
        assert node.ask(f"black {SUBJECT} malware") == "ok"
    wait_until(lambda: len(a.json("why", SUBJECT)["opinions"]) == 2 and len(b.json("why", SUBJECT)["opinions"]) == 2, "both have heard it")
    assert b.ask(f"black {OTHER}") == "ok"          # only now: in a batch of its own
    a.becomes(f"check {OTHER}", "black")
    return a, b


@pytest.fixture(scope="module")
def proof(lab, pair):
    a, _ = pair
    path = lab.dir / "subject.proof"
    done = a.hearsay("why", SUBJECT, "--proof", path)
    assert done.returncode == DONE and "2 batches" in done.stdout, done.stderr
    return path


def fields(block):
    """(number, bytes) of a message that has nothing but length-delimited fields."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = block[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value
    while at < len(block):
        key = varint()
        size = varint()
        yield key >> 3, block[at:at + size]
        at += size


def unpack(path):
    lines = path.read_text().splitlines()
    start = lines.index("-----BEGIN HEARSAY PROOF-----")
    block = base64.b64decode("".join(lines[start + 1:lines.index("-----END HEARSAY PROOF-----")]))
    assert block.startswith(TAG)
    return list(fields(block[len(TAG):]))


def pack(path, parts):
    block = TAG
    for number, value in parts:
        block += bytes([number << 3 | 2])
        size = len(value)
        while size > 127:
            block += bytes([size & 127 | 128])
            size >>= 7
        block += bytes([size]) + value
    text = base64.b64encode(block).decode()
    path.write_text("-----BEGIN HEARSAY PROOF-----\n" + "\n".join(text[i:i + 64] for i in range(0, len(text), 64)) + "\n-----END HEARSAY PROOF-----\n")
    return path


def refused(path, *words):
    done = run("verify", "--proof", path)
    assert done.returncode == NO and "proves nothing" in done.stderr and done.stdout == "", done
    for word in words:
        assert word in done.stderr


def test_a_proof_written_at_one_member_verifies_at_another_and_where_no_node_is(pair, proof, lab):
    a, b = pair
    there = b.hearsay("verify", "--proof", proof)
    assert there.returncode == DONE, there.stderr
    assert f"mx.a.example said of {SUBJECT} in malware: black" in there.stdout and f"mx.b.example said of {SUBJECT} in malware: black" in there.stdout
    assert "This node trusts that root key as mx.a.example" in there.stdout and "federation street" in there.stdout
    assert there.stdout.count("That is this node's own root key") == 1 and "No peer" not in there.stdout
    assert OTHER not in there.stdout
    assert a.json("peer", "list")["peers"][0]["fingerprint"] in there.stdout and b.json("peer", "list")["peers"][0]["fingerprint"] in there.stdout
    alone = run("verify", "--proof", proof, cwd=lab.dir, env={"HEARSAY_CONF": str(lab.dir / "absent" / "hearsay.conf")})
    assert alone.returncode == DONE and "PROVED" in alone.stdout and "This node" not in alone.stdout
    told = run("verify", "--proof", proof, "--json")
    assert told.returncode == DONE and f'"subject":"{SUBJECT}"' in told.stdout.replace(" ", "")
    assert {o["fingerprint"] for o in json.loads(told.stdout)["opinions"]} == {n.json("card")["fingerprint"] for n in pair}


def test_a_proof_goes_to_standard_output_and_json_says_what_is_in_it(pair, proof, lab):
    a, _ = pair
    piped = a.hearsay("why", SUBJECT, "--proof", "-", check=True).stdout
    assert piped.startswith("# What members") and piped.rstrip().endswith("-----END HEARSAY PROOF-----")
    got = a.json("why", SUBJECT, "--proof", lab.dir / "again.proof")["proof"]
    assert got["batches"] == 2 and got["records"] == 2 and got["gone"] == got["left_out"] == got["unsigned"] == 0
    assert run("verify", "--proof", "-", input=piped, stdin=None).returncode == DONE
    nothing = a.hearsay("why", UNHEARD, "--proof", lab.dir / "no.proof")
    assert nothing.returncode == NO and "nothing to prove" in nothing.stderr and not (lab.dir / "no.proof").exists()
    assert a.hearsay("why", SUBJECT, "--proof", lab.dir / "absent" / "x").returncode == USAGE
    (lab.dir / "out").symlink_to("/dev/stdout")
    shown = a.hearsay("why", SUBJECT, "--proof", lab.dir / "out")
    assert shown.returncode == DONE and "-----END HEARSAY PROOF-----" in shown.stdout and (lab.dir / "out").is_symlink()


def test_a_proof_that_was_touched_is_refused(pair, proof, lab):
    parts, bad = unpack(proof), lab.dir / "bad.proof"
    assert sorted(number for number, _ in parts) == [1, 1, 2, 2, 3, 4]
    for i, (number, value) in enumerate(parts):
        for at in {0, len(value) // 2, len(value) - 1}:
            changed = value[:at] + bytes([value[at] ^ 1]) + value[at + 1:]
            refused(pack(bad, parts[:i] + [(number, changed)] + parts[i + 1:]))
    whole = proof.read_text()
    for text in (whole[:-40], whole[:len(whole) // 2], ""):
        bad.write_text(text)
        refused(bad)
    refused(pack(bad, [p for p in parts if p[0] != 1]), "record that names its key")
    refused(pack(bad, [p for p in parts if p[0] != 2]), "no signed batch")


def test_a_batch_of_another_subject_or_federation_is_refused(pair, proof, lab):
    a, _ = pair
    other, bad = lab.dir / "other.proof", lab.dir / "bad.proof"
    a.hearsay("why", OTHER, "--proof", other, check=True)
    batches = [p for p in unpack(other) if p[0] == 2]
    refused(pack(bad, unpack(proof) + batches), f"says nothing of {SUBJECT}")
    renamed = [(n, OTHER_KEY if n == 3 else v) for n, v in unpack(proof)]
    refused(pack(bad, renamed), f"says nothing of {OTHER}")
    refused(pack(bad, [(n, b"avenue" if n == 4 else v) for n, v in unpack(proof)]), "another federation")
    c = lab.node("mx.c.example", federation="avenue")
    there = c.hearsay("verify", "--proof", proof)
    assert there.returncode == NO and "of the federation street, this member is of avenue" in there.stderr and there.stdout == ""


def test_the_numbers_of_an_answer_add_up(pair):
    a, _ = pair
    why = a.json("why", SUBJECT)
    rule = next(r for r in why["rules"] if r["zone"] == "bl.a.example")
    own = [o for o in why["opinions"] if o["own"]]
    assert rule["score_micro"] == rule["sum_micro"] == sum(g["counted_micro"] for g in why["groups"]) + own[0]["counted_micro"]
    assert [g["group"] for g in why["groups"]] == ["mx.b.example"] and why["groups"][0]["in_quorum"]
    text = a.hearsay("why", SUBJECT).stdout
    assert "How it adds up:" in text and "by own evidence" in text


def test_members_are_visible_and_what_leans_on_them(pair):
    a, b = pair
    members = a.json("members")
    assert members["counted"]
    (seen,) = members["members"]
    assert (seen["member"], seen["group"], seen["peer"], seen["introduced"]) == ("mx.b.example", "mx.b.example", True, False)
    assert seen["trust"] == seen["reliability_black"] == seen["reliability_white"] == 1.0
    assert seen["subjects"] == 2 and seen["leaning"] == 1, "our own evidence lists the one, B alone the other"
    assert abs(seen["last_batch_s"] - time.time()) < 300 and seen["rights"]["categories"] is None
    lines = a.hearsay("members").stdout.splitlines()
    assert lines[0].split()[:4] == ["MEMBER", "GROUP", "TRUST", "BLACK"] and lines[1].split()[:5] == ["mx.b.example", "own", "1.00", "1.00", "1.00"]
    a.hearsay("peer", "rights", "mx.b.example", "--probation", "on", check=True)
    a.becomes(f"check {OTHER}", "unknown")
    assert "on probation" in a.hearsay("members").stdout and a.json("members")["members"][0]["leaning"] == 0
    a.hearsay("peer", "rights", "mx.b.example", "--probation", "off", check=True)
    a.becomes(f"check {OTHER}", "black")
    assert [m["member"] for m in b.json("members")["members"]] == ["mx.a.example"]
