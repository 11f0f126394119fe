"""What the tests of the hearsay command share: running it, and nodes that were made and never started."""
import os
import subprocess
from pathlib import Path

import pytest

from hearsay_lab import HEARSAY, WAIT_S

DONE, NO, USAGE, ABSENT = 0, 1, 2, 3


def run(*args, cwd=None, env=None, **more):
    """The command without any node's -c."""
    environment = {k: v for k, v in os.environ.items() if k != "HEARSAY_CONF"} | (env or {})
    more.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([str(HEARSAY), *map(str, args)], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=WAIT_S, cwd=cwd, env=environment, **more)


def init(directory, *args, name="mx.a.example"):
    done = run("init", "--name", name, *args, directory)
    assert done.returncode == DONE, done.stderr
    return Path(directory) / "hearsay.conf"


@pytest.fixture
def conf(own_lab):
    """A node that was made and never started."""
    return init(own_lab.dir / "a")


def ask(conf, *args, **more):
    return run("-c", conf, *args, **more)


def card_of(conf):
    return ask(conf, "card").stdout.strip()


@pytest.fixture
def friend(own_lab):
    return init(own_lab.dir / "b", name="mx.b.example")
