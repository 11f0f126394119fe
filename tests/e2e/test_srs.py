"""Sender rewriting through a real node, against the programs that others use: Exim's own srs_encode and inbound_srs, and postsrsd."""
import socket

import pytest

from exim_lab import Exim
from hearsay_lab import Lab, Process, private_world, wait_until

SENDERS = ["user@example.com", "User.Name+tag@Mail.Example.COM", "a=b=c@example.com", '"a b"@example.com', "prvs=12345@example.com",
           "SRS0=abcd=AA=far.example=far@example.com", "o'hara@example.com"]


@pytest.fixture(scope="module")
def world():
    with Lab("srs") as lab:
        exim = lab.node("exim.example", extra='srs { secrets = { "SECRET", "older" } }\nspf { timeout = "3s" }\n').start()
        postsrsd = lab.node("postsrsd.example", extra='srs { secrets = { "SECRET" } style = "postsrsd" }\n').start()
        yield lab, exim, postsrsd


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def forward(node, sender, domain="fwd.example"):
    return node.ask(f"srs-forward {quote(sender)} {domain}")


def reverse(node, address, more=""):
    return node.ask(f"srs-reverse {quote(address)}{more}")


def local_part(address):
    local = address.rpartition("@")[0]
    return local[1:-1] if local.startswith('"') else local


def exim_text(text):
    """For use in braces of an expansion."""
    return "".join("\\" + c if c in "\\{}$" else c for c in text)


# ---- Exim

@pytest.fixture(scope="module")
def mta(world):
    return Exim(world[0], "mx", start=False)


def test_exim_reads_what_the_node_writes(world, mta):
    for sender in SENDERS:
        if sender.startswith("SRS"):
            continue                   # of SRS1 Exim knows nothing
        there = forward(world[1], sender)
        got = mta.expand("${if inbound_srs{%s}{SECRET}{$srs_recipient}{no}}" % exim_text(local_part(there))).rstrip("\n")
        assert got == sender.lower(), there


def test_the_node_reads_what_exim_writes(world, mta):
    for sender in SENDERS:
        there = mta.expand("${srs_encode{SECRET}{%s}{fwd.example}}" % exim_text(sender)).rstrip("\n")
        assert reverse(world[1], there) == sender, there
        assert reverse(world[2], there) == sender, there


def test_the_node_writes_what_exim_writes(world, mta):
    for sender in SENDERS:
        if sender.startswith("SRS"):
            continue
        assert forward(world[1], sender) == mta.expand("${srs_encode{SECRET}{%s}{fwd.example}}" % exim_text(sender)).rstrip("\n")


def test_an_older_secret_of_exim_is_read(world, mta):
    there = mta.expand("${srs_encode{older}{user@example.com}{fwd.example}}").rstrip("\n")
    assert reverse(world[1], there) == "user@example.com"
    assert reverse(world[2], there) == "error: forged SRS address"


def test_exim_uses_the_answer_as_it_stands(world, mta):
    where = "inet:127.0.0.1:%d" % world[1].tcp[1]
    got = mta.expand("${readsocket{%s}{srs-forward ${quote:user@example.com} fwd.example\\n}{3s}{}{}}" % where).rstrip("\n")
    assert got == forward(world[1], "user@example.com")
    assert mta.expand("<${readsocket{%s}{srs-forward ${quote:} fwd.example\\n}{3s}{}{failed}}>" % where).rstrip("\n") == "<>"


# ---- postsrsd

class Postsrsd:
    def __init__(self, lab):
        if not private_world():
            pytest.skip("needs a network of its own")
        self.forward_port, self.reverse_port = lab.port(), lab.port()
        secret = lab.dir / "postsrsd.secret"
        secret.write_text("SECRET\n")
        secret.chmod(0o644)
        argv = ["postsrsd", "-s", str(secret), "-d", "fwd.example", "-l", "127.0.0.1", "-f", str(self.forward_port), "-r", str(self.reverse_port), "-u", "nobody"]
        self.process = Process("postsrsd", argv, lab.dir / "postsrsd.log")
        lab.at_end(lambda: self.process.alive() and self.process.end())
        wait_until(lambda: self._ask(self.forward_port, "user@example.com"), "postsrsd answers")

    @staticmethod
    def _ask(port, address):
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as s:
                s.sendall(f"get {address}\n".encode())
                return s.makefile().readline().rstrip("\n")
        except OSError:
            return ""

    def forward(self, address):
        return self._ask(self.forward_port, address).partition(" ")[2]

    def reverse(self, address):
        return self._ask(self.reverse_port, address).partition(" ")[2]


@pytest.fixture(scope="module")
def others(world):
    return Postsrsd(world[0])


PLAIN = [s for s in SENDERS if " " not in s]


def test_postsrsd_reads_what_the_node_writes(world, others):
    for sender in PLAIN:
        there = forward(world[2], sender)
        assert others.reverse(there) == sender, there


def test_the_node_reads_what_postsrsd_writes(world, others):
    for sender in PLAIN:
        there = others.forward(sender)
        assert reverse(world[2], there) == sender, there
        assert reverse(world[1], there) == sender, there
        assert reverse(world[1], there.lower()).lower() == sender.lower()


def test_the_node_writes_what_postsrsd_writes(world, others):
    for sender in PLAIN:
        assert forward(world[2], sender) == others.forward(sender)


def test_a_chain_of_hops_comes_home(world, others):
    """Exim's style, postsrsd, the node again: the bounce skips the hops between."""
    first = forward(world[1], "user@example.com", "first.example")
    second = others.forward(first)
    third = forward(world[1], second, "third.example")
    assert third.startswith("SRS1=") and third.endswith("@third.example")
    assert reverse(world[1], third) == first
    assert reverse(world[1], first) == "user@example.com"


# ---- evidence, errors

def test_a_forged_address_counts_against_its_client(world):
    node = world[1]
    assert reverse(node, "SRS0=ffff=AA=example.com=user@fwd.example", " ip=192.0.2.77") == "error: forged SRS address"
    wait_until(lambda: int(node.ask("score 192.0.2.77 abusive")) > 0, "the client is in evidence")
    assert reverse(node, "SRS0=ffff=AA=example.com=user@fwd.example") == "error: forged SRS address"
    assert reverse(node, "user@fwd.example", " ip=192.0.2.78") == "error: not an SRS address"
    assert reverse(node, forward(node, "user@example.com"), " ip=192.0.2.78") == "user@example.com"
    assert node.ask("score 192.0.2.78") == "0"


def test_the_note_forged_srs_says_what_it_weighs():
    with Lab("srsnote") as lab:
        node = lab.node("mx.a.example", extra='srs { secrets = { "SECRET" } }\nnote "forged-srs" { category = "fraud" weight = 4 }\n').start()
        reverse(node, "SRS0=ffff=AA=example.com=user@fwd.example", " ip=192.0.2.77")
        wait_until(lambda: int(node.ask("score 192.0.2.77 fraud")) > 0, "the client is in evidence")
        assert node.ask("score 192.0.2.77 abusive") == "0"


def test_without_secrets_the_error_says_what_to_do():
    with Lab("srsnone") as lab:
        node = lab.node("mx.a.example").start()
        assert forward(node, "user@example.com") == 'error: no secrets: set srs { secrets = { "..." } }'
        node.write_conf(extra='srs { secrets = { "SECRET" } }')
        node.hang_up()
        node.becomes("srs-forward user@example.com bad@domain", "error: not a domain to forward from")
        assert forward(node, "user@example.com").startswith("SRS0=")


# ---- a forwarder

ROUTERS = r'''
srs_bounce:
  driver = redirect
  domains = here.example
  condition = ${if match{$local_part}{\N(?i)^SRS[01][=+-]\N}}
  address_data = ${readsocket{HS}{srs-reverse ${quote:$local_part@$domain} ip=$sender_host_address\n}{3s}{}{}}
  data = ${if eq{$address_data}{}{:defer: try again}{${if match{$address_data}{\N^error:\N}{:fail: $address_data}{$address_data}}}}
  allow_defer
  allow_fail
forward:
  driver = redirect
  domains = here.example
  local_parts = forward
  data = someone@far.example
forwarded:
  driver = accept
  domains = ! here.example
  condition = ${if !eq{$domain}{$original_domain}}
  address_data = ${if match{$original_local_part}{\N(?i)^SRS[01][=+-]\N}{}{${readsocket{HS}{srs-forward ${quote:$sender_address} $original_domain\n}{3s}{}{}}}}
  transport = box
'''


class Forwarder(Exim):
    def _conf(self, *parts):
        text = super()._conf(*parts)
        return text.replace("begin routers\n", "begin routers\n" + ROUTERS).replace(
            "  driver = appendfile\n", "  driver = appendfile\n  return_path = ${if or{{eq{$address_data}{}}{match{$address_data}{\\N^error:\\N}}}{$return_path}{$address_data}}\n")


def test_exim_forwards_and_takes_the_bounce_home(world):
    with Lab("srsforward") as lab:
        node = lab.node("mx.a.example", extra='srs { secrets = { "SECRET" } }\n').start()
        mx = Forwarder(lab, "mx.here.example", main=f"HS = inet:127.0.0.1:{node.tcp[1]}\nacl_smtp_rcpt = ask\n", acls="ask:\n  deny !verify = recipient\n  accept\n")
        assert mx.send_mail("192.0.2.1", "user@example.com", "forward@here.example", "first").startswith("250")
        rewritten = forward(node, "user@example.com", "here.example")
        wait_until(lambda: f"From {rewritten} " in mx.mailbox(), "the sender is rewritten")
        assert mx.send_mail("192.0.2.1", "", rewritten, "the bounce").startswith("250")
        wait_until(lambda: f"=> user <{rewritten}>" in mx.main_log(), lambda: f"the bounce goes home:\n{mx.main_log()}")
        assert mx.send_mail("192.0.2.66", "", "SRS0=ffff=" + rewritten.split("=", 2)[2], "a forged one").startswith("550")
        wait_until(lambda: int(node.ask("score 192.0.2.66 abusive")) > 0, "it counts against its client")
        # the null sender stays, and without the node mail goes on with the sender it had
        assert mx.send_mail("192.0.2.1", "", "forward@here.example", "null").startswith("250")
        wait_until(lambda: mx.mailbox().count("From MAILER-DAEMON ") == 2, "the null sender stays")
        node.kill()
        assert mx.send_mail("192.0.2.1", "later@example.com", "forward@here.example", "second").startswith("250")
        wait_until(lambda: "From later@example.com " in mx.mailbox(), "the sender is as it was")
        assert mx.send_mail("192.0.2.1", "", rewritten, "a bounce meanwhile").startswith("4")
