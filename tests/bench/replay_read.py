"""Histories of public blocklists, read from files or by modules, for replay.py. There is a day for each on which a feed has a list; a feed may lack some."""
import array
import bz2
import collections
import datetime
import gzip
import importlib
import lzma
import operator
import re
import socket
import sys

FORMS = """--data DIR holds one of two forms:
  load.py and baseline.py   modules with days(DATASET) -> ["YYYY-MM-DD", ...], daysets(DATASET, FEED, N) -> N sets of addresses, and COALITIONS[DATASET][COALITION]
                            -> [FEED, ...], FAMILY -> {FEED: family}. None in place of a set, or fewer than N: there is no list of that day
  FEED/...YYYY-MM-DD...     a file for each list, or YYYY-MM-DD/FEED; plain, .gz, .bz2 or .xz; of several of one day the last by name. An IPv4 address a line, with
                            whatever after a blank, a comma, a semicolon or a #. Several datasets may stand side by side, each in a folder of its own. replay.conf
                            beside the feeds may have lines "coalition NAME FEED ..." and "family NAME FEED ..." (feeds of one house do not witness for each other)
Lines that are no IPv4 address, such as networks and IPv6, are passed over and counted. A feed need not have a list of each day: on days without one it says nothing,
and it is held out only where it has a list of that day and of the next. One that begins late is a member that joins then."""

FEEDS_MAX, DAYS_MAX, DAYS_LEAST, FEEDS_LEAST = 128, 4096, 9, 2                # the first two as in replay_history.h
NO_LIST = 0xffffffff
PACKED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
DATE = re.compile(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)(?!\d)")
AFTER = re.compile(r"[\s,;#|]")
History = collections.namedtuple("History", "name feeds families days lists")       # days: dates; lists: of each feed and day, a set of numbers, or None: there is none


def fail(text):
    raise SystemExit(f"replay: {text}")


def note(text):
    print(f"replay: {text}", file=sys.stderr)


# ---- addresses

def number(address):
    """Of an IPv4 address in either form, or None."""
    if hasattr(address, "__index__"):
        return operator.index(address) if 0 <= operator.index(address) < 1 << 32 else None
    text = address.decode(errors="replace") if isinstance(address, bytes) else str(address)
    text = text.removesuffix("/32")
    try:
        return int.from_bytes(socket.inet_pton(socket.AF_INET, text), "big")
    except (OSError, ValueError):
        return None


class Reading:
    """The addresses of one feed, and how many of its lines are none."""

    def __init__(self, feed, sample):
        self.feed, self.sample, self.others, self.example, self.addresses = feed, sample, 0, None, 0

    def numbers(self, addresses):
        """Of all, or of one in `sample` by a mixture of the address."""
        found = set()
        for address in addresses:
            n = number(address)
            if n is None:
                self.others, self.example = self.others + 1, self.example or str(address)
            elif self.sample == 1 or (n * 0x9e3779b1 >> 7) % self.sample == 0:
                found.add(n)
            self.addresses += n is not None
        return found

    def end(self):
        if self.others:
            note(f"feed {self.feed}: {self.others} lines are no IPv4 addresses and are passed over, such as {self.example[:60]!r}")


# ---- modules

def read_modules(where, names, sample):
    """The interface that the reference model reads: one history after the other."""
    sys.path.insert(0, str(where))
    try:
        load, baseline = importlib.import_module("load"), importlib.import_module("baseline")
        known = [(d, c) for d, coalitions in baseline.COALITIONS.items() for c in coalitions]
    except Exception as e:                                              # whatever a module of others may raise
        fail(f"{where}: load.py and baseline.py give no coalitions: {type(e).__name__}: {e}")
    wanted = [x for x in known if list(x[:len(names)]) == list(names)]
    if not wanted or len(names) > 2:
        fail("DATASET COALITION is one of " + ", ".join(" ".join(map(str, x)) for x in known))
    for dataset, coalition in wanted:
        try:
            yield read_module(load, baseline, dataset, coalition, sample)
        except Exception as e:
            fail(f"{where}: load.py does not give {dataset} {coalition}: {type(e).__name__}: {e}")


def read_module(load, baseline, dataset, coalition, sample):
    feeds, days = list(baseline.COALITIONS[dataset][coalition]), [datetime.date.fromisoformat(str(d)) for d in load.days(dataset)]
    families, lists = getattr(baseline, "FAMILY", {}), []
    for feed in feeds:
        reading, sets = Reading(feed, sample), list(load.daysets(dataset, feed, len(days)))[:len(days)]
        lists.append([None if day is None else reading.numbers(day) for day in sets] + [None] * (len(days) - len(sets)))
        reading.end()
    return trimmed(History(f"{dataset}/{coalition}", feeds, {f: families[f] for f in feeds if f in families}, days, lists))


# ---- files

def date_in(name):
    for year, month, day in DATE.findall(name):
        try:
            return datetime.date(int(year), int(month), int(day))
        except ValueError:
            continue
    return None


def folders(where):
    return sorted(d for d in where.iterdir() if d.is_dir() and not d.name.startswith("."))


def find_lists(where):
    """Of each feed and date its file: {feed: {date: path}}."""
    found = collections.defaultdict(dict)
    for folder in folders(where):
        day = date_in(folder.name)
        for path in sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")):
            if day is not None:
                found[path.name.split(".")[0]][day] = path
            elif (of_file := date_in(path.name)) is not None:
                found[folder.name][of_file] = path
    return found


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
    """What each line begins with."""
    try:
        with PACKED.get(path.suffix, open)(path, "rt", encoding="utf-8", errors="replace") as f:
            words = (AFTER.split(line.strip(), maxsplit=1)[0].strip("\"'") for line in f)
            return [word for word in words if word]
    except (OSError, EOFError, ValueError, lzma.LZMAError) as e:
        fail(f"{path} cannot be read: {e}")
    except Exception as e:                                              # zlib.error is no relative of the others
        fail(f"{path} cannot be read: {type(e).__name__}: {e}")


def read_feed(feed, files, days, sample):
    reading = Reading(feed, sample)
    lists = [reading.numbers(read_list(files[day])) if day in files else None for day in days]
    reading.end()
    if reading.addresses == 0:
        note(f"feed {feed}: there is no IPv4 address in any of its lists")
    return lists


def read_files(where, files, coalition, sample):
    coalitions, families = read_conf(where)
    feeds = coalitions.get(coalition) if coalition else sorted(files)
    if not feeds:
        fail(f"{where} has no coalition {coalition!r} in replay.conf; there are {', '.join(coalitions) or 'none'}")
    for feed in feeds:
        if feed not in files:
            fail(f"{where / 'replay.conf'}: there is no list of feed {feed!r}; there are feeds {', '.join(sorted(files))}")
    days = sorted(set().union(*(files[feed] for feed in feeds)))
    lists = [read_feed(feed, files[feed], days, sample) for feed in feeds]
    return trimmed(History(coalition or where.name, list(feeds), families, days, lists))


def read_folders(where, names, sample):
    """The feeds in `where`, or in each of the datasets in it, or in the one that is named."""
    files = find_lists(where)
    datasets = {where: files} if files else {d: found for d in folders(where) if (found := find_lists(d))}
    if not datasets:
        fail(f"no feed in {where}: neither load.py and baseline.py, nor FEED/YYYY-MM-DD files: see --help")
    if not files and names:
        known = {d.name: d for d in datasets}
        if names[0] not in known:
            fail(f"no dataset {names[0]!r} in {where}; there are {', '.join(known)}")
        datasets, names = {known[names[0]]: datasets[known[names[0]]]}, names[1:]
    if len(names) > 1:
        fail("expected at most one COALITION")
    for dataset, found in datasets.items():
        yield read_files(dataset, found, names[0] if names else None, sample)


# ---- what is fit to be played

def trimmed(history):
    """Without feeds that have no list at all; tells which have not one of each day."""
    kept = [i for i, lists in enumerate(history.lists) if any(day is not None for day in lists)]
    for i, feed in enumerate(history.feeds):
        have = [day for day, found in zip(history.days, history.lists[i]) if found is not None]
        if not have:
            note(f"feed {feed} has no list at all and is left out")
        elif len(have) < len(history.days):
            note(f"feed {feed} has lists of {len(have)} of {len(history.days)} days, {have[0]} to {have[-1]}")
    return history._replace(feeds=[history.feeds[i] for i in kept], lists=[history.lists[i] for i in kept])


def check(history):
    days, feeds = len(history.days), len(history.feeds)
    if days < DAYS_LEAST or feeds < FEEDS_LEAST:
        fail(f"{history.name}: at least {DAYS_LEAST} days and {FEEDS_LEAST} feeds are needed, {days} and {feeds} were found")
    if days > DAYS_MAX or feeds > FEEDS_MAX:
        fail(f"{history.name}: at most {DAYS_MAX} days and {FEEDS_MAX} feeds can be played, {days} and {feeds} were found")
    if any(after <= before for before, after in zip(history.days, history.days[1:])):
        fail(f"{history.name}: the days are not in order, each once")
    if not any(day for lists in history.lists for day in lists):
        fail(f"{history.name}: no list has an IPv4 address in it")
    if not any(day is not None and after is not None for lists in history.lists for day, after in zip(lists[DAYS_LEAST - 2:], lists[DAYS_LEAST - 1:])):
        fail(f"{history.name}: after the first {DAYS_LEAST - 2} days no feed has lists of two days in a row, so that nothing can be forecast")


def write_history(history, path):
    """As replay_history.h has it."""
    houses = {}
    for feed in history.feeds:
        houses.setdefault(history.families.get(feed, ("alone", feed)), len(houses))
    head = [len(history.feeds), len(history.days), *(d.toordinal() for d in history.days), *(houses[history.families.get(f, ("alone", f))] for f in history.feeds)]
    with open(path, "wb") as f:
        array.array("I", head).tofile(f)
        for lists in history.lists:
            for day in lists:
                array.array("I", [NO_LIST] if day is None else [len(day), *sorted(day)]).tofile(f)
