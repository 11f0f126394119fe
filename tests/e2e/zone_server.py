"""A small DNS server on loopback for tests of SPF: serves a dict of names, UDP and TCP, and can fail, stay silent or truncate as told."""
import socket
import socketserver
import struct
import threading

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SPF": 99}
NAMES = {number: name for name, number in TYPES.items()}
UDP_MAX = 512


def labels(name):
    return b"".join(bytes([len(label)]) + label for label in name.encode().rstrip(b".").split(b".") if label) + b"\0"


def rdata(kind, value):
    if kind == "A":
        return socket.inet_pton(socket.AF_INET, value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "MX":
        return struct.pack(">H", value[0]) + labels(value[1])
    if kind in ("TXT", "SPF"):
        strings = [value] if isinstance(value, (str, bytes)) else value
        raw = [s if isinstance(s, bytes) else s.encode() for s in strings]
        chunks = [s[i:i + 255] for s in raw for i in range(0, max(len(s), 1), 255)]
        return b"".join(bytes([len(chunk)]) + chunk for chunk in chunks)
    return labels(value)


def records(entries):
    """The rows of one name in the published suite's form as (type, value). A policy stands as SPF there and is served as TXT, unless TXT rows say otherwise."""
    rows = [(kind, value) for entry in entries if isinstance(entry, dict) for kind, value in entry.items()]
    if not any(kind == "TXT" for kind, _ in rows):
        rows += [("TXT", value) for kind, value in rows if kind == "SPF"]
    return [(kind, value) for kind, value in rows if value != "NONE"]


class ZoneServer:
    """`zone` maps a name to a list of {TYPE: value}, "TIMEOUT" (no answer, or SERVFAIL with quick=True) or "REFUSED"."""

    def __init__(self, zone=None, quick=True, host="127.0.0.1"):
        self.zone, self.quick, self.asked, self._host = {}, quick, [], host
        self.set(zone or {})
        outer = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self):
                answer = outer.answer(self.request[0], UDP_MAX)
                if answer is not None:
                    self.request[1].sendto(answer, self.client_address)

        class Tcp(socketserver.BaseRequestHandler):
            def handle(self):
                head = self.request.recv(2, socket.MSG_WAITALL)
                answer = outer.answer(self.request.recv(struct.unpack(">H", head)[0], socket.MSG_WAITALL), 65535)
                if answer is not None:
                    self.request.sendall(struct.pack(">H", len(answer)) + answer)

        self._servers = self._pair(Udp, Tcp)
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def _pair(self, udp_handler, tcp_handler):
        """One port for both."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET

        class UdpServer(socketserver.ThreadingUDPServer):
            address_family = family

        class TcpServer(socketserver.ThreadingTCPServer):
            address_family = family

        for _ in range(50):
            udp = UdpServer((self._host, 0), udp_handler)
            self.port = udp.server_address[1]
            try:
                return udp, TcpServer((self._host, self.port), tcp_handler)
            except OSError:
                udp.server_close()
        raise OSError("no port that is free for both UDP and TCP")

    def set(self, zone):
        self.zone = {name.lower().rstrip("."): entries for name, entries in zone.items()}

    def close(self):
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def answer(self, query, room):
        name, at = [], 12
        while query[at]:
            name.append(query[at + 1:at + 1 + query[at]])
            at += 1 + query[at]
        kind = NAMES.get(struct.unpack(">H", query[at + 1:at + 3])[0])
        question, text = query[12:at + 5], b".".join(name).decode("latin-1").lower()
        self.asked.append((text, kind))
        rcode, found = self._find(text, kind)
        if rcode is None:
            return None
        body = b"".join(labels(owner) + struct.pack(">HHIH", TYPES[k], 1, 0, len(data)) + data for owner, k, data in found)
        answer = self._head(query, 0x8180 | rcode, len(found)) + question + body
        return answer if len(answer) <= room else self._head(query, 0x8380, 0) + question

    @staticmethod
    def _head(query, flags, answers):
        return query[:2] + struct.pack(">HHHHH", flags, 1, answers, 0, 0)

    def _find(self, name, kind):
        found = []
        for _ in range(8):                                  # along CNAMEs
            entries = self.zone.get(name)
            if entries is None:
                return (2 if name.startswith("error.") else 0 if found else 3), found
            rows = [(k, rdata(k, v)) for k, v in records(entries) if k == kind and v != "TIMEOUT"]
            if not rows and ("TIMEOUT" in entries or any(k == kind and v == "TIMEOUT" for k, v in records(entries))):
                return (2 if self.quick else None), []
            if "REFUSED" in entries:
                return 5, []
            found += [(name, k, data) for k, data in rows]
            alias = [v for k, v in records(entries) if k == "CNAME" and kind != "CNAME"]
            if rows or not alias:
                return 0, found
            found.append((name, "CNAME", labels(alias[0])))
            name = alias[0].lower().rstrip(".")
        return 0, found
