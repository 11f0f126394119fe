"""`tools/bench replay`: a history of public blocklists, each list one member with a real store (bench_replay.c). What will a held-out one list tomorrow?

Each day every member reports what it lists (one event of weight 1 for each address), tells it in signed batches, and takes in what all told that are no family of it.
Then, for each member in turn, all addresses that the others speak of are ranked by the score that its store gives their words, its own evidence left aside, and as
many are taken from the top as a counting rule ("at least 1, 2 or 3 others list it today") would. Beside it the reference model's ranking of the same. `new`: only
addresses that the held-out member does not list today: what the coalition tells it early.

Without --data it is ../shared/data beside the project, if that is there; else a made-up history is played: it shows that everything runs, and not how good it is.
Without names it is each coalition in turn, of each dataset. All addresses of two months of fourteen lists take half an hour and more on two processors: --sample 8 takes a few minutes.
"""
import argparse
import datetime
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from replay_read import FORMS, History, check, read_folders, read_modules, write_history

RULES = 3
BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"          # where a history is looked for


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
    else:
        yield from read_folders(data, names, sample)


def main(program, argv):
    parser = argparse.ArgumentParser(prog="tools/bench replay", description=f"{__doc__}\n{FORMS}", formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="DIR", type=Path, help="the history; in one of the two forms above")
    parser.add_argument("names", metavar="NAME", nargs="*", help="[DATASET] [COALITION] (default: each in turn, or of files: all feeds)")
    parser.add_argument("--sample", metavar="N", type=int, default=1, help="only one address in N: quicker, and the same for all columns")
    parser.add_argument("--days", metavar="N", type=int, help="only the first N days")
    parser.add_argument("--weight", metavar="W", type=float, default=1, help="of a day on a list (default: %(default)s)")
    parser.add_argument("--no-store", action="store_true", help="only the counting rules and the reference model")
    parser.add_argument("--json", action="store_true", help="one JSON object with the counts of each feed")
    args = parser.parse_args(argv)
    if args.sample < 1 or not 0 < args.weight <= 32:
        parser.error("--sample: at least 1; --weight: above 0, at most 32")
    if args.data is not None:
        args.data = Path(os.environ.get("OLDPWD", "."), args.data).resolve()       # tools/bench goes to the project's own folder
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
