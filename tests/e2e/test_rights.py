"""Rights per peer: set while both run, they count at once for what was said before, end by themselves, and `why` says what they keep away."""
import time

import pytest

from command_lab import DONE, NO, USAGE, ask, card_of, conf, friend  # noqa: F401 (fixtures)
from hearsay_lab import wait_until, zone

BLACK, NET, GOOD = "192.0.2.7", "198.51.100.0/24", "203.0.113.9"


@pytest.fixture(scope="module")
def pair(lab):
    """A, which lists what B alone says; B has said something bad of a host and of a network, and something good of another."""
    zones = zone("bl.a.example", threshold=0.5, quorum=1) + zone("wl.a.example", lists="white", threshold=0.3, quorum=1)
    a, b = lab.node("mx.a.example", zones=zones), lab.node("mx.b.example")
    a.peer_add(b), b.peer_add(a)
    a.start(), b.start()
    for line, subject, verdict in ((f"black {BLACK}", BLACK, "black"), (f"black {NET} malware", NET, "black"), (f"white {GOOD}", GOOD, "white")):
        assert b.ask(line) == "ok"
        a.becomes(f"check {subject}", verdict)      # each in a batch of its own
    return a, b


def rights(a, *words):
    done = a.hearsay("peer", "rights", "mx.b.example", *words)
    assert done.returncode == DONE, done.stderr
    return done.stdout


def opinion(a, subject):
    why = a.json("why", subject)
    assert sum(g["counted_micro"] for g in why["groups"]) == why["rules"][0]["sum_micro"] == why["rules"][0]["score_micro"]
    return next(o for o in why["opinions"] if o["member"] == "mx.b.example")


@pytest.mark.parametrize("words, back, subject, verdict, bar", [
    (["--categories", "spam,fraud"], ["--categories", "all"], NET, "black", "category"),
    (["--no-prefixes"], ["--prefixes"], NET, "black", "prefix"),
    (["--black-only"], ["--no-black-only"], GOOD, "white", "black-only"),
    (["--probation", "on"], ["--probation", "off"], BLACK, "black", "probation"),
])
def test_a_right_that_is_taken_and_given_back_counts_at_once(pair, words, back, subject, verdict, bar):
    a, _ = pair
    before = opinion(a, subject)
    assert before["counted_micro"] == before["would_micro"] != 0 and before["kept_from_counting"] is None
    supposed = a.json("peer", "rights", "mx.b.example", *words, "--dry-run")
    assert subject in [row["subject"] for row in supposed["end"]]
    rights(a, *words)
    a.becomes(f"check {subject}", "unknown")
    now = opinion(a, subject)
    assert now["counted_micro"] == 0 and now["would_micro"] != 0 and now["kept_from_counting"] == bar and now["signature"] == "ok"
    assert a.hearsay("peer", "list").stdout.splitlines()[1].split()[2:] != ["all"]
    assert a.hearsay("verify").returncode == DONE
    rights(a, *back)
    a.becomes(f"check {subject}", verdict)
    assert a.json("peer", "rights", "mx.b.example")["rights"] == {"categories": None, "black_only": False, "prefixes": True, "max_weight": 1.0, "max_subjects": None,
                                                                  "probation": False, "probation_until_s": None}
    assert not {"categories", "probation", "black-only", "prefixes"} & set((a.dir / "peers.conf").read_text().split()), "no trace is left"


def test_a_group_weighs_no_more_than_its_cap(pair):
    a, _ = pair
    assert [row["subject"] for row in a.json("what-if", "max-weight", "mx.b.example", "0.2")["end"]]
    rights(a, "--max-weight", "0.2")
    a.becomes(f"score {BLACK}", "200")
    a.becomes(f"check {BLACK}", "unknown")
    group = a.json("why", BLACK)["groups"][0]
    assert group["counted_micro"] == group["cap_micro"] == 200000 < group["said_micro"]
    assert "at most 0.200" in a.hearsay("why", BLACK).stdout
    assert a.hearsay("verify").returncode == DONE
    rights(a, "--max-weight", "off")
    a.becomes(f"check {BLACK}", "black")


def test_a_probation_ends_by_itself(pair):
    a, _ = pair
    assert "until" in rights(a, "--probation", "10d")
    a.becomes(f"check {BLACK}", "unknown")
    text = a.hearsay("why", BLACK).stdout
    assert "on probation until" in text and "would count +0." in text
    assert a.json("peer", "list")["peers"][0]["rights"]["probation"]
    rights(a, "--probation", "1s")
    a.becomes(f"check {BLACK}", "black")
    assert not a.json("peer", "list")["peers"][0]["rights"]["probation"]
    wait_until(lambda: a.hearsay("verify").returncode == DONE, "all is what the opinions give")
    rights(a, "--probation", "off")


def test_the_newest_stay_of_one_of_whom_few_are_kept(pair):
    """What the store forgets ten seconds later is tested with the mesh."""
    a, _ = pair
    assert "2 opinions would be forgotten" in a.hearsay("peer", "rights", "mx.b.example", "--max-subjects", "1", "--dry-run").stdout
    foreseen = a.json("what-if", "max-subjects", "mx.b.example", "1")
    assert foreseen["forgotten_n"] == 2 and {row["subject"] for row in foreseen["end"]} == {BLACK, NET} and not foreseen["more_kept"]
    assert "1 kept" in rights(a, "--max-subjects", "1")
    wait_until(lambda: a.json("peer", "list")["peers"][0]["over_subjects"] == 2, "two of three batches are beyond it")
    assert a.ask(f"check {GOOD}") == "white"
    rights(a, "--max-subjects", "off")
    assert "max-subjects" not in (a.dir / "peers.conf").read_text()


def test_a_newcomer_on_probation_is_none_for_the_zones_and_goes_without_a_trace(pair):
    a, b = pair
    a.hearsay("peer", "remove", "mx.b.example", "--purge", check=True)
    a.becomes(f"check {BLACK}", "unknown")
    assert a.json("why", BLACK)["opinions"] == []
    a.peer_add(b, 1.0, "--probation", "10d", "--categories", "spam")
    wait_until(lambda: a.json("why", BLACK)["opinions"], "it is heard again")
    assert a.ask(f"check {BLACK}") == "unknown" and opinion(a, BLACK)["kept_from_counting"] == "probation"
    got = a.json("peer", "rights", "mx.b.example")["rights"]
    assert got["categories"] == ["spam"] and abs(got["probation_until_s"] - time.time() - 10 * 86400) < 600
    assert a.hearsay("verify").returncode == DONE
    a.hearsay("peer", "remove", "mx.b.example", "--purge", check=True)
    assert a.json("why", BLACK)["opinions"] == [] and a.hearsay("verify").returncode == DONE


def test_what_makes_no_sense_is_refused_and_changes_nothing(conf, friend):  # noqa: F811
    assert ask(conf, "peer", "add", card_of(friend), "--probation", "soon").returncode == USAGE
    assert ask(conf, "peer", "add", card_of(friend), "--black-only").returncode == DONE
    before = (conf.parent / "peers.conf").read_text()
    assert "black-only = true" in before
    for words in (["--categories", "nosuch"], ["--categories", ""], ["--max-weight", "0"], ["--max-weight", "2"], ["--probation", "2001-01-01"], ["--probation", "10"],
                  ["--black-only", "--no-black-only"], ["--dry-run"]):
        done = ask(conf, "peer", "rights", "mx.b.example", *words)
        assert done.returncode == USAGE and done.stderr, words
    for words, said in ((["max-weight", "0.2"], "a right is said as an option: --categories LIST"), (["--max-wieght", "0.2"], "was this meant to be --max-weight; there are --json, --categories"),
                        (["--max-weight", "7"], "a number from 0.001 to 1, or off"), (["--categories", "spam,nosuch"], "no category nosuch here; there are spam, malware, fraud")):
        done = ask(conf, "peer", "rights", "mx.b.example", *words)
        assert done.returncode == USAGE and said in done.stderr, done.stderr
        assert done.stderr.count("hearsay peer ") == 1 and "Usage: hearsay peer rights NAME" in done.stderr, "only the form that was meant"
    assert ask(conf, "peer", "rights", "mx.z.example").returncode == NO
    assert ask(conf, "what-if", "probation", "mx.z.example", "on").returncode == USAGE
    assert (conf.parent / "peers.conf").read_text() == before
    assert ask(conf, "peer", "rights", "mx.b.example").stdout == "mx.b.example: black only\n"
    (conf.parent / "peers.conf").write_text(before.replace("black-only = true", 'categories += { "spam" }'))
    done = ask(conf, "peer", "rights", "mx.b.example", "--categories", "all")
    assert done.returncode == USAGE and "edit it by hand" in done.stderr, "no false report of what stands there in another way"
