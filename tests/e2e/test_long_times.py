"""What only comes about after days and weeks: the daemon's clock is set ahead at its start."""
import base64
import itertools
import os
import re
import time

import pytest

from hearsay_lab import FAKETIME, Lab, in_time, stays, wait_until, zone

HELD_BACK_S = 60        # so long a member that was away waits for neighbours that do not answer

pytestmark = pytest.mark.skipif(FAKETIME is None, reason="needs the package faketime")


@pytest.fixture
def lab():
    with Lab("long") as lab:
        yield lab


def start_in(node, days):
    """Starts it that many days from now; its monotonic clock stays what it is."""
    return node.start(env={**os.environ, "LD_PRELOAD": str(FAKETIME), "FAKETIME": f"+{days}d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"})


def warnings_in(node, days):
    start_in(node, days)
    wait_until(lambda: node.json("status")["peers"], "the peer is shown")
    warnings = node.json("status")["warnings"]
    node.stop()
    return [text for text in warnings if "runs out" in text or "run out" in text]


def test_a_record_of_90_days_is_warned_of_in_its_last_30(lab):
    a, b = lab.node("mx.a.example"), lab.node("mx.b.example", init=("--offline-root",))
    root = lab.dir / "root.pem"
    (b.dir / "root.pem").rename(root)
    b.hearsay("rotate", "--root", root, check=True)
    b.peer_add(a)
    assert warnings_in(b, 59) == []
    own, peer = sorted(warnings_in(b, 61), reverse=True)
    assert own.startswith("this member's record runs out in 28 days") or own.startswith("this member's record runs out in 29 days")
    assert peer.startswith("the record of mx.a.example runs out in 28 days") or peer.startswith("the record of mx.a.example runs out in 29 days")
    assert sum("has run out" in text for text in warnings_in(b, 91)) == 2


def comes_back(node, days, says):
    """Whether it awaits its neighbours then. Asked in time: they are not there, and it does not wait for ever."""
    def ask():
        start_in(node, days)
        return node.json("status")["mesh"]["catching_up"]["held_back"]
    got = in_time(ask, HELD_BACK_S / 2, again=node.stop)
    node.becomes("check 192.0.2.7", says)
    node.stop()
    return got


def test_who_was_away_for_more_than_a_week_begins_as_a_new_member_does(lab):
    lasting = zone("bl.b.example", threshold=0.5, quorum=1) + 'category "malware" { half-life = "365d" }\n'
    a, b = lab.node("mx.a.example", zones=lasting).start(), lab.node("mx.b.example", zones=lasting).start()
    a.peer_add(b)
    b.peer_add(a)
    wait_until(lambda: not b.json("status")["mesh"]["catching_up"]["held_back"], "B has caught up")
    a.ask("black 192.0.2.7 malware")
    b.becomes("check 192.0.2.7", "black")
    a.stop()
    b.stop()
    assert comes_back(b, 8, "unknown")          # what another member said
    assert not comes_back(b, 6, "black")


def test_a_wrong_clock_at_a_start_after_a_crash_numbers_nothing_beyond_what_others_take(lab):
    a, b = (lab.node(f"mx.{x}.example", zones=zone(f"bl.{x}.example", threshold=0.5, quorum=1)).start() for x in "ab")
    a.peer_add(b), b.peer_add(a)
    assert a.ask("black 192.0.2.1") == "ok" and b.ask("black 192.0.2.2") == "ok"
    a.becomes("check 192.0.2.2", "black"), b.becomes("check 192.0.2.1", "black")
    a.kill()
    start_in(a, 20)
    assert a.ask("black 192.0.2.3") == "ok"
    wait_until(lambda: any("bears it out" in text for text in a.json("status")["warnings"]), "its operator is told")
    a.stop()
    a.start()                           # the clock is right
    b.becomes("check 192.0.2.3", "black")


def left_key(left_s, number):
    """A key that was left then, as a block of identity.pem."""
    block = int(left_s).to_bytes(8, "big") + bytes([number]) * 32
    return f"-----BEGIN HEARSAY LEFT CURVE KEY-----\n{base64.b64encode(block).decode()}\n-----END HEARSAY LEFT CURVE KEY-----\n"


def left_keys(node):
    blocks = re.findall("LEFT CURVE KEY-----\n(.*)\n-----END", (node.dir / "identity.pem").read_text())
    return [base64.b64decode(block)[-1] for block in blocks]


def test_each_key_that_was_left_goes_from_the_file_when_its_own_time_is_over(lab):
    a, b = lab.node("mx.a.example"), lab.node("mx.b.example")
    a.peer_add(b)                       # which is away, and has not heard
    with (a.dir / "identity.pem").open("a") as keys:
        keys.writelines(left_key(time.time() - days * 86400, days) for days in (10, 91, 80))
    assert left_keys(a) == [10, 91, 80]
    passed = lab.dir / "passed"
    passed.write_text("+0h")
    a.start(env={**os.environ, "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(passed), "FAKETIME_NO_CACHE": "1"})
    stays(lambda: left_keys(a) == [10, 91, 80], 1, "the clock is not believed yet")
    hours = itertools.count(1)

    def is_over():
        """Or else an hour passes, by all clocks: less than four days in all."""
        if left_keys(a) == [10, 80]:
            return True
        (lab.dir / "next").write_text(f"+{next(hours)}h")
        (lab.dir / "next").rename(passed)
        return False

    wait_until(is_over, "what is over leaves the file, and nothing else", every=1)
    assert a.json("status")["peers"][0]["unaware"]
