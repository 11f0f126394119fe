"""`tools/bench trust`: lies of insiders against the real store (bench_trust.c), beside other rules over the same words.

Two ways of playing the same days: `hours` works all in hour by hour, as a node does; `days` gives a whole day at once, and learns only after it has been looked
at, as the reference model does. Each cell is the mean over the seeds, with the standard deviation.
"""
import concurrent.futures
import json
import os
import statistics
import subprocess
import tempfile

RULES = {"count2": "2 members say so", "count3": "3 members say so", "beta": "pooled Beta", "eigen": "EigenTrust", "fixed": "score, no learning", "store": "the store"}
SCENARIOS = {
    "none": "no attack",
    "slander1": "1 insider slanders 60 good hosts",
    "puppets": "1 insider and 300 puppets that it introduces",
    "collude3": "3 insiders collude (9 % of all trust)",
    "collude10": "10 insiders collude (25 %; EigenTrust's threat B)",
    "unknown3": "3 insiders collude, their victims are unknown to us",
    "unknown10": "10 insiders collude, their victims are unknown to us",
    "random10": "10 insiders report at random (threat A)",
    "camouflage10": "10 insiders slander and say 100 true things a day (threat C)",
    "camouflage10-unknown": "the same, their victims are unknown to us",
    "spies": "5 slanderers and 5 spies, each with 100 true things a day (threat D)",
    "oscillate6": "6 insiders, 7 days good and 7 days bad (TrustGuard)",
    "sleepers10": "10 insiders, good for 14 days and bad from then on",
    "sleepers10-unknown": "the same, their victims are unknown to us",
    "flood3": "3 insiders list everything",
    "whitewash6": "6 insiders say good of 200 bad hosts",
    "whitewash10-all": "10 insiders say good of all bad hosts",
    "whitewash6-mask": "6 insiders say good of 200 bad hosts, and they say 100 true good things a day",
    "turned": "no attack, but 15 good hosts send spam, too, from day 10 on",
}
HEAD = """trust: 30 honest members, 1200 bad and 800 good hosts, 30 days; %d seed(s), mean ± standard deviation, in per cent.
victims: of the time, or of the looks, how much the 60 hosts that are lied about are listed: on the first day (the world begins with an attack that nobody knows), on days
1 to 9, and from day 10 on. true+, false+: of the visits of bad, and of good hosts to this member, how many came while they were listed. wanted: how many of 200 bad
hosts are listed, the whitewashed ones. In `turned` the victims do send spam: listing them is right.
hours: %s
days:  %s"""
MODES = {"hours": "worked in hour by hour; victims are looked at each hour, and a visit counts by the list at the beginning of its hour.",
         "days": "a whole day at once; looked at once a day, after what others said and before what this member saw and learned (as the reference model's figures)."}
CELLS = [("first", "victims"), ("early", "victims"), ("later", "victims"), ("early", "bad"), ("later", "bad"), ("early", "good"), ("later", "good"),
         ("early", "wanted"), ("later", "wanted")]
TITLES = ["victims 1st day", "days 1-9", "later", "true+ days 1-9", "later", "false+ 1-9", "later", "wanted 1-9", "later"]
# What of the time of victims may be listed on days 1 to 9: a third of the reference model's share.
EARLY_AIMS = {"collude10": 3.4, "unknown10": 3.7, "camouflage10": 3.4, "camouflage10-unknown": 3.7, "spies": 2.4, "oscillate6": 5.7}


def play(program, mode, scenario, seed, quick):
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as where:
        done = subprocess.run([program, where, *(["--quick"] if quick else []), "--mode", mode, "--first", str(seed), scenario],
                              text=True, stdout=subprocess.PIPE, check=True, timeout=900)
    return [json.loads(line) for line in done.stdout.splitlines()]


def share(row, period, what):
    listed, looks = row[period][what]
    return 100 * listed / looks if looks else None


def spread(values):
    values = [v for v in values if v is not None]
    return [round(statistics.mean(values), 2), round(statistics.pstdev(values), 2)] if values else None


def cells(rows):
    """{rule: {period.what: [mean, standard deviation]}} of the rows of one scenario."""
    return {rule: {f"{period}.{what}": spread([share(r, period, what) for r in rows if r["rule"] == rule]) for period, what in CELLS} for rule in RULES}


def block(mode, scenario, table):
    lines = [f"{mode}: {SCENARIOS[scenario]}", f"  {'':<20}" + "".join(f"{t:>16}" for t in TITLES)]
    for rule, row in table.items():
        lines.append(f"  {RULES[rule]:<20}" + "".join(f"{'-' if c is None else '%.1f ± %.1f' % tuple(c):>16}" for c in row.values()))
    return "\n".join(lines)


def aim(name, value, limit, ratio, wanted, seeds):
    return {"name": name, "value": round(value, 2), "unit": "%", "limit": round(limit, 2), "ratio": round(ratio, 4), "aim": wanted, "rounds": seeds}


def aims(tables, seeds):
    """How the store does beside its aims, of what was played hour by hour."""
    got = {name: t["store"] for (mode, name), t in tables.items() if mode == "hours"}
    if "none" in got and "flood3" in got:
        value, limit = got["flood3"]["later.bad"][0], got["none"]["later.bad"][0]
        yield aim("trust.flood.true", value, limit, value / limit, 0.97, seeds)
    for name, most in EARLY_AIMS.items():
        if name in got:
            value = 100 - got[name]["early.victims"][0]
            yield aim(f"trust.clear.{name}", value, 100, value / 100, round(1 - most / 100, 3), seeds)
    if "turned" in got:
        value, limit = got["turned"]["later.victims"][0], tables["hours", "turned"]["fixed"]["later.victims"][0]
        yield aim("trust.turned", value, limit, value / limit if limit else 0, 0.9, seeds)


def run(program, quick, seeds):
    modes = ["hours"] if quick else list(MODES)
    names = ["oscillate6"] if quick else list(SCENARIOS)
    seeds = 1 if quick else seeds
    tables = {}
    yield {"name": "trust.about", "text": HEAD % (seeds, MODES["hours"], MODES["days"])}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        plays = {(mode, name): [pool.submit(play, program, mode, name, seed + 1, quick) for seed in range(seeds)] for mode in modes for name in names}
        for (mode, name), playing in plays.items():
            tables[mode, name] = cells([row for p in playing for row in p.result()])
            yield {"name": f"trust.{mode}.{name}", "text": block(mode, name, tables[mode, name]), "seeds": seeds, "rules": tables[mode, name]}
    yield from aims(tables, seeds)
