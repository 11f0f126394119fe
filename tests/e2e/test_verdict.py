"""Verdicts through a real node: rules, profiles, what is remembered, and what happens when a part fails."""
import base64
import os
import sqlite3
import subprocess
import time

import pytest

from exim_lab import Exim
from hearsay_lab import HEARSAYD, WAIT_S, Lab, wait_until

RULES = '''
rule 1 { when = "sender is boss@good.example" action = deliver }
rule 5 { when = "spam >= 10" profiles = { "strict" } action = drop }
rule 7 { when = "spam >= 5" action = alternate location = "junk" }
rule 8 { when = "score >= 1" action = alternate location = "suspect" }
rule 9 { when = "spf is fail and size > 1MB" action = drop }
rule 11 { when = "grey is waiting" action = alternate location = "grey" }
rule 12 { when = "sender-domain is *.dyn.example" action = drop }
rule 13 { when = "category is malware" action = drop }
rule 14 { when = "score(fraud) > 0.5 and state is black" action = drop }
'''
PROFILES = '''# who wants what
strict@here.example: strict
*@here.example: standard
@there.example: standard
out@there.example: none
'''
SECTION = 'verdict { profiles = "profiles" rules = "verdict.rules" }\n'


def make(lab, rules=RULES, profiles=PROFILES, section=SECTION):
    node = lab.node("mx.a.example", extra=section)
    if rules is not None:
        (node.dir / "verdict.rules").write_text(rules)
    if profiles is not None:
        (node.dir / "profiles").write_text(profiles)
    return node


@pytest.fixture(scope="module")
def node():
    with Lab("verdict") as lab:
        yield make(lab).start()


_ids = iter(range(10 ** 9))


def fresh():
    return f"1pXYZ-{next(_ids):06d}-AB"


def verdict(node, rcpt="user@here.example", facts="", message=None):
    return node.ask(f"verdict {message or fresh()} {rcpt} {facts}".rstrip())


# ---- rules and profiles

def test_rules_see_their_facts(node):
    assert verdict(node) == "deliver;;"
    assert verdict(node, facts="score=5") == "alternate;7;junk"
    assert verdict(node, facts="score=4.999") == "deliver;;"
    assert verdict(node, facts="spf=fail size=1000001") == "drop;9;"
    assert verdict(node, facts="spf=pass size=1000001") == "deliver;;"
    assert verdict(node, facts="sender=x@host.dyn.example") == "drop;12;"


def test_the_lowest_number_decides_and_all_are_named(node):
    assert verdict(node, facts="score=12 spf=fail size=2000000 sender=boss@good.example") == "deliver;1,7,9;"


def test_a_recipient_has_the_rules_of_its_profile(node):
    assert verdict(node, "strict@here.example", "score=12") == "drop;5,7;"
    assert verdict(node, "STRICT@Here.Example", "score=12") == "drop;5,7;"
    assert verdict(node, "other@here.example", "score=12") == "alternate;7;junk"
    assert verdict(node, "x@there.example", "score=12") == "alternate;7;junk"
    assert verdict(node, "out@there.example", "score=12") == "deliver;;"
    assert verdict(node, "x@nowhere.example", "score=12") == "deliver;;"


def test_the_reputation_counts(node):
    assert node.ask("black 192.0.2.7 malware") == "ok"
    assert node.ask("black 192.0.2.8 fraud") == "ok"
    node.becomes("check 192.0.2.7", "black")
    node.becomes("check 192.0.2.8", "black")
    assert verdict(node, facts="ip=192.0.2.7") == "alternate;8,13;suspect"
    assert verdict(node, facts="ip=192.0.2.8") == "alternate;8,14;suspect"
    assert verdict(node, facts="ip=192.0.2.9") == "deliver;;"


def test_the_greylist_counts(node):
    assert node.ask("grey 203.0.113.5 someone@far.example user@here.example") == "true"
    assert verdict(node, facts="ip=203.0.113.5 sender=someone@far.example") == "alternate;11;grey"
    assert verdict(node, "other@here.example", "ip=203.0.113.5 sender=someone@far.example") == "deliver;;"


# ---- what was decided stands

def test_a_message_asked_again_has_the_same_verdict(node):
    message = fresh()
    assert verdict(node, "user@here.example", "score=12", message) == "alternate;7;junk"
    assert verdict(node, "user@here.example", "", message) == "alternate;7;junk"
    assert verdict(node, "USER@HERE.EXAMPLE", "score=0", message) == "alternate;7;junk"
    assert verdict(node, "other@here.example", "", message) == "deliver;;"
    assert verdict(node, "other@here.example", "score=12", message) == "deliver;;"
    assert verdict(node, "user@here.example", "", message.lower()) == "deliver;;"


def test_it_stands_after_kill_9_and_with_other_rules():
    with Lab("verdictkill") as lab:
        node = make(lab).start()
        before = {fresh(): facts for facts in ["score=12", "", "spf=fail size=2000000"] * 5}
        answers = {message: verdict(node, facts=facts, message=message) for message, facts in before.items()}
        node.kill()
        (node.dir / "verdict.rules").write_text('rule 2 { action = drop }')
        node.start()
        assert verdict(node) == "drop;2;"
        for message, answer in answers.items():
            assert verdict(node, message=message) == answer


def test_a_thousand_at_once_agree(node):
    message = fresh()
    with node.stream() as one, node.stream() as two:
        for i in range(500):
            one.send(f"verdict {message}{i} user@here.example score=12")
            two.send(f"verdict {message}{i} user@here.example")
        assert [one.answer() for _ in range(500)] == [two.answer() for _ in range(500)]


# ---- the tag

def test_the_tag_holds_the_verdict_and_its_tracker(node):
    message = fresh()
    assert verdict(node, facts="score=12", message=message) == "alternate;7;junk"
    tag = node.ask(f"verdict-tag {message} user@here.example")
    action, rules, location, tracker, when = base64.b64decode(tag, validate=True).decode().split(";")
    assert (action, rules, location) == ("alternate", "7", "junk")
    assert len(tracker) == 32 and set(tracker) <= set("0123456789abcdef")
    assert abs(int(when) - time.time()) < 60
    assert node.ask(f"verdict-tag {message} User@Here.Example score=0") == tag
    assert node.ask(f"verdict-tag {message} other@here.example") != tag
    assert base64.b64decode(node.ask(f"verdict-tag {fresh()} user@here.example score=12")).startswith(b"alternate;7;junk;")


# ---- files that change, and files that are wrong

def test_profiles_are_read_when_they_change():
    with Lab("verdictprofiles") as lab:
        node = make(lab).start()
        assert verdict(node, "new@else.example", "score=12") == "deliver;;"
        (node.dir / "profiles.new").write_text(PROFILES + "new@else.example: strict\n")
        (node.dir / "profiles.new").rename(node.dir / "profiles")
        wait_until(lambda: verdict(node, "new@else.example", "score=12") == "drop;5,7;", "the new line is in force")
        with open(node.dir / "profiles", "a") as f:          # the same file, grown
            f.write("more@else.example: standard\n")
        wait_until(lambda: verdict(node, "more@else.example", "score=12") == "alternate;7;junk", "the appended line is in force")
        (node.dir / "profiles").write_text("new@else.example: none")
        wait_until(lambda: verdict(node, "new@else.example", "score=12") == "deliver;;", "the opt-out is in force")
        (node.dir / "profiles").unlink()
        wait_until(lambda: verdict(node, "strict@here.example", "score=12") and "profiles" in node.log_text(), "asked without the file")
        assert verdict(node, "new@else.example", "score=12") == "deliver;;"


def test_a_bad_line_in_the_profiles_is_said_and_skipped():
    with Lab("verdictbad") as lab:
        node = make(lab, profiles="user@here.example: strict\nsomething\nother@here.example: two words\n").start()
        assert verdict(node, facts="score=12") == "drop;5,7;"
        assert f"{node.dir}/profiles:2: there is no profile's name" in node.log_text()


def test_rules_change_with_a_reload_and_bad_ones_change_nothing():
    with Lab("verdictreload") as lab:
        node = make(lab).start()
        (node.dir / "verdict.rules").write_text('\nrule 7 { when = "spam >" action = drop }')
        node.hang_up()
        wait_until(lambda: "verdict.rules:2: rule 7: when: expected a number" in node.log_text(), "the fault is said with file and line")
        assert verdict(node, facts="score=12") == "alternate;7;junk"
        (node.dir / "verdict.rules").write_text('rule 3 { when = "spam > 1" action = drop }')
        node.hang_up()
        wait_until(lambda: verdict(node, facts="score=12") == "drop;3;", "the new rules are in force")


def test_another_file_of_profiles_takes_over_when_it_is_read():
    with Lab("verdictother") as lab:
        node = make(lab).start()
        (node.dir / "other").write_text("user@here.example: strict\n")
        node.write_conf(extra=SECTION.replace('"profiles"', '"other"'))
        node.hang_up()
        wait_until(lambda: verdict(node, facts="score=12") == "drop;5,7;", "the other file is in force")
        assert verdict(node, "strict@here.example", "score=12") == "deliver;;"
        node.write_conf(extra=SECTION.replace('"profiles"', '"nosuch"'))
        node.hang_up()
        wait_until(lambda: "nosuch: No such file" in node.log_text(), "the missing file is said")
        assert verdict(node, facts="score=12") == "drop;5,7;"


def dry(node):
    return subprocess.run([str(HEARSAYD), "-t", "-c", str(node.conf)], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=WAIT_S)


def test_a_dry_start_says_what_is_wrong_with_file_and_line():
    with Lab("verdictdry") as lab:
        node = make(lab)
        assert dry(node).returncode == 0, dry(node).stderr
        (node.dir / "verdict.rules").write_text('rule 1 {\n  when = "category is nosuch"\n  action = drop\n}\n')
        done = dry(node)
        assert done.returncode == 2
        assert f'{node.dir}/verdict.rules:2: rule 1: when: expected a category that is configured, not "nosuch"' in done.stderr
        assert "verdict.rules:2" in node.refuses_to_start()
        (node.dir / "verdict.rules").write_text(RULES)
        (node.dir / "profiles").write_text("user@here.example: strict\n: x\n")
        done = dry(node)
        assert done.returncode == 0
        assert f"warning: {node.dir}/profiles:2: there is no address" in done.stderr
        (node.dir / "verdict.rules").unlink()
        done = dry(node)
        assert done.returncode == 0
        assert f"warning: {node.dir}/verdict.rules: No such file or directory; without rules all mail is delivered" in done.stderr
        (node.dir / "verdict.rules").mkdir()
        done = dry(node)
        assert done.returncode == 2 and "verdict.rules: not a regular file" in done.stderr


def test_rules_that_are_not_there_stop_nothing_and_are_taken_when_they_come():
    with Lab("verdictlate") as lab:
        node = make(lab, rules=None).start()
        assert verdict(node, facts="score=99") == "deliver;;"
        assert any("there were no rules at" in w for w in node.json("status")["warnings"])
        node.hang_up()
        wait_until(lambda: "reload: done" in node.log_text(), "the rest of the configuration is taken")
        (node.dir / "verdict.rules").write_text(RULES)
        node.hang_up()
        wait_until(lambda: verdict(node, facts="score=99") == "alternate;7;junk", "the rules are in force")
        assert node.json("status")["warnings"] == []
        (node.dir / "verdict.rules").unlink()
        node.hang_up()
        wait_until(lambda: "the configuration before stays in force" in node.log_text(), "the reload is refused")
        assert verdict(node, facts="score=99") == "alternate;7;junk"


def test_without_rules_or_profiles_all_is_delivered():
    with Lab("verdictnone") as lab:
        node = make(lab, rules=None, profiles=None, section="").start()
        assert verdict(node, facts="score=99") == "deliver;;"
        node.write_conf(extra='verdict { rules = "verdict.rules" profiles = "nosuch" }')
        (node.dir / "verdict.rules").write_text(RULES)
        node.restart()
        assert verdict(node, facts="score=99") == "deliver;;"
        assert "nosuch: No such file or directory" in node.log_text()


def test_what_cannot_be_read_is_delivered(node):
    for line in ("verdict", "verdict x", "verdict x y size=big", "verdict x y nosuch=1", f"verdict x {'y' * 3000}@here.example"):
        assert node.ask(line) == "deliver;;"
    assert node.ask(f"verdict {'m' * 1000} user@here.example score=12") == "alternate;7;junk"


# ---- profiles in SQLite

def make_table(path, rows):
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE profile(address TEXT PRIMARY KEY COLLATE NOCASE, profile TEXT NOT NULL)")
    db.executemany("INSERT INTO profile VALUES(?, ?)", rows)
    db.commit()
    os.chmod(path, 0o644)
    return db


def test_profiles_may_be_a_table():
    with Lab("verdictsql") as lab:
        node = make(lab, profiles=None, section='verdict { profiles = "sqlite:opt.db" rules = "verdict.rules" }\n')
        db = make_table(node.dir / "opt.db", [("strict@here.example", "strict"), ("*@here.example", "standard"), ("Mixed@Case.Example", "standard"), ("out@here.example", "none")])
        assert dry(node).returncode == 0 and "opt.db" not in dry(node).stderr
        node.start()
        assert verdict(node, "strict@here.example", "score=12") == "drop;5,7;"
        assert verdict(node, "any@here.example", "score=12") == "alternate;7;junk"
        assert verdict(node, "mixed@case.example", "score=12") == "alternate;7;junk"
        assert verdict(node, "out@here.example", "score=12") == "deliver;;"
        assert verdict(node, "x@nowhere.example", "score=12") == "deliver;;"
        db.execute("INSERT INTO profile VALUES('*', 'strict')")
        db.commit()
        assert verdict(node, "x@nowhere.example", "score=12") == "drop;5,7;"
        # a table that is locked, gone, or another
        db.execute("BEGIN EXCLUSIVE")
        assert verdict(node, "strict@here.example", "score=12") == "deliver;;"
        db.rollback()
        db.close()
        wait_until(lambda: verdict(node, "strict@here.example", "score=12") == "drop;5,7;", "the table is read again")
        (node.dir / "opt.db").unlink()
        make_table(node.dir / "other.db", [("strict@here.example", "standard")]).close()
        (node.dir / "other.db").rename(node.dir / "opt.db")
        wait_until(lambda: verdict(node, "strict@here.example", "score=12") == "alternate;7;junk", "the new file is read")
        slow = sqlite3.connect(node.dir / "slow.db")
        slow.execute("CREATE VIEW profile AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'x' || i AS address, 'strict' AS profile FROM n")
        slow.close()
        (node.dir / "slow.db").rename(node.dir / "opt.db")
        wait_until(lambda: verdict(node, "strict@here.example", "score=12") == "deliver;;", "an endless table is interrupted")
        (node.dir / "opt.db").write_text("no database at all" * 100)
        wait_until(lambda: verdict(node, "strict@here.example", "score=12") == "deliver;;", "a broken file means no profile")
        assert node.ask("ping") == "pong"


# ---- Exim

ACLS = '''
ask:
  warn   set acl_m_f = ip=$sender_host_address helo=${quote:$sender_helo_name} sender=${quote:$sender_address} size=$message_size score=12
         set acl_m_v = ${map{<, $recipients}{${readsocket{HS}{verdict $message_exim_id ${quote:$item} $acl_m_f\\n}{3s}{}{deliver;;}}}}
         add_header  = X-Hearsay: $acl_m_v
  accept
'''


def test_exim_asks_for_all_recipients_once_the_message_is_there(node):
    with Lab("verdictexim") as lab:
        main = f"HS = inet:127.0.0.1:{node.tcp[1]}\nacl_smtp_rcpt = accept\nacl_smtp_data = ask\n"
        mx = Exim(lab, "mx.here.example", main=main, acls=ACLS)
        with mx.session("192.0.2.50") as smtp:
            for line in ("EHLO client", 'MAIL FROM:<"a b"@far.example>', "RCPT TO:<strict@here.example>", "RCPT TO:<user@here.example>", "RCPT TO:<x@nowhere.example>", "DATA"):
                assert smtp.say(line)[0] in "23"
            assert smtp.say("Subject: test\r\n\r\nhello\r\n.").startswith("250")
        wait_until(lambda: "X-Hearsay:" in mx.mailbox(), "the message is delivered")
        assert "X-Hearsay: drop;5,,7;,alternate;7;junk,deliver;;"        # a list of Exim's: its comma is doubled in mx.mailbox()
        message = mx.main_log().split(" <= ")[0].split()[-1]
        assert verdict(node, "USER@here.example", message=message) == "alternate;7;junk"
