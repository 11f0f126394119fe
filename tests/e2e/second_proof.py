"""A second implementation of proto/PROTOCOL.md, "Proofs": signed batches as a file that anybody can check. Written from that document alone."""
import base64
import re
from dataclasses import dataclass

import second_words as w
from second_words import must, pb

PROOF_TAG, PROOF_MAX, ITEMS_MAX = b"hearsay-proof-1\n", 64 << 20, 4096
BEGIN, END = "-----BEGIN HEARSAY PROOF-----", "-----END HEARSAY PROOF-----"


@dataclass
class Proof:
    subject: bytes
    federation: bytes
    network: bool
    batches: list           # by order, each once, with its record: [(Batch, Record)]

    @property
    def equivocations(self):
        """Pairs of one origin and number."""
        return [(one, other) for (one, _), (other, _) in zip(self.batches, self.batches[1:])
                if (one.origin, one.epoch, one.seq) == (other.origin, other.epoch, other.seq)]

    def words(self):
        """(root, word) of all that it is about."""
        return [(batch.origin, word) for batch, _ in self.batches for word, _ in batch.words if _is_about(self, word.subject)]


def _bits(key):
    return {b"\x04": 32, b"\x06": 64}.get(key[:1])


def _is_about(proof, key):
    if not proof.subject or key == proof.subject:
        return True
    if not proof.network or key[:1] != proof.subject[:1] or key[-1] < proof.subject[-1]:
        return False
    whole = _bits(key)
    return (int.from_bytes(key[1:-1], "big") ^ int.from_bytes(proof.subject[1:-1], "big")) >> (whole - proof.subject[-1]) == 0


def write_proof(records, batches, **about):
    """about: subject and federation, or neither; network=True."""
    block = PROOF_TAG + pb.Bundle(records=records, batches=batches, **about).SerializeToString()
    text = base64.b64encode(block).decode()
    return "\n".join([BEGIN, *(text[i:i + 64] for i in range(0, len(text), 64)), END]) + "\n"


def open_proof(text):
    """What verified; a Fault when the file proves nothing."""
    must(len(text) <= PROOF_MAX, "too large")
    found = re.search(f"^{BEGIN}\n(.*?)^{END}$", text, re.S | re.M)
    must(found, "no whole block")
    try:
        block = base64.b64decode(found[1], validate=False)
    except ValueError as e:
        raise w.Fault("malformed", str(e)) from None
    must(block.startswith(PROOF_TAG), "another kind of block")
    body = w.decode(pb.Bundle, block[len(PROOF_TAG):])
    must(0 < len(body.batches) <= ITEMS_MAX and len(body.records) <= ITEMS_MAX, "none, or too many")
    must(bool(body.subject) == bool(body.federation), "a subject without a federation, or the reverse")
    must(not body.subject or w.is_subject(body.subject), "no subject")
    must(not body.network or _bits(body.subject) is not None and body.subject[-1] < _bits(body.subject), "no network")
    records = {(r.root, r.serial): r for r in map(w.open_record, body.records)}
    proof = Proof(body.subject, body.federation, body.network, [])
    for frame in set(body.batches):
        named = w.name_batch(frame)
        record = records.get((named.origin, named.record_serial))
        must(record, "the record of a batch is not there")
        must(w.signed_by(frame, record.operational), "signature", "rejected")
        batch = w.check_batch(frame, named, body.federation or named.federation)
        must(any(_is_about(proof, word.subject) for word, _ in batch.words) or not body.subject, "a batch that says nothing of the subject")
        proof.batches.append((batch, record))
    proof.batches.sort(key=lambda row: (row[0].origin, *row[0].order))
    return proof
