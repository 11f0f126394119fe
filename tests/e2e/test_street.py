"""The whole street: from an Exim line at one member to a DNSBL answer at another.

A and B are peers, B and C are peers. C trusts A, but A does not know C: what A says reaches C over B only.
"""
import time
from types import SimpleNamespace

import pytest

from dns_lab import Rbldnsd, Resolver
from exim_lab import Exim
from hearsay_lab import stays, wait_until, zone

# How a reporter may write the same request: with and without the final newline, with the connection left open, over unix.
SPELLINGS = {
    "wiki": "{{{tcp}}}{{black $sender_host_address\\n}}{{3s}}{{}}{{}}",
    "no-newline": "{{{tcp}}}{{black $sender_host_address}}{{3s}}{{}}{{}}",
    "left-open": "{{{tcp}}}{{black $sender_host_address\\n}}{{3s:shutdown=no}}{{}}{{}}",
    "unix": "{{{unix}}}{{black $sender_host_address\\n}}{{3s}}{{}}{{}}",
    "name": "{{{tcp}}}{{black $sender_address_domain\\n}}{{3s}}{{}}{{}}",
    "good": "{{{tcp}}}{{white $sender_host_address\\n}}{{3s}}{{}}{{}}",
    "sorry": "{{{tcp}}}{{retract $sender_host_address\\n}}{{3s}}{{}}{{}}",
}


def reporting_acl(node):
    """Whoever writes to one of these recipients is reported so; the refusal shows what the node answered."""
    places = {"tcp": f"inet:127.0.0.1:{node.tcp[1]}", "unix": node.unix}
    text = "acl_rcpt:\n"
    for local_part, spelling in SPELLINGS.items():
        text += f"  warn local_parts = {local_part}\n"
        text += f"       set acl_c_told = ${{readsocket{spelling.format(**places)}}}\n"
        text += f"  deny local_parts = {local_part}\n       message = told <$acl_c_told>\n"
    return text + "  accept\n"


REFUSING_ACL = """acl_rcpt:
  deny dnslists = bl.b.example
       message = $sender_host_address is listed at $dnslist_domain: $dnslist_text
  deny !senders = :
       dnslists = bl.b.example/$sender_address_domain
       message = $sender_address_domain is listed at $dnslist_domain
  warn dnslists = wl.b.example
       add_header = X-White: $dnslist_value
  accept
"""


def member(lab, name):
    """One word of one trusted member is enough for these zones. What a group says for somebody counts half of its trust at most."""
    letter = name.split(".")[1]
    return lab.node(name, zones=zone(f"bl.{letter}.example", threshold=0.5, quorum=1)
                    + zone(f"wl.{letter}.example", lists="white", threshold=0.4, quorum=1))


def dns_of(lab, node):
    letter = node.name.split(".")[1]
    return Rbldnsd(lab, node.name, {f"{kind}.{letter}.example": node.dir / "zones" / f"{kind}.{letter}.example"
                                    for kind in ("bl", "wl")})


@pytest.fixture(scope="module")
def street(lab):
    a, b, c = (member(lab, f"mx.{letter}.example") for letter in "abc")
    a.peer_add(b, 0.9)
    b.peer_add(a, 0.9)
    b.peer_add(c, 0.9)
    c.peer_add(b, 0.9)
    c.peer_add(a, 0.9)
    for node in (a, b, c):
        node.start()
    dns_b, dns_c = dns_of(lab, b), dns_of(lab, c)
    Resolver(lab, {"bl.b.example": dns_b.port, "wl.b.example": dns_b.port})
    exim_a = Exim(lab, "smtp.a.example", "acl_smtp_rcpt = acl_rcpt", reporting_acl(a))
    exim_b = Exim(lab, "smtp.b.example", "acl_smtp_rcpt = acl_rcpt", REFUSING_ACL)
    return SimpleNamespace(a=a, b=b, c=c, dns_b=dns_b, dns_c=dns_c, exim_a=exim_a, exim_b=exim_b)


def report(street, how, addr, sender="someone@sender.example"):
    answer = street.exim_a.send_mail(addr, sender, f"{how}@here.example")
    assert answer in ("550 told <ok>",), f"{how} of {addr}: {answer}"


def listed_everywhere(street, subject, kind="bl"):
    started = time.monotonic()
    for letter, dns in (("b", street.dns_b), ("c", street.dns_c)):
        name = f"{kind}.{letter}.example"
        wait_until(lambda: dns.lists(subject, name), f"{subject} is in {name}")
        values, texts = dns.lookup(subject, name)
        assert all(value.startswith("127.0.0.") for value in values) and len(values) == 1, values
        assert len(texts) == len(values) and all(len(text) > 2 for text in texts), texts
    return time.monotonic() - started


def gone_everywhere(street, subject, kind="bl"):
    for letter, dns in (("b", street.dns_b), ("c", street.dns_c)):
        name = f"{kind}.{letter}.example"
        wait_until(lambda: dns.lookup(subject, name)[0] == [], f"{subject} has gone from {name}")


@pytest.mark.parametrize("how, addr", [("wiki", "203.0.113.9"), ("no-newline", "203.0.113.10"),
                                       ("left-open", "203.0.113.11"), ("unix", "203.0.113.12")])
def test_an_exim_line_at_a_is_a_listing_at_b_and_at_c(street, how, addr):
    assert street.exim_b.send_mail(addr).startswith("250 "), "not listed yet"
    report(street, how, addr)
    print(f"{how}: listed at B and C after {listed_everywhere(street, addr):.2f} s")
    refusal = street.exim_b.send_mail(addr)
    assert refusal.startswith(f"550 {addr} is listed at bl.b.example"), refusal
    assert street.exim_b.send_mail("203.0.113.200").startswith("250 "), "its neighbour is not"


def test_c_has_no_link_to_a(street):
    """Else the test above would not show that B relays."""
    peers = {peer["name"]: peer for peer in street.c.json("status")["peers"]}
    assert peers["mx.b.example"]["connected"], peers
    assert not peers["mx.a.example"]["connected"], peers
    assert [peer["name"] for peer in street.a.json("status")["peers"]] == ["mx.b.example"]


def test_a_host_name_travels_as_an_address_does(street):
    report(street, "name", "203.0.113.30", sender="someone@Bad.Shop.example")
    listed_everywhere(street, "bad.shop.example")
    refusal = street.exim_b.send_mail("203.0.113.200", sender="else@bad.shop.example")
    assert refusal == "550 bad.shop.example is listed at bl.b.example", refusal
    assert street.exim_b.send_mail("203.0.113.200", sender="else@shop.example").startswith("250 ")
    assert street.exim_b.send_mail("203.0.113.30").startswith("250 "), "the client itself was not reported"


def test_an_ipv6_address_is_listed_as_its_64(street):
    report(street, "wiki", "2001:db8:7:8::99")
    listed_everywhere(street, "2001:db8:7:8::99")
    assert street.dns_b.lists("2001:db8:7:8:ffff::1", "bl.b.example")
    assert not street.dns_b.lists("2001:db8:7:9::99", "bl.b.example")
    assert street.exim_b.send_mail("2001:db8:7:8::1234").startswith("550 2001:db8:7:8::1234 is listed")
    assert street.exim_b.send_mail("2001:db8:7:9::1234").startswith("250 ")


def test_white_is_listed_in_the_white_zones_only(street):
    report(street, "good", "203.0.113.40")
    listed_everywhere(street, "203.0.113.40", "wl")
    assert not street.dns_b.lists("203.0.113.40", "bl.b.example")
    assert street.exim_b.send_mail("203.0.113.40", body="white mail").startswith("250 ")
    wait_until(lambda: "white mail" in street.exim_b.mailbox(), "the mail is delivered")
    assert "X-White: 127.0.0." in street.exim_b.mailbox()
    street.b.becomes("check 203.0.113.40", "white")
    street.c.becomes("check 203.0.113.40", "white")


def test_what_is_retracted_is_gone_everywhere(street):
    report(street, "wiki", "203.0.113.50")
    listed_everywhere(street, "203.0.113.50")
    report(street, "sorry", "203.0.113.50")
    gone_everywhere(street, "203.0.113.50")
    for node in (street.a, street.b, street.c):
        node.becomes("check 203.0.113.50", "unknown")
    assert street.exim_b.send_mail("203.0.113.50").startswith("250 ")


def test_a_retracted_white_is_gone_too(street):
    report(street, "good", "203.0.113.51")
    listed_everywhere(street, "203.0.113.51", "wl")
    report(street, "sorry", "203.0.113.51")
    gone_everywhere(street, "203.0.113.51", "wl")


def test_a_new_event_lists_again_after_a_retraction(street):
    report(street, "wiki", "203.0.113.52")
    listed_everywhere(street, "203.0.113.52")
    report(street, "sorry", "203.0.113.52")
    gone_everywhere(street, "203.0.113.52")
    report(street, "wiki", "203.0.113.52")
    listed_everywhere(street, "203.0.113.52")


def test_an_address_reported_as_mapped_is_the_ipv4_address(street):
    """A dual-stack socket shows IPv4 clients as ::ffff:a.b.c.d."""
    assert street.a.ask("black ::ffff:203.0.113.60") == "ok"
    listed_everywhere(street, "203.0.113.60")


def test_own_words_of_a_do_not_come_back_to_it(street):
    """A's own opinion counts once at A, however often B tells it back."""
    report(street, "wiki", "203.0.113.61")
    listed_everywhere(street, "203.0.113.61")
    score = street.a.ask("score 203.0.113.61")
    assert 1000 <= int(score) <= 1072, score
    info = dict(pair.split("=", 1) for pair in street.a.ask("info 203.0.113.61").split())
    assert info["groups"] == "1", info


def test_why_at_c_names_a_and_verifies_its_signature(street):
    report(street, "wiki", "203.0.113.62")
    listed_everywhere(street, "203.0.113.62")
    why = street.c.json("why", "203.0.113.62")
    opinions = [o for o in why["opinions"] if o.get("member", o.get("name")) == "mx.a.example"]
    assert len(opinions) == 1, why
    assert opinions[0]["signature"] in (True, 1, "verified", "ok", "good"), opinions


def test_mail_and_listings_stay_when_the_node_of_b_dies(street):
    """rbldnsd goes on with the last file; Exim at A gets no answer and lets the mail pass."""
    report(street, "wiki", "203.0.113.63")
    listed_everywhere(street, "203.0.113.63")
    street.b.kill()
    stays(lambda: street.dns_b.lists("203.0.113.63", "bl.b.example"), 1.5, "the dead node's zone is served")
    assert street.exim_b.send_mail("203.0.113.63").startswith("550 ")
    assert street.exim_b.send_mail("203.0.113.200").startswith("250 ")
    street.b.start()
    assert street.b.ask("check 203.0.113.63") == "black"
