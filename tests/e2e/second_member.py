"""A second implementation of proto/PROTOCOL.md, second half: a member that joins over CURVE, verifies, publishes and repairs.

Written from that document alone, as second_words.py is. It has no thread: whoever uses it gives it turns.

    with SecondMember("p.example", b"street", ports) as p:
        link = p.add(card)              # its card is p.card
        p.until(lambda: link.up, "connected")
        p.publish([Word(subject_address("192.0.2.7"), b"malware", 5, 0)])
"""
import time
from collections import Counter, defaultdict

import zmq
from zmq.utils import z85
from zmq.utils.monitor import parse_monitor_message

import second_words as w
from second_freeze import Freezing
from second_link import Link
from second_words import Fault, batch_hash, pb

WAIT_S = 100            # for what may hang: no good run comes near it
HAVE_S, FULL_S, FETCH_S, WANT_S, PUT_OFF_MAX, FETCHES_MAX = 5, 30, 10, 5, 256, 8
ZAP_DOMAIN = b"hearsay"


class SecondMember(Freezing):
    """State is that of the document: records, frames by number, registers, floors."""

    def __init__(self, name, federation, ports, identity=None, serial=1, now=time.time):
        self.who, self.name, self.federation, self.now = identity or w.Identity(), name, federation, now
        self.publish_at, self.repair_at = (f"tcp://127.0.0.1:{port}" for port in ports)
        self.curve_secret = z85.encode(w.raw_secret(self.who.curve_key))
        self.curve_public = z85.encode(w.raw_public(self.who.curve_key))
        self.records = defaultdict(dict)            # root: {serial: Record}; a member is known when it is here
        self.log = defaultdict(lambda: defaultdict(dict))       # root: {(epoch, seq): {hash: Batch}}, live ones
        self.seen = defaultdict(set)                # root: numbers that need not be fetched again
        self.hashes, self.floor = set(), defaultdict(lambda: (0, 0))
        self.registers = {}                         # (root, subject, category): (order, black, white, time)
        self.frozen = defaultdict(dict)             # root: {epoch: (number, its two batches by hash)}
        self.proof_parts, self.proof_wanted = defaultdict(dict), set()      # of numbers below the floor; those that were asked for
        self.forks, self.counts, self.put_off, self.wanted_s = set(), Counter(), [], {}
        self.introductions, self.trust = {}, {}     # root: its list; root: what it is trusted, 0 to 1, of those known directly
        self.links, self.epoch, self.seq, self.previous, self.next_id = {}, 0, 0, b"", 1
        self.refuses = set()                        # members that may not connect for the moment
        self.context, self.poller = zmq.Context(), zmq.Poller()
        self.zap = self.context.socket(zmq.REP)
        self.zap.linger = 0
        self.zap.bind("inproc://zeromq.zap.01")
        self.xpub, self.router = self._server(zmq.XPUB, self.publish_at), self._server(zmq.ROUTER, self.repair_at)
        for socket in (self.zap, self.xpub, self.router):
            self.poller.register(socket, zmq.POLLIN)
        self.new_record(serial)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        for link in self.links.values():
            link.close()
        for socket in (self.xpub, self.router, self.zap):
            socket.close()
        self.context.term()

    def socket(self, kind):
        made = self.context.socket(kind)
        made.linger = 0
        return made

    def _server(self, kind, endpoint):
        made = self.socket(kind)
        if kind == zmq.XPUB:
            made.setsockopt(zmq.XPUB_MANUAL, 1)
            made.sndhwm = 256
        else:
            made.router_mandatory = 1
        made.curve_server = True
        made.curve_secretkey = self.curve_secret
        made.zap_domain = ZAP_DOMAIN
        made.maxmsgsize = w.MESSAGE_MAX
        made.bind(endpoint)
        return made

    # -- who is known

    @property
    def root(self):
        return self.who.root

    @property
    def card(self):
        return w.card_of(self.newest(self.root))

    def newest(self, root):
        return self.records[root][max(self.records[root])]

    def new_record(self, serial, **keys):
        """Signs a record of its own; keys: operational=..."""
        for key, secret in keys.items():
            setattr(self.who, f"{key}_key", secret)
        record = w.make_record(self.who, self.name, self.publish_at, self.repair_at, serial, int(self.now()) + 90 * 86400)
        self.records[self.root][serial] = record
        return record

    def know(self, card):
        """Takes up a member without a link to it."""
        record = w.open_card(card)
        self.records[record.root].setdefault(record.serial, record)
        for link in self.links.values():
            link.sub.subscribe(w.topic(record.root))
            link.full_s = 0         # what a neighbour told of it before was ignored
        return record.root

    def add(self, card):
        root = self.know(card)
        link = self.links[root] = Link(self, root, self.newest(root))
        for other in self.records:
            if other != self.root:
                link.sub.subscribe(w.topic(other))
        for socket in (link.sub, link.dealer, link.monitor, link.sub_monitor):
            self.poller.register(socket, zmq.POLLIN)
        return link

    def join(self, text, seconds=WAIT_S):
        """Uses an invite: (the link to the inviter, the coalition's secret). A Fault `refused` with what the inviter says."""
        invite = w.open_invite(text)
        secret = z85.encode(invite.curve_secret)
        dealer = self.socket(zmq.DEALER)
        dealer.curve_secretkey, dealer.curve_publickey, dealer.curve_serverkey = secret, zmq.curve_public(secret), z85.encode(invite.record.curve)
        try:
            dealer.connect(invite.record.repair)
            end_s = time.monotonic() + seconds
            while time.monotonic() < end_s:
                dealer.send(w.message(join=pb.Join(record=self.newest(self.root).frame)))
                if dealer.poll(2000):
                    return self._joined(invite, *w.open_message(dealer.recv()))
        finally:
            dealer.close()
        raise AssertionError("no answer to Join")

    def _joined(self, invite, kind, body):
        w.must(kind == "joined", f"{kind} in answer to Join")
        w.must(not body.refused, body.refused.decode(), "refused")
        record = w.open_record(body.record)
        w.must(record.root == invite.record.root, "answered by another member than the one that invited")
        self.federation = body.federation
        return self.links.get(record.root) or self.add(w.card_of(record)), body.secret

    def drop(self, root):
        """Ends the link to a neighbour; it stays a member."""
        link = self.links.pop(root)
        for socket in (link.sub, link.dealer, link.monitor, link.sub_monitor):
            self.poller.unregister(socket)
        link.close()

    # -- turns

    def until(self, true, what, seconds=WAIT_S):
        """Goes on until true() holds."""
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, f"not within {seconds} s: {what() if callable(what) else what}; {dict(self.counts)}"
            self.turn()

    def run(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.turn()

    def turn(self, wait_s=0.02):
        ready = dict(self.poller.poll(int(wait_s * 1000)))
        if self.zap in ready:
            self._answer_zap()
        if self.xpub in ready:
            self._subscriptions()
        if self.router in ready:
            self._asked()
        for link in list(self.links.values()):
            if link.monitor in ready:
                self._monitored(link)
            if link.sub_monitor in ready:
                link.lost += sum(1 for _ in self._all(link.sub_monitor))
            for parts in self._all(link.sub) if link.sub in ready else ():
                link.heard_s = time.monotonic()
                if len(parts) == 1 and len(parts[0]) >= w.TOPIC_BYTES:
                    self.take(parts[0][w.TOPIC_BYTES:], link)
            for parts in self._all(link.dealer) if link.dealer in ready else ():
                link.heard_s = time.monotonic()
                if len(parts) == 1:
                    self._answered(link, parts[0])
            self._tick(link)

    @staticmethod
    def _all(socket, copy=True):
        for _ in range(256):
            try:
                yield socket.recv_multipart(zmq.DONTWAIT, copy=copy)
            except zmq.Again:
                return

    def _monitored(self, link):
        for parts in self._all(link.monitor):
            event = parse_monitor_message(parts)["event"]
            link.up = event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            link.lost += event == zmq.EVENT_DISCONNECTED
            if link.up:
                link.told, link.full_s, link.have_s = {}, 0, 0
                link.fetches.clear()
                link.rests.clear()
            link.refused += event == zmq.EVENT_HANDSHAKE_FAILED_AUTH

    # -- who may connect

    def _answer_zap(self):
        _, request, domain, _, _, mechanism, *key = self.zap.recv_multipart()
        root = next((r for r in self.records if key and self.newest(r).curve == key[0] and r not in self.refuses), None)
        good = domain == ZAP_DOMAIN and mechanism == b"CURVE" and root is not None
        self.counts["admitted" if good else "denied"] += 1
        self.zap.send_multipart([b"1.0", request, b"200" if good else b"400", b"OK" if good else b"not a member", root.hex().encode() if good else b"", b""])

    def _subscriptions(self):
        for parts in self._all(self.xpub):
            wish = parts[0]
            if wish[1:] in map(w.topic, self.records):
                self.xpub.setsockopt(zmq.SUBSCRIBE if wish[0] == 1 else zmq.UNSUBSCRIBE, wish[1:])
                self.counts["subscribed"] += wish[0] == 1

    # -- have-vectors

    def _logs(self):
        for root, records in self.records.items():
            epochs = {epoch for epoch, _ in self.log[root]} | set(self.frozen[root])
            for epoch in epochs:
                numbers = [seq for e, seq in self.log[root] if e == epoch]
                frozen, head = self._frozen_fields(root, epoch), 0
                if not numbers:
                    yield (root, epoch), pb.LogHave(origin=root, epoch=epoch, record_serial=max(records), introductions=self._stamp(root), **frozen)
                    continue
                for key in self.log[root][epoch, max(numbers)]:
                    head ^= int.from_bytes(key[:8], "big")
                yield (root, epoch), pb.LogHave(origin=root, epoch=epoch, floor=min(numbers), head=max(numbers), head_hash=head.to_bytes(8, "big"),
                                                record_serial=max(records), introductions=self._stamp(root), **frozen)
            if not epochs:
                yield (root, 0), pb.LogHave(origin=root, record_serial=max(records), introductions=self._stamp(root))

    def _stamp(self, root):
        return self.introductions[root].stamp if root in self.introductions else b""

    def have(self, link, full, answer_wanted):
        """The messages for one neighbour: all logs, or what changed since the last."""
        logs = {key: log for key, log in self._logs() if full or link.told.get(key) != log}
        link.told.update(logs)
        rows = sorted(logs.values(), key=lambda log: log.origin != link.root)       # its own log first
        parts = [rows[i:i + w.LOGS_MAX] for i in range(0, len(rows), w.LOGS_MAX)] or [[]]
        return [w.message(have=pb.Have(full=full, answer_wanted=answer_wanted and part is parts[-1], logs=part)) for part in parts]

    def _tick(self, link):
        if not link.up:
            return
        now = time.monotonic()
        full = now - link.full_s >= FULL_S
        if full or now - link.have_s >= HAVE_S:
            link.have_s, link.full_s = now, now if full else link.full_s
            for part in self.have(link, full, full):
                self.send_to(link, part)
        for key, (at_s, _) in list(link.fetches.items()):
            if now - at_s > FETCH_S:
                del link.fetches[key]
        self._fetch(link, now)

    @staticmethod
    def send_to(link, data):
        try:
            link.dealer.send(data, zmq.DONTWAIT)
        except zmq.Again:
            pass

    def _heard_have(self, link, body):
        self.counts["haves"] += 1
        for log in body.logs:
            if log.origin not in self.records:
                continue
            if log.record_serial > max(self.records[log.origin]):
                self._want_record(link, log.origin)
            if log.introductions > self._stamp(log.origin) and log.origin != self.root:
                self._want(link, "introductions", log.origin, w.message(introductions_want=pb.IntroductionsWant(introducer=log.origin)))
            self._heard_frozen(link, log)
            if log.head:
                link.holds[log.origin, log.epoch] = (log.floor, log.head, log.head_hash)
                link.rests.pop((log.origin, log.epoch), None)

    def _want_record(self, link, origin):
        self._want(link, "record", origin, w.message(record_want=pb.RecordWant(origin=origin, serial_above=max(self.records[origin], default=0))))

    def _want(self, link, what, origin, data):
        """At most every few seconds for one member."""
        if time.monotonic() - self.wanted_s.get((what, origin), -WANT_S) >= WANT_S:
            self.wanted_s[what, origin] = time.monotonic()
            self.send_to(link, data)

    # -- fetching

    def _missing(self, origin, epoch, floor, head, head_hash):
        """The highest range of numbers that is wanted, as (from, to); None when nothing is."""
        log, seen = self.log[origin], self.seen[origin]
        bound = self._lowest(origin)
        lowest = max([floor, 1] + ([bound[1]] if bound[0] == epoch else []))
        head = min(head, self.frozen_at(origin, epoch) or head)
        if epoch < bound[0] or not self._epoch_is_sane(epoch):
            return None
        both = log.get((epoch, head), {})
        if len(both) == 1 and head_hash != next(iter(both))[:8] and max(seq for e, seq in log if e == epoch) == head:
            return head, head
        top = head
        while top >= lowest and (epoch, top) in seen:
            top -= 1
        if top < lowest:
            return None
        bottom = top
        while bottom > lowest and top - bottom + 1 < w.FETCH_WIDTH_MAX and (epoch, bottom - 1) not in seen:
            bottom -= 1
        return bottom, top

    def _fetch(self, link, now):
        asked = {origin for other in self.links.values() for _, (origin, _) in other.fetches.values()}
        for (origin, epoch), held in link.holds.items():
            if origin in asked or len(link.fetches) >= FETCHES_MAX or link.rests.get((origin, epoch), 0) > now:
                continue
            span = self._missing(origin, epoch, *held)
            if span is None:
                continue
            request = pb.Fetch(id=self.next_id, origin=origin, epoch=epoch, to=span[1])
            setattr(request, "from", span[0])
            link.fetches[self.next_id] = (now, (origin, epoch))
            asked.add(origin)
            self.next_id += 1
            self.counts["fetches"] += 1
            self.send_to(link, w.message(fetch=request))

    def _fetched(self, link, body):
        key = link.fetches[body.id][1] if body.id in link.fetches else None
        if key is not None:
            link.fetches[body.id] = (time.monotonic(), key)
        if body.frame:
            self.counts["fetched"] += 1
            if self.take(body.frame, link) and key:
                link.empty[key] = 0
        if body.last and key is not None:
            del link.fetches[body.id]
            link.empty[key] += 1
            if link.empty[key] >= 2:            # asked once more, then not for a while
                link.rests[key] = time.monotonic() + 30

    def _answered(self, link, data):
        try:
            kind, body = w.open_message(data)
            w.must(kind not in ("fetch", "record_want", "introductions_want", "join", "compare"), "a request among the answers")
        except Fault as fault:
            link.blamed[fault.verdict] += 1
            return
        if kind == "have":
            self._heard_have(link, body)
        elif kind == "fetched":
            self._fetched(link, body)
        elif kind == "records":
            self._take_records(link, body)
        elif kind == "introductions":
            self._take_introductions(link, body.frame)

    # -- introductions

    def _take_introductions(self, link, frame):
        try:
            body = w.name_introductions(frame)
            if body.introducer not in self.records or w.stamp_of(body, frame) <= self._stamp(body.introducer):
                return
            record = self.records[body.introducer].get(body.record_serial)
            if record is None:
                self._want_record(link, body.introducer)
                return
            made = w.check_introductions(frame, body, record, self.federation)
        except Fault as fault:
            link.blamed[fault.verdict] += 1
            return
        self.introductions[made.introducer] = made
        self.counts["introductions"] += 1
        self._know_introduced()

    def taus(self):
        """What each member is trusted, in millionths: directly, or by introduction, over two hops at the most."""
        taus = {root: int(trust * 1000000) for root, trust in self.trust.items()}
        last = dict(taus)
        for _ in range(2):
            reached = {}
            for introducer, tau in last.items():
                rows = [row for row in self.introductions[introducer].introduced if row[2] > self.now()] if introducer in self.introductions else []
                whole = max(1000, sum(share for _, share, _ in rows))
                for record, share, _ in rows:
                    lent = tau * share // (2 * whole)
                    if lent >= 1 and record.root not in self.trust and lent > reached.get(record.root, 0):
                        reached[record.root] = lent
            for root, tau in reached.items():
                taus[root] = max(tau, taus.get(root, 0))
            last = reached
        return taus

    def _know_introduced(self):
        trusted = self.taus()
        for made in list(self.introductions.values()):
            for record, _, _ in made.introduced:
                if trusted.get(record.root) and record.root != self.root and record.root not in self.records:
                    self.know(w.card_of(record))

    def introduce(self, rows):
        """Signs its list anew: [(record, share, expiry)]."""
        serial = max(int(self.now()), self.introductions[self.root].serial + 1 if self.root in self.introductions else 0)
        frame = w.make_introductions(self.who, self.federation, max(self.records[self.root]), serial, rows, time_s=int(self.now()))
        made = w.check_introductions(frame, w.name_introductions(frame), self.newest(self.root), self.federation)
        made.serial = serial
        self.introductions[self.root] = made

    def _take_records(self, link, body):
        for frame in body.frames:
            try:
                record = w.open_record(frame)
            except Fault as fault:
                link.blamed[fault.verdict] += 1
                continue
            taken = any(self.newest(root).curve == record.curve for root in self.records if root != record.root)
            if record.root in self.records and record.serial not in self.records[record.root] and not taken:
                self.records[record.root][record.serial] = record
                self.counts["records"] += 1
        waiting, self.put_off = self.put_off, []
        for frame, from_link in waiting:
            self.take(frame, from_link)

    # -- being asked

    def _asked(self):
        for parts in self._all(self.router, copy=False):
            if len(parts) != 2:
                continue
            routing, data = (part.bytes for part in parts)
            link = self.links.get(bytes.fromhex(parts[1].get("User-Id")))       # as the ZAP handler named it
            try:
                kind, body = w.open_message(data)
                w.must(kind not in ("fetched", "records", "introductions", "joined", "compared"), "an answer among the requests")
            except Fault as fault:
                self.counts[f"asked {fault.verdict}"] += 1
                continue
            self.counts[f"asked {kind}"] += 1
            if kind == "have" and link is not None:
                self._heard_have(link, body)
            if kind == "introductions_want" and link is not None:
                link.full_s = time.monotonic() - FULL_S + 1     # it may come to know members of whom it was told in vain
            for answer in self._answers(kind, body):
                try:
                    self.router.send_multipart([routing, answer], zmq.DONTWAIT)
                except zmq.ZMQError:
                    break

    def _answers(self, kind, body):
        if kind == "have" and body.answer_wanted:
            return [w.message(have=pb.Have(full=True, logs=[log for _, log in self._logs()][:w.LOGS_MAX]))]
        if kind == "fetch":
            return self._serve(body)
        if kind == "compare" and body.origin in self.records:
            return w.compared(body, self.log[body.origin])
        if kind == "record_want" and body.origin in self.records:
            newer = [r.frame for serial, r in sorted(self.records[body.origin].items()) if serial > body.serial_above]
            return [w.message(records=pb.Records(frames=newer[:w.RECORDS_MAX]))]
        if kind == "introductions_want" and body.introducer in self.introductions:
            return [w.message(introductions=pb.Introductions(frame=self.introductions[body.introducer].frame))]
        return []

    def _serve(self, body):
        low, high = getattr(body, "from"), body.to
        frames = [batch.frame for (epoch, seq), both in sorted(self.log[body.origin].items(), reverse=True)
                  if epoch == body.epoch and low <= seq <= high for batch in both.values()] if body.origin in self.records else []
        frames += self._proof_frames(body.origin, body.epoch, low, high)
        self.counts["served"] += len(frames)
        return [w.message(fetched=pb.Fetched(id=body.id, frame=frame)) for frame in frames] + [w.message(fetched=pb.Fetched(id=body.id, last=True))]

    # -- what a receiver checks, in the document's order

    def _epoch_is_sane(self, epoch):
        return epoch <= (int(self.now()) - w.EPOCH_ZERO_S) // 60 + 1440

    def take(self, frame, link=None):
        """True when the frame is new and merged."""
        verdict = self._judge(frame, link)
        self.counts[verdict] += 1
        if verdict in ("malformed", "rejected") and link is not None:
            link.blamed[verdict] += 1
        return verdict == "merged"

    def _judge(self, frame, link):
        try:
            body = w.name_batch(frame)                                      # 1
        except Fault as fault:
            return fault.verdict
        number, key = (body.epoch, body.seq), batch_hash(frame)
        if body.origin not in self.records:                                 # 2
            return "unknown"
        if key in self.hashes:                                              # 3
            return "repeated"
        if number < self._lowest(body.origin) and (body.origin, *number) not in self.proof_wanted or body.time_s < self.now() - w.DAYS_30:
            return "dead"
        if not self._epoch_is_sane(body.epoch):
            return "too far ahead"
        record = self.records[body.origin].get(body.record_serial)          # 4
        if record is None:
            if link is not None and len(self.put_off) < PUT_OFF_MAX:
                self.put_off.append((frame, link))
                self._want_record(link, body.origin)
            return "put off"
        if not w.signed_by(frame, record.operational):
            return "rejected"
        self.seen[body.origin].add(number)
        if body.time_s > record.not_after_s + 300:
            return "refused"
        try:
            batch = w.check_batch(frame, body, self.federation)             # 5
        except Fault as fault:
            return fault.verdict
        return self._merge(batch)

    # -- its own words

    def settle(self, seconds=WAIT_S):
        """Before anything is told: what do the neighbours know of us? Then the epoch."""
        deadline = time.monotonic() + seconds

        def done():
            known = [link for link in self.links.values() if self.counts["haves"]]
            return known and all(self._missing(self.root, epoch, *held) is None
                                 for link in known for (origin, epoch), held in link.holds.items() if origin == self.root)
        while self.links and time.monotonic() < deadline and not done():
            self.turn()
        known = [epoch for link in self.links.values() for origin, epoch in link.holds if origin == self.root]
        known += [epoch for epoch, _ in self.log[self.root]] + [self.epoch]
        self.epoch, self.seq = max(max(known) + 1, (int(self.now()) - w.EPOCH_ZERO_S) // 60), 0
        own = [b for pair in self.log[self.root].values() for b in pair.values()]
        self.previous = max(own, key=lambda b: b.order).hash if own else b""

    def compose(self, words, **more):
        """The next batch's frame, not yet its own."""
        more.setdefault("time_s", int(self.now()))
        more.setdefault("floor", min([*self.log[self.root], (self.epoch, self.seq + 1)]))
        more.setdefault("record_serial", max(self.records[self.root]))
        return w.make_batch(self.who, more.pop("federation", self.federation), more.pop("epoch", self.epoch), more.pop("seq", self.seq + 1), words,
                            previous=more.pop("previous", self.previous), **more)

    def publish(self, words, **more):
        """Signs, keeps, then sends. The batch."""
        if self.epoch == 0:
            self.settle()
        frame = self.compose(words, **more)
        assert self.take(frame), f"an own batch that is no good: {dict(self.counts)}"
        self.seq, self.previous = self.seq + 1, batch_hash(frame)
        return frame

    def send(self, frame, topic=None):
        """To all subscribers, without a look at it: for those who mean ill."""
        self.xpub.send((topic or w.topic(self.root)) + frame)
