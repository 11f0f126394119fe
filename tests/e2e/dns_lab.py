"""DNS for end-to-end tests: real rbldnsd, and a real resolver on port 53 of the private world."""
import ipaddress
import os
import signal
import subprocess
from pathlib import Path

import pytest

from hearsay_lab import WAIT_S, Process, private_world, wait_until


def dig(name, kind="A", server="127.0.0.1", port=53):
    """The answers of one query as a sorted list of strings; None for no answer or a failure other than NXDOMAIN."""
    done = subprocess.run(["dig", f"@{server}", "-p", str(port), "+time=10", "+tries=3", "+noall", "+answer",
                           "+comments", name, kind], text=True, stdout=subprocess.PIPE, timeout=WAIT_S)
    if "status: NOERROR" not in done.stdout and "status: NXDOMAIN" not in done.stdout:
        return None
    rows = (line.split(None, 4) for line in done.stdout.splitlines() if line and not line.startswith(";"))
    return sorted(row[4] for row in rows if len(row) == 5 and row[3] == kind)


def reversed_name(addr, zone):
    """The DNSBL query name of an address (RFC 5782, sections 2.1 and 2.4)."""
    if ":" not in addr:
        return ".".join(reversed(addr.split("."))) + "." + zone
    return ".".join(reversed(ipaddress.ip_address(addr).exploded.replace(":", ""))) + "." + zone


class Rbldnsd:
    """rbldnsd with one combined zone file for each zone; `files` maps zone to path."""

    def __init__(self, lab, name, files, check="1s"):
        self.port = lab.port()
        self._argv = ["rbldnsd", "-n", "-w", "/", "-b", f"127.0.0.1/{self.port}", "-c", check, "-f"]
        self._argv += ["-u", "rbldns"] if os.geteuid() == 0 else []
        self._argv += [f"{zone}:combined:{str(path).lstrip('/')}" for zone, path in files.items()]
        self._lab, self._name, self.zones = lab, name, list(files)
        for path in files.values():
            wait_until(Path(path).exists, f"{path} is written")
        self.process = None
        lab.at_end(self.stop)
        self.start()

    def start(self):
        self.process = Process(f"{self._name}-rbldnsd", self._argv, self._lab.dir / f"{self._name}-rbldnsd.log")
        wait_until(lambda: dig("2.0.0.127." + self.zones[0], port=self.port), f"{self._name}'s rbldnsd answers")

    def stop(self):
        """By SIGKILL: rbldnsd forgets a SIGTERM that comes while it loads a zone."""
        if self.process is not None and self.process.alive():
            self.process.end(signal.SIGKILL)

    def lookup(self, addr, zone=None):
        """A and TXT records of an address or a name."""
        zone = zone or self.zones[0]
        name = reversed_name(addr, zone) if addr[-1].isdigit() or ":" in addr else f"{addr}.{zone}"
        return dig(name, "A", port=self.port), dig(name, "TXT", port=self.port)

    def lists(self, addr, zone=None):
        return bool(self.lookup(addr, zone)[0])


class Resolver:
    """unbound on 127.0.0.1:53 of the private world: zones go to rbldnsd, all other names do not exist.

    Nothing is cached, so that a test sees at once what rbldnsd serves."""

    def __init__(self, lab, stubs):
        if not private_world():
            pytest.skip("needs root: a resolver on port 53 of a network namespace")
        conf = lab.dir / "unbound.conf"
        resolv = lab.dir / "resolv.conf"
        resolv.write_text("nameserver 127.0.0.1\n")
        resolv.chmod(0o644)
        conf.write_text(self._conf(lab.dir, stubs))
        self.process = Process("unbound", ["unbound", "-d", "-c", str(conf)], lab.dir / "unbound.log")
        lab.at_end(self.process.end)
        subprocess.run(["mount", "--bind", str(resolv), str(Path("/etc/resolv.conf").resolve())], check=True)
        lab.at_end(lambda: subprocess.run(["umount", str(Path("/etc/resolv.conf").resolve())], check=True))
        wait_until(lambda: dig("nothing.example") == [], "unbound answers")

    @staticmethod
    def _conf(folder, stubs):
        text = f'''server:
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  interface: 127.0.0.1
  port: 53
  do-daemonize: no
  do-not-query-localhost: no
  module-config: "iterator"
  cache-max-ttl: 0
  cache-max-negative-ttl: 0
  infra-host-ttl: 1
  num-threads: 1
  local-zone: "." static
'''
        text += "".join(f'  local-zone: "{zone}." transparent\n' for zone in stubs)
        text += "remote-control:\n  control-enable: no\n"
        for zone, port in stubs.items():
            text += f'stub-zone:\n  name: "{zone}"\n  stub-addr: 127.0.0.1@{port}\n'
        return text
