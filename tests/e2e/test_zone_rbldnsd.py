"""What real rbldnsd answers from a zone file of ours. The file is written by zone_sample, without a daemon."""
import os
import re
import subprocess

import pytest

from dns_lab import Rbldnsd, dig
from hearsay_lab import BUILD, SOURCE, WAIT_S, Process, wait_until

ZONE_SAMPLE = BUILD / "tests" / "bench" / "zone_sample"
ZONE = "bl.a.example"
CODES = {"spam": "127.0.0.2", "malware": "127.0.0.4", "fraud": "127.0.0.5", "abusive": "127.0.0.6",
         "invalid-recipients": "127.0.0.7"}
TEST_POINTS = ["127.0.0.2", "::ffff:7f00:2", "test"]
NEVER = ["127.0.0.1", "::ffff:7f00:1", "invalid"]
SAMPLE = """
text Listed by $categories; see https://a.example/why?$subject costs $5
protect 192.0.2.25
protect 10.0.0.0/8
protect 2001:db8:8:8::/64
list malware 203.0.113.9
list spam 203.0.113.9
list malware 192.0.2.0/24
list malware 93.184.64.0/18
list malware 192.0.2.77
list malware 2001:db8:1:2::99
list malware 2001:db8:8::/48
list fraud bad.example
list fraud xn--bcher-kva.example
"""


def write_zone(path, description, zone=ZONE):
    done = subprocess.run([ZONE_SAMPLE, str(path), zone], input=description, text=True, timeout=WAIT_S,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    return {key: int(value) for key, value in re.findall(r"(\w+) (\d+)", done.stdout)}


@pytest.fixture(scope="module")
def served(lab):
    path = lab.dir / "zones" / ZONE
    write_zone(path, SAMPLE)
    server = Rbldnsd(lab, "sample", {ZONE: path})
    server.path = path
    return server


def sub(category):
    return f"{category}.{ZONE}"


# ---- RFC 5782 section 5

@pytest.mark.parametrize("point", TEST_POINTS)
def test_the_zone_lists_its_test_entries_once_with_a_text(served, point):
    assert served.lookup(point) == (["127.0.0.2"], ['"Test entry of bl.a.example, always listed"'])


@pytest.mark.parametrize("category", CODES)
@pytest.mark.parametrize("point", TEST_POINTS)
def test_every_sub_zone_lists_them_with_its_code(served, category, point):
    answer = [CODES[category]], [f'"Test entry of {category}.bl.a.example, always listed"']
    assert served.lookup(point, sub(category)) == answer


@pytest.mark.parametrize("category", CODES)
def test_the_address_of_each_code_answers_that_code(served, category):
    assert served.lookup(CODES[category])[0] == [CODES[category]]


@pytest.mark.parametrize("zone", [ZONE] + [sub(c) for c in CODES])
@pytest.mark.parametrize("point", NEVER)
def test_what_must_never_be_listed_is_not(served, zone, point):
    assert served.lookup(point, zone) == ([], [])


# ---- listings

def test_an_address_in_two_categories_has_both_values(served):
    a, txt = served.lookup("203.0.113.9")
    assert a == ["127.0.0.2", "127.0.0.4"]
    assert txt == [f'"Listed by {c}; see https://a.example/why?203.0.113.9 costs $5"' for c in ("malware", "spam")]


def test_a_sub_zone_answers_for_its_category_alone(served):
    assert served.lookup("203.0.113.9", sub("malware"))[0] == ["127.0.0.4"]
    assert served.lookup("203.0.113.9", sub("spam"))[0] == ["127.0.0.2"]
    assert served.lookup("203.0.113.9", sub("fraud")) == ([], [])
    assert served.lookup("203.0.113.10")[0] == []


def test_a_prefix_lists_all_of_it_and_nothing_beside(served):
    assert [served.lists(a) for a in ("192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0")] == [True, True, False, False]
    assert [served.lists(a) for a in ("93.184.64.0", "93.184.127.255", "93.184.128.0")] == [True, True, False]


def test_a_host_within_a_listed_prefix_answers_once(served):
    assert served.lookup("192.0.2.77")[0] == ["127.0.0.4"]


def test_ipv6_is_listed_as_its_64(served):
    a, txt = served.lookup("2001:db8:1:2:ffff:ffff:ffff:ffff")
    assert a == ["127.0.0.4"]
    assert "2001:db8:1:2:ffff:ffff:ffff:ffff" in txt[0]
    assert not served.lists("2001:db8:1:3::99")
    assert served.lists("2001:db8:8:7::1", sub("malware"))


def test_an_ipv4_address_in_ipv6_clothes_is_that_address(served):
    assert served.lookup("::ffff:cb00:7109")[0] == ["127.0.0.2", "127.0.0.4"]


def test_names_are_listed_exactly(served):
    assert served.lookup("bad.example") == (["127.0.0.5"], ['"Listed by fraud; see https://a.example/why?bad.example costs $5"'])
    assert served.lists("xn--bcher-kva.example", sub("fraud"))
    assert not served.lists("www.bad.example")
    assert not served.lists("bad.example", sub("spam"))


def test_protected_networks_are_excluded_from_what_is_listed_around_them(served):
    assert served.lists("192.0.2.24") and not served.lists("192.0.2.25")
    assert served.lists("2001:db8:8:9::1") and not served.lists("2001:db8:8:8::1")


# ---- the zone itself

def test_the_zone_names_its_authority(served):
    head = served.path.read_text().splitlines()[0]
    serial = int(re.search(r"serial (\d+)", head)[1])
    assert dig(ZONE, "SOA", port=served.port) == [f"mx.a.example. hostmaster.mx.a.example. {serial} 600 300 604800 60"]
    assert dig(ZONE, "NS", port=served.port) == ["mx.a.example."]


def test_not_listed_may_be_cached_for_a_minute_at_most(served):
    done = subprocess.run(["dig", "@127.0.0.1", "-p", str(served.port), "+noall", "+authority", f"1.1.1.1.{ZONE}"],
                          text=True, stdout=subprocess.PIPE, timeout=WAIT_S)
    assert int(done.stdout.split()[1]) <= 60


def test_rbldnsd_finds_nothing_wrong_with_the_file(served):
    log = served.process.log.read_text()
    assert not re.search(r"invalid [a-z]|ignored|truncated|warning|unable|error|unrecogni", log), log


def test_a_change_of_the_same_size_within_a_second_is_served(own_lab):
    path = own_lab.dir / "zone"
    write_zone(path, "list spam 203.0.113.1\n")
    server = Rbldnsd(own_lab, "changing", {ZONE: path})
    for last in "23456":
        before = path.stat()
        write_zone(path, f"list spam 203.0.113.{last}\n")
        assert path.stat().st_size == before.st_size
        wait_until(lambda: server.lists(f"203.0.113.{last}"), f"203.0.113.{last} is served")
    assert not server.lists("203.0.113.5")


def test_a_zone_that_nobody_renews_goes_silent(own_lab):
    path = own_lab.dir / "zone"
    write_zone(path, "expire 600\nlist spam 203.0.113.1\n")
    server = Rbldnsd(own_lab, "expiring", {ZONE: path})
    assert server.lists("203.0.113.1")
    write_zone(path, "expire 2\nlist spam 203.0.113.1\n")
    wait_until(lambda: server.lookup("203.0.113.1")[0] is None, "the zone answers SERVFAIL")
    write_zone(path, "expire 600\nlist spam 203.0.113.1\n")
    wait_until(lambda: server.lists("203.0.113.1"), "the renewed zone is served")


def test_no_listed_name_can_list_an_address_or_give_orders(own_lab):
    path = own_lab.dir / "zone"
    nibbles = ".".join("1" + "0" * 31)
    evil = ["1.0.0.127", "9.113.0.203", nibbles, "*.example", "$ttl.example", "!x.example", "invalid"]
    told = write_zone(path, "".join(f"listname spam {name}\n" for name in evil) + "listname spam 9.113.0.203.malware\n")
    assert told["skipped"] == len(evil)
    server = Rbldnsd(own_lab, "evil", {ZONE: path})
    assert not server.lists("127.0.0.1") and not server.lists("invalid")
    assert not server.lists("203.0.113.9")
    assert not server.lists("203.0.113.9", sub("malware"))
    assert not server.lists("anything.example")
    assert dig(f"{nibbles}.{ZONE}", port=server.port) == []


def test_sixty_four_categories_fit(own_lab):
    path = own_lab.dir / "zone"
    text = "".join(f"category kind-{i} 127.0.1.{i}\n" for i in range(64))
    text += "".join(f"list kind-{i} 203.0.113.9\n" for i in range(64))
    write_zone(path, text)
    server = Rbldnsd(own_lab, "many", {ZONE: path})
    for i in (0, 31, 63):
        assert server.lookup("203.0.113.9", sub(f"kind-{i}"))[0] == [f"127.0.1.{i}"]
        assert server.lookup("127.0.0.2", sub(f"kind-{i}"))[0] == [f"127.0.1.{i}"]
    assert server.lookup("127.0.0.2")[0] == ["127.0.0.2"]


def test_the_longest_texts_stay_within_one_record(own_lab):
    path = own_lab.dir / "zone"
    name = ".".join(["a" * 63] * 3 + ["b" * 40, "example"])
    write_zone(path, f"text {'x' * 100} $subject {'y' * 140}\nlist spam 203.0.113.250\nlist spam {name}\n"
                     "list spam 2001:db8::/64\nlist spam b.example\n")
    server = Rbldnsd(own_lab, "long", {ZONE: path})
    for subject in ("203.0.113.250", "2001:db8::1:2:3:4", "b.example"):
        txt, = server.lookup(subject)[1]
        assert len(txt) - 2 <= 254 and subject in txt, txt
    a, (txt,) = server.lookup(name, ZONE)
    assert a == ["127.0.0.2"] and len(txt) - 2 <= 254
    assert "truncated" not in server.process.log.read_text()


# ---- conf/rbldnsd

@pytest.mark.skipif(os.geteuid() != 0, reason="only root can chroot")
def test_the_sample_for_etc_default_serves_the_zone(own_lab):
    """Read as the service's wrapper reads it: the words after the instance's name are the command line."""
    text = subprocess.run(["sh", "-c", f". {SOURCE}/conf/rbldnsd/default; echo $RBLDNSD"], text=True, stdout=subprocess.PIPE, check=True).stdout
    instance, *words = text.split()
    port = own_lab.port()
    here = {"/var/lib/hearsay/zones": str(own_lab.dir), "127.0.0.1/5300": f"127.0.0.1/{port}"}
    assert instance == "-" and set(here) <= set(words)
    write_zone(own_lab.dir / "bl.mx.a.example", "list spam 203.0.113.1\n", "bl.mx.a.example")
    process = Process("rbldnsd", ["rbldnsd", "-n", *(here.get(w, w) for w in words)], own_lab.dir / "rbldnsd.log")
    own_lab.at_end(process.end)
    wait_until(lambda: dig("1.113.0.203.bl.mx.a.example", port=port) == ["127.0.0.2"], "the zone is served")
    write_zone(own_lab.dir / "bl.mx.a.example", "list spam 203.0.113.2\n", "bl.mx.a.example")
    wait_until(lambda: dig("2.113.0.203.bl.mx.a.example", port=port) == ["127.0.0.2"], "the new zone is served")
