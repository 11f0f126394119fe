"""A small world for end-to-end tests: real hearsayd processes on loopback.

The world is private where the machine allows it: the test process enters a network and a mount
namespace of its own, so ports are free, port 53 can be had, and nothing outlives the run.
Every process is ended by its own pid. Nothing here sleeps blindly: wait_until() polls.
"""
import contextlib
import ctypes
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("HEARSAY_BUILD", SOURCE / "build"))
HEARSAYD = BUILD / "node" / "hearsayd"
HEARSAY = BUILD / "tools" / "hearsay"
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)      # to run a daemon with another clock
WAIT_S = 100            # the patience of wait_until(), and of all that may hang: a busy machine needs some of it, a good run next to nothing
CRASHES = ("Assertion `", "Sanitizer: ", "runtime error: ")
TAIL_LINES = 60         # of each log, shown when a test fails

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_CLONE_NEWNS = 0x00020000
_CLONE_NEWNET = 0x40000000
_world = {"private": False}
_open_labs = []


# ---- the world

def private_world():
    """True when this process has a network and mounts of its own."""
    return _world["private"]


def enter_private_world():
    """Moves this process into new network and mount namespaces. Without the right to, does nothing."""
    if os.geteuid() != 0 or _libc.unshare(_CLONE_NEWNS | _CLONE_NEWNET) != 0:
        return
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/dev/shm"], check=False)     # faketime leaves there what a killed process had
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    _world["private"] = True


def wait_until(true, what, seconds=WAIT_S, every=0.02):
    """Calls true() until it returns something true, which is then returned; fails with `what` at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        got = true()
        if got:
            return got
        if time.monotonic() > deadline:
            text = what() if callable(what) else what
            raise AssertionError(f"not within {seconds} s: {text}")
        time.sleep(every)


def in_time(act, seconds, again=None, tries=10):
    """What act() returns from a run that took less than so many seconds. A busy machine may hold up one run, and hardly each;
    what waits when it should not waits each time. again() is called between two runs."""
    for left in reversed(range(tries)):
        started = time.monotonic()
        got = act()
        took = time.monotonic() - started
        if took < seconds:
            return got
        assert left, f"it took {took:.2f} s, and never less than {seconds} s"
        if again:
            again()
    return None


def stays(true, seconds, what):
    """Fails unless true() holds each time it is asked for `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert true(), what
        time.sleep(0.02)


def fill(path):
    """Fills the disk, to its last byte, with this file."""
    with open(path, "wb", buffering=0) as f, contextlib.suppress(OSError):
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while f.write(b"x" * size):
                    pass


def _die_with_parent():
    """So that nothing is left behind when the test itself is killed."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One program with a log file. It is ended by its own pid."""

    def __init__(self, name, argv, log, **popen):
        self.name, self.log = name, Path(log)
        self._file = open(self.log, "ab")
        self._popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self._file,
                                       stderr=subprocess.STDOUT, start_new_session=True,
                                       preexec_fn=_die_with_parent, **popen)
        self.pid = self._popen.pid
        self.frozen = False

    def alive(self):
        return self._popen.poll() is None

    def send(self, signum):
        if self.alive():
            os.kill(self.pid, signum)

    def freeze(self):
        self.send(signal.SIGSTOP)
        self.frozen = True

    def thaw(self):
        self.send(signal.SIGCONT)
        self.frozen = False

    def wait(self, seconds=WAIT_S):
        """The exit status; negative for a signal."""
        return self._popen.wait(seconds)

    def end(self, signum=signal.SIGTERM, seconds=WAIT_S):
        """Asks it to end, and kills it if it does not. Returns the exit status."""
        if self.frozen:
            self.thaw()
        self.send(signum)
        try:
            status = self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGKILL)
            self._popen.wait()
            raise AssertionError(f"{self.name} did not end within {seconds} s of signal {signum}") from None
        finally:
            self._file.close()
        return status


class Lab:
    """A directory, free ports, and all that runs in a test. `with Lab() as lab:`"""

    def __init__(self, label="lab"):
        self.dir = Path(tempfile.mkdtemp(prefix=f"hearsay-{label}-"))
        self.dir.chmod(0o755)               # Exim and rbldnsd run as users of their own
        self._ends, self._ports = [], set()
        _open_labs.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        """Ends everything, newest first, then removes the directory."""
        _open_labs.remove(self)
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, self.dir, ignore_errors=True)
            stack.callback(self._no_crash)
            for end in self._ends:
                stack.callback(end)

    def _no_crash(self):
        """Also what a test did not look at must not have failed an assertion or a sanitizer's check."""
        for path in self.dir.glob("*.log"):
            text = path.read_text(errors="replace")
            assert not any(word in text for word in CRASHES), text[-5000:]

    def at_end(self, end):
        self._ends.append(end)

    def port(self):
        """A free TCP and UDP port of 127.0.0.1, below those that the kernel gives to clients."""
        while True:
            port = random.randint(20000, 30000)
            if port in self._ports:
                continue
            try:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(socket.AF_INET, kind) as s:
                        s.bind(("127.0.0.1", port))
            except OSError:
                continue
            self._ports.add(port)
            return port

    def logs(self):
        """The end of each log, for a failure's report."""
        for path in sorted({*self.dir.rglob("*.log"), *self.dir.rglob("mainlog")}):
            if path.is_file():
                lines = path.read_text(errors="replace").splitlines()
                yield str(path.relative_to(self.dir)), "\n".join(lines[-TAIL_LINES:])

    def node(self, name, **options):
        return Node(self, name, **options)


def open_labs():
    return list(_open_labs)


# ---- the report socket, seen from a client

def connect(address, timeout=WAIT_S):
    """address: a path, or (host, port)."""
    if isinstance(address, tuple):
        return socket.create_connection(address, timeout)
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    s.connect(str(address))
    return s


def read_all(s):
    """Everything until the other side closes."""
    parts = []
    while True:
        part = s.recv(65536)
        if not part:
            return b"".join(parts)
        parts.append(part)


def talk(address, request, half_close=True, timeout=WAIT_S):
    """Sends bytes, reads the answer until the node closes. As Exim does: with a half-close, or without (`shutdown=no`)."""
    with connect(address, timeout) as s:
        s.sendall(request if isinstance(request, bytes) else request.encode())
        if half_close:
            s.shutdown(socket.SHUT_WR)
        return read_all(s)


class Stream:
    """A connection in `stream` mode: many requests, answers as lines in order."""

    def __init__(self, address):
        self.socket = connect(address)
        self._reader = self.socket.makefile("rb")
        self.send("stream")
        assert self.answer() == "ok"

    def send(self, *lines):
        self.socket.sendall("".join(line + "\n" for line in lines).encode())

    def answer(self):
        """The next answer; None when the node has closed."""
        try:
            line = self._reader.readline()
        except ConnectionError:
            return None
        return line.decode().removesuffix("\n") if line.endswith(b"\n") else None

    def ask(self, *lines):
        """All answers, in order."""
        self.send(*lines)
        return [self.answer() for _ in lines]

    def close(self):
        self._reader.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


# ---- a member

class Node:
    """One member: a directory made by `hearsay init`, a configuration of the test's, a daemon."""

    def __init__(self, lab, name, zones="", extra="", mesh=True, user=None, federation="street", init=()):
        self.lab, self.name, self.user, self.federation = lab, name, user, federation
        self.dir = lab.dir / name
        self.conf = self.dir / "hearsay.conf"
        self.unix = self.dir / "run" / "report.sock"
        self.tcp = ("127.0.0.1", lab.port())
        self.publish, self.repair = lab.port(), lab.port()
        self.zones, self.extra, self.mesh = zones, extra, mesh
        self.process, self.starts = None, 0
        done = self.hearsay("init", "--name", name, *init, str(self.dir), conf=False)
        assert done.returncode == 0, done.stderr
        self.dir.chmod(0o755)
        self.write_conf()
        if user:
            self._give_to(user)

    def _give_to(self, user):
        """For what root cannot test, since root may do anything. The program is copied to where this user can run it."""
        shutil.copy(HEARSAYD, self.lab.dir / "hearsayd")
        for path in (self.dir, *self.dir.rglob("*")):
            shutil.chown(path, user, user)

    def mesh_text(self):
        """The section `mesh`."""
        return f'''mesh {{
  publish = "tcp://127.0.0.1:{self.publish}"
  repair = "tcp://127.0.0.1:{self.repair}"
  advertise = "127.0.0.1"
}}
'''

    def write_conf(self, **changes):
        """Writes hearsay.conf anew, with zones, extra or mesh changed; in one step, since the daemon may be reading it."""
        for key, value in changes.items():
            setattr(self, key, value)
        peers = self.dir / "peers.conf"
        if not peers.exists():
            peers.write_text("")
        mesh = self.mesh_text() if self.mesh else ""
        fresh = self.conf.with_suffix(".new")
        fresh.write_text(f'''name = "{self.name}"
federation = "{self.federation}"
identity = "identity.pem"
database = "hearsay.db"
log = "debug"
include("peers.conf")
report "unix:run/report.sock" {{ mode = "0660" }}
report "tcp:127.0.0.1:{self.tcp[1]}" {{ }}
{mesh}{self.zones}
{self.extra}
''')
        fresh.rename(self.conf)

    def hearsay(self, *args, conf=True, check=False, **run):
        """Runs the operator's command for this member."""
        argv = [str(HEARSAY)] + (["-c", str(self.conf)] if conf else []) + [str(a) for a in args]
        run.setdefault("stdin", None if "input" in run else subprocess.DEVNULL)
        run.setdefault("timeout", WAIT_S)
        if run["stdin"] is None:
            del run["stdin"]
        done = subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **run)
        if check:
            assert done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def json(self, *args):
        """The command's answer. It waits some seconds for the node, and a busy machine may hold that up for longer."""
        def answer():
            got = json.loads(self.hearsay(*args, "--json").stdout)
            return None if "did not answer" in str(got.get("error")) else got
        return wait_until(answer, f"{self.name} answers {args}")

    def links(self):
        """To how many peers it is connected. Before the mesh runs `status` has none of them: so all of none are connected."""
        return sum(p["connected"] for p in self.json("status")["peers"])

    def card(self):
        return self.hearsay("card", check=True).stdout.strip()

    def peer_add(self, other, trust=1.0, *extra):
        self.hearsay("peer", "add", other.card(), "--trust", trust, *extra, check=True)

    # -- the daemon

    def argv(self):
        if not self.user:
            return [str(HEARSAYD), "-c", str(self.conf)]
        become = ["setpriv", "--reuid", self.user, "--regid", self.user, "--clear-groups"]
        return become + [str(self.lab.dir / "hearsayd"), "-c", str(self.conf)]

    def spawn(self, **popen):
        """Starts the daemon and does not wait for it."""
        self.starts += 1
        self.process = Process(self.name, self.argv(), self.lab.dir / f"{self.name}.log", **popen)
        if self.starts == 1:
            self.lab.at_end(self.kill_if_alive)
        return self.process

    def start(self, **popen):
        self.spawn(**popen)
        self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            assert self.process.alive(), f"{self.name} ended with {self.process.wait()}:\n{self.log_text()}"
            try:
                return talk(self.unix, "ping\n", timeout=2) == b"pong"
            except OSError:
                return False
        wait_until(ready, lambda: f"{self.name} answers ping:\n{self.log_text()}", every=0.005)

    def stop(self, signum=signal.SIGTERM):
        return self.process.end(signum)

    def kill(self):
        """kill -9, as a power cut would."""
        return self.process.end(signal.SIGKILL)

    def kill_if_alive(self):
        if self.process.alive():
            self.process.end(signal.SIGKILL)

    def restart(self):
        self.stop()
        return self.start()

    def hang_up(self):
        self.process.send(signal.SIGHUP)

    def refuses_to_start(self):
        """The daemon's complaint; it must end by itself with a failure."""
        before = len(self.log_text())
        process = self.spawn()
        status = process.wait()
        process.end()
        text = self.log_text()[before:]
        assert status > 0, f"exit status {status}:\n{text}"
        return text

    def log_text(self):
        path = self.lab.dir / f"{self.name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # -- what Exim would say

    def ask(self, line, address=None):
        """One request over the unix socket, one answer."""
        return talk(address or self.unix, line + "\n").decode()

    def stream(self, address=None):
        return Stream(address or self.unix)

    def becomes(self, line, want, seconds=WAIT_S):
        """Waits until the request is answered so: what is derived may lag by a moment."""
        got = []

        def same():
            got.append(self.ask(line))
            return got[-1] == want
        wait_until(same, lambda: f"{self.name}: {line} = {want}, still {got[-1]}", seconds)


def zone(name, lists="black", threshold=1.0, quorum=2, more=""):
    """A zone section; its file is zones/NAME beside hearsay.conf."""
    return f'''zone "{name}" {{
  file = "zones/{name}"  lists = "{lists}"
  threshold = {threshold}  quorum = {quorum}  own = true
  ttl = 60  ns = {{ "ns.{name}" }}  contact = "hostmaster.{name}"
  {more}
}}
'''
