"""The hearsay command, as an operator types it: with the node running, down, and not yet there."""
import json
import os
import pty
import re
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from hearsay_lab import BUILD, HEARSAY, HEARSAYD, SOURCE, Process, connect, wait_until, zone

DONE, NO, USAGE, ABSENT = 0, 1, 2, 3
BL = "bl.a.example"


def run(*args, cwd=None, env=None, **more):
    """The command without any node's -c."""
    environment = {k: v for k, v in os.environ.items() if k != "HEARSAY_CONF"} | (env or {})
    more.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([str(HEARSAY), *map(str, args)], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60, cwd=cwd, env=environment, **more)


def init(directory, *args, name="mx.a.example"):
    done = run("init", "--name", name, *args, directory)
    assert done.returncode == DONE, done.stderr
    return Path(directory) / "hearsay.conf"


@pytest.fixture
def conf(own_lab):
    """A node that was made and never started."""
    return init(own_lab.dir / "a")


def ask(conf, *args, **more):
    return run("-c", conf, *args, **more)


def card_of(conf):
    return ask(conf, "card").stdout.strip()


@pytest.fixture
def friend(own_lab):
    return init(own_lab.dir / "b", name="mx.b.example")


# ---- usage

@pytest.mark.parametrize("args", [("help",), ("--help",), ("-h",)])
def test_help_lists_every_command(args):
    done = run(*args)
    assert done.returncode == DONE
    for command in "init card peer report check why list status verify export".split():
        assert re.search(rf"^  {command} ", done.stdout, re.M), command


@pytest.mark.parametrize("command", "init card peer report check why list status verify export".split())
def test_each_command_explains_itself(command):
    for args in (("help", command), (command, "--help")):
        done = run(*args)
        assert done.returncode == DONE
        assert done.stdout.startswith(f"Usage: hearsay {command}")


def test_version_is_that_of_the_project():
    version = re.search(r"project\(hearsay VERSION ([0-9.]+)", (SOURCE / "CMakeLists.txt").read_text()).group(1)
    assert run("--version").stdout == f"hearsay {version}\n"


@pytest.mark.parametrize("args", [
    (), ("nonsense",), ("help", "nonsense"), ("why",), ("why", "a", "b"), ("check",), ("peer",), ("peer", "dance"), ("peer", "add"),
    ("peer", "trust", "mx.b.example"), ("peer", "trust", "mx.b.example", "2"), ("peer", "trust", "mx.b.example", "nan"),
    ("peer", "add", "hearsay1:AAAA", "--trust", "-1"), ("report",), ("report", "praise", "192.0.2.1"), ("report", "black"),
    ("report", "black", "192.0.2.1 malware"), ("report", "black", "192.0.2.1\nblack 192.0.2.2"), ("list", "--since", "soon"), ("list", "extra"),
    ("export",), ("export", "z", "--format", "bind"), ("status", "--loud"), ("init", "--json"), ("init", "--name", "nodot", "x"), ("init", "--port", "0", "x"),
    ("init", "--port", "65534", "x"), ("why", "192.0.2.1", "-c"), ("init", "--name"),
])
def test_wrong_usage_says_so_on_stderr(args, tmp_path):
    done = run(*args, cwd=tmp_path)
    assert done.returncode == USAGE
    assert done.stdout == ""
    assert "hearsay" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_configuration_may_be_named_anywhere(conf):
    card = card_of(conf)
    for args in (("card", "-c", conf), ("--config", conf, "card"), (f"--config={conf}", "card"), (f"-c{conf}", "card")):
        assert run(*args).stdout.strip() == card
    assert run("card", env={"HEARSAY_CONF": str(conf)}).stdout.strip() == card


def test_a_missing_configuration_says_what_to_do(tmp_path):
    done = run("-c", tmp_path / "none.conf", "card")
    assert done.returncode == USAGE
    assert "none.conf" in done.stderr and "hearsay init" in done.stderr


def test_a_mistake_in_the_configuration_is_named_with_its_line(conf):
    conf.write_text(conf.read_text() + "wonder = 3\n")
    line = len(conf.read_text().splitlines())
    done = ask(conf, "card")
    assert done.returncode == USAGE
    assert f"hearsay.conf:{line}:" in done.stderr and "wonder" in done.stderr


# ---- init

def test_init_makes_a_node_that_the_daemon_takes(conf):
    assert {"hearsay.conf", "hearsay.db", "identity.pem", "peers.conf"} <= {p.name for p in conf.parent.iterdir()}
    done = subprocess.run([HEARSAYD, "-t", "-c", conf], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_the_keys_are_for_the_owner_alone(conf):
    assert stat.S_IMODE((conf.parent / "identity.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((conf.parent / "hearsay.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("there", ["identity.pem", "hearsay.conf", "peers.conf", "hearsay.db"])
def test_init_overwrites_nothing(tmp_path, there):
    (tmp_path / there).write_text("mine")
    done = run("init", "--name", "mx.a.example", tmp_path)
    assert done.returncode == USAGE
    assert there in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "mine"


def test_init_twice_leaves_the_first_node_alone(conf):
    before = {p.name: p.read_bytes() for p in conf.parent.iterdir()}
    assert run("init", "--name", "mx.a.example", conf.parent).returncode == USAGE
    assert {p.name: p.read_bytes() for p in conf.parent.iterdir()} == before


def test_a_failed_init_leaves_nothing(tmp_path):
    deep = tmp_path / ("d" * 200)         # too long for the path of a unix socket
    done = run("init", "--name", "mx.a.example", deep)
    assert done.returncode == USAGE
    assert "nothing was made" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_init_takes_its_words_into_the_configuration(tmp_path):
    conf = init(tmp_path / "n", "--federation", "friends", "--advertise", "192.0.2.5", "--port", "5000", name="MX.C.Example.")
    text = conf.read_text()
    assert 'name = "mx.c.example"' in text and '"friends"' in text and '"192.0.2.5"' in text
    for port in ("127.0.0.1:5000", "0.0.0.0:5001", "0.0.0.0:5002"):
        assert port in text
    card = json.loads(ask(conf, "card", "--json").stdout)
    assert card["endpoints"] == {"publish": "tcp://192.0.2.5:5001", "repair": "tcp://192.0.2.5:5002"}


def test_init_without_a_name_needs_a_host_with_a_full_name(tmp_path):
    done = run("init", tmp_path / "n")
    if done.returncode == DONE:
        assert re.search(r'name += "[^"]+\.[^"]+"', (tmp_path / "n" / "hearsay.conf").read_text())
    else:
        assert done.returncode == USAGE and "--name" in done.stderr
        assert not (tmp_path / "n").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_leaves_no_files_of_root(own_lab):
    home = own_lab.dir / "owned"
    home.mkdir()
    shutil.chown(home, "nobody")
    conf = init(home)
    ask(conf, "card")
    ask(conf, "why", "192.0.2.1")
    owner = home.stat().st_uid
    assert {p.stat().st_uid for p in home.rglob("*")} == {owner}


def test_options_that_init_shows_are_those_that_exist(conf):
    """Every line that is commented out works when it is not."""
    text = conf.read_text()
    for line in re.findall(r"^ *# ((?:[a-z-]+ += |zone |protect ).*)$", text, re.M):
        if line.startswith("group"):
            continue                       # there may be no such group here
        changed = text.replace(f"# {line}", line)
        conf.write_text(changed)
        done = subprocess.run([HEARSAYD, "-t", "-c", conf], text=True, capture_output=True)
        assert done.returncode == 0, (line, done.stderr)


# ---- card

def test_a_card_is_one_line_and_stays_the_same(conf):
    first, second = ask(conf, "card").stdout, ask(conf, "card").stdout
    assert first == second
    assert re.fullmatch(r"hearsay1:[A-Za-z0-9_-]+\n", first)


def test_a_changed_endpoint_makes_a_card_with_a_higher_serial(conf):
    before = json.loads(ask(conf, "card", "--json").stdout)
    conf.write_text(conf.read_text().replace('advertise = "mx.a.example"', 'advertise = "new.a.example"'))
    after = json.loads(ask(conf, "card", "--json").stdout)
    assert after["serial"] > before["serial"]
    assert after["root"] == before["root"] and after["fingerprint"] == before["fingerprint"]
    assert after["endpoints"]["publish"] == "tcp://new.a.example:4441"
    assert after["expires_s"] > time.time() + 80 * 86400


def test_keys_that_others_can_read_are_refused(conf):
    (conf.parent / "identity.pem").chmod(0o644)
    done = ask(conf, "card")
    assert done.returncode == USAGE and "600" in done.stderr


def test_lost_keys_are_named(conf):
    (conf.parent / "identity.pem").unlink()
    done = ask(conf, "card")
    assert done.returncode == USAGE and "identity.pem" in done.stderr


# ---- peers, with the node down

def peers(conf):
    done = ask(conf, "peer", "list", "--json")
    assert done.returncode == DONE, done.stderr
    return json.loads(done.stdout)["peers"]


def test_a_peer_is_added_listed_and_removed(conf, friend):
    done = ask(conf, "peer", "add", card_of(friend))
    theirs = json.loads(ask(friend, "card", "--json").stdout)
    assert done.returncode == DONE, done.stderr
    assert theirs["fingerprint"] in done.stdout and "mx.b.example" in done.stdout
    assert "when it starts" in done.stdout
    (peer,) = peers(conf)
    assert (peer["name"], peer["trust"], peer["link"]) == ("mx.b.example", 0.5, True)
    assert peer["fingerprint"] == theirs["fingerprint"] and peer["root"] == theirs["root"]
    assert peer["publish"] == theirs["endpoints"]["publish"] and peer["record_expires_s"] == theirs["expires_s"]
    shown = ask(conf, "peer", "list").stdout
    assert "mx.b.example" in shown and theirs["fingerprint"] in shown
    assert ask(conf, "peer", "trust", "mx.b.example", "0.8").returncode == DONE
    assert peers(conf)[0]["trust"] == 0.8
    assert ask(conf, "peer", "remove", "MX.B.example").returncode == DONE
    assert peers(conf) == []


def test_trust_and_no_link_are_written(conf, friend):
    assert ask(conf, "peer", "add", card_of(friend), "--trust", "0.25", "--no-link").returncode == DONE
    assert [(p["trust"], p["link"]) for p in peers(conf)] == [(0.25, False)]


def test_comments_in_peers_conf_stay(conf, friend):
    path = conf.parent / "peers.conf"
    path.write_text(path.read_text() + "# met in Vienna\n")
    ask(conf, "peer", "add", card_of(friend))
    ask(conf, "peer", "trust", "mx.b.example", "1")
    assert "# met in Vienna" in path.read_text()


def test_the_own_card_is_refused(conf):
    done = ask(conf, "peer", "add", card_of(conf))
    assert done.returncode == USAGE and "our own" in done.stderr
    assert peers(conf) == []


def test_a_peer_is_added_once(conf, friend):
    assert ask(conf, "peer", "add", card_of(friend)).returncode == DONE
    before = (conf.parent / "peers.conf").read_text()
    done = ask(conf, "peer", "add", card_of(friend))
    assert done.returncode == NO and "already" in done.stderr
    assert (conf.parent / "peers.conf").read_text() == before


def test_another_key_under_a_known_name_is_refused(conf, friend, own_lab):
    ask(conf, "peer", "add", card_of(friend))
    other = init(own_lab.dir / "c", name="mx.b.example")
    done = ask(conf, "peer", "add", card_of(other))
    assert done.returncode == NO and "peer remove" in done.stderr
    assert len(peers(conf)) == 1


def damaged(card):
    at = len(card) // 2
    return card[:at] + ("A" if card[at] != "A" else "B") + card[at + 1:]


@pytest.mark.parametrize("spoil", [damaged, lambda c: c[:-8], lambda c: "nonsense", lambda c: c.replace("hearsay1", "hearsay2"), lambda c: "hearsay1:"])
def test_a_spoilt_card_is_refused(conf, friend, spoil):
    before = (conf.parent / "peers.conf").read_text()
    done = ask(conf, "peer", "add", spoil(card_of(friend)))
    assert done.returncode == USAGE
    assert "card" in done.stderr
    assert (conf.parent / "peers.conf").read_text() == before


def test_unknown_peers_are_named(conf):
    for args in (("trust", "mx.z.example", "1"), ("remove", "mx.z.example"), ("remove", "mx.z.example", "--purge")):
        done = ask(conf, "peer", *args)
        assert done.returncode == NO and "mx.z.example" in done.stderr


def test_a_configuration_without_peers_conf_is_warned_of(conf, friend):
    conf.write_text(conf.read_text().replace('include("peers.conf")', ""))
    done = ask(conf, "peer", "add", card_of(friend))
    assert done.returncode == DONE
    assert 'include("peers.conf")' in done.stderr


# ---- reading with the node down

def test_an_empty_database_answers(conf):
    why = ask(conf, "why", "192.0.2.7")
    assert why.returncode == NO and "nobody says anything" in why.stdout
    assert json.loads(ask(conf, "why", "192.0.2.7", "--json").stdout)["opinions"] == []
    assert ask(conf, "list").stdout == ""
    assert json.loads(ask(conf, "list", "--json").stdout) == {"listings": []}
    assert ask(conf, "verify").returncode == DONE
    assert json.loads(ask(conf, "verify", "--json").stdout)["ok"] is True


@pytest.mark.parametrize("args", [("status",), ("check", "192.0.2.7"), ("report", "black", "192.0.2.7"), ("report", "black", "--from-file", "-")])
def test_what_needs_the_node_says_that_it_is_not_there(conf, args):
    done = ask(conf, *args)
    assert done.returncode == ABSENT
    assert "hearsayd" in done.stderr and "start it" in done.stderr


def test_status_as_json_says_that_the_node_is_not_there(conf):
    done = ask(conf, "status", "--json")
    assert done.returncode == ABSENT
    assert json.loads(done.stdout)["ok"] is False


@pytest.mark.parametrize("subject", ["nonsense", "127.0.0.1", "10.1.2.3", "192.0.0.0/8", "co.uk", "1.2.3", "0x7f000001", "1.2.3.4:25"])
def test_why_refuses_what_is_no_subject(conf, subject):
    done = ask(conf, "why", subject)
    assert done.returncode == USAGE and subject in done.stderr


def test_an_unknown_zone_names_those_that_are_there(conf):
    for args in (("list", "--zone", "bl.z.example"), ("export", "bl.z.example")):
        done = ask(conf, *args)
        assert done.returncode == USAGE and "bl.mx.a.example" in done.stderr


def test_export_works_with_the_node_down(conf):
    done = ask(conf, "export", "bl.mx.a.example", "-o", "-")
    assert done.returncode == DONE and "$SOA" in done.stdout and "127.0.0.2" in done.stdout
    assert not (conf.parent / "zones").exists()
    done = ask(conf, "export", "bl.mx.a.example")
    assert done.returncode == DONE
    assert "$SOA" in (conf.parent / "zones" / "bl.mx.a.example").read_text()


def test_a_database_that_is_none_is_named(conf):
    (conf.parent / "hearsay.db").write_bytes(b"not a database at all, only some text" * 100)
    done = ask(conf, "why", "192.0.2.7")
    assert done.returncode == USAGE and "hearsay.db" in done.stderr


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
    for words in (("black", "127.0.0.1"), ("black", "192.0.2.1", "nonsense"), ("black", "192.0.2.1", "size=3")):
        done = node.hearsay("report", *words)
        assert done.returncode == NO and "error: " in done.stderr and done.stdout == ""


def test_a_prefix_that_holds_the_subject_is_named(node):
    node.hearsay("report", "black", "198.51.100.0/24")
    listed(node, "198.51.100.0/24")
    why = node.hearsay("why", "198.51.100.9")
    assert why.returncode == DONE
    assert "198.51.100.0/24, which holds it, is listed" in why.stdout
    assert node.json("why", "198.51.100.9")["listed_by"] == "198.51.100.0/24"


def test_list_prints_one_line_each_and_filters(node):
    node.hearsay("report", "black", "203.0.113.77", "spam")
    listed(node, "203.0.113.77")
    lines = [line.split() for line in node.hearsay("list", "--zone", BL).stdout.splitlines()]
    (mine,) = [line for line in lines if line[0] == "203.0.113.77"]
    assert mine[1:3] == [BL, "spam"] and len(mine) == 7
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
    assert json.loads(done.stdout) == {"ok": False, "lines": 5000, "stored": 0, "failed": 5000}
    assert len(done.stderr.splitlines()) < 30 and "4980 more" in done.stderr


def test_a_line_without_end_is_one_failure(node):
    done = node.hearsay("report", "black", "--from-file", "-", input="y" * 3_000_000 + "\nlong1.example\n" + "z" * 600_000)
    assert done.stdout == "1 stored, 2 failed\n"


def test_an_unreadable_file_is_named(node):
    for path in ("/nonexistent/file", node.dir):
        done = node.hearsay("report", "black", "--from-file", path)
        assert done.returncode == USAGE and str(path) in done.stderr


def test_a_slow_pipe_is_answered_as_it_comes(node):
    """Lines that trickle in are stored at once, not when the pipe ends."""
    process = subprocess.Popen([HEARSAY, "-c", node.conf, "report", "black", "--from-file", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdin.write("trickle.example\n")
    process.stdin.flush()
    listed(node, "trickle.example")
    out, _ = process.communicate("", timeout=20)
    assert out == "1 stored, 0 failed\n"


def test_a_hundred_thousand_lines_go_fast(lab):
    node = lab.node("mx.fast.example", mesh=False).start()
    lines = "".join(f"203.{i >> 16 & 1}.{i >> 8 & 255}.{i & 255}\n" for i in range(131072 - 100_000, 131072))
    start = time.monotonic()
    done = node.hearsay("report", "black", "--from-file", "-", input=lines)
    took = time.monotonic() - start
    assert done.stdout == "100,000 stored, 0 failed\n", done.stderr
    assert took < 10, f"{took:.1f} s"         # the benchmark says how fast; this only tells when it waits for each answer
    node.stop()


def test_a_node_that_goes_away_is_told_with_the_line(lab):
    node = lab.node("mx.gone.example", mesh=False).start()
    process = subprocess.Popen([HEARSAY, "-c", node.conf, "report", "black", "--from-file", "-"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdin.write("".join(f"gone{i}.example\n" for i in range(10)))
    process.stdin.flush()
    wait_until(lambda: stored(node) == 10, "ten are stored")
    node.kill()
    out, err = process.communicate("gone10.example\n", timeout=20)
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


# ---- manuals and scripts

def mdoc_items(page):
    """{(section, option): text of its item} of hearsay.conf.5."""
    items, section, option = {}, "", None
    for line in page.splitlines():
        heading = re.match(r"\.Ss (\w+)", line)
        item = re.match(r"\.It Cm ([a-z-]+)", line)
        if line.startswith(".Sh"):
            option = None
        if heading:
            section, option = "" if heading.group(1) == "General" else heading.group(1), None
        elif item:
            option = (section, item.group(1))
            items[option] = ""
        elif option:
            items[option] += re.sub(r"^\.[A-Z][a-z] ", "", line) + " "
    return items


def test_the_manual_knows_every_option_and_its_default():
    said = subprocess.run([HEARSAYD, "--help-config"], text=True, capture_output=True, check=True).stdout
    rows = re.findall(r"^(?:([a-z]+)\.)?([a-z-]+) \((.*), default (.*)\)\n", said, re.M)
    assert len(rows) > 30
    items = mdoc_items((SOURCE / "tools/man/hearsay.conf.5").read_text())
    assert {(section, name) for section, name, *_ in rows} == set(items)
    for section, name, _, default in rows:
        if default != "none" and not default.startswith(("(", "{")):
            assert f"Default: {default}." in items[section, name], (section, name, default)


def test_the_manual_knows_every_command():
    page = (SOURCE / "tools/man/hearsay.1").read_text()
    for command in "init card report check why list status verify export".split():
        assert f".It Cm {command}\n" in page, command
    for command in ("add", "list", "trust", "remove"):
        assert f".It Cm peer {command}" in page, command


def test_readme_names_only_files_that_are_there():
    for path in re.findall(r"`((?:conf|proto|tools|node|store|tests)/[\w./-]+)`", (SOURCE / "README.md").read_text()):
        assert (SOURCE / path).exists(), path
