"""Real Exim for end-to-end tests: own configuration, own spool, own port, run as its own user from a private directory."""
import contextlib
import grp
import os
import pwd
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from hearsay_lab import WAIT_S, Process, private_world, wait_until

USER = "Debian-exim"


def _as_exim():
    """Exim with -C drops root anyway. Started as its own user, it keeps one identity throughout."""
    return ["setpriv", "--reuid", USER, "--regid", USER, "--init-groups"]


class Exim:
    """A mail server with the test's ACLs.

    `main` goes into the main section (macros, options), `acls` below `begin acl`, `routers` above the one that delivers all to one mailbox, `transports`
    beside that one's, and `extra` at the end."""

    def __init__(self, lab, name, main="", acls="", start=True, routers="", transports="", extra=""):
        if not private_world():
            pytest.skip("needs root: Exim runs as a user of its own")
        self.name, self.port = name, lab.port()
        self.dir = lab.dir / f"{name}-exim"
        for sub in ("", "spool", "log", "mail"):
            (self.dir / sub).mkdir()
            os.chown(self.dir / sub, pwd.getpwnam(USER).pw_uid, grp.getgrnam(USER).gr_gid)
        self.conf = self.dir / "exim.conf"
        self.conf.write_text(self._conf(main, acls, routers, transports, extra))
        self._lab, self.process = lab, None
        if start:
            self.start()

    def _conf(self, main, acls, routers, transports, extra):
        return f'''{main}
exim_user = {USER}
exim_group = {USER}
primary_hostname = {self.name}
qualify_domain = {self.name}
spool_directory = {self.dir}/spool
log_file_path = {self.dir}/log/%slog
pid_file_path = {self.dir}/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {self.port}
hosts_proxy = 127.0.0.1
domainlist local_domains = here.example
rfc1413_query_timeout = 0s
dns_retrans = 3s
dns_retry = 1
smtp_accept_max = 400
smtp_connect_backlog = 400
tls_advertise_hosts =
keep_environment =
begin acl
{acls}
begin routers
{routers}
all:
  driver = accept
  transport = box
begin transports
{transports}
box:
  driver = appendfile
  file = {self.dir}/mail/box
  user = {USER}
  group = {USER}
{extra}
'''

    def start(self):
        argv = _as_exim() + ["exim4", "-C", str(self.conf), "-bdf"]
        self.process = Process(self.name, argv, self.dir / "log" / "stderr-log")
        self._lab.at_end(self._end)
        wait_until(self._listens, lambda: f"{self.name}'s Exim listens:\n{self.log_text()}")

    def _all(self):
        """The pids of all that run with this configuration."""
        for proc in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if str(self.conf).encode() in (proc / "cmdline").read_bytes().split(b"\0"):
                    yield int(proc.name)

    def _end(self):
        """Who delivers outlives the daemon, in a session of its own and for seconds when it waits for the mailbox; it would make its directories again."""
        if self.process.alive():
            self.process.end()

        def nobody_left():
            left = list(self._all())
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not left
        wait_until(nobody_left, f"{self.name}'s deliveries have ended")

    def _listens(self):
        assert self.process.alive(), self.process.log.read_text()
        try:
            s = socket.create_connection(("127.0.0.1", self.port), WAIT_S)
        except OSError:
            return False
        with s, contextlib.suppress(ConnectionError):   # who serves it may ask the node, and is not to do so in the midst of a test
            s.shutdown(socket.SHUT_WR)
            while s.recv(4096):
                pass
        return True

    def log_text(self):
        return "".join(p.read_text(errors="replace") for p in sorted((self.dir / "log").glob("*log")))

    def main_log(self):
        path = self.dir / "log" / "mainlog"
        return path.read_text(errors="replace") if path.exists() else ""

    def rotate_log(self):
        """As logrotate does it; Exim makes a new one with its next line."""
        path = self.dir / "log" / "mainlog"
        path.rename(path.with_suffix(".1"))

    def mailbox(self):
        path = self.dir / "mail" / "box"
        return path.read_text(errors="replace") if path.exists() else ""

    def expand(self, *expressions):
        """`exim -be`: each expression's expansion. Exim prints the last newline of each, which is no part of it."""
        done = subprocess.run(_as_exim() + ["exim4", "-C", str(self.conf), "-be", *expressions], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=WAIT_S)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fake_session(self, addr, *lines):
        """`exim -bh`: a session that is only talked through. Returns what Exim answered, without its comments."""
        done = subprocess.run(_as_exim() + ["exim4", "-C", str(self.conf), "-bh", addr], text=True,
                              input="".join(line + "\r\n" for line in lines), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=WAIT_S)
        return [line for line in done.stdout.splitlines() if line[:3].isdigit()]

    def session(self, addr, **options):
        return Smtp(self.port, addr, **options)

    def send_mail(self, addr, sender="someone@sender.example", rcpt="user@here.example", body="hello"):
        """One whole message. Returns the first answer that is no success, or the last one."""
        with self.session(addr) as smtp:
            return smtp.mail(sender, rcpt, body)


class Smtp:
    """An SMTP client that says by the PROXY protocol which address it comes from."""

    def __init__(self, port, addr, timeout=WAIT_S):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._file = self._socket.makefile("rb")
        family, me = ("TCP6", "2001:db8:ffff::25") if ":" in addr else ("TCP4", "192.0.2.25")
        self._socket.sendall(f"PROXY {family} {addr} {me} 40000 25\r\n".encode())
        self.greeting = self._answer()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._file.close()
        self._socket.close()

    def _answer(self):
        """One answer, its lines joined; empty when the server has gone."""
        text = []
        while True:
            try:
                line = self._file.readline().decode(errors="replace").rstrip("\r\n")
            except ConnectionError:
                line = ""
            text.append(line if not text else line[4:])
            if line[3:4] != "-":
                return " ".join(text)

    def say(self, line):
        try:
            self._socket.sendall(line.encode() + b"\r\n")
        except ConnectionError:
            return ""
        return self._answer()

    def mail(self, sender, rcpt, body="hello", hello=True):
        """`hello` false: a further message of the session."""
        if not self.greeting.startswith("2"):
            return self.greeting
        for line in (*(["EHLO client.sender.example"] if hello else []), f"MAIL FROM:<{sender}>", f"RCPT TO:<{rcpt}>", "DATA"):
            answer = self.say(line)
            if answer[:1] not in ("2", "3"):
                return answer
        return self.say(f"From: <{sender}>\r\nTo: <{rcpt}>\r\nSubject: test\r\n\r\n{body}\r\n.")
