"""The hearsay command, as an operator types it, with the node down or not yet there."""
import json
import os
import re
import shutil
import stat
import subprocess
import time

import pytest

from command_lab import ABSENT, DONE, NO, USAGE, ask, card_of, conf, friend, init, run     # noqa: F401 (conf, friend: fixtures)
from hearsay_lab import HEARSAYD, SOURCE


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
        assert all("--json" in form for form in done.stdout.split("\n\n")[0].splitlines())


def test_version_is_that_of_the_project():
    version = re.search(r"project\(hearsay VERSION ([0-9.]+)", (SOURCE / "CMakeLists.txt").read_text()).group(1)
    assert run("--version").stdout == f"hearsay {version}\n"


@pytest.mark.parametrize("args", [
    (), ("nonsense",), ("help", "nonsense"), ("why",), ("why", "a", "b"), ("check",), ("peer",), ("peer", "dance"), ("peer", "add"),
    ("peer", "trust", "mx.b.example"), ("peer", "trust", "mx.b.example", "2"), ("peer", "trust", "mx.b.example", "nan"),
    ("peer", "add", "hearsay1:AAAA", "--trust", "-1"), ("report",), ("report", "praise", "192.0.2.1"), ("report", "black"),
    ("report", "black", "192.0.2.1 malware"), ("report", "black", "192.0.2.1\nblack 192.0.2.2"), ("list", "--since", "soon"), ("list", "extra"),
    ("export",), ("export", "z", "--format", "bind"), ("status", "--loud"), ("init", "--name", "nodot", "x"), ("init", "--port", "0", "x"),
    ("init", "--port", "65534", "x"), ("why", "192.0.2.1", "-c"), ("init", "--name"),
])
def test_wrong_usage_says_so_on_stderr(args, tmp_path):
    done = run(*args, cwd=tmp_path)
    assert done.returncode == USAGE
    assert done.stdout == ""
    assert "hearsay" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("args, bound", [
    (("delist", "192.0.2.1", "--for", "99999999d"), "to 3650d"), (("delist", "192.0.2.1", "--for", "0s"), "from 1s"),
    (("delist", "192.0.2.1", "--for", "9223372036854775807ms"), "to 3650d"), (("introduce", "mx.b.example", "--expires", "99999999d"), "to 3650d"),
    (("invite", "--expires", "31d"), "to 30d"), (("rotate", "--not-after", "99999999d"), "at most ten years"),
    (("peer", "rights", "mx.b.example", "--probation", "99999999d"), "to 3650d"), (("peer", "rights", "mx.b.example", "--max-subjects", "99999999999"), "to 10000000"),
])
def test_a_span_or_a_number_beyond_all_use_is_refused_with_its_bound(conf, friend, args, bound):
    assert ask(conf, "peer", "add", card_of(friend)).returncode == DONE
    before = {p.name: p.read_bytes() for p in conf.parent.iterdir() if p.suffix != ".db-wal" and p.is_file()}
    done = ask(conf, *args)
    assert done.returncode == USAGE and bound in done.stderr, done
    assert {p.name: p.read_bytes() for p in conf.parent.iterdir() if p.name in before} == before
    assert json.loads(ask(conf, "delist", "--list", "--all", "--json").stdout)["exceptions"] == []


def test_that_nothing_is_delisted_is_said(conf):
    assert "Nothing is" in ask(conf, "delist", "--list").stdout
    assert "Nothing was ever" in ask(conf, "protect", "--list", "--all").stdout
    assert ask(conf, "delist", "192.0.2.1").returncode == DONE
    assert "192.0.2.1" in ask(conf, "delist", "--list").stdout and "Nothing" not in ask(conf, "delist", "--list").stdout


def test_an_option_that_lacks_its_file_is_named():
    done = run("-c")
    assert done.returncode == USAGE and "-c needs the name of a file" in done.stderr


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


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to be somebody else")
def test_root_takes_no_file_from_the_node_in_a_directory_of_roots(conf, friend):
    """As in /etc: the configuration is root's, for a group to read, and the keys are the node's."""
    keys, peers_conf = conf.parent / "identity.pem", conf.parent / "peers.conf"
    os.chown(keys, 65534, 65534)
    for path in (conf, peers_conf):
        os.chown(path, 0, 65534)
        path.chmod(0o640)
    before = keys.read_text()
    assert ask(conf, "peer", "add", card_of(friend)).returncode == DONE
    assert ask(conf, "rotate", "--keys").returncode == DONE and keys.read_text() != before
    assert [(s.st_uid, s.st_gid, s.st_mode & 0o777) for s in (keys.stat(), peers_conf.stat())] == [(65534, 65534, 0o600), (0, 65534, 0o640)]


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


def test_comments_around_a_peer_stay_when_it_goes(conf, friend):
    path = conf.parent / "peers.conf"
    path.write_text(f'# our coalition\npeer "mx.b.example" {{ card = "{card_of(friend)}"  trust = 0.8 }}   # telephone 123\n# the end\n')
    assert ask(conf, "peer", "remove", "mx.b.example").returncode == DONE
    assert path.read_text() == "# our coalition\n# telephone 123\n# the end\n"


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


def test_a_reason_that_is_no_text_leaves_the_list_readable(conf):
    assert ask(conf, "delist", "192.0.2.1", "--why", "\udcff").returncode == DONE
    (row,) = json.loads(ask(conf, "delist", "--list", "--json").stdout)["exceptions"]
    assert row["why"] == "?"


def test_what_can_be_no_name_of_a_peer_is_said(conf, friend):
    assert ask(conf, "peer", "add", card_of(friend)).returncode == DONE
    for words in (("trust", "a b", "1"), ("remove", "a b")):
        done = ask(conf, "peer", *words)
        assert done.returncode == USAGE and '"a b" is not the name of a member' in done.stderr, done


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


@pytest.mark.parametrize("subject", ["nonsense", "127.0.0.1", "10.1.2.3", "192.0.0.0/8", "co.uk", "1.2.3", "0x7f000001", "1.2.3.4:25"])
def test_why_refuses_what_is_no_subject(conf, subject):
    done = ask(conf, "why", subject)
    assert done.returncode == USAGE and subject in done.stderr


def test_an_unknown_zone_names_those_that_are_there(conf):
    for args in (("list", "--zone", "bl.z.example"), ("export", "bl.z.example")):
        done = ask(conf, *args)
        assert done.returncode == USAGE and "bl.mx.a.example" in done.stderr


@pytest.mark.parametrize("spelled", ["BL.mx.A.example", "bl.mx.a.example.", "Bl.MX.a.example."])
def test_a_zone_is_found_in_any_spelling_of_its_name(conf, spelled):
    assert ask(conf, "list", "--zone", spelled).returncode == DONE
    assert "$SOA" in ask(conf, "export", spelled, "-o", "-").stdout
    assert json.loads(ask(conf, "export", spelled, "--json").stdout)["zone"] == "bl.mx.a.example"
    assert ask(conf, "what-if", "threshold", spelled, "2").returncode == NO


def test_export_works_with_the_node_down(conf):
    done = ask(conf, "export", "bl.mx.a.example", "-o", "-")
    assert done.returncode == DONE and "$SOA" in done.stdout and "127.0.0.2" in done.stdout
    assert not (conf.parent / "zones").exists()
    done = ask(conf, "export", "bl.mx.a.example")
    assert done.returncode == DONE
    assert "$SOA" in (conf.parent / "zones" / "bl.mx.a.example").read_text()


def test_export_makes_no_directory_for_a_copy(conf):
    """It would hide a slip of the pen, or a file system that is not mounted."""
    copy = conf.parent / "typo" / "copy"
    done = ask(conf, "export", "bl.mx.a.example", "-o", copy)
    assert done.returncode == NO and f"{copy}: " in done.stderr and "No such file or directory" in done.stderr
    assert not copy.parent.exists()


def test_a_database_that_is_none_is_named(conf):
    (conf.parent / "hearsay.db").write_bytes(b"not a database at all, only some text" * 100)
    done = ask(conf, "why", "192.0.2.7")
    assert done.returncode == USAGE and "hearsay.db" in done.stderr


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
