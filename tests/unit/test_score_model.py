#!/usr/bin/python3
"""The store's arithmetic against score_model.py: the same random histories, every value equal; and both against real numbers, within a bound.

Usage: test_score_model.py MODEL_CASES [SEED [COUNT]]. A million histories by hand: test_score_model.py build/tests/unit/model_cases 7 1000000
"""
import random
import subprocess
import sys
import time

import score_model as m

MASS = [0, 250_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000, 20_000_000, 32_000_000, 3_200_000]
REAL_BOUND = 1e-5                   # of a score, for each voice: see real_score()
RELIABILITY_BOUND = 3e-6
MEMBERS = 7


class Worst:
    score = reliability = 0.0
    verdicts = contested = histories = seen = unseen = 0


def real_decay(r, s, t, half_life, ttl, now):
    age = now - now % 60 - (t - t % 60)
    if age > ttl or age < -300:
        return 0.0, 0.0
    k = 2.0 ** (-max(age, 0) / half_life)
    return min(r, m.CAP) * k / 1e6, min(s, m.CAP) * k / 1e6


def real_opinion(r, s):
    return (r - 2 * s) / (r + 2 * s + 2)


def real_score(voices, trusts, own, half_life, ttl, now):
    """In floating point. The decay's factor is off by at most 2^-23, a mass is cut by a millionth, v and each product by another: a voice of weight 2 by less than 1e-5."""
    said = {}
    for root, weight, _, r, s, t, _ in voices:
        said[root] = said.get(root, 0.0) + weight / 1e6 * real_opinion(*real_decay(r, s, t, half_life, ttl, now))
    total = sum(max(-trusts[g] / 2e6, min(trusts[g] / 1e6, x)) for g, x in said.items())
    if own is not None:
        r, s = real_decay(*own, half_life, ttl, now)
        v = real_opinion(r, s)
        total += 1.5 * v
        if abs(s - 1) < 1e-5 or abs(v) < 1e-5:
            return None                     # on the veto's edge either answer is right
        if v < 0 and s >= 1:
            total = min(total, 0.0)
    return total


def history(take):
    half_life, ttl, white, own_lists, threshold, quorum, groups_n = take(7)
    direct = {i: t for i, t in enumerate(take(MEMBERS)) if t >= 0}
    links = [tuple(take(4)) for _ in range(take(1)[0])]
    rel = [tuple(take(4)) for _ in range(MEMBERS)]
    arrived = [tuple(take(7)) for _ in range(take(1)[0])]
    own = (0, 0, 0)
    events = [tuple(take(3)) for _ in range(take(1)[0])]
    for is_white, mass, at in events:
        own = m.add_event(own, 0 if is_white else mass, mass if is_white else 0, half_life, ttl, at)
    table = m.trust_table(direct, links, 1790000000)

    take.turn()
    for i in range(MEMBERS):
        group, tau = take(2)
        assert (group, tau) == table.get(i, (-1, 0)), f"trust of {i}: {group} {tau}, not {table.get(i)}"
    black, good = take(2)
    assert (black, good) == own[:2], f"own evidence {black} {good}, not {own}"

    random.shuffle(arrived)                 # whatever the order of arrival
    registers = {}
    for who, epoch, seq, hash_, b, w, t in arrived + arrived[:1]:
        order = (epoch, seq, hash_, t, b, w)
        registers[who] = m.newest([registers[who], order]) if who in registers else order
    voices = []
    for who, (_, _, _, t, b, w) in registers.items():
        if who in table:
            root, tau = table[who]
            r, s = MASS[b], MASS[w]
            reliable = min(rel[who][r < 2 * s], rel[root][r < 2 * s])
            weight = tau * reliable // m.MICRO
            record = min(rel[who][2], rel[root][2])             # in black; its weight in white is its record there
            voices.append((root, weight, tau if weight else 0, r, s, t, m.stands(r < 2 * s, rel[who][3], reliable if r < 2 * s else record)))
    trusts = {g: direct[g] for g, *_ in voices}
    zone, was = (white, own_lists, threshold, quorum), False
    own = own if events else None
    while take.more():
        now, *got = take(10)
        want = m.score(voices, trusts, own, half_life, ttl, now)
        was = m.lists(zone, want, groups_n, was)
        assert got == [*want, was], f"at {now}: {got}, not {(*want, was)}"
        Worst.verdicts += was
        Worst.contested += want[5]
    Worst.histories += 1
    if Worst.histories % 4 != 0:            # floating point costs as much again
        return
    real = real_score(voices, trusts, own, half_life, ttl, now)
    if real is not None:
        off = abs(real - want[0] / 1e6) / (len(voices) + 1)
        Worst.score = max(Worst.score, off)
        assert off < REAL_BOUND, f"{off} a voice from real numbers"


def case(take):
    n, turned, event, quorum, now, half_life, ttl, came, last = take(9)
    heard = [m.Heard(*take(11)) for _ in range(n)]
    (root,) = take(1)
    take.turn()
    found = m.judge(heard, turned, event, quorum, now)
    group = [i for i in range(n) if heard[i].group == heard[-1].group]
    answer = m.answers_for([(*found[i], heard[i].since < 0) for i in group if i != root], found[root] if root < n else None)
    trials = [(int(m.is_seen(h, heard, came, quorum, half_life, ttl)), int(m.is_unseen(h, last, now, half_life, ttl))) for h in heard]
    want = [x for pair, trial in zip(found, trials) for x in (*pair, *trial)] + answer
    got = take(4 * n + 3)
    Worst.seen += sum(t[0] for t in trials)
    Worst.unseen += sum(t[1] for t in trials)
    assert got == want, f"found {got}, not {want}"


def counts(take):
    black_n, white_n, n = take(3)
    c = m.Counts()
    for _ in range(n):
        now, kind, times = take(3)
        c.at(now)
        for k in range(times):
            if kind >= 4:
                c.trial(kind == 5)
            elif kind < 2:
                c.confirmed(kind == 1)
            else:
                c.refuted(kind == 3, m.MICRO // 5 if k % 2 else m.MICRO)
    like = [tuple(take(3)) for _ in range(take(1)[0])]
    take.turn()
    got = take(12)
    rel = m.reliability(c, black_n, white_n)
    usual, quartile = m.usual_of(like)
    want = [usual, quartile, m.dampened(rel[0], c.c, m.useful(c.s, c.u, usual), quartile), c.c, c.f, c.s, c.u, c.cw, c.fw, c.t, *rel]
    assert got == want, f"{got}, not {want}"
    for whole, real in zip(rel, m.reliability_real(c, black_n, white_n)):
        if abs(real - 0.2) > 1e-5:
            Worst.reliability = max(Worst.reliability, abs(whole / 1e6 - real))
    assert Worst.reliability < RELIABILITY_BOUND, f"reliability {rel} is {Worst.reliability} from real numbers"


def breakers(take):
    b, want = m.Breaker(), []
    for _ in range(take(1)[0]):
        now, judged, refuted = take(3)
        for k in range(judged + refuted):
            b.note(k < refuted, now)
        want += [int(b.check(now)), b.until, b.times]
    take.turn()
    got = take(len(want))
    assert got == want, f"{got}, not {want}"


class Take:
    """The numbers of a line, in their order: what went in, and then what came out."""

    def __init__(self, line):
        went_in, came_out = line[2:].split("=")
        self.line, self.at, self.out = list(map(int, went_in.split())), 0, list(map(int, came_out.split()))

    def __call__(self, n):
        self.at += n
        return self.line[self.at - n:self.at]

    def turn(self):
        """From here on, what came out."""
        assert self.at == len(self.line), "more went in than was asked for"
        self.line, self.at = self.out, 0

    def more(self):
        return self.at < len(self.line)


def main(program, seed="1", count="300000"):
    began, done = time.time(), {}
    random.seed(seed)
    kinds = {"H": history, "J": case, "R": counts, "B": breakers}
    with subprocess.Popen([program, seed, count], stdout=subprocess.PIPE, text=True) as cases:
        for line in cases.stdout:
            take = Take(line)
            try:
                kinds[line[0]](take)
                assert not take.more(), "more came out than was asked for"
            except AssertionError as wrong:
                sys.exit(f"{line}\n{wrong}")
            done[line[0]] = done.get(line[0], 0) + 1
    if cases.returncode != 0 or sum(done.values()) != int(count):
        sys.exit(f"{program} ended with {cases.returncode} after {done}")
    if 0 in (Worst.verdicts, Worst.contested, Worst.seen, Worst.unseen):
        sys.exit("no history listed anything, none was contested, or no trial ended one of the two ways: this test shows nothing")
    print(f"{done['H']} histories, {done['J']} cases, {done['R']} counts, {done['B']} breakers are equal; from real numbers a score is at most "
          f"{Worst.score:.1e} a voice away, reliability {Worst.reliability:.1e}; {time.time() - began:.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
