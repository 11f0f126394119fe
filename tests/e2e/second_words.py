"""A second implementation of proto/PROTOCOL.md, first half: what is said. Records, subjects, batches and messages as bytes.

Written from that document and hearsay.proto alone, never from the daemon's source: where the document did not suffice, it was mended.
Nothing here knows a socket. `Fault` carries a receiver's verdict in the document's words.
"""
import base64
import hashlib
import hmac
import importlib.util
import ipaddress
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from google.protobuf.message import DecodeError

PROTO = Path(__file__).resolve().parents[2] / "proto"
RECORD_TAG, BATCH_TAG, CARD_TAG = b"hearsay-record-1\n", b"hearsay-batch-1\n", "hearsay1:"
SIGNATURE_BYTES, RECORD_MAX, BATCH_MAX, MESSAGE_MAX, CARD_MAX = 64, 2048, 65536, 131072, 3071
TOPIC_BYTES = 9
INVITE_TAG, INVITE_TEXT_TAG, INVITE_MAX, JOIN_TEXT_MAX = b"hearsay-invite-1\n", "hearsay-invite1:", 3072, 255
INTRODUCTIONS_TAG, INTRODUCTIONS_MAX, INTRODUCED_MAX = b"hearsay-introductions-1\n", 98304, 128
OPINIONS_MAX, CATEGORIES_MAX, LOGS_MAX, FETCH_WIDTH_MAX, RECORDS_MAX, AGE_MAX = 4096, 32, 1024, 64, 16, 4320
PARTS, COMPARE_WIDTH_MAX, SUM_PRIME = 64, 131072, 2 ** 61 - 1
SEQ_MAX, TIME_MAX, EPOCH_ZERO_S, DAYS_30 = 2 ** 63 - 1, 253402300799, 1767225600, 30 * 86400
STEPS = (0, 0.25, 0.5, 1, 2, 5, 10, 20, 32, 3.2)


def _compile():
    """hearsay.proto as a Python module, made anew each time: what is tested is the document as it stands."""
    with tempfile.TemporaryDirectory(prefix="hearsay-proto-") as out:
        subprocess.run(["protoc", f"--proto_path={PROTO}", f"--python_out={out}", str(PROTO / "hearsay.proto")], check=True)
        spec = importlib.util.spec_from_file_location("hearsay_pb2", os.path.join(out, "hearsay_pb2.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules["hearsay_pb2"] = module
        spec.loader.exec_module(module)
        return module


pb = _compile()


class Fault(Exception):
    """Why something is not taken. verdict: malformed, rejected (both blame the neighbour), refused (not merged, though signed)."""

    def __init__(self, verdict, why):
        super().__init__(f"{verdict}: {why}")
        self.verdict = verdict


def must(true, why, verdict="malformed"):
    if not true:
        raise Fault(verdict, why)


# ---- protobuf, with the rule of "Versions": a known field of the wrong wire type is malformed

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_WIRE = {"TYPE_BYTES": _BYTES, "TYPE_MESSAGE": _BYTES, "TYPE_BOOL": _VARINT, "TYPE_UINT32": _VARINT, "TYPE_UINT64": _VARINT, "TYPE_INT64": _VARINT}


def _varint(data, at):
    value = 0
    for i in range(10):
        must(at < len(data), "ends within a number")
        value |= (data[at] & 127) << 7 * i
        at += 1
        if data[at - 1] < 128:
            return value, at
    raise Fault("malformed", "a number without end")


def _check_wire(descriptor, data):
    wire_of = {f.number: (_WIRE[_type_name(f)], f) for f in descriptor.fields}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        known, about = wire_of.get(number, (wire, None))
        must(number > 0 and known == wire, f"field {number} of {descriptor.name} has wire type {wire}")
        if wire == _VARINT:
            _, at = _varint(data, at)
            continue
        must(wire in (_BYTES, _FIXED32, _FIXED64), f"wire type {wire}")
        size = {_FIXED32: 4, _FIXED64: 8}.get(wire)
        if size is None:
            size, at = _varint(data, at)
        must(size <= len(data) - at, "ends within a field")
        if about is not None and about.message_type is not None:
            _check_wire(about.message_type, data[at:at + size])
        at += size


def _type_name(f):
    return next(name for name in _WIRE if getattr(f, name) == f.type)


def decode(kind, data):
    _check_wire(kind.DESCRIPTOR, data)
    made = kind()
    try:
        made.ParseFromString(bytes(data))
    except DecodeError as e:
        raise Fault("malformed", str(e)) from None
    return made


# ---- keys and frames

def raw_public(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def raw_secret(key):
    return key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())


class Identity:
    """Three secrets of 32 bytes. Without seeds, new ones."""

    def __init__(self, root=None, operational=None, curve=None):
        self.root_key = Ed25519PrivateKey.from_private_bytes(root or os.urandom(32))
        self.operational_key = Ed25519PrivateKey.from_private_bytes(operational or os.urandom(32))
        self.curve_key = X25519PrivateKey.from_private_bytes(curve or os.urandom(32))

    @property
    def root(self):
        return raw_public(self.root_key)


def seal(tag, body, key):
    return tag + body + key.sign(tag + body)


def split(tag, frame, most):
    """The body of a frame of the right form; its signature is not looked at."""
    must(len(frame) <= most, f"a frame of {len(frame)} bytes")
    must(frame.startswith(tag) and len(frame) > len(tag) + SIGNATURE_BYTES, "no frame of this kind")
    return frame[len(tag):-SIGNATURE_BYTES]


def signed_by(frame, key):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(frame[-SIGNATURE_BYTES:], frame[:-SIGNATURE_BYTES])
    except (InvalidSignature, ValueError):
        return False
    return True


def batch_hash(frame):
    return hashlib.sha256(frame[:-SIGNATURE_BYTES]).digest()


def sum_of(salt, hashes):
    """Of all batches with these hashes, under a salt: PROTOCOL.md, "Sums"."""
    a, k = (int.from_bytes(half, "big") for half in (salt[:8], salt[8:]))
    product = 1 if hashes else 0
    for h in hashes:
        product = product * (k - a * int.from_bytes(h[:8], "big") - int.from_bytes(h[8:16], "big")) % SUM_PRIME
    return product.to_bytes(8, "big")


def compared(body, log):
    """The answer to a Compare, from {(epoch, seq): {hash: batch}}: a list of one message, or of none."""
    low, high = getattr(body, "from"), body.to
    width, held = (high - low) // PARTS + 1, {seq: list(both) for (epoch, seq), both in log.items() if epoch == body.epoch}
    sums = [sum_of(body.salt, [h for seq in held if at <= seq < at + width and seq <= high for h in held[seq]]) for at in range(low, high + 1, width)]
    return [message(compared=pb.Compared(origin=body.origin, epoch=body.epoch, to=high, sums=b"".join(sums), **{"from": low}))] if held else []


# ---- names, endpoints, records, cards

_LABEL = re.compile(rb"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


def is_name(text, dots=1):
    labels = text.split(b".")
    return (1 <= len(text) <= 253 and len(labels) > dots and all(_LABEL.fullmatch(label) for label in labels)
            and labels[-1][:1].isalpha())


def is_endpoint(text):
    found = re.fullmatch(rb"tcp://(\[[0-9a-fA-F:.]+\]|[^\[\]:/]+):([1-9][0-9]{0,4})", text)
    if not found or len(text) > 300 or int(found[2]) > 65535:
        return False
    host = found[1]
    try:
        if host.startswith(b"["):
            ipaddress.IPv6Address(host[1:-1].decode())
            return True
        ipaddress.IPv4Address(host.decode())
        return True
    except ValueError:
        return not host.startswith(b"[") and is_name(host, 0)


@dataclass
class Record:
    root: bytes
    operational: bytes
    curve: bytes
    name: str
    publish: str
    repair: str
    serial: int
    not_after_s: int
    frame: bytes


def make_record(who, name, publish, repair, serial, not_after_s):
    body = pb.RecordBody(root=who.root, operational=raw_public(who.operational_key), curve=raw_public(who.curve_key), name=name.encode(),
                         publish=publish.encode(), repair=repair.encode(), serial=serial, not_after_s=not_after_s)
    return open_record(seal(RECORD_TAG, body.SerializeToString(), who.root_key))


def open_record(frame):
    body = decode(pb.RecordBody, split(RECORD_TAG, frame, RECORD_MAX))
    must(len(body.root) == len(body.operational) == len(body.curve) == 32, "a key of the wrong length")
    must(is_name(body.name, 0), "no name")
    must(all(e == b"" or is_endpoint(e) for e in (body.publish, body.repair)), "no endpoint")
    must(1 <= body.serial <= SEQ_MAX and 1 <= body.not_after_s <= TIME_MAX, "serial or not_after_s out of range")
    must(signed_by(frame, body.root), "not signed by its root", "rejected")
    return Record(body.root, body.operational, body.curve, body.name.decode(), body.publish.decode(), body.repair.decode(),
                  body.serial, body.not_after_s, bytes(frame))


def card_of(record):
    return CARD_TAG + base64.urlsafe_b64encode(record.frame).rstrip(b"=").decode()


def open_card(card):
    card = card.strip(" \t\r\n")
    must(len(card) <= CARD_MAX and card.startswith(CARD_TAG), "no card")
    text = card.removeprefix(CARD_TAG)
    must(re.fullmatch("[A-Za-z0-9_-]+", text), "no base64url")
    frame = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    must(base64.urlsafe_b64encode(frame).rstrip(b"=").decode() == text, "another spelling of a card")
    return open_record(frame)


def fingerprint(root):
    text = hashlib.sha256(root).hexdigest()[:20]
    return "-".join(text[i:i + 4] for i in range(0, 20, 4))


# ---- subjects

def subject_address(text):
    net = ipaddress.ip_network(text, strict=False)
    if net.version == 6 and net.network_address.ipv4_mapped:
        net = ipaddress.ip_network(f"{net.network_address.ipv4_mapped}/{net.prefixlen - 96}", strict=False)
    if net.version == 4:
        return b"\x04" + net.network_address.packed + bytes([net.prefixlen])
    net = net if net.prefixlen <= 64 else net.supernet(new_prefix=64)
    return b"\x06" + net.network_address.packed[:8] + bytes([net.prefixlen])


def subject_name(text):
    return b"\x10" + text.encode()


def sender_key(federation, secret):
    return hashlib.sha256(b"hearsay-sender-1\n" + federation + b"\n" + secret).digest()


def subject_sender(address, key):
    return b"\x11" + hmac.new(key, address.lower().encode(), hashlib.sha256).digest()[:16]


def is_subject(key):
    kind, rest = key[:1], key[1:]
    if kind in (b"\x04", b"\x06"):
        width, lowest, highest = (4, 16, 32) if kind == b"\x04" else (8, 32, 64)
        if len(rest) != width + 1 or not lowest <= rest[-1] <= highest:
            return False
        beyond = (1 << 8 * width - rest[-1]) - 1
        return int.from_bytes(rest[:-1], "big") & beyond == 0
    if kind == b"\x10":
        return is_name(rest)
    return kind == b"\x11" and len(rest) == 16


# ---- batches

@dataclass(order=True)
class Word:
    """An opinion, with everything that gives it its place: (subject, category name, black, white, time of the evidence)."""
    subject: bytes
    category: bytes
    black: int
    white: int
    age: int = 0


@dataclass
class Batch:
    origin: bytes
    federation: bytes
    epoch: int
    seq: int
    previous: bytes
    floor: tuple
    time_s: int
    record_serial: int
    words: list = field(default_factory=list)
    hash: bytes = b""
    frame: bytes = b""

    @property
    def order(self):
        return (self.epoch, self.seq, self.hash)


def make_batch(who, federation, epoch, seq, words, *, time_s, record_serial, previous=b"", floor=None, key=None, spoil=None):
    """A signed frame. spoil changes the body before it is signed, for those who mean ill."""
    body = pb.BatchBody(origin=who.root, federation=federation, epoch=epoch, seq=seq, previous=previous, floor_epoch=(floor or (epoch, seq))[0],
                        floor_seq=(floor or (epoch, seq))[1], time_s=time_s, record_serial=record_serial,
                        categories=sorted({word.category for word in words}))
    for word in sorted(words):
        body.opinions.add(subject=word.subject, category=list(body.categories).index(word.category), black=word.black, white=word.white, age=word.age)
    if spoil is not None:
        spoil(body)
    return seal(BATCH_TAG, body.SerializeToString(), key or who.operational_key)


def topic(root):
    """What a message over PUB/SUB with a batch of this origin begins with."""
    return b"B" + root[:TOPIC_BYTES - 1]


def name_batch(frame):
    """Step 1 of a receiver: what is needed before anything is believed. The body as protobuf has it."""
    body = decode(pb.BatchBody, split(BATCH_TAG, frame, BATCH_MAX))
    must(len(body.origin) == 32 and body.epoch >= 1 and 1 <= body.seq <= SEQ_MAX, "no origin and number")
    return body


def check_batch(frame, body, federation):
    """Step 5: all rules of the two tables. What fails here was signed by its author."""
    def rule(true, why):
        must(true, why, "refused")
    rule(body.federation == federation, "another federation")
    rule(len(body.federation) <= 64 and re.fullmatch(rb"[\x21-\x7e]*", body.federation), "federation")
    rule(len(body.previous) in (0, 32), "previous")
    rule((body.floor_epoch, body.floor_seq) <= (body.epoch, body.seq), "a floor above the batch")
    rule(1 <= body.time_s <= TIME_MAX, "time")
    names = list(body.categories)
    rule(len(names) <= CATEGORIES_MAX and len(set(names)) == len(names), "categories")
    rule(all(re.fullmatch(rb"[a-z][a-z0-9-]{0,31}", name) for name in names), "a category's name")
    rule(len(body.opinions) <= OPINIONS_MAX, "too many opinions")
    base, last = body.time_s // 600 * 600, None
    words = []
    for o in body.opinions:
        rule(is_subject(o.subject), f"subject {o.subject.hex()}")
        rule(o.category < len(names) and o.black < len(STEPS) and o.white < len(STEPS), "category or masses")
        rule(o.age <= AGE_MAX and base - 600 * o.age >= 0, "age")
        rule(last is None or last < (o.subject, o.category), "order of opinions")
        last = (o.subject, o.category)
        words.append((Word(o.subject, names[o.category], o.black, o.white, o.age), base - 600 * o.age))
    return Batch(body.origin, body.federation, body.epoch, body.seq, body.previous, (body.floor_epoch, body.floor_seq), body.time_s,
                 body.record_serial, words, batch_hash(frame), bytes(frame))


# ---- introductions

@dataclass
class Introductions:
    introducer: bytes
    stamp: bytes
    introduced: list            # (Record, share in thousandths, expiry), by root
    frame: bytes


def make_introductions(who, federation, record_serial, serial, introduced, *, time_s, key=None):
    body = pb.IntroductionsBody(introducer=who.root, federation=federation, record_serial=record_serial, serial=serial, time_s=time_s)
    for record, share, expires_s in sorted(introduced, key=lambda row: row[0].root):
        body.introduced.add(record=record.frame, share=share, expires_s=expires_s)
    return seal(INTRODUCTIONS_TAG, body.SerializeToString(), key or who.operational_key)


def stamp_of(body, frame):
    return body.record_serial.to_bytes(8, "big") + body.serial.to_bytes(8, "big") + batch_hash(frame)[:16]


def name_introductions(frame):
    """What is needed before anything is believed."""
    body = decode(pb.IntroductionsBody, split(INTRODUCTIONS_TAG, frame, INTRODUCTIONS_MAX))
    must(len(body.introducer) == 32 and 1 <= body.record_serial <= SEQ_MAX and 1 <= body.serial <= SEQ_MAX, "no introducer and serial")
    return body


def check_introductions(frame, body, record, federation):
    must(signed_by(frame, record.operational) and body.time_s <= record.not_after_s + 300, "signature", "rejected")
    must(body.federation == federation and 1 <= body.time_s <= TIME_MAX and len(body.introduced) <= INTRODUCED_MAX, "a rule of the table")
    rows = []
    for one in body.introduced:
        rows.append((open_record(one.record), one.share, one.expires_s))
        must(1 <= one.share <= 1000 and 1 <= one.expires_s <= TIME_MAX and rows[-1][0].root != body.introducer, "a rule of the second table")
    roots = [record.root for record, _, _ in rows]
    must(roots == sorted(set(roots)), "order of the introduced")
    return Introductions(body.introducer, stamp_of(body, frame), rows, bytes(frame))


# ---- joining

@dataclass(frozen=True)
class Invite:
    record: Record
    federation: bytes
    curve_secret: bytes
    expires_s: int


def open_invite(text):
    must(text.startswith(INVITE_TEXT_TAG), "no invite")
    word = text.removeprefix(INVITE_TEXT_TAG)
    must(re.fullmatch(r"[A-Za-z0-9_-]+", word), "no invite")
    try:
        frame = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4))
    except ValueError as e:
        raise Fault("malformed", str(e)) from None
    must(base64.urlsafe_b64encode(frame).rstrip(b"=").decode() == word, "another spelling of an invite")
    body = decode(pb.InviteBody, split(INVITE_TAG, frame, INVITE_MAX))
    record = open_record(body.record)
    must(record.repair and len(body.curve_secret) == 32 and 1 <= body.expires_s <= TIME_MAX, "a rule of the table")
    must(signed_by(frame, record.operational), "not signed by the inviter", "rejected")
    return Invite(record, body.federation, body.curve_secret, body.expires_s)


def _check_joined(body):
    must(bool(body.refused) != bool(body.record), "neither in nor out, or both")
    must(all(len(text) <= JOIN_TEXT_MAX and b"\0" not in text for text in (body.refused, body.federation, body.secret)), "a text")


# ---- messages

def message(**kind):
    return pb.Message(**kind).SerializeToString()


def open_message(data):
    """The kind's name and its body; (None, None) for a kind of a newer version."""
    must(len(data) <= MESSAGE_MAX, "a message too large")
    made = decode(pb.Message, data)
    kind = made.WhichOneof("kind")
    if kind is None:
        return None, None
    body = getattr(made, kind)
    {"have": _check_have, "fetch": _check_fetch, "compare": _check_compare, "fetched": _check_fetched, "record_want": _check_want, "records": _check_records,
     "introductions_want": lambda b: must(len(b.introducer) == 32, "a wish for introductions"),
     "introductions": lambda b: must(b.frame, "no introductions"), "joined": _check_joined}.get(kind, lambda b: None)(body)
    return kind, body


def _check_have(body):
    must(len(body.logs) <= LOGS_MAX and len(body.salt) in (0, 16), "too many logs, or a salt of another length")
    for log in body.logs:
        must(len(log.sum) in (0, 8) and (body.salt or not log.sum), "a sum without its salt")
        must(len(log.origin) == 32 and log.head <= SEQ_MAX and log.record_serial <= SEQ_MAX and len(log.introductions) in (0, 32), "a log")
        must(log.frozen <= SEQ_MAX and len(log.frozen_hash) == (16 if log.frozen else 0), "a frozen number, and its hashes")
        must(not log.frozen or log.epoch >= 1 and log.head <= log.frozen, "frozen below the head")
        if log.head == 0:
            must(log.head_hash == b"" and (log.epoch == 0 or log.frozen), "an epoch, or a hash, of no head")
        else:
            must(log.epoch >= 1 and log.floor <= log.head and len(log.head_hash) == 8, "a log's range")


def _check_fetch(body):
    must(len(body.origin) == 32 and body.epoch >= 1 and 1 <= body.__getattribute__("from") <= body.to <= SEQ_MAX, "a range")
    must(body.to - body.__getattribute__("from") < FETCH_WIDTH_MAX, "too wide a range")


def _check_compare(body):
    low = getattr(body, "from")
    must(len(body.origin) == 32 and body.epoch >= 1 and 1 <= low <= body.to <= SEQ_MAX and len(body.salt) == 16, "a comparison")
    must(body.to - low < COMPARE_WIDTH_MAX, "too wide a comparison")


def _check_fetched(body):
    must(body.frame or body.last, "nothing fetched, and not the last")


def _check_want(body):
    must(len(body.origin) == 32 and body.serial_above <= SEQ_MAX, "a wish for records")


def _check_records(body):
    must(len(body.frames) <= RECORDS_MAX, "too many records")
