"""Five daemons, each in a network namespace of its own, on wires that are cut, slowed and lossy; clocks that are wrong.

After each trouble every node holds all that was ever told, and all hold the same: `converge` compares their registers, not a sample.
"""
import itertools
import time

import pytest

from hearsay_lab import FAKETIME, wait_until, zone
from netns_lab import MeshNode, Wires, all_connected, befriend, converge, key_of, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

_numbers = itertools.count(1)


def fresh(n):
    """Addresses that nobody spoke of yet."""
    return [f"20.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}" for i in itertools.islice(_numbers, n)]


def address_of(key):
    """The other way round than key_of()."""
    return ".".join(str(byte) for byte in bytes.fromhex(key)[1:5])


class Mesh:
    """Five members who all know each other, and what each of them was told."""

    def __init__(self, lab, wires, label, **each):
        self.wires = wires
        self.nodes = [MeshNode(lab, wires, f"{label}{i}.example", zones=zone(f"bl.{label}{i}.example", threshold=0.5, quorum=1), **each)
                      for i in range(5)]
        self.told = {node: [] for node in self.nodes}
        self.ahead = set()          # subjects that were told of with a date yet to come
        befriend(self.nodes)

    def start(self):
        for node in self.nodes:
            node.start()
        all_connected(self.nodes)

    def tell(self, node, n=20):
        """The node is told of n more bad addresses and has answered ok for each."""
        addrs = fresh(n)
        with node.stream() as stream:
            assert stream.ask(*(f"black {addr} malware" for addr in addrs)) == ["ok"] * n
        self.told[node] += [key_of(addr) for addr in addrs]

    def tell_all(self, n=20):
        for node in self.nodes:
            if node.process.alive() and not node.process.frozen:
                self.tell(node, n)

    def agree(self, what):
        took = converge(self.nodes, self.told)
        print(f"{what}: all five agree on {sum(map(len, self.told.values()))} subjects after {took:.2f} s")
        return took

    def no_liar(self):
        """Trouble with the network is nobody's fault."""
        for node in self.nodes:
            status = node.json("status")
            assert not any(p["bad"] for p in status["peers"]), status["peers"]
            assert not any("equivocat" in w for w in status["warnings"]), status["warnings"]


@pytest.fixture(scope="module")
def mesh(lab):
    made = Mesh(lab, Wires(lab, seed=5), "n")
    made.start()
    return made


@pytest.fixture(autouse=True)
def whole_again(mesh):
    yield
    mesh.wires.netem()
    mesh.wires.heal()


def connected_again(mesh):
    started = time.monotonic()
    all_connected(mesh.nodes)
    print(f"all connected again after {time.monotonic() - started:.2f} s")


def test_what_one_is_told_all_know(mesh):
    mesh.tell_all()
    mesh.agree("a quiet network")


def test_a_cut_through_the_middle_heals(mesh):
    hosts = [node.host for node in mesh.nodes]
    mesh.wires.part(hosts[:2], hosts[2:])
    for _ in range(5):          # TCP tries again more and more rarely meanwhile
        mesh.tell_all()
        time.sleep(2)
    converge(mesh.nodes[2:], {node: mesh.told[node] for node in mesh.nodes[2:]})
    mesh.wires.heal()
    mesh.agree("two and three, cut apart")
    mesh.no_liar()


def test_what_is_heard_in_one_direction_only_goes_round_over_others(mesh):
    a, b = mesh.nodes[0], mesh.nodes[1]
    mesh.wires.cut(a.host, b.host, both=False)
    mesh.tell_all()
    mesh.agree("no packet from the first to the second, while it lasts")
    mesh.wires.heal()
    mesh.tell_all(5)
    mesh.agree("and healed")


def test_an_interface_that_goes_down_and_up_again(mesh):
    node = mesh.nodes[3]
    node.host.link(up=False)
    mesh.tell_all()
    node.host.link(up=True)
    mesh.agree("the fourth's interface down and up")


@pytest.mark.parametrize("how", ["wire", "netem"])
def test_loss_and_delay(mesh, how):
    if how == "wire":
        mesh.wires.impair(loss=0.1, delay_s=0.05, jitter_s=0.02, twice=0.01)
    elif not mesh.wires.netem("delay", "50ms", "20ms", "loss", "10%", "duplicate", "1%"):
        pytest.skip("this kernel has no sch_netem; the wire did the same in its place")
    before = mesh.wires.counts["lost"]
    for _ in range(4):
        mesh.tell_all(10)
        time.sleep(1)
    mesh.agree(f"10 % of all packets lost, 100 to 140 ms there and back ({how})")
    if how == "wire":
        assert mesh.wires.counts["lost"] > before
    mesh.no_liar()


def test_a_node_killed_in_the_midst_of_it_comes_back(mesh):
    node = mesh.nodes[2]
    mesh.tell_all()
    node.kill()
    mesh.tell_all()
    node.start()
    mesh.tell(node)
    mesh.agree("one killed while all were speaking, and started again")
    mesh.no_liar()


def test_yesterdays_database_is_restored(mesh):
    """The backup knows neither what its node said since, nor the numbers that it gave: it takes both over from its neighbours."""
    node = mesh.nodes[1]
    mesh.tell_all()
    mesh.agree("before the backup")
    node.stop()
    backup = (node.dir / "hearsay.db").read_bytes()
    node.start()
    mesh.tell_all()
    mesh.agree("after the backup")
    numbers = {row for other in mesh.nodes if other is not node
               for row in other.rows("SELECT epoch, seq, hex(hash) FROM batch b JOIN member m ON m.id = b.member WHERE hex(m.root) = ?", node.root())}
    node.kill()
    for name in ("hearsay.db-wal", "hearsay.db-shm"):
        (node.dir / name).unlink(missing_ok=True)
    (node.dir / "hearsay.db").write_bytes(backup)
    node.start()
    mesh.tell_all()
    mesh.agree("yesterday's database restored")
    now = {row for other in mesh.nodes
           for row in other.rows("SELECT epoch, seq, hex(hash) FROM batch b JOIN member m ON m.id = b.member WHERE hex(m.root) = ?", node.root())}
    assert len({row[:2] for row in now}) == len({row[:2] for row in now | numbers}) == len(now | numbers), "no number was used twice"
    mesh.no_liar()


@pytest.mark.skipif(FAKETIME is None, reason="needs the package faketime")
@pytest.mark.parametrize("offset", ["+3600", "-3600"])
def test_a_clock_an_hour_off(mesh, offset):
    """Order does not come of clocks: the node is merged like any other. What it dates ahead counts in scores when it is due."""
    node = mesh.nodes[4]
    node.stop()
    node.wrapper = ["env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME={offset}", "FAKETIME_DONT_FAKE_MONOTONIC=1"]
    node.start()
    node.wrapper = []
    mesh.tell_all()
    if int(offset) > 0:
        mesh.ahead |= set(mesh.told[node][-20:])
        wait_until(lambda: "more than five minutes ahead" in mesh.nodes[0].log_text(), "the others' operators are told")
    mesh.agree(f"the last one's clock is {offset} s off")
    (dated, ), = mesh.nodes[0].rows("SELECT b.time_s FROM batch b JOIN member m ON m.id = b.member WHERE hex(m.root) = ?"
                                    " ORDER BY b.epoch DESC, b.seq DESC LIMIT 1", node.root())
    assert abs(dated - time.time() - int(offset)) < 900, "the clock was off indeed"
    node.restart()
    mesh.tell_all()
    mesh.agree("and right again")
    mesh.no_liar()


def test_a_node_stopped_under_load_until_all_have_given_it_up(mesh):
    """Longer than silence is borne (30 s), than a question waits (10 s) and than any retry of a connection that is up."""
    node, others = mesh.nodes[0], mesh.nodes[1:]
    mesh.tell_all()
    node.process.freeze()
    mesh.wires.cut(mesh.nodes[3].host, mesh.nodes[4].host)

    def noticed():
        for other in others:
            mesh.tell(other, 10)
        return not any(other.connected_to(node) for other in others) and not mesh.nodes[3].connected_to(mesh.nodes[4])
    wait_until(noticed, "who is silent for so long is noticed, and who is cut off", every=0.5)
    for _ in range(5):                      # nor does a new attempt to connect get anywhere
        noticed()
        time.sleep(1)
    assert noticed()
    converge(mesh.nodes[1:], {other: mesh.told[other] for other in mesh.nodes[1:]})
    node.process.thaw()
    mesh.wires.heal()
    mesh.agree("one stopped, two others cut apart, all speaking")
    connected_again(mesh)
    mesh.no_liar()


def test_all_zones_are_the_same_in_the_end(mesh):
    """The registers were compared; this is what the DNS will say."""
    mesh.tell_all(3)
    mesh.agree("at the end")
    everything = {address_of(key) for keys in mesh.told.values() for key in keys}
    early = {address_of(key) for key in mesh.ahead}

    def listed(node):
        return {entry["subject"] for entry in node.json("list")["listings"]}
    for node in mesh.nodes[:4]:
        wait_until(lambda: listed(node) == everything - early, lambda: f"{node.name} lists {len(everything ^ early ^ listed(node))} wrongly", every=0.2)
    wait_until(lambda: listed(mesh.nodes[4]) == everything, "whose clock was put right takes its own word from then on", every=0.2)
