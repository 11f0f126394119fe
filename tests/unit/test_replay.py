#!/usr/bin/python3
"""What `tools/bench replay` makes of histories that others gathered: feeds that begin late, end early and have holes, files in several forms, and much that is none.

Usage: test_replay.py BENCH_REPLAY
"""
import contextlib
import datetime
import gzip
import io
import lzma
import random
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bench"))

import replay                                                           # noqa: E402
import replay_read                                                      # noqa: E402

DAYS = [datetime.date(2027, 12, 25) + datetime.timedelta(d) for d in range(12)]
FEEDS = ["zeta", "alpha", "feed.3"]
WARM_DAYS = 7


def address(n):
    return f"11.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"


def made(holes=(), feeds=FEEDS, hosts=60, seed=3):
    """Lists as texts, None for the (feed, day) in `holes`."""
    rnd = random.Random(seed)
    lists = [[set() for _ in DAYS] for _ in feeds]
    for host in range(hosts):
        for feed in rnd.sample(range(len(feeds)), rnd.choice((1, 2, 2, 3))):
            begin = rnd.randrange(-3, len(DAYS))
            for day in range(max(begin, 0), min(begin + rnd.randrange(1, 5), len(DAYS))):
                lists[feed][day].add(address(host * 771))
    return [[None if (f, d) in holes else day for d, day in enumerate(days)] for f, days in enumerate(lists)]


class Replay(unittest.TestCase):
    program = None

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.dir = Path(self.temporary.name)
        self.addCleanup(self.temporary.cleanup)

    def write(self, lists, name=lambda feed, day: f"{feed}/{day}", pack=lambda text: text.encode(), more=""):
        for feed, days in zip(FEEDS, lists):
            for date, day in zip(DAYS, days):
                if day is not None:
                    path = self.dir / name(feed, date)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(pack("\n".join(["# a comment", "", *sorted(day)]) + "\n" + more))

    def read(self, *names, where=None):
        """The histories, and what was said on standard error."""
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            return list(replay_read.read_folders(where or self.dir, list(names), 1)), said.getvalue()

    def fails(self, words, act):
        with self.assertRaises(SystemExit) as failed, contextlib.redirect_stderr(io.StringIO()):
            act()
        self.assertIn(words, str(failed.exception))

    def same(self, history, lists, feeds=sorted(FEEDS)):
        order = [FEEDS.index(f) for f in feeds]
        self.assertEqual(history.feeds, feeds)
        self.assertEqual(history.days, DAYS)
        self.assertEqual(history.lists, [[None if d is None else {replay_read.number(a) for a in d} for d in lists[i]] for i in order])

    # ---- reading

    def test_files_of_each_form_give_the_same_history(self):
        forms = [(lambda f, d: f"{f}/{d}.txt", str.encode), (lambda f, d: f"{f}/{f}_{d:%Y%m%d}.ipset", str.encode), (lambda f, d: f"{f}/{d}.gz", lambda t: gzip.compress(t.encode())),
                 (lambda f, d: f"{f}/list-{d}.csv.xz", lambda t: lzma.compress(t.replace("\n11.", "\n 11.").replace("\n", ",2027-01-01,spam\n").encode()))]
        for name, pack in forms:
            self.setUp()
            self.write(made(), name, pack)
            (history,), _ = self.read()
            self.same(history, made())

    def test_a_folder_for_each_day_is_read_as_one_for_each_feed(self):
        global FEEDS
        kept, FEEDS = FEEDS, ["zeta", "alpha", "third"]
        self.addCleanup(lambda: globals().update(FEEDS=kept))
        self.write(made(), lambda f, d: f"{d}/{f}.txt.gz", lambda t: gzip.compress(t.encode()))
        (history,), _ = self.read()
        self.same(history, made(), sorted(FEEDS))

    def test_feeds_that_begin_late_end_early_and_have_holes_keep_their_days(self):
        holes = {(0, d) for d in range(5)} | {(1, 10), (1, 11), (2, 6)}
        self.write(made(holes))
        (history,), said = self.read()
        self.same(history, made(holes))
        self.assertIn("feed zeta has lists of 7 of 12 days, 2027-12-30 to 2028-01-05", said)
        self.assertIn("feed alpha has lists of 10 of 12 days", said)

    def test_what_is_no_ipv4_address_is_counted_and_an_example_given(self):
        self.write(made(), more="2001:db8::1\n198.51.100.0/24\n1.2.3\n999.1.1.1\n\xff\xfe\n\0\n192.0.2.9/32\n192.0.2.10 ; why\n")
        (history,), said = self.read()
        self.assertIn(f"feed zeta: {6 * len(DAYS)} lines are no IPv4 addresses and are passed over, such as '2001:db8::1'", said)
        for wanted in ("192.0.2.9", "192.0.2.10"):
            self.assertTrue(all(replay_read.number(wanted) in day for lists in history.lists for day in lists))

    def test_datasets_stand_side_by_side_and_coalitions_are_named(self):
        self.write(made(), lambda f, d: f"one/{f}/{d}")
        self.write(made(seed=4), lambda f, d: f"two/{f}/{d}")
        (self.dir / "two" / "replay.conf").write_text("coalition few zeta alpha\nfamily house zeta alpha # of one\n")
        histories, _ = self.read()
        self.assertEqual([h.name for h in histories], ["one", "two"])
        (history,), _ = self.read("two", "few")
        self.same(history, made(seed=4), ["zeta", "alpha"])
        self.assertEqual(history.families, {"zeta": "house", "alpha": "house"})
        self.fails("no dataset 'three'", lambda: self.read("three"))
        self.fails("no coalition 'many' in replay.conf; there are few", lambda: self.read("two", "many"))
        (self.dir / "two" / "replay.conf").write_text("coalition few zeta omega\n")
        self.fails("there is no list of feed 'omega'", lambda: self.read("two", "few"))

    def test_a_directory_without_feeds_and_a_broken_file_are_said_with_their_names(self):
        self.fails("no feed in", self.read)
        self.write(made(), lambda f, d: f"{f}/{d}.gz", lambda t: gzip.compress(t.encode()))
        path = self.dir / "alpha" / f"{DAYS[3]}.gz"
        path.write_bytes(path.read_bytes()[:-12])
        self.fails(f"{path} cannot be read", self.read)
        path.write_bytes(b"not packed at all")
        self.fails(f"{path} cannot be read", self.read)

    def test_modules_may_give_fewer_sets_than_days_and_none_for_a_day_without_a_list(self):
        (self.dir / "baseline.py").write_text('COALITIONS = {"ds": {"all": ["a", "b"], "odd": ["a", "gone"]}}\n')
        (self.dir / "load.py").write_text('def days(ds):\n    return ["2027-01-%02d" % d for d in range(1, 11)]\n'
                                          'def daysets(ds, feed, n):\n    return {"a": [None] * 2 + [{"1.2.3.4", 16909061}] * 8, "b": ({b"1.2.3.6"} for _ in range(7))}[feed]\n')
        with contextlib.redirect_stderr(io.StringIO()):
            (history,) = replay_read.read_modules(self.dir, ["ds", "all"], 1)
        self.assertEqual(history.lists, [[None] * 2 + [{16909060, 16909061}] * 8, [{16909062}] * 7 + [None] * 3])
        self.assertEqual((history.name, history.families, len(history.days)), ("ds/all", {}, 10))
        self.fails("load.py does not give ds odd: KeyError", lambda: list(replay_read.read_modules(self.dir, ["ds", "odd"], 1)))
        self.fails("DATASET COALITION is one of ds all, ds odd", lambda: list(replay_read.read_modules(self.dir, ["other"], 1)))

    # ---- what can be played

    def test_what_cannot_be_played_is_said(self):
        def of(feeds, days, day=frozenset({1})):
            dates = [DAYS[0] + datetime.timedelta(d) for d in range(days)]
            return replay_read.History("h", [f"f{i}" for i in range(feeds)], {}, dates, [[day] * days for _ in range(feeds)])
        replay_read.check(of(2, 9))
        self.fails("at least 9 days and 2 feeds are needed, 8 and 2 were found", lambda: replay_read.check(of(2, 8)))
        self.fails("at least 9 days and 2 feeds are needed, 9 and 1 were found", lambda: replay_read.check(of(1, 9)))
        self.fails("at most 4096 days and 128 feeds can be played, 9 and 129 were found", lambda: replay_read.check(of(129, 9)))
        self.fails("no list has an IPv4 address in it", lambda: replay_read.check(of(2, 9, frozenset())))
        self.fails("nothing can be forecast", lambda: replay_read.check(of(2, 9)._replace(lists=[[{1}] * 8 + [None]] * 2)))
        self.fails("not in order", lambda: replay_read.check(of(2, 9)._replace(days=DAYS[:8] + DAYS[7:8])))

    # ---- playing

    def counted(self, history):
        """Of each feed: how many are listed and new, the volumes of the rules and what they hit, in plain Python."""
        for feed, lists in enumerate(history.lists):
            o = {"listed": 0, "new": 0, "own": 0, "own_hits": 0, "volume": [0] * 3, "rule": [0] * 3, "volume_new": [0] * 3, "rule_new": [0] * 3}
            others = [l for i, l in enumerate(history.lists) if i != feed]
            for day in range(WARM_DAYS, len(history.days) - 1):
                today, tomorrow = lists[day], lists[day + 1]
                if today is None or tomorrow is None:
                    continue
                o["listed"], o["new"] = o["listed"] + len(tomorrow), o["new"] + len(tomorrow - today)
                o["own"], o["own_hits"] = o["own"] + len(today), o["own_hits"] + len(today & tomorrow)
                for r in range(3):
                    said = {a for l in others for a in l[day] or () if sum(a in (x[day] or ()) for x in others) > r}
                    for key, of in (("", said), ("_new", said - today)):
                        o["volume" + key][r] += len(of)
                        o["rule" + key][r] += len(of & tomorrow)
            yield o

    def test_a_history_with_holes_is_counted_as_the_plainest_program_counts_it(self):
        for holes in ((), {(0, d) for d in range(9)} | {(1, 9), (2, 11), (2, 10), (2, 8)}):
            self.setUp()
            self.write(made(holes))
            (history,), _ = self.read()
            replay_read.check(history)
            rows = replay.play(self.program, history, 1, True)
            self.assertTrue(any(o["listed"] for o in self.counted(history)))
            for row, wanted in zip(rows, self.counted(history)):
                self.assertEqual({k: row[k] for k in wanted}, wanted)
                self.assertTrue(all(row["store"][r] <= row["volume"][r] for r in range(3)))
            text = "\n".join(replay.table(history, rows))
            self.assertIn("ALL (micro)", text)

    def test_who_joins_late_has_then_heard_what_was_said_before(self):
        """What the only other feed listed for six days weighs more than what it lists on the day on which the late one joins, and that is all that one can know."""
        history = replay_read.History("h", ["early", "late"], {}, DAYS[:10], [[{1}] * 6 + [set(), {9}, set(), set()], [None] * 7 + [{5}, {1}, {5}]])
        (_, late) = replay.play(self.program, history, 1, True)
        self.assertEqual((late["listed"], late["volume"][0], late["store"][0], late["model"][0]), (2, 1, 1, 1))

    def test_as_many_feeds_as_can_be_played_are(self):
        rnd = random.Random(5)
        lists = [[{rnd.randrange(1 << 24, 1 << 24 | 255) for _ in range(4)} for _ in DAYS[:9]] for _ in range(replay_read.FEEDS_MAX)]
        history = replay_read.History("h", [f"f{i}" for i in range(replay_read.FEEDS_MAX)], {}, DAYS[:9], lists)
        replay_read.check(history)
        self.assertEqual(len(replay.play(self.program, history, 1, False)), replay_read.FEEDS_MAX)


if __name__ == "__main__":
    Replay.program = sys.argv.pop(1)
    unittest.main()
