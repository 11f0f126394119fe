"""What a reload takes, and what it says that takes a restart."""
import subprocess

from hearsay_lab import WAIT_S, wait_until


def listens(port):
    """The backlog of who listens on this port of loopback or of all addresses; None: nobody does."""
    rows = subprocess.run(["ss", "-Hltn", f"sport = :{port}"], text=True, capture_output=True, check=True, timeout=WAIT_S).stdout.split()
    return int(rows[2]) if rows else None


def test_a_reload_takes_all_but_what_needs_a_restart_and_says_so(own_lab):
    node, other = own_lab.node("mx.a.example", extra="limits { backlog = 100 }"), own_lab.node("mx.z.example")
    node.start()
    before = node.conf.read_text()
    ports, fresh_ports = (node.publish, node.repair), (other.publish, other.repair)      # the latter reserved, and of nobody
    assert listens(node.tcp[1]) == 100

    changed = before.replace("backlog = 100", "backlog = 50  queue = 70000")
    for port, fresh in zip(ports, fresh_ports):
        changed = changed.replace(f":{port}", f":{fresh}")
    node.conf.write_text('control = "run/other.sock"\n' + changed.replace('"identity.pem"', '"other.pem"').replace('"hearsay.db"', '"other.db"'))
    node.hang_up()
    wait_until(lambda: "reload: done" in node.log_text(), "it is in force")
    assert "changes at a restart only: identity, database, control, limits queue, mesh publish, mesh repair" in node.log_text()
    assert node.ask("black 203.0.113.1") == "ok"
    node.becomes("check 203.0.113.1", "black")
    assert not list(node.dir.rglob("other.*"))
    assert [bool(listens(p)) for p in ports + fresh_ports] == [True, True, False, False] and listens(node.tcp[1]) == 50

    node.conf.write_text(changed)           # without the files, which would make another node of it
    node.restart()
    assert [bool(listens(p)) for p in ports + fresh_ports] == [False, False, True, True]
    assert node.ask("check 203.0.113.1") == "black" and "reload: changes" not in node.log_text().rsplit("is ready", 1)[1]
