"""The snippets of the Exim toolbox in conf/exim, each run by a real Exim, with the node alive, dead and frozen: mail goes on in every case."""
import base64
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from dns_lab import Resolver
from exim_lab import Exim
from hearsay_lab import in_time, wait_until
from test_snippets import LIMIT_S, SNIPPETS, STATES, acl, include, promptly, timed

RETRY_S = 2             # of the greylist
OUR_OWN = "hostlist relay_from_hosts = 192.0.2.1\n"
AUTHENTICATOR = """begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if eq{$auth3}{secret}}
  server_set_id = $auth2
"""
UNKNOWN = """unknown:
  driver = redirect
  domains = +local_domains
  local_parts = ^nobody
  allow_fail
  data = :fail: no such user
"""
RULES = """rule 5 { when = "spam >= 10" action = drop }
rule 7 { when = "spam >= 5" action = alternate location = "junk" }
rule 8 { when = "spam >= 4.5" action = alternate location = "../../escape" }
rule 9 { when = "spam >= 4" action = alternate location = ".." }
"""
ACCEPT = "acl_rcpt:\n  accept\n"
LOGIN = {"alice": "AUTH PLAIN AGFsaWNlAHNlY3JldA==", "bob": "AUTH PLAIN AGJvYgBzZWNyZXQ=", "carl": "AUTH PLAIN AGNhcmwAc2VjcmV0"}     # \0NAME\0secret


class PolicyResolver(Resolver):
    """With SPF policies for two domains."""

    @staticmethod
    def _conf(folder, stubs):
        return Resolver._conf(folder, stubs).replace("remote-control:", '''  local-zone: "good.example." static
  local-data: 'good.example. TXT "v=spf1 ip4:203.0.113.0/24 -all"'
  local-zone: "forged.example." static
  local-data: 'forged.example. TXT "v=spf1 -all"'
remote-control:''', 1)


def site(lab, name, macros, main="", routers="", transports="", extra="", **acls):
    """An Exim that holds snippets word for word."""
    main = macros + OUR_OWN + main + "".join(f"acl_smtp_{which} = acl_{which}\n" for which in acls)
    return Exim(lab, name, main, "".join(acls.values()), routers=routers, transports=transports, extra=extra)


def out(port, more="", name="remote_smtp"):
    """A router and a transport to the remote host, which is another Exim on loopback."""
    router = f"""remote:
  driver = manualroute
  domains = far.example
  route_list = * 127.0.0.1
  self = send
  transport = {more or "remote_smtp"}
"""
    options = f"  port = {port}\n  interface = 127.0.0.2\n  allow_localhost\n"
    return router, options


@pytest.fixture(scope="module")
def village(lab):
    """A node, an Exim for each snippet, and a remote one that knows nobody whose name begins with "nobody"."""
    node = lab.node("mx.a.example", mesh=False, extra=f'''grey {{ retry = "{RETRY_S}s"  window = "1h" }}
srs {{ secrets = {{ "a secret" }} }}
note "forged-helo" {{ category = "abusive"  weight = 5 }}
verdict {{ rules = "verdict.rules"  profiles = "profiles" }}
''')
    (node.dir / "verdict.rules").write_text(RULES)
    (node.dir / "profiles").write_text("*@here.example: standard\nmild@here.example: none\n")
    node.start()
    for place in ("other", "junk"):
        maildir = lab.dir / "quarantine" / place
        maildir.mkdir(parents=True)
        shutil.chown(maildir, "Debian-exim", "Debian-exim")
    PolicyResolver(lab, {})
    macros = (SNIPPETS / "macros").read_text()
    for old, new in (("127.0.0.1:4440", f"127.0.0.1:{node.tcp[1]}"), ("/etc/exim4", str(lab.dir)), ("/var/mail/quarantine", str(lab.dir / "quarantine")),
                     ("HEARSAY_ALTERNATE_USER = mail", "HEARSAY_ALTERNATE_USER = Debian-exim")):
        assert old in macros, old
        macros = macros.replace(old, new)
    deny = "  deny domains = +local_domains\n       !verify = recipient\n       message = unknown user here\n"
    remote = Exim(lab, "far.example", "acl_smtp_rcpt = acl_rcpt\n", "acl_rcpt:\n  deny local_parts = ^nobody\n       message = no such user at far.example\n  accept\n")
    router, options = out(remote.port)
    forwarder, _ = out(remote.port, "${if eqi{$local_part@$domain}{$original_local_part@$original_domain}{remote_smtp}{hearsay_forwarded_smtp}}")
    smtp = "remote_smtp:\n  driver = smtp\n" + options
    forward = "forward:\n  driver = redirect\n  domains = +local_domains\n  local_parts = forward\n  data = someone@far.example\n"
    made = {
        "tarpit": dict(routers=UNKNOWN, rcpt=acl("acl_rcpt", "tarpit", after=deny)),
        "tarpit-connect": dict(connect=acl("acl_connect", "tarpit-connect"), rcpt=ACCEPT),
        "grey": dict(rcpt=acl("acl_rcpt", "grey")),
        "bounce": dict(main=include("bounce-event") + "auth_advertise_hosts = *\n", routers=UNKNOWN + router, transports=smtp + include("bounce-transport"),
                       extra=AUTHENTICATOR, mail=acl("acl_mail", "bounces"), rcpt=ACCEPT),
        "spf": dict(mail=acl("acl_mail", "spf"), rcpt=ACCEPT),
        "spfcheck": dict(mail=acl("acl_mail", "spfcheck"), rcpt=ACCEPT),
        "note": dict(mail=acl("acl_mail", "note"), rcpt=ACCEPT),
        "verdict": dict(routers=include("verdict-routers") + "mailbox:\n  driver = accept\n  domains = +local_domains\n  transport = box\n" + include("verdict-tag"),
                        transports=include("verdict-transport"), rcpt=ACCEPT,
                        data="acl_data:\n  warn set acl_m_hearsay_score = ${if match{$message_body}{spam=([0-9.]+)}{$1}}\n  accept\n"),
        "srs": dict(routers=include("srs-reverse") + UNKNOWN + forward + forwarder, transports=smtp + include("srs-forward") + options,
                    rcpt="acl_rcpt:\n" + deny + "  accept\n"),
    }
    exims = {name: site(lab, f"{name}.example", macros, **parts) for name, parts in made.items()}
    return SimpleNamespace(node=node, exims=exims, remote=remote)


def send(exim, addr, **mail):
    return timed(exim.send_mail, addr, **mail)


def delivered(exim, text, what="the mail is delivered"):
    wait_until(lambda: text in exim.mailbox(), what)
    return exim.mailbox()


def headers(exim, text):
    """Those of the mail with this body, their folds undone."""
    box = delivered(exim, text)
    head = box[:box.index("\n\n" + text)]
    head = head[head.rfind("\n\n") + 2:] if "\n\n" in head else head
    return re.sub(r"\n[ \t]+", " ", head)


def mail_as(exim, addr, user, **mail):
    """A mail of a user who logged in."""
    with exim.session(addr) as smtp:
        smtp.say("EHLO client.sender.example")
        assert smtp.say(LOGIN[user]).startswith("235 ")
        return smtp.mail(mail.get("sender", f"{user}@here.example"), mail["rcpt"], mail.get("body", "hello"), hello=False)


# ---- alive

def test_tarpit_counts_unknown_recipients_and_slows_down_from_the_sixth_on(village):
    exim, addrs = village.exims["tarpit"], iter(f"203.0.113.{i}" for i in range(200, 240))

    def six():
        addr = next(addrs)
        for i in range(5):
            assert send(exim, addr, rcpt=f"nobody{i}@here.example")[0] == "550 unknown user here", "not slowed down yet"
        answer, seconds = send(exim, addr, rcpt="nobody@here.example")
        assert answer == "550 unknown user" and seconds >= 12
        return addr
    addr = in_time(six, 24)                             # the sixth is, and once
    assert village.node.ask(f"count {addr}") == "6"
    assert send(exim, addr)[0].startswith("250 ")
    assert village.node.ask(f"count {addr}") == "6"


def test_tarpit_spares_own_clients(village):
    assert send(village.exims["tarpit"], "192.0.2.1", rcpt="nobody@here.example")[0] == "550 unknown user here"
    assert village.node.ask("count 192.0.2.1") == "0"


def test_tarpit_connect_puts_off_who_tried_out_many(village):
    exim = village.exims["tarpit-connect"]
    for _ in range(20):
        village.node.ask("tarpit 203.0.113.41")
    assert send(exim, "203.0.113.41")[0].startswith("250 ")
    village.node.ask("tarpit 203.0.113.41")
    answer, _ = send(exim, "203.0.113.41")
    assert answer.startswith("451 too many unknown recipients"), answer
    assert village.node.ask("count 203.0.113.41") == "21"


def test_grey_defers_the_first_time_and_lets_through_after_the_retry(village):
    exim, mail = village.exims["grey"], dict(sender='"a b"@sender.example', rcpt="user@here.example")
    addrs = iter(f"198.51.{i}.42" for i in range(50, 70))

    def too_soon():
        addr = next(addrs)
        return addr, send(exim, addr, **mail)[0], send(exim, addr, **mail)[0]
    addr, first, second = in_time(too_soon, RETRY_S)
    assert first == "451 greylisted: please try again in some minutes"
    assert second.startswith("451 ")
    assert send(exim, addr, sender="", rcpt="user@here.example")[0].startswith("250 "), "a bounce passes"
    assert send(exim, "192.0.2.1", **mail)[0].startswith("250 "), "an own client passes"
    time.sleep(RETRY_S)
    assert send(exim, addr, **mail)[0].startswith("250 ")


def test_bounces_are_counted_where_routing_fails_and_where_another_host_refuses(village):
    exim = village.exims["bounce"]
    assert mail_as(exim, "203.0.113.43", "alice", rcpt="nobody@far.example").startswith("250 ")
    village.node.becomes("bounces alice", "1:1")
    assert mail_as(exim, "203.0.113.43", "alice", rcpt="nobody@here.example").startswith("250 ")
    village.node.becomes("bounces alice", "2:2")
    assert mail_as(exim, "203.0.113.43", "alice", rcpt="user@far.example").startswith("250 ")
    assert exim.send_mail("203.0.113.43", sender="x.y@here.example", rcpt="nobody@far.example").startswith("250 ")
    village.node.becomes("bounces x.y@here.example", "1:1")
    assert exim.send_mail("203.0.113.43", sender="", rcpt="nobody@far.example").startswith("250 ")
    wait_until(lambda: exim.main_log().count("Completed") >= 5, "all is delivered")
    assert village.node.ask("bounces alice") == "2:2"


def test_bounces_slow_down_and_stop_a_user(village):
    exim = village.exims["bounce"]
    assert village.node.ask("bounce bob count=11") == "ok"
    answer, seconds = in_time(lambda: timed(mail_as, exim, "203.0.113.44", "bob", rcpt="user@here.example"), 22)
    assert answer.startswith("250 ") and seconds >= 11
    assert village.node.ask("bounce bob count=50") == "ok"
    answer = in_time(lambda: mail_as(exim, "203.0.113.44", "bob", rcpt="user@here.example"), 11)
    assert answer == "451 too much of your mail comes back: 61 in the last hour, 61 in the last day"
    assert mail_as(exim, "203.0.113.44", "carl", rcpt="user@here.example").startswith("250 ")


@pytest.mark.parametrize("name", ["spf", "spfcheck"])
def test_spf_is_told_and_becomes_a_header(village, name):
    exim, net = village.exims[name], {"spf": "203.0.113", "spfcheck": "198.51.97"}[name]
    bad, good = f"{net}.45", "203.0.113.46"
    assert send(exim, bad, sender="x@forged.example", body=f"{name} forged")[0].startswith("250 ")
    wait_until(lambda: int(village.node.ask(f"score {bad} fraud")) > 0, "a failure is evidence")
    assert send(exim, good, sender="x@good.example", body=f"{name} good")[0].startswith("250 ")
    assert "Received-SPF: fail" in headers(exim, f"{name} forged")
    assert "Received-SPF: pass" in headers(exim, f"{name} good")
    assert village.node.ask(f"score {good}") == "0"
    assert send(exim, bad, sender="", body=f"{name} bounce")[0].startswith("250 ")


def test_note_tells_of_a_forged_helo(village):
    exim = village.exims["note"]
    with exim.session("203.0.113.47") as smtp:
        smtp.say("EHLO note.example")
        assert smtp.mail("a@sender.example", "user@here.example", hello=False).startswith("250 ")
    village.node.becomes("check 203.0.113.47", "black")
    assert "categories=abusive" in village.node.ask("info 203.0.113.47")
    assert send(exim, "203.0.113.48")[0].startswith("250 ")
    assert village.node.ask("score 203.0.113.48") == "0"


def test_srs_forward_rewrites_what_is_forwarded_and_nothing_else(village):
    exim = village.exims["srs"]
    assert send(exim, "203.0.113.49", sender="orig@sender.example", rcpt="forward@here.example", body="forwarded")[0].startswith("250 ")
    delivered(village.remote, "forwarded")
    assert re.search(r"<= SRS0=[^ ]+=sender\.example=orig@here\.example ", village.remote.main_log())
    assert send(exim, "203.0.113.49", sender="direct@sender.example", rcpt="someone@far.example", body="not rewritten")[0].startswith("250 ")
    delivered(village.remote, "not rewritten")
    assert "<= direct@sender.example " in village.remote.main_log()
    assert send(exim, "203.0.113.49", sender="", rcpt="forward@here.example", body="a forwarded bounce")[0].startswith("250 ")
    delivered(village.remote, "a forwarded bounce")


def test_srs_reverse_brings_bounces_home_and_refuses_forged_ones(village):
    exim = village.exims["srs"]
    address = village.node.ask("srs-forward someone@far.example here.example")
    assert send(exim, "203.0.113.50", sender="", rcpt=address, body="a bounce comes home")[0].startswith("250 ")
    delivered(village.remote, "a bounce comes home")
    forged = address.replace("someone", "another")
    assert send(exim, "203.0.113.51", sender="", rcpt=forged)[0].startswith("550 ")
    wait_until(lambda: int(village.node.ask("score 203.0.113.51 abusive")) > 0, "a forged address is evidence")


def quarantined(lab, place):
    return "".join(path.read_text() for path in (lab.dir / "quarantine" / place).glob("new/*"))


def test_verdict_delivers_drops_or_sets_aside_and_marks(lab, village):
    exim = village.exims["verdict"]
    for spam, rcpt in ((1, "user"), (12, "user"), (6, "user"), (4.5, "user"), (4.2, "user"), (12.5, "mild")):
        assert send(exim, "203.0.113.52", rcpt=f"{rcpt}@here.example", body=f"spam={spam} to {rcpt}")[0].startswith("250 ")
    wait_until(lambda: exim.main_log().count("Completed") >= 6, "all is delivered")
    box = exim.mailbox()
    assert "spam=1 to user" in box and "spam=12.5 to mild" in box
    assert not any(f"spam={n} to user" in box for n in (12, 6, 4.5, 4.2))
    assert "spam=6 to user" in quarantined(lab, "junk") and "X-Hearsay-Verdict: alternate;7,8,9;junk" in quarantined(lab, "junk")
    assert "spam=4.5 to user" in quarantined(lab, "other") and "spam=4.2 to user" in quarantined(lab, "other")
    assert ":blackhole:" in exim.main_log()
    head = headers(exim, "spam=1 to user")
    assert "X-Hearsay-Verdict: deliver;;" in head
    tag = base64.b64decode(re.search(r"(?m)^X-Hearsay-Tag: (\S+)$", head).group(1)).decode()
    assert re.fullmatch(r"deliver;;;[0-9a-f]{32};\d+", tag), tag


# ---- in bad times

def odd(village, name, addr, **mail):
    return send(village.exims[name], addr, **mail)


def as_user(village, name, addr, **mail):
    return timed(mail_as, village.exims[name], addr, **mail)


def note(village, name, addr, **mail):
    def talk():
        with village.exims[name].session(addr) as smtp:
            smtp.say("EHLO note.example")
            return smtp.mail("a@sender.example", "user@here.example", hello=False)
    return timed(talk)


# (exim, how, mail, how the answer begins by state: alive, dead, frozen; requests on its way to the answer)
MAILS = [
    ("tarpit", odd, dict(rcpt="nobody@here.example"), "550 unknown user here", 1),
    ("tarpit", odd, {}, "250 ", 0),
    ("tarpit-connect", odd, {}, "250 ", 1),
    ("grey", odd, {}, {"alive": "451 greylisted", "dead": "250 ", "frozen": "250 "}, 1),
    ("bounce", as_user, dict(user="carl", rcpt="user@here.example"), "250 ", 1),
    ("bounce", odd, dict(rcpt="nobody@far.example"), "250 ", 0),
    ("spf", odd, dict(sender="x@good.example"), "250 ", 1),
    ("spfcheck", odd, dict(sender="x@good.example"), "250 ", 1),
    ("note", note, {}, "250 ", 1),
    ("srs", odd, dict(rcpt="forward@here.example"), "250 ", 0),
    ("verdict", odd, {}, "250 ", 0),
    ("srs", odd, dict(sender="", rcpt="SRS0=abcd=AB=far.example=x@here.example"), {"alive": "550 ", "dead": "451 ", "frozen": "451 "}, 1),
]


def all_mails(village, state, net):
    """All at once, each from an address and with a body of its own."""
    with ThreadPoolExecutor(len(MAILS)) as pool:
        jobs = [pool.submit(how, village, name, f"{net}.{i + 1}", **{"body": f"mail {i} while {state}", **mail})
                for i, (name, how, mail, _, _) in enumerate(MAILS)]
        return [job.result() for job in jobs]


@pytest.mark.parametrize("state", STATES)
def test_mail_goes_on_while_the_node_is(village, state):
    """Whatever a snippet does without the node, it does within the time that it promises; and what was accepted is delivered."""
    if state == "dead":
        village.node.kill()
    elif state == "frozen":
        village.node.process.freeze()
    try:
        results, _ = promptly(lambda net: all_mails(village, state, net), [asks for *_, asks in MAILS], state)
        delivered(village.remote, f"mail 9 while {state}", "forwarded mail goes on")
        bounce = village.exims["bounce"]
        wait_until(lambda: bounce.main_log().count("** nobody@far.example") > 0 and "Completed" in bounce.main_log(), "what fails is given up")
        for name, i in (("tarpit", 1), ("tarpit-connect", 2), ("bounce", 4), ("spf", 6), ("spfcheck", 7), ("verdict", 10)):
            delivered(village.exims[name], f"mail {i} while {state}")
    finally:
        if state == "dead":
            village.node.start()
        village.node.process.thaw()
    for (name, _, mail, want, asks), (answer, seconds) in zip(MAILS, results):
        want = want[state] if isinstance(want, dict) else want
        assert answer.startswith(want), f"{name} {mail} while {state}: {answer}"
        if state == "frozen" and asks:
            assert seconds > LIMIT_S - 0.5, f"{name} did not ask the node: {seconds:.1f} s"
