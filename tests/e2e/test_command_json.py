"""The hearsay command for scripts: with --json every command prints one object, also when it fails."""
import json

import pytest

from command_lab import ABSENT, DONE, NO, USAGE, ask, card_of, conf, friend, run     # noqa: F401 (conf, friend: fixtures)


def answer_of(done):
    """Exactly one line, an object."""
    (line,) = done.stdout.splitlines()
    answer = json.loads(line)
    assert isinstance(answer, dict)
    return answer


@pytest.fixture
def tell(conf):
    """Runs a command with --json and returns its exit status and answer."""
    def tell(*args):
        done = ask(conf, *args, "--json")
        return done.returncode, answer_of(done)
    return tell


@pytest.mark.parametrize("args", [("status",), ("check", "192.0.2.7"), ("report", "black", "192.0.2.7"), ("report", "black", "--from-file", "-")])
def test_a_node_that_is_not_there_looks_the_same_to_all(tell, args):
    status, answer = tell(*args)
    assert status == ABSENT
    assert list(answer) == ["ok", "error"] and answer["ok"] is False
    assert "hearsayd is not there" in answer["error"] and "start it" in answer["error"]


def test_init_names_what_it_made_and_why_it_did_not(tmp_path):
    done = run("init", "--name", "mx.a.example", "--port", "5000", tmp_path / "n", "--json")
    made = answer_of(done)
    assert done.returncode == DONE and made["ok"] is True and made["name"] == "mx.a.example"
    assert (made["report_port"], made["publish_port"], made["repair_port"]) == (5000, 5001, 5002)
    assert {p.name for p in (tmp_path / "n").iterdir()} >= {path.rsplit("/", 1)[1] for path in made["files"].values()}
    done = run("init", "--name", "mx.a.example", tmp_path / "n", "--json")
    assert done.returncode == USAGE
    assert answer_of(done)["ok"] is False and "nothing was made" in answer_of(done)["error"]


def test_a_card_says_ok(tell, conf):
    status, card = tell("card")
    assert status == DONE and card["ok"] is True and card["card"] == card_of(conf)


def test_edits_of_peers_say_what_was_done(tell, friend):
    theirs = answer_of(ask(friend, "card", "--json"))
    status, answer = tell("peer", "add", theirs["card"], "--trust", "0.4")
    assert status == DONE
    assert answer == {"ok": True, "peer": "mx.b.example", "trust": 0.4, "link": True, "fingerprint": theirs["fingerprint"], "in_force": False}
    assert tell("peer", "trust", "mx.b.example", "0.7") == (DONE, {"ok": True, "peer": "mx.b.example", "trust": 0.7, "in_force": False})
    assert tell("peer", "remove", "mx.b.example") == (DONE, {"ok": True, "peer": "mx.b.example", "in_force": False})
    status, answer = tell("peer", "remove", "mx.b.example")
    assert (status, answer["ok"]) == (NO, False) and "no peer mx.b.example" in answer["error"]


def test_a_warning_is_part_of_the_answer(tell, conf, friend):
    conf.write_text(conf.read_text().replace('include("peers.conf")', ""))
    status, answer = tell("peer", "add", card_of(friend))
    assert (status, answer["ok"]) == (DONE, True) and "does not include" in answer["warning"]


def test_a_trust_is_printed_as_it_was_written(conf, friend):
    ask(conf, "peer", "add", card_of(friend), "--trust", "0.4")
    assert '"trust":0.4,' in ask(conf, "peer", "list", "--json").stdout


def test_export_names_the_file(tell, conf):
    status, answer = tell("export", "bl.mx.a.example")
    assert status == DONE and answer["ok"] is True
    assert answer["file"] == str(conf.parent / "zones" / "bl.mx.a.example") and answer["listings"] == 0 and answer["serial"] > 0
    status, answer = tell("export", "bl.mx.a.example", "-o", "-")
    assert (status, answer["ok"]) == (USAGE, False)


@pytest.mark.parametrize("args", [("nonsense",), ("why",), ("why", "127.0.0.1"), ("list", "--since", "soon"), ("list", "--zone", "bl.z.example"),
                                  ("peer",), ("peer", "dance"), ("report", "praise", "192.0.2.1"), ("status", "--loud"), ("peer", "add", "\udcff")])
def test_wrong_usage_is_an_object_as_well(tell, args):
    status, answer = tell(*args)
    assert status == USAGE and answer["ok"] is False and answer["error"] != ""


@pytest.mark.parametrize("args", [("--json",), ("--json", "-c"), ("-c", "x.conf", "--json"), ("help", "nonsense", "--json"), ("--json", "nonsense", "--help")])
def test_what_is_no_command_is_an_object_as_well(args):
    done = run(*args)
    answer = answer_of(done)
    assert done.returncode == USAGE and answer["ok"] is False and answer["error"] != ""


@pytest.mark.parametrize("words", [("trust", "mx.b.example", "0.9"), ("remove", "mx.b.example"), ("remove", "mx.b.example", "--purge")])
def test_a_peer_of_the_configuration_itself_is_edited_there(conf, friend, words):
    peer = f'peer "mx.b.example" {{\n  card = "{card_of(friend)}"\n}}\n'
    conf.write_text(conf.read_text() + peer)
    done = ask(conf, "peer", *words)
    assert done.returncode == NO
    assert f"it stands in {conf}; edit it there" in done.stderr
    assert conf.read_text().endswith(peer)
