"""What a second member (second_member.py) makes of batches: the log and its registers, and epochs that a proof of equivocation froze.

Written from proto/PROTOCOL.md alone, "Numbers" and "Repair".
"""
import time

import second_words as w
from second_words import Word, batch_hash, pb

PROOFS_MAX = 64         # frozen epochs of one author
PROOF_REST_S = 30


class Freezing:
    """Needs what SecondMember sets up: log, seen, hashes, floor, registers, forks, frozen, proof_parts, proof_wanted."""

    # -- what counts

    def _lowest(self, root):
        """What is below is dead: the floor of the living batches, and of so many proofs."""
        epochs = sorted(self.frozen[root])
        return max(self.floor[root], (epochs[-PROOFS_MAX], 0) if len(epochs) >= PROOFS_MAX else (0, 0))

    def frozen_at(self, root, epoch):
        """The number at which the epoch is frozen; None: it is not."""
        return self.frozen[root][epoch][0] if epoch in self.frozen[root] else None

    def _merge(self, batch):
        root, number = batch.origin, (batch.epoch, batch.seq)
        frozen = self.frozen_at(root, batch.epoch)
        if frozen is not None and batch.seq > frozen:
            return "dead by a proof"
        if number < self._lowest(root):                     # only as it was asked for: for the proof alone
            both = self.proof_parts[root, number]
        else:
            both = self.log[root][number]
        both.update(self.frozen[root][batch.epoch][1] if frozen == batch.seq else {})
        both[batch.hash] = batch
        while len(both) > 2:
            del both[min(both)]                             # the two with the highest hashes count
        if batch.hash not in both:
            return "third of a number"
        self.hashes.add(batch.hash)
        if len(both) == 2:
            self.forks.add((root, *number))
            self._freeze(root, *number, both)
        elif number >= self._lowest(root):
            self._put(batch)
        self.xpub.send(w.topic(root) + batch.frame)                 # stored; now relayed
        return "merged"

    def _put(self, batch):
        """The words of one living batch, and the floor that it may raise."""
        for word, time_s in batch.words:
            register = (batch.origin, word.subject, word.category)
            if register not in self.registers or self.registers[register][0] < batch.order:
                self.registers[register] = (batch.order, word.black, word.white, time_s)
        if batch.floor > self.floor[batch.origin]:
            self.floor[batch.origin] = batch.floor
            self._drop(batch.origin, lambda number: number < batch.floor)

    def _drop(self, root, is_dead):
        """Takes batches out, and the registers that they made."""
        for number in [n for n in self.log[root] if is_dead(n)]:
            self.hashes -= set(self.log[root].pop(number))
        for key in [k for k, v in self.registers.items() if k[0] == root and is_dead(v[0][:2])]:
            del self.registers[key]

    # -- proofs

    def _freeze(self, root, epoch, seq, both):
        """The lowest number of an epoch with two batches, and the highest hashes of it; both only ever go one way."""
        again = self._said_above(epoch, seq) if root == self.root and self.frozen_at(root, epoch) is None else []
        self.frozen[root][epoch] = (seq, dict(both))
        self.counts["frozen"] += 1
        self._drop(root, lambda number: number[0] == epoch and number[1] > seq or number < self._lowest(root))
        self._reckon(root)
        if root == self.root and epoch == self.epoch:
            self._begin_anew(again)

    def _reckon(self, root):
        """Of what lives: the floor may have been that of a dead batch, and what it had ended is fetched again."""
        living = [b for pair in self.log[root].values() for b in pair.values()]
        before, self.floor[root] = self.floor[root], max((b.floor for b in living), default=(0, 0))
        for key in [k for k in self.registers if k[0] == root]:
            del self.registers[key]
        for batch in sorted(living, key=lambda b: b.order):
            self._put(batch)
        if self.floor[root] < before:
            self.seen[root] = {n for n in self.seen[root] if n in self.log[root] or n < self.floor[root]}

    def _said_above(self, epoch, seq):
        return [(key[1], key[2], *said[1:]) for key, said in self.registers.items() if key[0] == self.root and said[0][0] == epoch and said[0][1] > seq]

    def _begin_anew(self, again):
        """The author of a pair goes on in a new epoch, and tells again what it said above."""
        known = [epoch for link in self.links.values() for origin, epoch in link.holds if origin == self.root] + [epoch for epoch, _ in self.log[self.root]]
        now_s = int(self.now())
        self.epoch, self.seq = max([self.epoch, *known, (now_s - w.EPOCH_ZERO_S) // 60 - 1]) + 1, 0
        own = [b for pair in self.log[self.root].values() for b in pair.values()]
        self.previous = max(own, key=lambda b: b.order).hash if own else b""
        words = [Word(subject, category, black, white, (now_s // 600 * 600 - time_s) // 600) for subject, category, black, white, time_s in again]
        if words:
            self.publish(words, time_s=now_s)

    # -- have-vectors and fetches

    def _frozen_fields(self, root, epoch):
        if epoch not in self.frozen[root]:
            return {}
        seq, both = self.frozen[root][epoch]
        return {"frozen": seq, "frozen_hash": b"".join(key[:8] for key in sorted(both, reverse=True))}

    def _wants_proof(self, log):
        """It knows no frozen number of the epoch, a higher one, or a lower hash than one that is named."""
        if not log.frozen or not self._epoch_is_sane(log.epoch):
            return False
        at = self.frozen_at(log.origin, log.epoch)
        if at is None or at != log.frozen:
            return at is None or at > log.frozen
        mine = sorted(self.frozen[log.origin][log.epoch][1], reverse=True)
        return any(key[:8] < log.frozen_hash[8 * i:8 * i + 8] for i, key in enumerate(mine))

    def _heard_frozen(self, link, log):
        key = (log.origin, log.epoch, log.frozen)
        if not self._wants_proof(log) or link.proof_rests.get(key, 0) > time.monotonic():
            return
        link.proof_rests[key] = time.monotonic() + PROOF_REST_S
        self.proof_wanted.add(key)
        request = pb.Fetch(id=self.next_id, origin=log.origin, epoch=log.epoch, to=log.frozen, **{"from": log.frozen})
        self.next_id += 1
        self.counts["proofs fetched"] += 1
        self.send_to(link, w.message(fetch=request))

    def _proof_frames(self, root, epoch, low, high):
        """Of a frozen number that does not live any more."""
        at = self.frozen_at(root, epoch)
        if at is None or not low <= at <= high or (epoch, at) in self.log[root]:
            return []
        return [batch.frame for batch in self.frozen[root][epoch][1].values()]
