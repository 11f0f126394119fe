"""One neighbour of a second member (second_member.py): its two sockets, and what is known of it."""
from collections import Counter

import zmq
from zmq.utils import z85


class Link:
    """The connection to one neighbour: what it has, what it was asked, what it was blamed for."""

    def __init__(self, member, root, record):
        self.root, self.record, self.up, self.heard_s = root, record, False, 0
        self.sub, self.dealer = member.socket(zmq.SUB), member.socket(zmq.DEALER)
        self.sub.sndhwm, self.sub.rcvhwm = 0, 1000
        self.dealer.immediate = 1
        self.monitor = self.dealer.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_AUTH)
        self.sub_monitor = self.sub.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self.lost = 0                       # how often one of the two connections was lost
        self.proof_rests = {}
        self.holds, self.fetches, self.rests, self.empty = {}, {}, {}, Counter()
        self.told, self.have_s, self.full_s = {}, 0, 0
        self.blamed, self.refused = Counter(), 0
        for socket, endpoint in ((self.sub, record.publish), (self.dealer, record.repair)):
            socket.curve_secretkey, socket.curve_publickey = member.curve_secret, member.curve_public
            socket.curve_serverkey = z85.encode(record.curve)
            socket.connect(endpoint)

    def close(self):
        for socket, monitor in ((self.dealer, self.monitor), (self.sub, self.sub_monitor)):
            socket.disable_monitor()
            monitor.close(0)
        self.sub.close()
        self.dealer.close()
