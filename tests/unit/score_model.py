"""The model of store/SCORE.md a second time, in plain integers, for test_model.py to compare with the store's own.

Written from that page, not from the C code. Where C truncates a quotient towards zero, so does div().
"""
MICRO = 1_000_000
CAP, W, SKEW_S = 32 * MICRO, 2 * MICRO, 300
SELF, G_MIN, VETO, SIDE = 1_500_000, 100_000, MICRO, 200_000
HOUR_S, DAY_S = 3600, 86400


def isqrt_chain():
    """floor(2^32 * 2^-(2^-k)) for k = 1 to 24, in integers: repeated square roots of 2^-1, with plenty of bits."""
    from math import isqrt
    bits, x, out = 256, 1 << 255, []            # x / 2^256 = 1/2
    for _ in range(24):
        x = isqrt(x << bits)
        out.append(x >> (bits - 32))
    return out


STEP = isqrt_chain()


def div(a, b):
    return a // b if a >= 0 else -(-a // b)


_factors = {}


def factor(fraction):
    p = _factors.get(fraction)
    if p is None:
        p = 1 << 32
        for k in range(24):
            if fraction >> (23 - k) & 1:
                p = p * STEP[k] >> 32
        _factors[fraction] = p
    return p


def minute(t):
    return t - t % 60


# ---- evidence, opinion

def decayed(black, white, t, half_life, ttl, now):
    age = minute(now) - minute(t)
    if age > ttl or age < -SKEW_S:
        return 0, 0
    age = max(age, 0)
    halvings = age // half_life
    if halvings > 40:
        return 0, 0
    p = factor((age % half_life << 24) // half_life)
    return (min(black, CAP) * p >> 32) >> halvings, (min(white, CAP) * p >> 32) >> halvings


def add_event(e, black, white, half_life, ttl, now):
    r, s, t = e
    if t <= now:
        r, s = decayed(r, s, t, half_life, ttl, now)
    else:
        r, s = min(r, CAP), min(s, CAP)
    return min(r + min(black, CAP), CAP), min(s + min(white, CAP), CAP), now


def opinion(r, s):
    return div((r - 2 * s) * MICRO, r + 2 * s + W)


def newest(registers):
    """Of (epoch, seq, hash, ...): the greatest."""
    return max(registers)


# ---- whom one trusts

def trust_table(direct, links, now):
    """direct: {member: T}. links: (introducer, introduced, share, expires). -> {member: (root, tau)}"""
    table = {m: (m, t) for m, t in direct.items() if t > 0}
    frontier = dict(table)
    for _ in range(2):
        found = {}
        for by, (root, tau) in frontier.items():
            living = [(x[1], x[2]) for x in links if x[0] == by and x[3] > now]
            total = max(1000, sum(share for _, share in living))
            for who, share in living:
                got = tau * share // (2 * total)
                if who in direct or got == 0:
                    continue
                old = found.get(who)
                if old is None or got > old[1] or (got == old[1] and root < old[0]):
                    found[who] = (root, got)
        frontier = {}
        for who, (root, tau) in found.items():
            old = table.get(who)
            if old is None or tau > old[1] or (tau == old[1] and root < old[0]):
                table[who] = frontier[who] = (root, tau)
    return table


# ---- score and rule

def stands(white, since, rel):
    """From when on a contested black word counts, and a white one contests; None: never. rel: in white the reliability, in black the record."""
    if white:
        return 0 if rel >= MICRO else None
    return None if since <= 0 or rel < MICRO // 2 else minute(since) + DAY_S


def contested(good, trusts, own_v):
    """good: {root: weight of its members with good mail}."""
    return len(good) >= 2 and sum(min(trusts[g], x) for g, x in good.items()) >= MICRO and own_v <= SIDE


def score(voices, trusts, own, half_life, ttl, now):
    """voices: (root, weight, say, r, s, t, stands); say: trust, 0 of the mute. trusts: {root: T}. own: (r, s, t) or None. -> S, Q, Q of white, own part, veto, contested, S and Q of what stands"""
    said, stood, good, heads, stood_heads = {}, {}, {}, {}, {}
    for root, weight, say, r, s, t, stands_s in voices:
        r, s = decayed(r, s, t, half_life, ttl, now)
        v = opinion(r, s)
        x, head = div(weight * v, MICRO), div(say * v, MICRO)
        said[root] = said.get(root, 0) + x
        heads[root] = heads.get(root, 0) + head
        if v <= 0 or (stands_s is not None and stands_s <= minute(now)):
            stood[root] = stood.get(root, 0) + x
            stood_heads[root] = stood_heads.get(root, 0) + head
        if v < -SIDE and weight > 0 and stands_s is not None:
            good[root] = good.get(root, 0) + weight

    mine = own_v = own_white = 0
    if own is not None:
        r, own_white = decayed(*own, half_life, ttl, now)
        own_v = opinion(r, own_white)
        mine = div(SELF * own_v, MICRO)
    veto = mine < 0 and own_white >= VETO

    def clamped(parts):
        return [max(-(trusts[root] // 2), min(trusts[root], x)) for root, x in parts.items()] + [mine]

    def add(parts):
        return min(sum(clamped(parts)), 0) if veto else sum(clamped(parts))
    total, stood_total = add(said), add(stood)
    black, stood_black = (sum(x >= G_MIN for x in clamped(parts)) for parts in (heads, stood_heads))
    white = sum(x <= -G_MIN for x in clamped(heads))
    return total, black, white, mine, veto, contested(good, trusts, own_v), stood_total, stood_black


def lists(zone, result, groups_n, was):
    """zone: (white, own, threshold, quorum)"""
    is_white, own_lists, threshold, quorum = zone
    total, black, white, mine, _, is_contested, stood, stood_black = result
    quorum = quorum or (3 if groups_n >= 10 else 2)
    if is_white:
        total, mine, black = -total, -mine, white
    elif is_contested:
        total, black = stood, stood_black
    if own_lists and mine >= G_MIN:
        quorum = 1
    elif was and quorum > 1:
        quorum -= 1
    return total >= (div(threshold, 2) if was else threshold) and black >= quorum


# ---- reliability

AGAIN_S = 7 * DAY_S
PRIOR, DEAD = 10 * MICRO, 200_000
BLACK_N_MAX, REFUTED_MAX = 10 ** 12, 10 ** 11


def faded(x, half_life, age):
    if age // half_life >= 63:
        return 0
    return (x * factor((age % half_life << 24) // half_life) >> 32) >> age // half_life


class Counts:
    """c, f, s, u, cw, fw in millionths, at a full hour."""

    def __init__(self):
        self.c = self.f = self.s = self.u = self.cw = self.fw = self.t = 0

    def at(self, now):
        hour = now - now % HOUR_S
        age, began, self.t = hour - self.t, self.t != 0, hour
        if not began or age <= 0:
            return
        self.c, self.s, self.u, self.cw = (faded(x, 30 * DAY_S, age) for x in (self.c, self.s, self.u, self.cw))
        self.f, self.fw = (faded(x, 90 * DAY_S, age) for x in (self.f, self.fw))

    def confirmed(self, white):
        if white:
            self.cw = min(self.cw + MICRO, BLACK_N_MAX)
        else:
            self.c = min(self.c + MICRO, BLACK_N_MAX)

    def refuted(self, white, amount):
        if white:
            self.fw = min(self.fw + amount, REFUTED_MAX)
        else:
            self.f = min(self.f + amount, REFUTED_MAX)

    def trial(self, seen):
        if seen:
            self.s = min(self.s + MICRO, BLACK_N_MAX)
        else:
            self.u = min(self.u + MICRO, BLACK_N_MAX)


def balance(over, under):
    return max(MICRO, min(20 * MICRO, (over + 1) * MICRO // (under + 1)))


def reliability(n, black_n, white_n):
    def ratio(c, against):
        return (2 * c + PRIOR) * MICRO // (c + against + PRIOR)
    against = 10 * (balance(black_n, white_n) * n.f // MICRO)
    black = ratio(n.c, against)
    white = ratio(n.cw, 2 * (balance(white_n, black_n) * n.fw // MICRO))
    return black if black >= DEAD else 0, white if white >= DEAD else 0


def quartile_of(measured):
    """measured: (value, trust). The lowest value such that more than three quarters of all trust have it or less; 0: nothing is known."""
    passed, trust = 0, sum(t for _, t in measured)
    for value, t in sorted(measured):
        passed += t
        if 4 * passed > 3 * trust:
            return value
    return 0


def usual_of(like):
    """like: (s, u, trust) of all members. -> the usual share of trials that ended well, and the usual usefulness"""
    like = [x for x in like if x[2] > 0 and x[0] + x[1] >= PRIOR]
    usual = quartile_of([(s * MICRO // (s + u), trust) for s, u, trust in like])
    return usual, quartile_of([(useful(s, u, usual), trust) for s, u, trust in like])


def useful(s, u, usual):
    seen = (s + PRIOR) * MICRO // (s + u // 20 + PRIOR)
    beside = (s + PRIOR // 2) * MICRO // ((s + u) // 1000 * usual // 1000 + PRIOR // 2)
    return seen * min(MICRO, beside) // MICRO


def dampened(record, c, useful_here, quartile):
    """The lesser of the record and of merit, what it would be had nothing been refuted, times usefulness."""
    if record == 0:
        return 0
    if quartile > 0:
        useful_here = min(MICRO, useful_here * MICRO // quartile)
    merit = (2 * c + PRIOR) * MICRO // (c + PRIOR)
    return min(record, max(MICRO // 50, merit * useful_here // MICRO))


def reliability_real(n, black_n, white_n):
    c, f, cw, fw = (x / 1e6 for x in (n.c, n.f, n.cw, n.fw))
    bal = min(20.0, max(1.0, (black_n + 1) / (white_n + 1)))
    bal_white = min(20.0, max(1.0, (white_n + 1) / (black_n + 1)))
    black = (2 * c + 10) / (c + 10 * bal * f + 10)
    white = (2 * cw + 10) / (cw + 2 * bal_white * fw + 10)
    return black if black >= 0.2 else 0.0, white if white >= 0.2 else 0.0


# ---- a case

NOT, PEERS, OWN = 0, 2, 3
NOTHING, AGREED, CONFIRMED, REFUTED, REFUTED_BY_PEERS = range(5)


class Heard:
    """since: since when it says black; negative: white; 0: neither."""
    __slots__ = ("group", "tau", "trust", "white_rel", "alive", "since", "time", "judged_s", "judged", "r", "s")

    def __init__(self, *fields):
        self.group, self.tau, self.trust, self.white_rel, self.alive, self.since, self.time, self.judged_s, self.judged, self.r, self.s = fields


def recent(t, now):
    return t != 0 and 0 <= now - t < AGAIN_S


def known(h, own):
    """What was known of at the last count has had its effect."""
    return h.judged == OWN and own <= h.judged_s


def is_news(h, heard, quorum):
    return len({x.group for x in heard if x.alive and 0 < x.since <= h.since}) <= quorum


def by_own(h, heard, turned, event, quorum, now):
    side, since = (h.since > 0) - (h.since < 0), abs(h.since)
    own_side, own_since = (turned > 0) - (turned < 0), abs(turned)
    if own_side == 0 or event <= since:
        return NOTHING, 0
    if own_side != side:
        counted = recent(h.judged_s, now) and h.judged_s >= since
        if (h.judged == OWN and counted) or known(h, event):
            return NOTHING, 0
        return REFUTED, MICRO - 200_000 if counted and h.judged == PEERS else MICRO
    if own_since <= since or (h.judged == OWN and recent(h.judged_s, now)) or known(h, own_since):
        return NOTHING, 0
    return (CONFIRMED, MICRO) if side < 0 or is_news(h, heard, quorum) else (AGREED, 0)


def by_peers(h, heard, quorum, now):
    if h.since <= 0 or (h.judged in (PEERS, OWN) and recent(h.judged_s, now)):
        return NOTHING, 0
    good, trust = {}, {}
    for x in heard:
        if x.since < 0 and x.white_rel >= 1_250_000 and x.group != h.group and x.time + 600 >= h.since:
            good[x.group] = good.get(x.group, 0) + x.tau * x.white_rel // MICRO
        trust[x.group] = x.trust
    good = {g: min(x, trust[g]) for g, x in good.items() if x > 0}
    if len(good) >= max(2, quorum - 1) and sum(good.values()) >= MICRO:
        return REFUTED_BY_PEERS, 200_000
    return NOTHING, 0


def judge(heard, turned, event, quorum, now):
    out = []
    for h in heard:
        found = by_own(h, heard, turned, event, quorum, now) if h.since else (NOTHING, 0)
        if found[0] == NOTHING and turned <= 0:
            found = by_peers(h, heard, quorum, now)
        out.append(found)
    return out


def answers_for(members, root):
    """members: (found, amount, white) of those that a root introduced; root: its own finding or None. -> found, white, amount that the root answers for"""
    order = (NOTHING, AGREED, CONFIRMED, REFUTED_BY_PEERS, REFUTED)
    if not members or (root is not None and root[0] != NOTHING):
        return [NOTHING, 0, 0]
    gravest = max(order.index(x[0]) for x in members)
    same = [x for x in members if order.index(x[0]) == gravest]
    amount = max(x[1] for x in same)
    return [order[gravest], int(next(x[2] for x in same if x[1] == amount)), amount]


# ---- trials

def still_stands(h, half_life, ttl, at):
    return opinion(*decayed(h.r, h.s, h.time, half_life, ttl, at)) >= G_MIN


def is_seen(h, heard, came, quorum, half_life, ttl):
    """Own black evidence came then, after a while without any."""
    return 0 < h.since < came and is_news(h, heard, quorum) and still_stands(h, half_life, ttl, came)


def is_unseen(h, last, now, half_life, ttl):
    """last: the last own event about the subject, or 0."""
    return h.since > 0 and now - h.since >= DAY_S and not now - DAY_S < last <= now and still_stands(h, half_life, ttl, now)


# ---- the circuit breaker

class Breaker:
    """Judged and refuted by the hour; until: when the last opening ends."""

    def __init__(self):
        self.hours, self.until, self.times, self.hour = {}, 0, 0, 0

    def turn(self, now):
        hour = now // HOUR_S
        if hour < self.hour:
            self.hours = {}
        self.hour = hour
        self.hours = {h: x for h, x in self.hours.items() if hour - 24 < h}

    def note(self, refuted, now):
        self.turn(now)
        judged, bad = self.hours.get(self.hour, (0, 0))
        self.hours[self.hour] = (judged + 1, bad + refuted)

    def check(self, now):
        if self.until > now:
            return False
        self.turn(now)
        judged, bad = (sum(x[i] for x in self.hours.values()) for i in (0, 1))
        if bad <= 5 or bad * 20 <= judged:
            return False
        if self.until and now - self.until >= 90 * DAY_S:
            self.times = 0
        days = (7, 14, 28)[min(self.times, 2)]
        self.until, self.times, self.hours = now + days * DAY_S, min(self.times, 2) + 1, {}
        return True
