"""The hearsay command, as an operator types it, with the node running."""
import json
import os
import pty
import resource
import subprocess
import time

import pytest

from command_lab import ABSENT, DONE, NO, USAGE
from hearsay_lab import HEARSAY, WAIT_S, wait_until, zone

BL = "bl.a.example"


# ---- with a running node

@pytest.fixture(scope="module")
def node(lab):
    zones = zone(BL) + zone("wl.a.example", lists="white")
    return lab.node("mx.a.example", mesh=False, zones=zones).start()


def listed(node, subject):
    wait_until(lambda: node.hearsay("check", subject).returncode == DONE, f"{subject} is listed")


def test_a_report_is_stored_and_explained(node):
    done = node.hearsay("report", "black", "192.0.2.7", "malware", "cause=content")
    assert (done.returncode, done.stdout) == (DONE, "ok\n")
    listed(node, "192.0.2.7")
    assert node.hearsay("check", "192.0.2.7").stdout == "black\n"
    why = node.hearsay("why", "192.0.2.7")
    assert why.returncode == DONE
    assert why.stdout.startswith(f"192.0.2.7 is listed in {BL} since 20")
    assert "(malware)" in why.stdout and "this node" in why.stdout and "own" in why.stdout


def test_why_as_json_adds_up(node):
    node.hearsay("report", "black", "192.0.2.8", "malware")
    listed(node, "192.0.2.8")
    why = node.json("why", "192.0.2.8")
    assert (why["verdict"], why["listed"]) == ("black", True)
    (opinion,) = [o for o in why["opinions"] if o["own"]]
    assert opinion["category"] == "malware" and opinion["signature"] == "own" and opinion["black_milli"] == 5000
    (rule,) = [r for r in why["rules"] if r["listed"]]
    assert rule["zone"] == BL and rule["score_micro"] == opinion["counted_micro"] > 1000000
    assert rule["until_s"] > why["now_s"]


def test_a_sender_in_quotes_may_hold_blanks(node):
    sender = '"john smith"@bad.example'
    assert node.hearsay("report", "black", sender, "spam", "count=2").returncode == DONE
    listed(node, sender)
    for word in ("192.0.2.1 spam", '"john smith"@bad.example\nping', '"open'):
        assert node.hearsay("check", word).returncode == USAGE, word


def test_several_subjects_are_reported_each_by_itself(node):
    subjects = ["203.0.113.80", "2001:db8:80::1", "many.example", '"john smith"@many.example', "SRS0=ab=cd=many.example=x@fwd.example"]
    before = stored(node)
    done = node.hearsay("report", "black", *subjects, "fraud", "count=2", "cause=trap")
    assert (done.returncode, done.stdout) == (DONE, "".join(f"{s} ok\n" for s in subjects)), done.stderr
    assert stored(node) == before + len(subjects)
    for subject in subjects:
        (opinion,) = node.json("why", subject)["opinions"]
        assert opinion["category"] == "fraud" and opinion["black_milli"] == 10000, subject
    done = node.hearsay("report", "retract", "203.0.113.80", "127.0.0.1", "many.example")
    assert (done.returncode, done.stdout) == (NO, "203.0.113.80 ok\nmany.example ok\n") and "127.0.0.1: error: protected" in done.stderr
    before = stored(node)
    assert node.hearsay("report", "black", "203.0.113.82", "a b@many.example").returncode == USAGE and stored(node) == before
    told = node.hearsay("report", "white", "203.0.113.81", "127.0.0.1", "--json")
    answer = json.loads(told.stdout)
    assert told.returncode == NO and answer["ok"] is False and "protected" in answer["error"]
    assert answer["answers"] == [{"subject": "203.0.113.81", "answer": "ok"}, {"subject": "127.0.0.1", "answer": "error: protected"}]


def test_check_of_one_zone_and_of_none(node):
    node.hearsay("report", "white", "good.example")
    listed(node, "good.example")
    assert node.hearsay("check", "good.example").stdout == "white\n"
    assert node.hearsay("check", "good.example", "--zone", "wl.a.example").returncode == DONE
    assert node.hearsay("check", "good.example", "--zone", BL).returncode == NO
    assert node.hearsay("check", "192.0.2.250").stdout == "unknown\n"
    assert node.json("check", "192.0.2.250") == {"subject": "192.0.2.250", "answer": "unknown"}
    assert node.hearsay("check", "127.0.0.1").returncode == USAGE
    assert node.hearsay("check", "192.0.2.250", "--zone", "bl.z.example").returncode == USAGE


def test_a_bad_report_is_an_error(node):
    for status, *words in ((NO, "127.0.0.1"), (NO, "10.0.0.0/8"), (NO, "2.0.0.0/8"), (USAGE, "192.0.2.1", "nonsense"), (USAGE, "192.0.2.1", "size=3"), (USAGE, "192.0.2"),
                           (USAGE, "192.0.2.1", "count=1001"), (USAGE, "192.0.2.1", "192.0.2.2", "nonsense")):
        done = node.hearsay("report", "black", *words)
        assert done.returncode == status and "error: " in done.stderr and done.stdout == "", (words, done)
        assert (node.hearsay("check", words[0]).returncode == USAGE) == (words[0] != "192.0.2.1"), words


def test_a_reason_in_any_bytes_is_kept_as_text(node):
    """With the node running and without: else the one is refused, and the other makes the list unreadable."""
    assert node.hearsay("delist", "203.0.113.91", "--why", "gr\udcf6\udcdfe\x1b[31m").returncode == DONE
    rows = node.json("delist", "--list", "--all")["exceptions"]
    assert [row["why"] for row in rows if row["subject"] == "203.0.113.91"] == ["gr??e?[31m"]
    assert node.hearsay("delist", "--lift", "203.0.113.91", check=True)
    assert node.hearsay("delist", "--list", "--for", "1h").returncode == USAGE


def test_what_is_said_of_a_word_holds_no_command_to_the_terminal(node):
    done = node.hearsay("why", "a\x1b[31mb\x07")
    assert done.returncode == USAGE and "a?[31mb?: not an address" in done.stderr, done


def test_that_nothing_would_change_is_an_answer_and_no_failure(node):
    done = node.hearsay("what-if", "quorum", BL, "0", "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == NO and answer["ok"] is True and "error" not in answer and answer["begin_n"] == answer["end_n"] == 0
    for words in (("threshold", BL, "0x2"), ("threshold", BL, "1e3"), ("quorum", BL, "1001"), ("quorum", BL, "")):
        assert node.hearsay("what-if", *words).returncode == USAGE, words


def test_a_mistyped_category_with_a_dot_is_said_to_be_no_further_subject(node):
    before = stored(node)
    done = node.hearsay("report", "black", "203.0.113.90", "spam.")
    assert done.returncode == USAGE and '"spam." was taken for a further subject' in done.stderr and "nothing was reported" in done.stderr, done
    first = node.hearsay("report", "black", "203.0.113", "203.0.113.90", "spam", "--json")
    answer = json.loads(first.stdout)
    assert first.returncode == USAGE and answer["answers"] == [] and "further subject" not in answer["error"] and "203.0.113:" in answer["error"]
    assert stored(node) == before


def test_a_prefix_that_holds_the_subject_is_named(node):
    node.hearsay("report", "black", "198.51.100.0/24")
    listed(node, "198.51.100.0/24")
    why = node.hearsay("why", "198.51.100.9")
    assert why.returncode == DONE
    assert why.stdout.startswith(f"198.51.100.9 is listed by 198.51.100.0/24 in {BL} since 20")
    assert "not listed" not in why.stdout and "hearsay why 198.51.100.0/24" in why.stdout
    assert node.json("why", "198.51.100.9")["listed_by"] == "198.51.100.0/24"


def test_list_prints_one_line_each_and_filters(node):
    node.hearsay("report", "black", "203.0.113.77", "spam")
    listed(node, "203.0.113.77")
    lines = [line.split() for line in node.hearsay("list", "--zone", BL).stdout.splitlines()]
    (mine,) = [line for line in lines if line[0] == "203.0.113.77"]
    assert mine[1:3] == [BL, "spam"] and len(mine) == 7
    assert node.hearsay("report", "black", "2a02:1234:5678:9abc::/64").returncode == DONE
    listed(node, "2a02:1234:5678:9abc::/64")
    shown = [line for line in node.hearsay("list", "--zone", BL).stdout.splitlines() if len(line.split()[0]) <= 40]
    assert len({line.index(f" {BL} ") for line in shown}) == 1
    assert {line[1] for line in lines} == {BL}
    assert any(x["subject"] == "203.0.113.77" for x in node.json("list", "--since", "1h")["listings"])
    assert node.json("list", "--since", str(int(time.time()) + 3600))["listings"] == []
    assert node.json("list", "--since", "2031-01-01T00:00")["listings"] == []
    assert node.json("list", "--since", "2020-01-01")["listings"] != []


def test_a_retraction_is_explained(node):
    node.hearsay("report", "black", "192.0.2.9")
    listed(node, "192.0.2.9")
    assert node.hearsay("report", "retract", "192.0.2.9").stdout == "ok\n"
    wait_until(lambda: node.hearsay("check", "192.0.2.9").returncode == NO, "192.0.2.9 is no longer listed")
    why = node.hearsay("why", "192.0.2.9")
    assert why.returncode == NO and "retracted" in why.stdout


def test_status_shows_a_healthy_node(node):
    done = node.hearsay("status")
    assert done.returncode == DONE, done.stdout
    assert done.stdout.startswith("mx.a.example is well")
    status = node.json("status")
    assert status["ok"] is True and status["name"] == "mx.a.example"
    assert {z["name"] for z in status["zones"]} == {BL, "wl.a.example"}
    for word in (BL, "reports", "database"):
        assert word in done.stdout


def test_verify_and_rebuild_while_running(node):
    wait_until(lambda: node.json("status")["backlog"] == 0, "all is folded")
    assert node.hearsay("verify").returncode == DONE
    before = node.json("list")
    assert node.hearsay("verify", "--rebuild").returncode == DONE
    wait_until(lambda: [x["subject"] for x in node.json("list")["listings"]] == [x["subject"] for x in before["listings"]], "the listings are back")


def test_export_to_another_file_is_a_whole_zone(node, own_lab):
    node.hearsay("report", "black", "203.0.113.78")
    listed(node, "203.0.113.78")
    out = own_lab.dir / "copy"
    assert node.hearsay("export", BL, "-o", out).returncode == DONE
    assert "203.0.113.78" in out.read_text() and "$SOA" in out.read_text()
    assert "203.0.113.78" in node.hearsay("export", BL, "-o", "-").stdout
    assert node.hearsay("export", BL).returncode == DONE
    assert "203.0.113.78" in (node.dir / "zones" / BL).read_text()


# ---- many lines

def stored(node):
    return node.json("status")["reports"]["stored"]


def test_a_file_of_subjects(node, own_lab):
    path = own_lab.dir / "list.txt"
    path.write_text("# seen today\n\n" + "".join(f"203.0.113.{i}\r\n" for i in range(100, 200)) + "  bad.example  ")
    before = stored(node)
    done = node.hearsay("report", "black", "fraud", "count=2", "--from-file", path)
    assert (done.returncode, done.stdout) == (DONE, "101 stored, 0 failed\n"), done.stderr
    assert stored(node) == before + 101
    listed(node, "bad.example")
    (opinion,) = node.json("why", "bad.example")["opinions"]
    assert opinion["category"] == "fraud" and opinion["black_milli"] == 10000


def test_whole_lines_keep_their_words(node):
    lines = "black mixed1.example malware\nmixed2.example\nmixed3.example abusive\nWHITE mixed4.example\n"
    done = node.hearsay("report", "black", "spam", "--from-file", "-", input=lines)
    assert done.stdout == "4 stored, 0 failed\n"
    for name in ("mixed1.example", "mixed2.example", "mixed3.example", "mixed4.example"):
        wait_until(lambda name=name: node.json("why", name)["opinions"] != [], name)
    assert [node.json("why", f"mixed{i}.example")["opinions"][0]["category"] for i in (1, 2, 3)] == ["malware", "spam", "abusive"]
    assert node.json("why", "mixed4.example")["opinions"][0]["white_milli"] == 5000


def test_a_sender_in_quotes_is_one_word_of_a_file(node):
    done = node.hearsay("report", "black", "fraud", "--from-file", "-", input='"john \\" doe"@lines.example\n"jane doe"@lines.example abusive\n')
    assert done.stdout == "2 stored, 0 failed\n", done.stderr
    for sender, category in (('"john \\" doe"@lines.example', "fraud"), ('"jane doe"@lines.example', "abusive")):
        assert [o["category"] for o in node.json("why", sender)["opinions"]] == [category]


def test_bad_lines_are_named_and_the_others_stored(node):
    lines = "black ok1.example\nblack 127.0.0.1\n\nblack ok2.example nonsense\nblack ok3.example\n" + "x" * 5000 + "\nok4.example\n"
    done = node.hearsay("report", "--from-file", "-", input=lines)
    assert done.returncode == NO
    assert done.stdout == "2 stored, 4 failed\n"
    for line in (2, 4, 6, 7):
        assert f"input:{line}: " in done.stderr
    assert "protected" in done.stderr


def test_the_list_of_bad_lines_is_bounded(node):
    done = node.hearsay("report", "black", "--from-file", "-", "--json", input="127.0.0.1\n" * 5000)
    assert done.returncode == NO
    answer = json.loads(done.stdout)
    assert "protected" in answer.pop("error")
    assert answer == {"ok": False, "lines": 5000, "stored": 0, "failed": 5000}
    assert len(done.stderr.splitlines()) < 30 and "4980 more" in done.stderr


def test_a_line_without_end_is_one_failure(node):
    done = node.hearsay("report", "black", "--from-file", "-", input="y" * 3_000_000 + "\nlong1.example\n" + "z" * 600_000)
    assert done.stdout == "1 stored, 2 failed\n"


def test_an_unreadable_file_is_named(node):
    for path in (node.dir / "absent" / "file", node.dir):
        done = node.hearsay("report", "black", "--from-file", path)
        assert done.returncode == USAGE and str(path) in done.stderr


def test_a_slow_pipe_is_answered_as_it_comes(node):
    """Lines that trickle in are stored at once, not when the pipe ends."""
    process = subprocess.Popen([HEARSAY, "-c", node.conf, "report", "black", "--from-file", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdin.write("trickle.example\n")
    process.stdin.flush()
    listed(node, "trickle.example")
    out, _ = process.communicate("", timeout=WAIT_S)
    assert out == "1 stored, 0 failed\n"


def test_a_hundred_thousand_lines_wait_for_few_answers(lab):
    """How fast they go is the benchmark's to say. Whoever waits for each answer goes to sleep as often, however busy the machine is."""
    def waits():
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_nvcsw
    node = lab.node("mx.fast.example", mesh=False).start()
    lines = "".join(f"203.{i >> 16 & 1}.{i >> 8 & 255}.{i & 255}\n" for i in range(131072 - 100_000, 131072))
    before = waits()
    done = node.hearsay("report", "black", "--from-file", "-", input=lines)
    assert done.stdout == "100,000 stored, 0 failed\n", done.stderr
    assert waits() - before < 10_000
    node.stop()


def test_a_node_that_goes_away_is_told_with_the_line(lab):
    node = lab.node("mx.gone.example", mesh=False).start()
    process = subprocess.Popen([HEARSAY, "-c", node.conf, "report", "black", "--from-file", "-"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdin.write("".join(f"gone{i}.example\n" for i in range(10)))
    process.stdin.flush()
    wait_until(lambda: stored(node) == 10, "ten are stored")
    node.kill()
    out, err = process.communicate("gone10.example\n", timeout=WAIT_S)
    assert process.returncode == ABSENT
    assert "before line 11" in err and "10 stored" in out


# ---- a terminal

def on_terminal(argv, env=None):
    """What the command prints when stdout and stderr are a terminal."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(str(HEARSAY), [str(HEARSAY), *map(str, argv)], {**os.environ, "TERM": "xterm", **(env or {})})
    text = b""
    while True:
        try:
            part = os.read(fd, 4096)
        except OSError:
            break
        if not part:
            break
        text += part
    os.close(fd)
    os.waitpid(pid, 0)
    return text.decode()


def test_colour_is_for_terminals_that_want_it(node):
    assert "\033[" in on_terminal(["-c", node.conf, "status"])
    assert "\033[" not in on_terminal(["-c", node.conf, "status"], {"NO_COLOR": "1"})
    assert "\033[" not in node.hearsay("status").stdout


def test_progress_is_for_terminals(node, own_lab):
    path = own_lab.dir / "some.txt"
    path.write_text("".join(f"progress{i}.example\n" for i in range(100)))
    assert "100 done" in on_terminal(["-c", node.conf, "report", "black", "--from-file", path])


# ---- peers, with nodes running

def test_a_peer_that_was_never_heard_is_not_called_up_to_date(lab):
    one = lab.node("mx.r.example", federation="unheard").start()
    other = lab.node("mx.s.example", federation="unheard")
    other.write_conf()
    assert one.hearsay("peer", "add", other.card()).returncode == DONE
    wait_until(lambda: one.json("status")["peers"] != [], "the node knows its peer")
    (row,) = [line.split() for line in one.hearsay("status").stdout.splitlines() if line.startswith("  mx.s.example ")]
    assert row[4:6] == ["never", "-"]
    one.stop()


def own_good_mail_silences_a_slanderer(a, b):
    victims = [f"198.51.100.{i}" for i in range(1, 7)]
    a.hearsay("report", "black", "--from-file", "-", input="".join(f"{v} malware\n" for v in victims), check=True)
    wait_until(lambda: all(b.json("why", v)["opinions"] for v in victims), "B has heard it")
    heard = time.time()
    wait_until(lambda: time.time() > heard + 1, "what B sees is later than what it heard")
    b.hearsay("report", "white", "--from-file", "-", input="".join(f"{v} malware\n" for v in victims), check=True)
    wait_until(lambda: b.hearsay("check", "192.0.2.99").returncode == NO, "A counts for nothing")
    status = b.json("status")
    (peer,) = status["peers"]
    assert peer["reliability"] == 0 and peer["silenced_until_s"] > time.time() + 6 * 86400
    assert any("circuit breaker" in w and "hearsay peer trust mx.p.example W ends it" in w for w in status["warnings"]), status["warnings"]
    assert " silenced " in b.hearsay("status").stdout
    assert b.hearsay("peer", "trust", "mx.p.example", "1").returncode == DONE
    wait_until(lambda: b.json("status")["peers"][0]["silenced_until_s"] == 0, "the operator's hand ends it")


def test_two_members_made_by_hand(lab):
    """Peers are added while both run; what one reports the other explains; a removed and purged peer leaves nothing."""
    zones = zone("bl.p.example", threshold=0.5, quorum=1)
    a = lab.node("mx.p.example", zones=zones, federation="pair").start()
    b = lab.node("mx.q.example", zones=zones, federation="pair").start()
    for one, other in ((a, b), (b, a)):
        done = one.hearsay("peer", "add", other.card(), "--trust", "0.9")
        assert done.returncode == DONE and "taken it over" in done.stdout, done.stderr
    wait_until(lambda: all(p["connected"] for n in (a, b) for p in n.json("peer", "list")["peers"]), "both are connected")
    a.hearsay("report", "black", "192.0.2.99", "malware", check=True)
    wait_until(lambda: b.hearsay("check", "192.0.2.99").returncode == DONE, "B lists it")
    why = b.json("why", "192.0.2.99")
    (opinion,) = why["opinions"]
    assert (opinion["member"], opinion["signature"], opinion["trust_micro"]) == ("mx.p.example", "ok", 900000)
    text = b.hearsay("why", "192.0.2.99").stdout
    assert "mx.p.example" in text and "ok" in text and f"{opinion['batch']['epoch']}/{opinion['batch']['seq']}" in text
    assert "mx.p.example" in b.hearsay("status").stdout

    assert b.hearsay("peer", "trust", "mx.p.example", "0.1").returncode == DONE
    wait_until(lambda: b.hearsay("check", "192.0.2.99").returncode == NO, "less trust delists")
    assert b.hearsay("peer", "trust", "mx.p.example", "1").returncode == DONE
    wait_until(lambda: b.hearsay("check", "192.0.2.99").returncode == DONE, "more trust lists again")

    own_good_mail_silences_a_slanderer(a, b)

    done = b.hearsay("peer", "remove", "mx.p.example", "--purge")
    assert done.returncode == DONE and "Forgot" in done.stdout, done.stderr
    wait_until(lambda: b.json("why", "192.0.2.99")["opinions"] == [], "nothing is left of it")
    assert b.json("peer", "list")["peers"] == []
    assert b.hearsay("verify").returncode == DONE

    b.stop()
    assert b.hearsay("why", "192.0.2.99").returncode == NO
    b.peer_add(a)
    done = b.hearsay("peer", "remove", "mx.p.example", "--purge")
    assert done.returncode == DONE and "Forgot" in done.stdout, done.stderr
    assert b.hearsay("verify", "--rebuild").returncode == DONE


# ---- exceptions by hand

def test_delist_takes_it_off_the_zone_and_says_who_and_why(node):
    node.hearsay("report", "black", "192.0.2.60", "malware")
    listed(node, "192.0.2.60")
    done = node.hearsay("delist", "192.0.2.60", "--for", "2h", "--why", "asked by telephone")
    assert done.returncode == DONE and done.stdout.startswith("192.0.2.60 is on no list of this node until 20"), done.stderr
    wait_until(lambda: node.hearsay("check", "192.0.2.60").stdout == "unknown\n", "it is delisted")
    wait_until(lambda: "192.0.2.60" not in (node.dir / "zones" / BL).read_text(), "the zone is without it")
    why = node.hearsay("why", "192.0.2.60")
    assert why.returncode == NO and "delisted 192.0.2.60 on" in why.stdout
    assert "asked by telephone" in why.stdout
    (row,) = [e for e in node.json("delist", "--list")["exceptions"] if e["subject"] == "192.0.2.60"]
    assert row["kind"] == "delist" and row["why"] == "asked by telephone" and 7100 < row["until_s"] - row["time_s"] <= 7200


def test_lifting_lists_again_and_stays_on_record(node):
    node.hearsay("report", "black", "192.0.2.61", "malware")
    listed(node, "192.0.2.61")
    assert node.hearsay("protect", "192.0.2.61").returncode == DONE
    wait_until(lambda: node.hearsay("check", "192.0.2.61").returncode == NO, "it is protected")
    assert node.hearsay("protect", "--lift", "192.0.2.61", "--why", "a mistake").returncode == DONE
    listed(node, "192.0.2.61")
    kinds = [e["kind"] for e in node.json("protect", "--list", "--all")["exceptions"] if e["subject"] == "192.0.2.61"]
    assert kinds == ["lift", "protect"]
    assert all(e["subject"] != "192.0.2.61" for e in node.json("protect", "--list")["exceptions"])


def test_lifting_what_nobody_delisted_says_so_and_leaves_no_record(node):
    done = node.hearsay("delist", "--lift", "192.0.2.62")
    assert done.returncode == NO and "nothing to lift" in done.stderr and done.stdout == ""
    assert all(e["subject"] != "192.0.2.62" for e in node.json("delist", "--list", "--all")["exceptions"])


@pytest.mark.parametrize("args", [[], ["--list", "192.0.2.7"], ["192.0.2.7", "--for", "soon"], ["--all", "192.0.2.7"], ["not-an-address"]])
def test_delist_used_wrongly_says_so(node, args):
    done = node.hearsay("delist", *args)
    assert done.returncode == USAGE and done.stderr


# ---- what if

def test_what_if_shows_what_would_begin_and_end_and_changes_nothing(node):
    node.hearsay("report", "black", "192.0.2.70", "malware")
    listed(node, "192.0.2.70")
    done = node.hearsay("what-if", "threshold", BL, "3")
    assert done.returncode == DONE, done.stderr
    assert any(line.split()[:3] == ["-", "192.0.2.70", BL] for line in done.stdout.splitlines())
    assert node.hearsay("check", "192.0.2.70").stdout == "black\n"
    rows = node.json("what-if", "threshold", BL, "3", "quorum", BL, "1")
    assert "192.0.2.70" in [row["subject"] for row in rows["end"]] and rows["begin_n"] == 0 and rows["end_n"] == len(rows["end"])
    same = node.hearsay("what-if", "threshold", BL, "1.0")
    assert (same.returncode, same.stdout) == (NO, "0 would begin, 0 would end; nothing was changed\n")


@pytest.mark.parametrize("args", [[], ["trust", "mx.z.example", "1"], ["threshold", BL, "much"], ["quorum", BL, "-1"], ["threshold", BL], ["age", BL, "1"]])
def test_what_if_used_wrongly_says_so(node, args):
    done = node.hearsay("what-if", *args)
    assert done.returncode == USAGE and done.stderr
