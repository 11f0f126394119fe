"""What a line on the report socket may say: what is wrong in it is an error and stores nothing, and a subject is one and the same in all its spellings."""
import pytest

from hearsay_lab import talk, zone

PROTECT = 'protect = { "192.0.2.25", "198.51.100.128/25" }\n'


@pytest.fixture(scope="module")
def node(lab):
    return lab.node("mx.a.example", mesh=False, zones=zone("bl.a.example"), extra=PROTECT).start()


def reports_stored(node):
    return node.json("status")["reports"]["stored"]


# ---- bad input

BAD = [
    "nonsense", "blacklist 203.0.113.1", "black", "white", "retract", "check", "score", "info",
    "ping pong", "stream now",
    "black 203.0.113.1 nosuchcategory", "black 203.0.113.1 spam malware", "black 203.0.113.1 spam extra words",
    "black 203.0.113.1 count=0", "black 203.0.113.1 count=1001", "black 203.0.113.1 count=-1",
    "black 203.0.113.1 count=", "black 203.0.113.1 count=1x", "black 203.0.113.1 count=99999999999999999999",
    "black 203.0.113.1 cause=whim", "black 203.0.113.1 cause=", "black 203.0.113.1 category=",
    "black 203.0.113.1 colour=red", "black 203.0.113.1 =", "black 203.0.113.1 zone=bl.a.example",
    "check 203.0.113.1 zone=", "check 203.0.113.1 zone=no.such.zone", "check 203.0.113.1 spam", "check 203.0.113.1 count=1",
    "black 203.0.113.1\x00", "black 203.0.113.1\x00.5", "\x00", "black bad\x01.example", "black bad\x7f.example",
    "black ..", "black .", "black -", "black a..example", "black .example", "black -bad.example", "black bad-.example",
    "black " + "a" * 64 + ".example", "black " + "a." * 130 + "example", "black bad_.exa mple",
    "black user@", "black @example.org", "black @",
]


@pytest.mark.parametrize("line", BAD, ids=[repr(line)[:40] for line in BAD])
def test_bad_input_is_an_error_and_stores_nothing(node, line):
    before = reports_stored(node)
    answer = node.ask(line)
    assert answer.startswith("error: ") and len(answer) > len("error: "), answer
    assert "\n" not in answer and answer.isprintable()
    assert reports_stored(node) == before


def test_invalid_utf8_is_an_error_and_the_answer_is_clean(node):
    for line in (b"black \xff\xfe.example\n", b"\xff\n", b"black caf\xc3.example\n", b"black 203.0.113.1 \xf0\x28\x8c\x28=1\n"):
        answer = talk(node.unix, line)
        assert answer.startswith(b"error: "), answer
        assert answer.decode("utf-8").isprintable()


def test_an_unknown_key_is_named(node):
    assert "colour" in node.ask("black 203.0.113.1 colour=red")


def test_an_empty_line_is_an_error(node):
    assert node.ask("").startswith("error: ")


def test_a_bad_line_does_not_spoil_its_neighbours(node):
    answers = talk(node.unix, b"black 203.0.113.13\nblack \xff\nblack 203.0.113.14\n").split(b"\n")
    assert [answers[0], answers[2]] == [b"ok", b"ok"] and answers[1].startswith(b"error: ")


@pytest.mark.parametrize("subject", [
    "127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.1.1", "100.64.0.1",
    "224.0.0.1", "239.1.2.3", "240.0.0.1", "255.255.255.255", "0.0.0.0", "0.1.2.3",
    "::", "::1", "fe80::1", "fc00::1", "fd12:3456::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "192.0.2.25", "198.51.100.200", "198.51.100.128/26", "198.51.100.0/24", "10.20.0.0/16", "fe80::/64",
])
@pytest.mark.parametrize("verb", ["black", "white"])
def test_protected_subjects_are_refused(node, verb, subject):
    before = reports_stored(node)
    assert node.ask(f"{verb} {subject}") == "error: protected"
    assert reports_stored(node) == before


def test_what_was_said_before_it_was_protected_can_be_taken_back(own_lab):
    """Nothing else can be said of it; and who never said anything has nothing to take back."""
    node = own_lab.node("mx.b.example", mesh=False).start()
    assert node.ask("black 192.0.2.25") == "ok"
    node.write_conf(extra=PROTECT)
    node.hang_up()
    node.becomes("black 192.0.2.25", "error: protected")
    assert node.ask("retract 192.0.2.26") == "ok" and node.ask("retract 198.51.100.200") == "error: protected"
    assert node.ask("retract 192.0.2.25") == "ok"
    node.becomes("retract 192.0.2.25", "error: protected")
    assert node.json("why", "192.0.2.25")["opinions"] == []


@pytest.mark.parametrize("subject", ["192.0.2.24", "192.0.2.26", "198.51.100.127", "198.51.100.0/25", "192.0.2.64/26", "2001:db8::1"])
def test_the_documentation_networks_are_ordinary(node, subject):
    assert node.ask(f"black {subject}") == "ok"


@pytest.mark.parametrize("subject", ["11.0.0.0/8", "11.0.0.0/15", "2600::/31", "2600::/16", "com", "com.", "co.uk", "CO.UK"])
def test_what_is_too_wide_is_refused(node, subject):
    before = reports_stored(node)
    answer = node.ask(f"black {subject}")
    assert answer == "error: too wide" or ("." not in subject.rstrip(".") and answer.startswith("error: ")), answer
    assert reports_stored(node) == before


@pytest.mark.parametrize("subject", ["11.0.0.0/16", "2600::/32", "2600::/48", "bbc.co.uk"])
def test_what_is_just_not_too_wide_is_taken(node, subject):
    assert node.ask(f"black {subject}") == "ok"


@pytest.mark.parametrize("subject", [
    "1.2.3", "0x7f000001", "1.2.3.4:25", "1.2.3.4.5", "256.1.1.1", "1.2.3.256", "01.2.3.4", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/",
    "1.2.3.4/24/24", "1.2.3.0x4", "3405803777", "[203.0.113.1]", "203.0.113.1%eth0", "fe80::1%eth0", "2001:db8::g", "2001:db8:::1",
    "2001:db8::1::2", "[2001:db8::1]", "2001:db8::/65x", "2001:db8::1/129", ":::", "1:2:3:4:5:6:7:8:9", "::ffff:1.2.3", "localhost",
])
def test_no_other_spelling_is_an_address(node, subject):
    before = reports_stored(node)
    answer = node.ask(f"black {subject}")
    assert answer.startswith("error: "), answer
    assert reports_stored(node) == before


# ---- subjects in all their spellings

@pytest.mark.parametrize("said, asked", [
    ("203.0.113.180", ["::ffff:203.0.113.180", "::FFFF:cb00:71b4", "0000:0000:0000:0000:0000:ffff:cb00:71b4", "0:0:0:0:0:ffff:203.0.113.180"]),
    ("::ffff:203.0.113.181", ["203.0.113.181"]),
    ("2001:db8:5:6::7", ["2001:DB8:5:6:0:0:0:8", "2001:0db8:0005:0006:0000:0000:0000:0009", "2001:db8:5:6::", "2001:db8:5:6::/64", "2001:db8:5:6:ffff:ffff:ffff:ffff"]),
    ("198.51.99.0/24", ["198.51.99.0", "198.51.99.255", "198.51.99.7", "198.51.99.0/24"]),
    ("2001:db8:aaaa::/48", ["2001:db8:aaaa:1::1", "2001:db8:aaaa:ffff::"]),
    ("Mixed.Case.Example", ["mixed.case.example", "MIXED.CASE.EXAMPLE.", "mixed.case.example."]),
    ("bücher.example", ["xn--bcher-kva.example", "BÜCHER.example", "bücher.example.", "XN--BCHER-KVA.EXAMPLE"]),
    ("Some.Body@Sender.Example", ["some.body@sender.example", "Some.Body@SENDER.example"]),
])
def test_a_subject_is_the_same_in_any_spelling(node, said, asked):
    assert node.ask(f"black {said}") == "ok"
    node.becomes(f"check {said}", "black")
    assert {subject: node.ask(f"check {subject}") for subject in asked} == {subject: "black" for subject in asked}


def test_neighbours_are_others(node):
    assert node.ask("black 2001:db8:5:10::7") == "ok"
    node.becomes("check 2001:db8:5:10::7", "black")
    for subject in ("2001:db8:5:11::7", "2001:db8:5:f::7", "case.example", "sub.mixed.case.example", "other@sender.example"):
        assert node.ask(f"check {subject}") == "unknown", subject


def test_a_sender_address_is_kept_as_a_hash_only(node):
    assert node.ask("black verysecretperson@sender.example") == "ok"
    node.becomes("check verysecretperson@sender.example", "black")
    kept = b"".join(path.read_bytes() for path in node.dir.rglob("*") if path.is_file())
    assert b"verysecretperson" not in kept.lower()
