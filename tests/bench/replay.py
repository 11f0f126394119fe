"""`tools/bench replay`: a history of public blocklists, each list one member with a real store (bench_replay.c). What will a held-out one list tomorrow?

Each day every member reports what it lists (one event of weight 1 for each address), tells it in signed batches, and takes in what all told that are no family of it.
Then, for each member in turn, all addresses that the others speak of are ranked by the score that its store gives their words, its own evidence left aside, and as
many are taken from the top as a counting rule ("at least 1, 2 or 3 others list it today") would. Beside it the reference model's ranking of the same. `new`: only
addresses that the held-out member does not list today: what the coalition tells it early.

--data DIR holds one of two forms:
  load.py and baseline.py   modules with days(DATASET) -> ["YYYY-MM-DD", ...], daysets(DATASET, FEED, N) -> N sets of addresses, and COALITIONS[DATASET][COALITION]
                            -> [FEED, ...], FAMILY -> {FEED: family}
  FEED/YYYY-MM-DD[.txt|.gz] one IPv4 address a line; what is none is passed over, as are days that not every feed has a list of. replay.conf beside them may have lines
                            "coalition NAME FEED ..." and "family NAME FEED ..." (feeds of one house do not witness for each other)
Without --data it is ../shared/data beside the project, if that is there; else a made-up history is played: it shows that everything runs, and not how good it is.
Without names it is each coalition in turn, of each dataset. All addresses of two months of fourteen lists take half an hour and more on two processors: --sample 8 takes a few minutes.
"""
import argparse
import array
import collections
import datetime
import gzip
import importlib
import json
import operator
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

RULES = 3
BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"          # where a history is looked for
History = collections.namedtuple("History", "name feeds families days lists")       # days: dates; lists: of each feed and day, a set of numbers


# ---- reading

def number(address):
    """Of an IPv4 address in either form, or None."""
    if hasattr(address, "__index__"):
        return operator.index(address) if 0 <= operator.index(address) < 1 << 32 else None
    text = address.decode() if isinstance(address, bytes) else str(address)
    text = text[:-3] if text.endswith("/32") else text
    try:
        return int.from_bytes(socket.inet_pton(socket.AF_INET, text), "big")
    except OSError:
        return None


def numbers(addresses, sample):
    """Of all, or of one in `sample` by a mixture of the address."""
    return {n for n in map(number, addresses) if n is not None and (sample == 1 or (n * 0x9e3779b1 >> 7) % sample == 0)}


def read_modules(where, names, sample):
    """The interface that the reference model reads: one history after the other."""
    sys.path.insert(0, str(where))
    load, baseline = importlib.import_module("load"), importlib.import_module("baseline")
    known = [(d, c) for d, coalitions in baseline.COALITIONS.items() for c in coalitions]
    wanted = [x for x in known if list(x[:len(names)]) == list(names)]
    if not wanted or len(names) > 2:
        raise SystemExit("replay: DATASET COALITION is one of " + ", ".join(" ".join(x) for x in known))
    for dataset, coalition in wanted:
        yield read_module(load, baseline, dataset, coalition, sample)


def read_module(load, baseline, dataset, coalition, sample):
    feeds, days = list(baseline.COALITIONS[dataset][coalition]), [datetime.date.fromisoformat(str(d)) for d in load.days(dataset)]
    lists = [[numbers(day, sample) for day in load.daysets(dataset, feed, len(days))] for feed in feeds]
    return History(f"{dataset}/{coalition}", feeds, {f: baseline.FAMILY[f] for f in feeds if f in baseline.FAMILY}, days, lists)


def read_conf(where):
    found = {"coalition": {}, "family": {}}
    path = where / "replay.conf"
    for at, line in enumerate(path.read_text().splitlines() if path.exists() else [], 1):
        words = line.split("#")[0].split()
        if words and (words[0] not in found or len(words) < 3):
            raise SystemExit(f"{path}:{at}: expected \"coalition NAME FEED ...\" or \"family NAME FEED ...\"")
        if words:
            found[words[0]][words[1]] = words[2:]
    return found["coalition"], {feed: name for name, feeds in found["family"].items() for feed in feeds}


def read_list(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="ascii", errors="replace") as f:
        return [line.split("#")[0].strip() for line in f]


def read_files(where, coalition, sample):
    coalitions, families = read_conf(where)
    feeds = coalitions.get(coalition) if coalition else sorted(d.name for d in where.iterdir() if d.is_dir())
    if not feeds:
        raise SystemExit(f"replay: {where} has no coalition {coalition!r} in replay.conf" if coalition else f"replay: no feed in {where}: see --help")
    files = {}
    for feed in feeds:
        files[feed] = {m[1]: path for path in (where / feed).iterdir() if (m := re.fullmatch(r"(\d{4}-\d\d-\d\d)(\.txt)?(\.gz)?", path.name))}
    days = sorted(set.intersection(*(set(f) for f in files.values())))
    left_out = len(set.union(*(set(f) for f in files.values()))) - len(days)
    if left_out:
        print(f"replay: {left_out} days are left out, since not every feed has a list of them", file=sys.stderr)
    lists = [[numbers(read_list(files[feed][day]), sample) for day in days] for feed in feeds]
    return History(coalition or where.name, feeds, families, [datetime.date.fromisoformat(d) for d in days], lists)


# ---- a made-up one

def made_up(quick, seed=1):
    """Statistics after those of public lists: four in five addresses on one list, spells of one or two days, a third of them coming back, one list a copy of another."""
    rnd, days_n, feeds, hosts = random.Random(seed), 12 if quick else 30, ["a", "b", "c", "copy", "e", "noise"], 400 if quick else 6000
    lists = [[set() for _ in range(days_n)] for _ in feeds]
    for host in range(hosts):
        address = 0x0b000000 + host * 0x101
        saw = rnd.sample([0, 1, 2, 4], 1 if (many := rnd.random()) < 0.8 else 2 if many < 0.96 else 3)
        day, lives = rnd.randrange(-5, days_n), rnd.random() < 0.35
        while day < days_n:
            for feed in saw:
                begin = day + rnd.choice((0, 0, 0, 1, 2))
                for at in range(begin, begin + 1 + int(rnd.expovariate(0.7))):
                    if 0 <= at < days_n:
                        lists[feed][at].add(address)
            if not lives:
                break
            day += 3 + int(rnd.expovariate(0.2))
    for day in range(days_n):
        lists[3][day] = {a for a in lists[0][day - 1] if rnd.random() < 0.9} if day else set()
        lists[5][day] = {0x0c000000 + rnd.randrange(hosts * 20) for _ in range(hosts)}
    start = datetime.date(2026, 1, 1)
    return History("made up", feeds, {"a": "a", "copy": "a"}, [start + datetime.timedelta(d) for d in range(days_n)], lists)


# ---- playing

def write_history(history, path):
    houses = {}
    for feed in history.feeds:
        houses.setdefault(history.families.get(feed, ("alone", feed)), len(houses))
    head = [len(history.feeds), len(history.days), *(d.toordinal() for d in history.days), *(houses[history.families.get(f, ("alone", f))] for f in history.feeds)]
    with open(path, "wb") as f:
        array.array("I", head).tofile(f)
        for lists in history.lists:
            for day in lists:
                array.array("I", [len(day), *sorted(day)]).tofile(f)


def play(program, history, weight, store):
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shm if os.access(shm, os.W_OK) else None) as where:
        write_history(history, f"{where}/history")
        done = subprocess.run([program, f"{where}/history", where, str(round(weight * 1000)), *([] if store else ["--no-store"])],
                              text=True, stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def together(rows):
    """The counts of all feeds, for the micro-average."""
    total = {"feed": len(rows)}
    for key, value in rows[0].items():
        if key not in ("feed", "weights"):
            total[key] = [sum(r[key][i] for r in rows) for i in range(RULES)] if isinstance(value, list) else sum(r[key] for r in rows)
    return total


def share(part, whole):
    return 100 * part / whole if whole else 0.0


def table(history, rows):
    """Lines to print: precision and recall in per cent, at the same number of addresses."""
    ways = [w for w in ("rule", "model", "store") if w in rows[0]]
    titles = {"rule": "counting", "model": "reference", "store": "store"}
    yield f"replay {history.name}: {len(history.days)} days of {len(history.feeds)} feeds; precision/recall in per cent of what the feed lists the next day"
    yield f"{'held out':<16}{'others':>7} " + " ".join(f"{titles[w]:>13}" for w in ways) + "   new:" + " ".join(f"{titles[w]:>13}" for w in ways) + "   own list today"
    for row in [*rows, together(rows)]:
        name = "ALL (micro)" if row["feed"] == len(rows) else history.feeds[row["feed"]]
        for r in range(RULES):
            every = " ".join(f"{share(row[w][r], row['volume'][r]):6.2f}/{share(row[w][r], row['listed']):6.2f}" for w in ways)
            new = " ".join(f"{share(row[w + '_new'][r], row['volume_new'][r]):6.2f}/{share(row[w + '_new'][r], row['new']):6.2f}" for w in ways)
            own = f"   {share(row['own_hits'], row['own']):5.1f}/{share(row['own_hits'], row['listed']):5.1f}" if r == 0 else ""
            yield f"{name if r == 0 else '':<16}{'>= ' + str(r + 1):>7} {every}       {new}{own}"
    if "weights" in rows[0]:
        yield "what each held-out member weighs the others by in the end (1.00: a newcomer with full trust; -: family)"
        yield f"{'':<16} " + " ".join(f"{f[:11]:>11}" for f in history.feeds)
        for row in rows:
            yield f"{history.feeds[row['feed']]:<16} " + " ".join(f"{w:>11.2f}" if w else f"{'-':>11}" for w in row["weights"])


def results(history, rows):
    """As tools/bench has them: the store beside the reference model, of all feeds together."""
    total = together(rows)
    for suffix, of in (("", "listed"), ("_new", "new")):
        for r in range(RULES):
            ours, limit = total["store" + suffix][r], total["model" + suffix][r]
            yield {"name": f"replay{suffix.replace('_', '.')}.{r + 1}", "value": round(share(ours, total[of]), 3), "unit": "% recall", "limit": round(share(limit, total[of]), 3),
                   "ratio": round(ours / limit, 4) if limit else 1.0, "aim": 1.0, "rounds": 1}


def run(program, quick):
    """The made-up history, as one of the benchmarks."""
    history = made_up(quick)
    rows = play(program, history, 1, True)
    yield {"name": "replay.table", "text": "\n".join(table(history, rows))}
    yield from results(history, rows)


def histories(data, names, sample):
    if data is None:
        yield made_up(False)
    elif (data / "load.py").exists():
        yield from read_modules(data, names, sample)
    elif len(names) > 1:
        raise SystemExit("replay: expected at most one COALITION")
    else:
        yield read_files(data, names[0] if names else None, sample)


def check(history):
    if len(history.days) < 9 or len(history.feeds) < 2:
        raise SystemExit("replay: at least 9 days and 2 feeds are needed")
    if not any(day for lists in history.lists for day in lists):
        raise SystemExit("replay: no list has an IPv4 address in it")


def main(program, argv):
    parser = argparse.ArgumentParser(prog="tools/bench replay", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="DIR", type=Path, help="the history; in one of the two forms above")
    parser.add_argument("names", metavar="NAME", nargs="*", help="DATASET COALITION, or of files: COALITION (default: each in turn, or of files: all feeds)")
    parser.add_argument("--sample", metavar="N", type=int, default=1, help="only one address in N: quicker, and the same for all columns")
    parser.add_argument("--days", metavar="N", type=int, help="only the first N days")
    parser.add_argument("--weight", metavar="W", type=float, default=1, help="of a day on a list (default: %(default)s)")
    parser.add_argument("--no-store", action="store_true", help="only the counting rules and the reference model")
    parser.add_argument("--json", action="store_true", help="one JSON object with the counts of each feed")
    args = parser.parse_args(argv)
    if args.sample < 1 or not 0 < args.weight <= 32:
        parser.error("--sample: at least 1; --weight: above 0, at most 32")
    if args.data is not None:
        args.data = Path(os.environ.get("OLDPWD", "."), args.data).resolve() if not args.data.exists() else args.data.resolve()
        if not args.data.is_dir():
            parser.error(f"--data {args.data}: no such directory")
    elif BESIDE.is_dir():
        args.data = BESIDE
    else:
        if args.names:
            parser.error("there is no ../shared/data beside the project: --data DIR says where the history is")
        print("replay: there is no ../shared/data beside the project, so a made-up history is played; --data DIR names a real one", file=sys.stderr)
    for history in histories(args.data, args.names, args.sample):
        if args.days:
            history = history._replace(days=history.days[:args.days], lists=[l[:args.days] for l in history.lists])
        check(history)
        rows = play(program, history, args.weight, not args.no_store)
        if args.json:
            print(json.dumps({"history": history.name, "feeds": history.feeds, "days": [str(d) for d in history.days], "rows": rows, "all": together(rows)}, indent=1))
        else:
            print("\n".join(table(history, rows)), flush=True)
    return 0
