"""A mesh of real daemons, each in a network namespace of its own, on wires that the test cuts, slows and makes lossy.

    with Wires(lab, seed=7) as wires:
        a, b = MeshNode(lab, wires, "a.example"), MeshNode(lab, wires, "b.example")
        wires.cut(a.host, b.host)              # nothing passes, in both directions
        wires.cut(a.host, b.host, both=False)  # what A says does not reach B
        wires.impair(loss=0.05, delay_s=0.05)  # every wire
        wires.heal()

A host's only interface besides lo is a TUN device; a thread of the test carries each packet to the one that has its address.
So loss and delay are there on every kernel that has TUN; where it has sch_netem too, wires.netem() has the kernel do it.
All that is made here lives in the test's own mount and network namespaces and ends with the test, however that ends.
"""
import contextlib
import ctypes
import fcntl
import heapq
import ipaddress
import os
import random
import select
import sqlite3
import struct
import subprocess
import threading
import time
from collections import Counter

from hearsay_lab import HEARSAYD, WAIT_S, Node, private_world, wait_until

IPV4, IPV6 = "10.77.0.", "fd77::"       # networks of the wires: nobody routes to them
PUBLISH_PORT, REPAIR_PORT = 4441, 4442
HELD_MAX = 20000                        # packets that wait for their time; more are lost, as in a router

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_netns_dir = "/run/netns"
_made = {"netns_dir": False}


def why_not():
    """Why there can be no wires here; empty when there can."""
    if not private_world():
        return "needs root, to make network namespaces"
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return "this machine has no /dev/net/tun"
    return ""


def run(*argv):
    done = subprocess.run([str(a) for a in argv], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, f"{argv}: {done.stdout}"
    return done.stdout


def _own_netns_dir():
    """Names of namespaces are mounts below one directory; ours are on a file system of our own, so that nothing is left behind."""
    if not _made["netns_dir"]:
        os.makedirs(_netns_dir, exist_ok=True)
        run("mount", "-t", "tmpfs", "tmpfs", _netns_dir)
        _made["netns_dir"] = True


class Host:
    """One namespace with its addresses."""

    def __init__(self, wires, number):
        self.wires, self.number, self.netns = wires, number, f"hearsay-{os.getpid()}-{wires.number}-{number}"
        self.ipv4, self.ipv6 = IPV4 + str(number), IPV6 + f"{number:x}"
        self.hosts_file = wires.lab.dir / f"hosts-{number}"
        self.hosts_file.write_text("127.0.0.1 localhost\n")
        self.resolv_file = wires.lab.dir / f"resolv-{number}"
        self.name_server("127.0.0.1")           # where nobody listens: an answer at once
        run("ip", "netns", "add", self.netns)
        self.tun = self._in_namespace(self._make_tun)
        self._in_namespace(self._keep_other_addresses)
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("ip", "addr", "add", f"{self.ipv4}/24", "dev", "wire")
        self.inside("ip", "addr", "add", f"{self.ipv6}/64", "dev", "wire", "nodad")
        self.inside("ip", "link", "set", "wire", "up")

    def _in_namespace(self, do):
        """Namespaces are a thread's: so a thread that ends afterwards."""
        got = []

        def work():
            with open(f"{_netns_dir}/{self.netns}", "rb") as ns:
                if _libc.setns(ns.fileno(), _CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            got.append(do())
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert got, f"could not enter {self.netns}"
        return got[0]

    @staticmethod
    def _make_tun():
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", b"wire", _IFF_TUN | _IFF_NO_PI))
        return fd

    @staticmethod
    def _keep_other_addresses():
        """Else with the first address all others of its network go."""
        with open("/proc/sys/net/ipv4/conf/all/promote_secondaries", "w", encoding="ascii") as f:
            return f.write("1")

    def inside(self, *argv):
        return run("ip", "netns", "exec", self.netns, *argv)

    def wrap(self, argv):
        """A command that runs in the namespace, with an /etc/hosts of its own; its pid is that of the program."""
        become = 'mount --bind "$0" /etc/hosts && { [ ! -e /etc/resolv.conf ] || mount --bind "$1" /etc/resolv.conf; } && shift && exec "$@"'
        return ["nsenter", f"--net={_netns_dir}/{self.netns}", "unshare", "--mount", "--propagation", "private",
                "sh", "-c", become, str(self.hosts_file), str(self.resolv_file), *argv]

    def name_server(self, addr):
        """Who is asked for names that are not known here."""
        self.resolv_file.write_text(f"nameserver {addr}\n")

    def knows(self, **names):
        """What host names mean here from now on; `a_example` is a.example."""
        lines = ["127.0.0.1 localhost"]
        for name, addrs in names.items():
            lines += [f"{addr} {name.replace('_', '.')}" for addr in (addrs if isinstance(addrs, (list, tuple)) else [addrs])]
        with open(self.hosts_file, "w", encoding="ascii") as f:     # in place: it is mounted
            f.write("\n".join(lines) + "\n")

    def also_has(self, *addrs):
        """More addresses, reached over the same wire."""
        for addr in addrs:
            self.inside("ip", "addr", "add", addr + ("/64" if ":" in addr else "/24"), "dev", "wire", *(["nodad"] if ":" in addr else []))
            self.wires.address_of(self, addr)

    def has_not(self, *addrs):
        for addr in addrs:
            self.inside("ip", "addr", "del", addr + ("/64" if ":" in addr else "/24"), "dev", "wire")
            self.wires.address_gone(addr)

    def link(self, up):
        self.inside("ip", "link", "set", "wire", "up" if up else "down")
        if up:          # the kernel drops IPv6 addresses with the link
            subprocess.run(["ip", "netns", "exec", self.netns, "ip", "addr", "add", f"{self.ipv6}/64", "dev", "wire", "nodad"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


class Wires:
    """Carries packets between the hosts. Rules are of ordered pairs of hosts; all chances come of one seed."""

    number = 0

    def __init__(self, lab, seed=1):
        Wires.number += 1
        self.number, self.lab, self.hosts = Wires.number, lab, []
        self._random = random.Random(seed)
        self._lock = threading.Lock()              # guards the rules and the routes
        self._cuts, self._bad, self._routes = set(), {}, {}
        self._held, self._order = [], 0
        self._epoll = select.epoll()
        self._wake_r, self._wake_w = os.pipe()
        self._epoll.register(self._wake_r, select.EPOLLIN)
        self._tuns = {}
        self.counts = Counter()
        _own_netns_dir()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()
        lab.at_end(self.close)

    # -- what tests say

    def host(self):
        made = Host(self, len(self.hosts) + 1)
        self.hosts.append(made)
        self.address_of(made, made.ipv4)
        self.address_of(made, made.ipv6)
        with self._lock:
            self._tuns[made.tun] = made
        self._epoll.register(made.tun, select.EPOLLIN)
        return made

    def cut(self, a, b, both=True):
        """No packet passes from a to b, nor, with both, from b to a."""
        with self._lock:
            self._cuts.add((a, b))
            if both:
                self._cuts.add((b, a))

    def part(self, *groups):
        """Hosts of different groups do not hear each other."""
        for i, one in enumerate(groups):
            for other in groups[i + 1:]:
                for a in one:
                    for b in other:
                        self.cut(a, b)

    def impair(self, a=None, b=None, loss=0.0, delay_s=0.0, jitter_s=0.0, twice=0.0):
        """Of packets from a to b (None: any). Jitter also changes their order."""
        with self._lock:
            for x in self.hosts if a is None else [a]:
                for y in self.hosts if b is None else [b]:
                    self._bad[x, y] = (loss, delay_s, jitter_s, twice)

    def heal(self):
        with self._lock:
            self._cuts.clear()
            self._bad.clear()

    def netem(self, *words):
        """Has the kernel spoil every wire, as in tc-netem(8); without words it stops. False when this kernel cannot."""
        for host in self.hosts:
            argv = ["ip", "netns", "exec", host.netns, "tc", "qdisc", "replace" if words else "del", "dev", "wire", "root"]
            done = subprocess.run(argv + (["netem", *words] if words else []), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            if done.returncode != 0:
                assert not words or "unknown" in done.stdout, done.stdout
                return False
        return True

    def address_of(self, host, addr):
        with self._lock:
            self._routes[ipaddress.ip_address(addr).packed] = host

    def address_gone(self, addr):
        with self._lock:
            self._routes.pop(ipaddress.ip_address(addr).packed, None)

    def close(self):
        os.write(self._wake_w, b"x")
        self._thread.join()
        for host in self.hosts:
            os.close(host.tun)
            subprocess.run(["ip", "netns", "del", host.netns], check=False)
        os.close(self._wake_r)
        os.close(self._wake_w)
        self._epoll.close()

    # -- the thread

    def _carry(self):
        while True:
            wait = -1 if not self._held else max(0.0, self._held[0][0] - time.monotonic())
            for fd, _ in self._epoll.poll(wait):
                if fd == self._wake_r:
                    return
                self._read(fd)
            now = time.monotonic()
            while self._held and self._held[0][0] <= now:
                _, _, tun, packet = heapq.heappop(self._held)
                self._deliver(tun, packet)

    def _read(self, fd):
        for _ in range(64):
            try:
                packet = os.read(fd, 65536)
            except OSError:             # nothing more, or the link is down
                return
            if packet:
                self._route(self._tuns[fd], packet)

    def _route(self, source, packet):
        dest = packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]
        with self._lock:
            target = self._routes.get(dest)
            if target is None or (source, target) in self._cuts:
                self.counts["cut"] += 1
                return
            loss, delay_s, jitter_s, twice = self._bad.get((source, target), (0, 0, 0, 0))
        for _ in range(2 if self._random.random() < twice else 1):
            if self._random.random() < loss or len(self._held) >= HELD_MAX:
                self.counts["lost"] += 1
            elif delay_s or jitter_s:
                self._order += 1
                due = time.monotonic() + delay_s + self._random.random() * jitter_s
                heapq.heappush(self._held, (due, self._order, target.tun, packet))
            else:
                self._deliver(target.tun, packet)

    def _deliver(self, tun, packet):
        try:
            os.write(tun, packet)
            self.counts["carried"] += 1
        except OSError:                 # its link is down
            self.counts["lost"] += 1


class MeshNode(Node):
    """A member with a host of its own, whose card names `advertise` (its IPv4 address unless told)."""

    def __init__(self, lab, wires, name, advertise=None, listen="0.0.0.0", wrapper=(), **options):
        self.host = wires.host()
        self.advertise, self.listen, self.wrapper = advertise or self.host.ipv4, listen, list(wrapper)
        super().__init__(lab, name, **options)

    def mesh_text(self):
        return f'''mesh {{
  publish = "tcp://{self.listen}:{PUBLISH_PORT}"
  repair = "tcp://{self.listen}:{REPAIR_PORT}"
  advertise = "{self.advertise}"
}}
'''

    def argv(self):
        return self.host.wrap([*self.wrapper, str(HEARSAYD), "-c", str(self.conf)])

    # -- what it knows

    def rows(self, query, *values):
        with contextlib.closing(sqlite3.connect(f"file:{self.dir / 'hearsay.db'}?mode=ro", uri=True, timeout=WAIT_S)) as db:
            return db.execute(query, values).fetchall()

    def registers(self):
        """All that the others said, as this node holds it: {(root, subject, category): (epoch, seq, hash, black, white, time)}."""
        return {tuple(row[:3]): tuple(row[3:]) for row in self.rows(
            "SELECT hex(m.root), hex(o.subject), c.name, o.epoch, o.seq, o.hash, o.black, o.white, o.time_s"
            " FROM opinion o JOIN member m ON m.id = o.member JOIN category c ON c.id = o.category WHERE m.root IS NOT NULL")}

    def root(self):
        return self.json("card")["root"].upper()

    def peer(self, other):
        """What `status` says of the other."""
        return next(p for p in self.json("status")["peers"] if p["name"] == other.name)

    def connected_to(self, other):
        return self.peer(other)["connected"]


def befriend(nodes, trust=0.9):
    """Each knows each."""
    cards = {node: node.card() for node in nodes}
    for node in nodes:
        for other in nodes:
            if other is not node:
                node.hearsay("peer", "add", cards[other], "--trust", trust, check=True)


def all_connected(nodes):
    def missing():
        return [f"{a.name} to {b.name}: {a.peer(b).get('problem', '')}" for a in nodes for b in nodes if a is not b and not a.connected_to(b)]
    wait_until(lambda: not missing(), lambda: f"connected: {missing()}", every=0.1)


def differences(nodes):
    """What keeps the nodes from having the same registers: lines for a person; empty when they do. A node holds no register of its own words."""
    known, lines = {node.name: node.registers() for node in nodes}, []
    roots = {node.name: node.root() for node in nodes}
    for author in nodes:
        views = {name: {k: v for k, v in registers.items() if k[0] == roots[author.name]}
                 for name, registers in known.items() if name != author.name}
        whole = {k for view in views.values() for k in view}
        for name, view in views.items():
            if len(view) < len(whole):
                lines.append(f"{name} lacks {len(whole) - len(view)} of {len(whole)} of {author.name}")
        changed = [k for k in whole if len({view[k] for view in views.values() if k in view}) > 1]
        if changed:
            lines.append(f"{len(changed)} of {author.name} differ, such as {changed[0]}")
    return lines


def converge(nodes, told, seconds=WAIT_S):
    """Waits until every node holds all that was told ({author: subjects' keys in hexadecimal}) and all agree. Seconds it took."""
    started, roots = time.monotonic(), {author: author.root() for author in told}

    def missing():
        lines = differences(nodes)
        for node in nodes:
            held = {(root, subject) for root, subject, _ in node.registers()}
            for author, subjects in told.items():
                lacking = [s for s in subjects if (roots[author], s) not in held] if node is not author else []
                if lacking:
                    lines.append(f"{node.name} lacks {len(lacking)} of {len(subjects)} that {author.name} told, such as {lacking[0]}")
        return lines
    wait_until(lambda: not missing(), lambda: "all agree; " + "; ".join(missing()), seconds, 0.1)
    return time.monotonic() - started


def key_of(addr):
    """The subject key of an address, in hexadecimal as SQLite writes it."""
    packed = ipaddress.ip_address(addr).packed
    return ("04" + packed.hex() + "20" if len(packed) == 4 else "06" + packed[:8].hex() + "40").upper()


