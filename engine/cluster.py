"""The cluster: a connection to it, its nodes, and whether their bits can be those that are asked for."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cnn_study.base.environment import usable_cores
from cnn_study.base.errors import StudyError
from engine import node
from engine.resources import Resources, in_words

ANSWER_SECONDS = 120  # for a node to start Python, which from a slow disk takes a while
CONNECT_SECONDS = 10  # for a cluster to accept a connection


@contextmanager
def connected() -> Iterator[None]:
    """With the cluster that RAY_ADDRESS names, or with a new Ray of this machine. At the end, all tasks end.

    Raises StudyError.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    ray.cloudpickle.register_pickle_by_value(node)
    address = os.environ.get("RAY_ADDRESS")
    if address:
        refuse_if_nobody_answers(address)
        # One try: each takes half a minute, and Ray would go on for ten.
        os.environ.setdefault("RAY_gcs_server_port_wait_time_s", "1")
        os.environ.setdefault("RAY_py_gcs_connect_timeout_s", str(CONNECT_SECONDS))
    here = {"num_cpus": usable_cores(), "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    try:
        ray.init(address or "local", log_to_driver=False, logging_level="error", **({} if address else here))
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"RAY_ADDRESS: found {address}" if address else "ENGINE=ray: Ray does not start here"
        raise StudyError(f"{where}: {in_a_line(error)}") from None
    try:
        yield
    finally:
        ray.shutdown()


def refuse_if_nobody_answers(address: str) -> None:
    """Raises StudyError where HOST:PORT takes no connection: Ray tries for 40 seconds before it says so.

    What is no HOST:PORT, ``auto`` for one, Ray judges at once.
    """
    if match := re.fullmatch(r"(?:ray://)?\[?([^/]+?)\]?:(\d{1,5})", address):
        try:
            socket.create_connection((match[1], int(match[2])), CONNECT_SECONDS).close()
        except (OSError, OverflowError) as error:  # an address may have a port that cannot be
            raise StudyError(f"RAY_ADDRESS: found {address}: nobody answers there ({error})") from None


def room_for(resources: Resources) -> int:
    """How many tasks go into all nodes that are alive."""
    return sum(resources.room_in(one["Resources"]) for one in alive())


def alive() -> list[dict[str, Any]]:
    """The nodes, as Ray describes them."""
    return [one for one in ray.nodes() if one["Alive"]]


def machine_for(resources: Resources) -> dict[str, str]:
    """What ``node.describe`` says on all nodes that have room for a task.

    Raises StudyError if there is none, if one does not answer, and for differences (``node.shared_by``).
    """
    nodes = [one for one in alive() if resources.room_in(one["Resources"])]
    if not nodes:
        offers = "; ".join(sorted({in_words(one["Resources"]) for one in alive()}))
        raise StudyError(f"ENGINE=ray: found tasks of {resources}, allowed: what a node has ({offers})")
    asked = []
    for one in nodes:
        there = NodeAffinitySchedulingStrategy(one["NodeID"], soft=False)
        describe = ray.remote(node.describe).options(num_cpus=0, scheduling_strategy=there)
        asked.append(describe.remote(resources.gpus))
    try:
        told = ray.get(asked, timeout=ANSWER_SECONDS)
    except RayError as error:
        raise StudyError(f"ENGINE=ray: a node does not answer: {in_a_line(error)}") from None
    names = [f"{one['NodeManagerHostname']} ({one['NodeManagerAddress']})" for one in nodes]
    expected, mistakes = node.shared_by(list(zip(names, told, strict=True)), node.describe(resources.gpus))
    if mistakes:
        raise StudyError("\n".join(mistakes))
    return expected


def in_a_line(error: Exception) -> str:
    """The first line of what Ray says, which can be many."""
    return str(error).strip().partition("\n")[0]
