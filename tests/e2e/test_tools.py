"""The Exim toolbox over the report socket of a real node: answers, kill -9, many at once, what other members hear of it, and the operator's hand."""
import contextlib
import json
import sqlite3
import subprocess
import threading

import pytest

from command_lab import ABSENT, DONE, NO, USAGE
from hearsay_lab import fill, private_world, stays, talk, wait_until, zone

KINDS = 'note "forged-srs" { category = "abusive"  weight = 2 }'


@pytest.fixture(scope="module")
def node(lab):
    return lab.node("mx.a.example", mesh=False, extra=KINDS).start()


def rows(node, *words):
    """The list that `hearsay tool` prints."""
    answer = node.json("tool", *words)
    assert answer["ok"] is True
    return next(v for v in answer.values() if isinstance(v, list))


def scores(node, what, milli):
    """In thousandths. Some moments of decay take one off, and a busy machine may need more of them."""
    wait_until(lambda: milli - 2 <= int(node.ask(f"score {what}")) <= milli, lambda: f"{what}: {milli}, not {node.ask(f'score {what}')}")


# ---- answers

def test_offences_are_counted(node):
    assert [node.ask("tarpit 192.0.2.7") for _ in range(3)] == ["1", "2", "3"]
    assert node.ask("count 192.0.2.7") == "3"
    assert node.ask("count 192.0.2.200") == "0"
    assert node.ask("TARPIT\t2001:db8:9::1") == "1" and node.ask("count 2001:0DB8:0009:0::0002") == "1"
    scores(node, "192.0.2.7 invalid-recipients", 900)


def test_white_and_protected_clients_are_never_counted(node):
    assert node.ask("white 192.0.2.20") == "ok"
    assert node.ask("tarpit 192.0.2.20") == "0" and node.ask("count 192.0.2.20") == "0"
    assert node.ask("tarpit 127.0.0.1") == "0" and node.ask("tarpit 10.1.2.3") == "0"


def test_greylisting_by_reputation(node):
    assert node.ask("grey 192.0.2.30 a@b.example c@d.example") == "true"
    assert node.ask('grey 192.0.2.31 "a@b.example" C@D.example') == "true"
    assert node.ask("grey 127.0.0.1 a@b.example c@d.example") == "false"
    assert node.ask("white 198.51.100.30") == "ok"
    assert node.ask("grey 198.51.100.30 a@b.example c@d.example") == "false"
    assert node.ask('grey 192.0.2.30 "" c@d.example') == "true"
    (row,) = [r for r in rows(node, "grey", "list") if r["sender"] == "a@b.example"]
    assert (row["network"], row["rcpt"], row["state"]) == ("192.0.2.0/24", "c@d.example", "waits")


def test_bounces_of_a_user(node):
    assert node.ask("bounces anna") == "0:0"
    assert node.ask("bounce anna") == "ok" and node.ask("bounce Anna count=4") == "ok"
    assert node.ask("bounces anna") == "5:5"
    assert node.ask('bounce "eva maria"@a.example') == "ok" and node.ask('bounces "eva maria"@a.example') == "1:1"


@pytest.mark.parametrize("result", ["pass", "softfail", "none", "neutral", "permerror", "temperror", "invalid", "(invalid)"])
def test_results_of_spf_that_are_no_evidence(node, result):
    assert node.ask(f"spf 192.0.2.40 b.example {result}") == "ok"
    assert node.ask("score 192.0.2.40") == "0"


def test_failures_and_passes_of_spf(node):
    assert node.ask("spf 192.0.2.41 c.example fail") == "ok"
    scores(node, "192.0.2.41 fraud", 499)
    assert node.ask("spf 192.0.2.42 d.example pass") == "ok"
    assert node.ask("black 192.0.2.42") == "ok"
    scores(node, "d.example spam", 1071)
    assert node.ask("score c.example") == "0"


def test_notes_are_of_kinds_that_are_configured(node):
    assert node.ask("note 192.0.2.50 forged-srs to anna@a.example") == "ok"
    scores(node, "192.0.2.50 abusive", 750)
    assert node.ask("note 192.0.2.50 weather").startswith('error: unknown kind "weather"')
    assert node.ask("note 127.0.0.1 forged-srs") == "error: protected"
    wait_until(lambda: "note: forged-srs from 192.0.2.50: to anna@a.example" in node.log_text(), "the text is in the log")


@pytest.mark.parametrize("line, answer", [
    ("tarpit", "0"), ("tarpit nonsense", "0"), ("tarpit 192.0.2.0/24", "0"), ("count", "0"), ("grey", "false"), ("grey  a@b.example c@d.example", "false"),
    ("grey 192.0.2.7 \"open c@d.example", "false"), ("bounces", "0:0"), ("verdict", "deliver;;"),
    ("grey 192.0.2.7 \x01a@b.example c@d.example", "false"), (" Tarpit\t192.0.2.7\x00", "0"), ("count \x7f", "0"), ("bounces " + 5000 * "u", "0:0"),
    ("spfcheck 192.0.2.7 " + 4096 * "h", "temperror"), ("verdict \x1b" + 9000 * " ", "deliver;;"), ("grey" + 5000 * " ", "false")])
def test_what_cannot_be_read_lets_mail_through(node, line, answer):
    assert node.ask(line) == answer


@pytest.mark.parametrize("line", ["bounce", "bounce anna count=0", "spf 192.0.2.7 b.example", "spf 192.0.2.7 b.example err_perm", "note 192.0.2.7",
                                  "note 192.0.2.7 forged-srs \x01", "bounce " + 5000 * "u", "tarpit\x01 192.0.2.7", "black 192.0.2.7\x01"])
def test_what_exim_does_not_read_is_an_error(node, line):
    assert node.ask(line).startswith("error: ")


def test_a_stream_answers_in_order_and_reads_what_it_wrote(node):
    with node.stream() as s:
        lines, want = [], []
        for i in range(200):
            lines += ["tarpit 192.0.2.60", "count 192.0.2.60", "bounce kurt", "bounces kurt", "ping"]
            want += [str(i + 1), str(i + 1), "ok", f"{i + 1}:{i + 1}", "pong"]
        assert s.ask(*lines) == want


def test_many_at_once_are_each_counted_once(node):
    answers, clients = [], []

    def one():
        answers.append(int(node.ask("tarpit 192.0.2.61")))
    for _ in range(150):
        clients.append(threading.Thread(target=one))
        clients[-1].start()
    for c in clients:
        c.join()
    assert sorted(answers) == list(range(1, 151))


def test_times_may_be_short(own_lab):
    node = own_lab.node("mx.a.example", mesh=False, extra='grey { retry = "500ms" window = "2s" white = "1s" }\ntarpit { keep = "1s" }\nbounces { keep = "1s" }\n').start()
    for line, want in (("tarpit 192.0.2.1", "1"), ("bounce anna", "ok"), ("grey 192.0.2.1 a@b.example c@d.example", "true")):
        assert node.ask(line) == want
    node.becomes("grey 192.0.2.1 a@b.example c@d.example", "false")
    node.becomes("grey 192.0.2.1 a@b.example c@d.example", "false")
    node.becomes("count 192.0.2.1", "0")
    node.becomes("bounces anna", "0:0")


def test_times_change_with_a_reload(own_lab):
    node = own_lab.node("mx.a.example", mesh=False, extra='grey { retry = "1h" }').start()
    assert node.ask("grey 192.0.2.7 a@b.example c@d.example") == "true"
    assert node.ask("grey 192.0.2.7 a@b.example c@d.example") == "true"
    node.write_conf(extra='grey { retry = "0s" }')
    node.hang_up()
    node.becomes("grey 192.0.2.7 a@b.example c@d.example", "false")


# ---- kill -9

def test_what_was_answered_survives_a_kill(own_lab):
    node = own_lab.node("mx.a.example", mesh=False, extra='grey { retry = "1s" }\n' + KINDS).start()
    for i in range(1, 16):
        assert node.ask("tarpit 192.0.2.7") == str(i)
        node.kill()
        node.start()
        assert node.ask("count 192.0.2.7") == str(i)
        assert node.ask(f"bounce anna count={i}") == "ok"
        assert node.ask(f"note 192.0.2.{100 + i} forged-srs") == "ok"
        assert node.ask(f"spf 198.51.100.{i} s{i}.example pass") == "ok"
        assert node.ask(f"grey 192.0.2.7 a@b.example c{i}@d.example") == "true"
        node.kill()
        node.start()
        assert node.ask("bounces anna") == f"{i * (i + 1) // 2}:{i * (i + 1) // 2}"
        scores(node, f"192.0.2.{100 + i} abusive", 750)
        assert node.ask(f"black 198.51.100.{i}") == "ok"
        scores(node, f"s{i}.example", 1071)
        if i == 5:
            break
    wait_until(lambda: node.ask("grey 192.0.2.7 a@b.example c1@d.example") == "false", "it passes after a second")
    node.kill()
    node.start()
    assert node.ask("grey 192.0.2.7 a@b.example c1@d.example") == "false"
    node.stop()
    done = node.hearsay("verify")
    assert done.returncode == DONE, done.stdout + done.stderr


def test_counts_go_on_where_a_killed_node_stopped(own_lab):
    """The last answer that came is the least that a node may know after a kill in the middle of a run, and one more the most."""
    node = own_lab.node("mx.a.example", mesh=False).start()
    known = 0
    for _ in range(5):
        with node.stream() as s:
            s.send(*["tarpit 192.0.2.7"] * 2000)
            for _ in range(300):
                known = int(s.answer())
            node.kill()
            while (late := s.answer()) is not None:
                known = int(late)
        node.start()
        now = int(node.ask("count 192.0.2.7"))
        assert known <= now <= known + 2000
        known = now


# ---- a full disk

def test_a_full_disk_lets_mail_through_and_loses_nothing(own_lab):
    if not private_world():
        pytest.skip("needs root: mounts a small file system")
    folder = own_lab.dir / "mx.a.example"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m,mode=755", "tmpfs", str(folder)], check=True)
    own_lab.at_end(lambda: subprocess.run(["umount", "-l", str(folder)], check=True))
    node = own_lab.node("mx.a.example", mesh=False, extra=KINDS).start()
    assert node.ask("tarpit 192.0.2.7") == "1" and node.ask("bounce anna") == "ok"
    fill(node.dir / "filler")
    stored, numbers = 1, iter(range(1 << 20))

    def full():
        nonlocal stored
        answer = node.ask("tarpit 192.0.2.7")
        stored += answer != "0"
        assert answer in ("0", str(stored))
        return answer == "0" and node.ask(f"grey 192.0.2.7 a@b.example c{next(numbers)}@d.example") == "false"
    wait_until(full, "the disk is full for the tools", every=0)
    assert node.ask("bounce anna").startswith("error: ") and node.ask("note 192.0.2.7 forged-srs").startswith("error: ")
    assert node.ask("count 192.0.2.7") == str(stored) and node.ask("bounces anna") == "1:1"
    (node.dir / "filler").unlink()
    wait_until(lambda: node.ask("tarpit 192.0.2.7") != "0", "it counts again once there is space")
    assert node.ask("count 192.0.2.7") == str(stored + 1)
    node.kill()
    node.start()
    assert node.ask("count 192.0.2.7") == str(stored + 1)
    assert node.hearsay("verify").returncode == DONE


# ---- other members

def members(lab, extra):
    a = lab.node("mx.a.example", extra=extra)
    b = lab.node("mx.b.example", zones=zone("bl.b.example", threshold=0.1, quorum=1))
    a.peer_add(b), b.peer_add(a)
    a.start(), b.start()
    wait_until(lambda: a.links() == b.links() == 1, "the peers are connected")
    return a, b


def teach(a):
    """Something of each tool, so much that each would be worth telling."""
    for _ in range(4):
        assert a.ask("tarpit 192.0.2.7").isdigit()
    assert a.ask("spf 192.0.2.8 c.example fail") == "ok"
    assert a.ask("note 192.0.2.9 forged-srs to secret-anna@a.example") == "ok"
    assert a.ask("bounce secret-anna@customer.example count=600") == "ok"
    assert a.ask("bounce secret-anna count=600") == "ok"
    assert a.ask("grey 192.0.2.10 secret-eva@c.example secret-anna@a.example") == "true"
    for subject, category in (("192.0.2.7", "invalid-recipients"), ("192.0.2.8", "fraud"), ("192.0.2.9", "abusive"), ("customer.example", "invalid-recipients")):
        wait_until(lambda: int(a.ask(f"score {subject} {category}")) > 400, f"A knows of {subject}")


LEARNED = ["192.0.2.7", "192.0.2.8", "192.0.2.9", "customer.example"]


def batches(node):
    """Every byte that this node told, was told, or holds ready for others."""
    with contextlib.closing(sqlite3.connect(f"file:{node.dir}/hearsay.db?mode=ro", uri=True, timeout=30)) as db:
        return b"".join(row[0] for row in db.execute("SELECT frame FROM batch"))


def test_what_is_not_shared_never_reaches_a_peer(own_lab):
    a, b = members(own_lab, 'tarpit { share = false }\nspf { share = false }\nbounces { share = false }\ngrey { share = false }\n'
                            'note "forged-srs" { category = "abusive"  weight = 2  share = false }')
    teach(a)
    assert a.ask("black 203.0.113.1") == "ok"                       # the mark: what came before it would have come by now
    b.becomes("check 203.0.113.1", "black")
    assert a.ask("black 203.0.113.2") == "ok"
    b.becomes("check 203.0.113.2", "black")
    stays(lambda: all(b.ask(f"score {subject}") == "0" for subject in LEARNED), 1.5, "B hears nothing")
    assert b"secret" not in batches(a) + batches(b)
    why = a.json("why", "192.0.2.7")
    (own,) = [o for o in why["opinions"] if o["own"]]
    assert own["kept_black_milli"] == own["black_milli"] > 0
    assert "own, not told" in a.hearsay("why", "192.0.2.7").stdout


def test_what_is_shared_reaches_a_peer_and_names_nobody(own_lab):
    a, b = members(own_lab, 'bounces { share = true }\n' + KINDS)
    teach(a)
    for subject in LEARNED:
        wait_until(lambda: int(b.ask(f"score {subject}")) > 0, f"B hears of {subject}")
    assert b.ask("score secret-anna@customer.example") == "0"
    told = batches(a) + batches(b)
    assert b"customer.example" in told and b"secret" not in told


# ---- the operator's hand

def test_state_is_listed_and_cleared(own_lab):
    node = own_lab.node("mx.a.example", mesh=False, extra=KINDS).start()
    for line in ("tarpit 192.0.2.7", "tarpit 192.0.2.8", "grey 192.0.2.7 a@b.example c@d.example", "grey 198.51.100.7 <> c@d.example", "bounce anna count=3",
                 "bounce eva count=9", "spf 192.0.2.9 b.example pass"):
        node.ask(line)
    assert [(r["client"], r["count"]) for r in rows(node, "tarpit", "list")] == [("192.0.2.7", 1), ("192.0.2.8", 1)]
    assert [(r["user"], r["hour"], r["day"]) for r in rows(node, "bounces", "top")] == [("eva", 9, 9), ("anna", 3, 3)]
    assert [r["user"] for r in rows(node, "bounces", "top", "-n", "1")] == ["eva"]
    assert [r["user"] for r in rows(node, "bounces", "list")] == ["anna", "eva"]
    assert [(r["client"], r["domain"]) for r in rows(node, "spf", "list")] == [("192.0.2.9", "b.example")]
    assert [(k["kind"], k["category"]) for k in rows(node, "note", "list")] == [("forged-srs", "abusive")]
    assert node.json("tool", "tarpit", "clear", "192.0.2.7") == {"ok": True, "cleared": 1}
    assert node.ask("count 192.0.2.7") == "0" and node.ask("count 192.0.2.8") == "1"
    done = node.hearsay("tool", "tarpit", "clear", "192.0.2.7")
    assert (done.returncode, done.stdout) == (NO, "There was nothing to clear.\n")
    assert node.json("tool", "tarpit", "clear", "192.0.2.7") == {"ok": False, "cleared": 0, "error": "there was nothing to clear"}
    assert node.hearsay("tool", "grey", "clear", "192.0.2.200").returncode == DONE          # an address stands for its network
    assert [r["network"] for r in rows(node, "grey", "list")] == ["198.51.100.0/24"]
    assert node.hearsay("tool", "grey", "clear", "198.51.100.0/24").returncode == DONE
    assert node.hearsay("tool", "bounces", "clear", "Eva").returncode == DONE
    assert node.ask("bounces eva") == "0:0" and node.ask("bounces anna") == "3:3"
    assert node.hearsay("tool", "spf", "clear", "--all").returncode == DONE
    assert rows(node, "spf", "list") == []
    node.stop()
    assert [r["client"] for r in rows(node, "tarpit", "list")] == ["192.0.2.8"]             # down, lists still work
    done = node.hearsay("tool", "tarpit", "clear", "--all", "--json")
    assert done.returncode == ABSENT and json.loads(done.stdout)["ok"] is False


@pytest.mark.parametrize("words", [(), ("weather",), ("grey",), ("grey", "top"), ("grey", "clear"), ("grey", "clear", "192.0.2.7", "--all"), ("grey", "clear", "anna"),
                                   ("grey", "clear", "192.0.0.0/16"), ("tarpit", "clear", "192.0.2.0/24"), ("bounces", "top", "-n", "none"), ("note", "clear")])
def test_wrong_usage_is_named(node, words):
    done = node.hearsay("tool", *words)
    assert done.returncode == USAGE and "Usage: hearsay tool" in done.stderr and done.stdout == ""


def test_odd_bytes_reach_neither_terminal_nor_json_as_they_are(node):
    assert talk(node.unix, b"bounce odd\xff\xc3user\n") == b"ok"
    assert "odd" in node.hearsay("tool", "bounces", "list").stdout
    assert any(r["user"].startswith("odd") for r in rows(node, "bounces", "list"))
