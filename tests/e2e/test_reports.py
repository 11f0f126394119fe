"""The report socket to the letter, over unix and TCP, and as real Exim speaks to it."""
import contextlib
import grp
import re
import socket
import statistics
import threading
import time
from types import SimpleNamespace

import pytest

from exim_lab import Exim
from hearsay_lab import WAIT_S, connect, in_time, private_world, read_all, talk, wait_until, zone

MEMBER = "mx.a.example"
LINE_MAX = 4096


@pytest.fixture(scope="module")
def node(lab):
    zones = zone("bl.a.example") + zone("suspect.a.example", threshold=0.2, quorum=1) + zone("wl.a.example", lists="white")
    return lab.node(MEMBER, mesh=False, zones=zones).start()


@pytest.fixture(params=["unix", "tcp"])
def address(node, request):
    return getattr(node, request.param)


# ---- one request, one bare answer

@pytest.mark.parametrize("request_, answer", [
    ("ping", "pong"),
    ("black 203.0.113.1", "ok"),
    ("white 203.0.113.2", "ok"),
    ("black 203.0.113.3 malware", "ok"),
    ("black 203.0.113.3 category=malware", "ok"),
    ("black 203.0.113.4 spam count=3 cause=trap", "ok"),
    ("black 203.0.113.4 count=1000", "ok"),
    ("retract 203.0.113.5", "ok"),
    ("retract 203.0.113.5 spam", "ok"),
    ("check 203.0.113.250", "unknown"),
    ("check 203.0.113.250 zone=bl.a.example", "unknown"),
    ("score 203.0.113.250", "0"),
    ("score 203.0.113.250 fraud", "0"),
])
def test_each_request_has_a_bare_answer(address, request_, answer):
    assert talk(address, request_ + "\n") == answer.encode()


@pytest.mark.parametrize("cause", ["content", "trap", "auth", "protocol", "user", "dnsbl"])
def test_each_cause_is_known(node, cause):
    assert node.ask(f"black 203.0.113.6 cause={cause}") == "ok"


@pytest.mark.parametrize("category", ["spam", "malware", "fraud", "abusive", "invalid-recipients"])
def test_the_five_categories_of_rfc_7073_are_there(node, category):
    assert node.ask(f"black 203.0.113.7 {category}") == "ok"


@pytest.mark.parametrize("text", ["PING\n", "Ping\n", "  ping\n", "\tping \t\n", "ping\r\n", "ping \r\n"])
def test_verbs_in_any_case_with_blanks_and_tabs(address, text):
    assert talk(address, text) == b"pong"


@pytest.mark.parametrize("text", ["BLACK\t203.0.113.8  \t spam\tCOUNT=2\n", "Black 203.0.113.8 SPAM\n"])
def test_words_may_be_parted_by_any_blanks(address, text):
    answer = talk(address, text)
    assert answer == b"ok" or answer.startswith(b"error: "), answer
    assert talk(address, "black\t203.0.113.8  \t spam\tcount=2\n") == b"ok"


# ---- framing

@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_request_ends_with_lf_crlf_or_half_close(address, end):
    assert talk(address, "ping" + end) == b"pong"


def test_a_complete_line_is_answered_without_waiting_for_more(address):
    def ask():
        with connect(address) as s:
            s.sendall(b"ping\n")
            return s.recv(100)
    assert in_time(ask, 0.5) == b"pong"


def test_an_incomplete_line_is_not_answered(address):
    with connect(address, timeout=0.3) as s:
        s.sendall(b"ping")
        with pytest.raises(TimeoutError):
            s.recv(100)
        s.settimeout(WAIT_S)
        s.sendall(b"\n")
        assert s.recv(100) == b"pong"


def test_it_closes_at_once_when_the_client_has_half_closed(address):
    """It would take 50 ms if it waited for more. Most of 21 in a row, since a node that waits now and then waits too often."""
    def median():
        took = []
        for _ in range(21):
            started = time.monotonic()
            assert talk(address, "ping\n") == b"pong"
            took.append(time.monotonic() - started)
        return statistics.median(took)
    wait_until(lambda: median() < 0.04, "most are answered at once, while the machine is not held up")


def test_it_closes_50_ms_after_the_last_line_when_the_client_keeps_open(address):
    def ask():
        with connect(address) as s:
            started = time.monotonic()
            s.sendall(b"ping\n")
            assert read_all(s) == b"pong"
            assert time.monotonic() - started > 0.035
    in_time(ask, 1)


def test_several_lines_at_once_are_all_answered_in_order(address):
    assert talk(address, "ping\nblack 203.0.113.9\nscore 203.0.113.251\nnonsense\nping\n", half_close=True).split(b"\n")[:3] == [b"pong", b"ok", b"0"]
    answers = talk(address, "ping\nnonsense\nping\n", half_close=False).split(b"\n")
    assert answers[0] == b"pong" and answers[1].startswith(b"error: ") and answers[2:] == [b"pong"]


def test_a_last_line_without_end_is_done_too(address):
    assert talk(address, "ping\nping") == b"pong\npong"


def test_lines_that_come_one_after_the_other_are_answered_each(address):
    def both():
        with connect(address) as s:
            s.sendall(b"ping\n")
            assert s.recv(100) == b"pong"
            with contextlib.suppress(ConnectionError):
                s.sendall(b"ping\n")
                return read_all(s).strip(b"\n") == b"pong"
            return False
    wait_until(both, "one that is not held up for 50 ms in between has both answers")


def test_a_line_may_come_byte_by_byte(address):
    with connect(address) as s:
        for byte in b"ping\n":
            s.sendall(bytes([byte]))
        assert s.recv(100) == b"pong"


def test_a_client_that_says_nothing_gets_nothing(address):
    assert talk(address, "") == b""


def test_a_stream_stays_open_and_every_answer_is_a_line(address):
    with connect(address) as s:
        s.sendall(b"stream\nping\nblack 203.0.113.10\nnonsense\n")
        reader = s.makefile("rb")
        assert [reader.readline() for _ in range(3)] == [b"ok\n", b"pong\n", b"ok\n"]
        assert reader.readline().startswith(b"error: ")
        time.sleep(0.2)                    # well past the 50 ms of a connection without `stream`
        s.sendall(b"ping\n")
        assert reader.readline() == b"pong\n"
        s.shutdown(socket.SHUT_WR)
        assert reader.read() == b"", "it closes when the client has half-closed"


def test_a_stream_keeps_the_order_of_many_answers(node, address):
    with node.stream(address) as stream:
        lines, wants = [], []
        for i in range(500):
            lines += [f"black 203.0.113.{i % 100}", "ping", "nonsense"]
            wants += ["ok", "pong", "error"]
        answers = stream.ask(*lines)
    assert [answer.split(":")[0] for answer in answers] == wants


def test_nothing_is_destroyed_by_a_reset(address):
    """A node that closed with unread input would send a reset, and the answer would be lost."""
    for _ in range(20):
        with connect(address) as s:
            s.sendall(b"ping\n" + b" " * 2000 + b"\n" + b"garbage")
            s.shutdown(socket.SHUT_WR)
            assert read_all(s).startswith(b"pong\n")


# ---- bounds

def padded(text, length):
    """A line of so many bytes, its end not counted, with blanks between its two words."""
    first, rest = text.split(" ", 1)
    return first + " " * (length - len(first) - len(rest)) + rest


def test_a_line_of_4095_bytes_is_read(address):
    assert talk(address, padded("score 203.0.113.251", LINE_MAX - 1) + "\n") == b"0"


@pytest.mark.parametrize("length", [LINE_MAX + 1, 10_000, 1_000_000])
def test_a_longer_line_is_an_error(address, length):
    answer = talk(address, padded("score 203.0.113.251", length) + "\n")
    assert answer.startswith(b"error: ") and b"long" in answer, answer


def resident_bytes(process):
    with open(f"/proc/{process.pid}/statm") as f:
        return int(f.read().split()[1]) * 4096


def test_a_line_without_end_is_sent_away_and_costs_no_memory(own_lab):
    """It is read on for a while, since closing with unread input would destroy the answer; but not for ever."""
    node = own_lab.node("mx.b.example", mesh=False, extra='limits { line-time = "300ms" }\n').start()
    before = resident_bytes(node.process)
    for address in (node.unix, node.tcp):
        deadline = time.monotonic() + WAIT_S
        with connect(address) as s, pytest.raises(ConnectionError):
            while time.monotonic() < deadline:
                s.sendall(b"x" * 65536)
    assert resident_bytes(node.process) - before < 50e6
    node.becomes("ping", "pong")            # also this line has 300 ms, and who is held up for longer is sent away


def test_a_slow_client_does_not_delay_another(node, address):
    slow = [connect(address) for _ in range(50)]
    try:
        for s in slow:
            s.sendall(b"black 203.0")
        def worst():
            took = []
            for _ in range(50):
                started = time.monotonic()
                assert talk(address, "ping\n") == b"pong"
                took.append(time.monotonic() - started)
            return max(took)
        wait_until(lambda: worst() < 0.5, "fifty in a row wait for nobody")
        slow[0].sendall(b".113.11\n")
        assert slow[0].recv(100) == b"ok"
    finally:
        for s in slow:
            s.close()


def test_a_client_that_does_not_read_does_not_delay_another(node):
    with connect(node.unix) as deaf:
        deaf.setblocking(False)
        deaf.send(b"stream\n")
        try:
            for _ in range(2000):
                deaf.send(b"nonsense\n" * 500)
        except BlockingIOError:
            pass                            # the node has paused reading from it: that is the bound
        assert in_time(lambda: node.ask("black 203.0.113.12"), 1) == "ok"


def test_150_sessions_at_once_all_get_their_answer(node, address):
    """One ordinary spam run: as many clients at the same moment, a new connection for each."""
    def slowest():
        answers, gate = [None] * 150, threading.Barrier(150)

        def session(i):
            gate.wait()
            started = time.monotonic()
            answer = talk(address, f"black 203.0.113.{i + 20}\n")
            answers[i] = (answer, time.monotonic() - started)
        threads = [threading.Thread(target=session, args=(i,)) for i in range(150)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {answer for answer, _ in answers} == {b"ok"}
        return max(seconds for _, seconds in answers)
    wait_until(lambda: slowest() < 2.5, "Exim waits 3 s")


def test_a_silent_client_is_sent_away_in_the_end(own_lab):
    node = own_lab.node("mx.b.example", mesh=False, extra='limits { line-time = "300ms" }\n').start()

    def say_half_a_line(address):
        started = time.monotonic()
        with connect(address) as s:
            s.sendall(b"pin")
            answer = read_all(s)
        assert answer == b"" or answer.startswith(b"error: "), answer
        assert time.monotonic() - started > 0.2
    for address in (node.unix, node.tcp):
        in_time(lambda: say_half_a_line(address), 3)


def test_one_connection_too_many_is_told_so(own_lab):
    node = own_lab.node("mx.b.example", mesh=False, extra="limits { connections = 5 }\n").start()
    held = [connect(node.tcp) for _ in range(5)]
    wait_until(lambda: talk(node.tcp, "ping\n").startswith(b"error: "), "the sixth is refused")
    held[0].close()
    wait_until(lambda: talk(node.tcp, "ping\n") == b"pong", "the next is taken once one has gone")
    for s in held[1:]:
        s.close()


def test_tcp_is_for_the_allowed_networks_only(own_lab):
    node = own_lab.node("mx.b.example", mesh=False)
    port = own_lab.port()
    node.write_conf(extra=f'report "tcp:0.0.0.0:{port}" {{ allow = {{ "127.0.0.2/32" }} }}\n')
    node.start()
    try:
        answer = talk(("127.0.0.1", port), "ping\n")
    except ConnectionError:
        answer = b""
    assert answer == b"" or answer.startswith(b"error: "), answer
    with socket.socket() as s:
        s.bind(("127.0.0.2", 0))
        s.settimeout(WAIT_S)
        s.connect(("127.0.0.1", port))
        s.sendall(b"ping\n")
        assert read_all(s) == b"pong"


def test_the_unix_socket_has_its_mode_and_exims_group(node):
    if not private_world():
        pytest.skip("needs root: only root can give a socket to a group that it is not in")
    status = node.unix.stat()
    assert status.st_mode & 0o7777 == 0o660
    assert grp.getgrgid(status.st_gid).gr_name == "Debian-exim"


# ---- check, score, info

def test_one_black_lists_in_the_own_zone_and_one_white_in_the_white(node):
    assert node.ask("black 203.0.113.190") == "ok"
    assert node.ask("white 203.0.113.191") == "ok"
    node.becomes("check 203.0.113.190", "black")
    node.becomes("check 203.0.113.191", "white")
    assert node.ask("check 203.0.113.190 zone=bl.a.example") == "black"
    assert node.ask("check 203.0.113.190 zone=wl.a.example") == "unknown"
    assert node.ask("check 203.0.113.191 zone=bl.a.example") == "unknown"
    assert node.ask("check 203.0.113.191 zone=wl.a.example") == "white"


def test_the_score_of_one_black_is_1071_thousandths(node):
    """1.5 * 5/7 (section 7 of the design); a moment of decay may take one off."""
    assert node.ask("black 203.0.113.192") == "ok"
    wait_until(lambda: node.ask("score 203.0.113.192") in ("1071", "1070"), lambda: node.ask("score 203.0.113.192"))
    assert node.ask("score 203.0.113.192 spam") in ("1071", "1070")
    assert node.ask("score 203.0.113.192 malware") == "0"
    assert node.ask("white 203.0.113.193") == "ok"
    wait_until(lambda: re.fullmatch(r"-1\d\d\d", node.ask("score 203.0.113.193")), lambda: node.ask("score 203.0.113.193"))


def test_more_events_score_higher_and_white_against_black_lower(node):
    for line in ("black 203.0.113.194 count=100", "black 203.0.113.195", "white 203.0.113.195"):
        assert node.ask(line) == "ok"
    wait_until(lambda: int(node.ask("score 203.0.113.194")) > 1400, "many events are a conviction")
    wait_until(lambda: int(node.ask("score 203.0.113.195")) < 1000, "good mail counts against it")


def test_a_dnsbl_rejection_raises_no_score(node):
    """Else no listing would ever end."""
    assert node.ask("black 203.0.113.196 cause=dnsbl count=100") == "ok"
    assert node.ask("black 203.0.113.197") == "ok"
    node.becomes("check 203.0.113.197", "black")          # folded after the one above
    assert node.ask("score 203.0.113.196") == "0"
    assert node.ask("check 203.0.113.196") == "unknown"


def test_retract_takes_back_what_was_said(node):
    assert node.ask("black 203.0.113.198 malware") == "ok"
    assert node.ask("black 203.0.113.198 spam") == "ok"
    wait_until(lambda: "categories=malware,spam" in node.ask("info 203.0.113.198")
               or "categories=spam,malware" in node.ask("info 203.0.113.198"), "both")
    assert node.ask("retract 203.0.113.198 malware") == "ok"
    wait_until(lambda: "categories=spam " in node.ask("info 203.0.113.198"), "malware has gone")
    assert node.ask("retract 203.0.113.198") == "ok"
    node.becomes("check 203.0.113.198", "unknown")
    assert node.ask("score 203.0.113.198") == "0"


def test_info_is_one_line_of_pairs(node):
    assert node.ask("black 203.0.113.199 malware") == "ok"
    node.becomes("check 203.0.113.199", "black")
    info = node.ask("info 203.0.113.199")
    pairs = dict(pair.split("=", 1) for pair in info.split(" "))
    assert list(pairs) == ["state", "score", "groups", "categories", "code", "zones", "until"], info
    assert pairs["state"] == "black" and pairs["categories"] == "malware" and pairs["groups"] == "1"
    assert re.fullmatch(r"1\.07[01]", pairs["score"]) and re.fullmatch(r"127\.0\.0\.\d+", pairs["code"])
    assert set(pairs["zones"].split(",")) == {"bl.a.example", "suspect.a.example"}
    assert int(pairs["until"]) > time.time() + 3600


def test_info_of_an_unknown_subject_leaves_out_what_has_no_value(node):
    pairs = dict(pair.split("=", 1) for pair in node.ask("info 203.0.113.252").split(" "))
    assert pairs == {"state": "unknown", "score": "0.000", "groups": "0"}


# ---- as real Exim asks

@pytest.fixture(scope="module")
def exim(lab, node):
    tcp, unix = f"inet:127.0.0.1:{node.tcp[1]}", node.unix
    acls = f"""acl_rcpt:
  deny local_parts = eq
       condition = ${{if eq{{${{readsocket{{{tcp}}}{{check $sender_host_address\\n}}{{3s}}{{}}{{}}}}}}{{black}}}}
       message = eq
  deny local_parts = condition
       condition = ${{readsocket{{{tcp}}}{{score $sender_host_address\\n}}{{3s}}{{}}{{}}}}
       message = condition
  deny local_parts = bool
       condition = ${{if bool{{${{readsocket{{{unix}}}{{score $sender_host_address\\n}}{{3s}}{{ }}{{0}}}}}}}}
       message = bool
  deny local_parts = greater
       condition = ${{if >{{${{readsocket{{{unix}}}{{score $sender_host_address}}{{3s}}}}}}{{1000}}}}
       message = greater
  deny local_parts = delay
       delay = ${{readsocket{{{tcp}}}{{score 203.0.113.253\\n}}{{3s}}{{}}{{}}}}s
       message = delay
  accept
"""
    return SimpleNamespace(exim=Exim(lab, "smtp.a.example", "acl_smtp_rcpt = acl_rcpt", acls), tcp=tcp, unix=str(unix))


@pytest.mark.parametrize("options", ["{3s}{}{}", "{3s}", "{}", "{3s}{ }{none}", "{3s}{\\n}{none}", "{3s:shutdown=no}{}{}", "{3s:cache=yes}{}{}"])
@pytest.mark.parametrize("end", ["\\n", "\\r\\n", ""])
def test_every_form_of_readsocket_gets_the_bare_word(exim, options, end):
    if "shutdown=no" in options and not end:
        pytest.skip("a line that never ends has no answer")
    for place in (exim.tcp, exim.unix):
        got = exim.exim.expand("${readsocket{%s}{ping%s}%s}" % (place, end, options))
        assert got == "pong\n", (place, got)


def test_exim_reads_pairs_out_of_info(node, exim):
    assert node.ask("black 203.0.113.201 malware") == "ok"
    node.becomes("check 203.0.113.201", "black")
    ask = "${extract{%%s}{${readsocket{%s}{info 203.0.113.201\\n}{3s}{ }{}}}}" % exim.tcp
    got = exim.exim.expand(*(ask % key for key in ("state", "categories", "groups", "score"))).split("\n")
    assert got[:3] == ["black", "malware", "1"] and got[3].startswith("1.07"), got


@pytest.mark.parametrize("form", ["eq", "condition", "bool", "greater"])
def test_an_acl_decides_by_the_answer(node, exim, form):
    assert node.ask("black 203.0.113.202") == "ok"
    node.becomes("check 203.0.113.202", "black")
    rcpt = f"{form}@here.example"
    assert exim.exim.send_mail("203.0.113.202", rcpt=rcpt) == f"550 {form}"
    assert exim.exim.send_mail("203.0.113.254", rcpt=rcpt).startswith("250 ")


def test_an_answer_can_be_a_delay(exim):
    assert exim.exim.send_mail("203.0.113.254", rcpt="delay@here.example") == "550 delay"


@pytest.mark.parametrize("form, addr, answer", [("eq", "203.0.113.203", "550 eq"), ("eq", "203.0.113.254", "250 Accepted"),
                                                ("condition", "203.0.113.203", "550 condition"), ("delay", "203.0.113.254", "550 delay")])
def test_exim_bh_asks_the_real_socket(node, exim, form, addr, answer):
    assert node.ask("black 203.0.113.203") == "ok"
    node.becomes("check 203.0.113.203", "black")
    answers = exim.exim.fake_session(addr, "HELO x.example", "MAIL FROM:<a@x.example>", f"RCPT TO:<{form}@here.example>", "QUIT")
    assert answer in answers, answers


def test_exim_bh_writes_ipv6_in_full_and_means_the_same(node, exim):
    assert node.ask("black 2001:db8:20:30::7") == "ok"
    node.becomes("check 2001:db8:20:30::7", "black")
    for addr in ("2001:db8:20:30::99", "::ffff:203.0.113.203"):
        node.ask("black 203.0.113.203")
        node.becomes("check 203.0.113.203", "black")
        answers = exim.exim.fake_session(addr, "HELO x.example", "MAIL FROM:<a@x.example>", "RCPT TO:<eq@here.example>", "QUIT")
        assert "550 eq" in answers, (addr, answers)
