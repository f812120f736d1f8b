"""Pulling: only what lacks, whatever happens on the way, and the same bytes in the end."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from faulty_proxy import Faulty, Request
from hostcast.errors import HostcastError
from hostcast.files import write_json, write_parquet
from hostcast.params import Params
from hostcast.telemetry import prepare
from node_history import asked

ROOT = Path(__file__).parents[2]
STORE = Path("data/pulled/prometheus")
DAY = 288
LOAD = {"base__target_metrics": ["load_average"]}


def outcome(params: Params) -> dict[str, str]:
    """SHA-256 of what prepare writes; the address differs between tests, and nothing else may."""
    prepared = prepare(params)
    told = prepared.quality["prometheus"]
    assert told["url"] == params.prepare.prometheus.url
    told["url"] = ""
    write_parquet(Path("out/telemetry.parquet"), prepared.telemetry)
    write_json(Path("out/quality.json"), prepared.quality)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path("out").iterdir()}


def stored() -> dict[str, str]:
    """SHA-256 of each file of the store, by column and name."""
    return {
        f"{path.parent.name.rsplit('-', 1)[0]}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(STORE.rglob("*"))
        if path.is_file() and path.name != "query.json"
    }


def steps(request: Request) -> range:
    """The ends of the steps that were asked for, in steps of five minutes."""
    assert request.form["step"] == "300.000"
    first, last = (round(float(request.form[key])) // 300 for key in ("start", "end"))
    return range(first, last + 1)


def asked_for(proxy: Faulty) -> list[int]:
    """All steps that were asked for, sorted."""
    return sorted(step for request in proxy.seen for step in steps(request))


@pytest.fixture(scope="module")
def smooth(url, tmp_path_factory):
    """Outcome and store of a pull that nothing disturbed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("smooth"))
        return outcome(asked(url)), stored()


def test_a_moved_end_or_start_pulls_what_is_new_and_nothing_else(url, smooth) -> None:
    with Faulty(url) as proxy:
        prepare(asked(proxy.url, {"start": "2025-01-06T12:00", "end": "2025-01-07"}, **LOAD))
        before = asked_for(proxy)
        assert len(before) == DAY // 2
        prepare(asked(proxy.url, {"start": "2025-01-06T12:00", "end": "2025-01-07T03:20"}, **LOAD))
        assert len(asked_for(proxy)) == DAY // 2 + 40
        whole = outcome(asked(proxy.url))
        own = [step for request in proxy.seen if "load1" in request.form["query"] for step in steps(request)]
        assert len(own) == len(set(own)) == 2 * DAY
        count = len(proxy.seen)
        # the way back needs nothing either
        prepare(asked(proxy.url, {"start": "2025-01-06T12:00", "end": "2025-01-07"}, **LOAD))
        assert len(proxy.seen) == count
    assert whole == smooth[0]


def test_another_query_step_or_server_label_shares_nothing(url) -> None:
    prepare(asked(url, **LOAD))
    for changed in (
        asked(url, {"selector": 'job="node"'}, **LOAD),
        asked(url, base__freq="10min", **LOAD),
        asked(url, static=["role"], **LOAD),
    ):
        count = len(list(STORE.iterdir()))
        prepare(changed)
        assert len(list(STORE.iterdir())) == count + 1


def test_a_full_store_needs_no_server(server_of, smooth) -> None:
    with server_of() as server:
        params = asked(server.url)
        assert outcome(params) == smooth[0]
    assert outcome(params) == smooth[0]


@pytest.mark.parametrize("chunk_steps", [1, 77, 11_000])
def test_the_length_of_chunks_changes_no_byte(chunk_steps, url) -> None:
    usual, span = {}, {"end": "2025-01-06T16:00"}
    for length in (100, chunk_steps):
        params = asked(url, span)
        runtime = params.runtime.prometheus.model_copy(update={"chunk_steps": length, "concurrency": 3})
        params = params.model_copy(
            update={"runtime": params.runtime.model_copy(update={"prometheus": runtime})}
        )
        usual[length] = outcome(params)
        for path in STORE.rglob("*.parquet"):
            path.unlink()
    assert usual[100] == usual[chunk_steps]


def test_more_steps_than_prometheus_gives_at_once_come_in_several_requests(url) -> None:
    with Faulty(url) as proxy:
        query = {"queries": {"load_average": "node_load1"}}
        usual = {"base__freq": "10s", "runtime__prometheus": runtime(chunk_steps=11_000)}
        params = asked(proxy.url, query, **usual, **LOAD)
        prepare(params)
    lengths = [float(seen.form["end"]) - float(seen.form["start"]) for seen in proxy.seen]
    assert len(lengths) >= 2 and max(lengths) <= 10_999 * 10


def runtime(**changes: object) -> dict[str, object]:
    """runtime.prometheus with changes."""
    own = asked("http://localhost").runtime.prometheus.model_dump()
    return own | {"backoff": 0.001} | changes


def unavailable(handler) -> None:
    handler.say(503, b"Service Unavailable", Retry_After="0")


def too_many_requests(handler) -> None:
    handler.say(429, b"slow down")


def garbage(handler) -> None:
    handler.say(200, b"<html>please log in</html>")


def of_another_form(handler) -> None:
    handler.say(200, json.dumps({"status": "success", "data": {"result": [{"values": 3}]}}).encode())


def of_other_instants(handler) -> None:
    series = {"metric": {"instance": "a"}, "values": [[1736121601.5, "1"]]}
    handler.say(200, json.dumps({"status": "success", "data": {"result": [series]}}).encode())


def in_part(handler) -> None:
    content = {"status": "success", "warnings": ["store 2 is down"], "data": {"result": []}}
    handler.say(200, json.dumps(content).encode())


def truncated(handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"status": "succ')
    handler.close_connection = True


def hung_up(handler) -> None:
    handler.close_connection = True


# seconds that an answer may take where one takes longer; the others must not, however busy the machine is
SHORT = 4.0


def slow(handler) -> None:
    time.sleep(1.5 * SHORT)
    unavailable(handler)


def trickling(handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    handler.close_connection = True
    with suppress(OSError):
        # each byte comes in time, and all of them never
        while True:
            handler.wfile.write(b" ")
            time.sleep(0.1)


def query_timeout(handler) -> None:
    handler.say(503, b'{"status": "error", "errorType": "timeout", "error": "query timed out"}')


FAULTS = [
    unavailable,
    too_many_requests,
    garbage,
    of_another_form,
    of_other_instants,
    in_part,
    truncated,
    hung_up,
    slow,
    trickling,
    query_timeout,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_what_passes_is_waited_for(fault, url, smooth) -> None:
    # not twice in a row: one request that is too slow twice would be halved
    with Faulty(url, [fault, None, None, None, None, fault]) as proxy:
        timeout = SHORT if fault in (slow, trickling) else 60.0
        params = asked(proxy.url, runtime__prometheus=runtime(chunk_steps=100, timeout=timeout))
        assert outcome(params) == smooth[0]
    assert stored() == smooth[1]
    assert len(proxy.seen) == len(smooth[1]) + 2


@pytest.mark.parametrize("fault", [unavailable, garbage, hung_up, in_part], ids=lambda fault: fault.__name__)
def test_what_does_not_pass_is_an_error_in_the_end_and_what_came_is_kept(fault, url, smooth) -> None:
    with Faulty(url, [None] * 5 + [fault] * 100) as proxy:
        params = asked(proxy.url, runtime__prometheus=runtime(chunk_steps=100, retries=3))
        with pytest.raises(HostcastError, match=r"\(4 times in a row\)") as caught:
            prepare(params)
        assert "what was pulled is kept" in caught.value.remedy
        kept = len(stored())
        assert 1 <= kept <= 5
        proxy.faults.clear()
        count = len(proxy.seen)
        assert outcome(params) == smooth[0]
        assert len(proxy.seen) - count == len(smooth[1]) - kept


def test_nobody_there_is_a_clear_error() -> None:
    params = asked("http://localhost:9", runtime__prometheus=runtime(retries=1))
    with pytest.raises(HostcastError, match="can't be reached or broke off") as caught:
        prepare(params)
    assert "http://localhost:9" in caught.value.problem and "prepare.prometheus.url" in caught.value.remedy


def test_a_name_that_no_machine_can_have_is_a_clear_error() -> None:
    with pytest.raises(HostcastError, match="is no address") as caught:
        prepare(asked("http://monitoring..example:9090"))
    assert "prepare.prometheus.url" in caught.value.remedy


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("http://me:secret@no host:1", "its proxy is no address"),
        ("http://", "its proxy is no address"),
        ("http://me:secret@localhost:9", "by way of HTTP_PROXY"),
    ],
)
def test_a_proxy_that_is_at_fault_is_named_without_its_password(proxy, said, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(HostcastError, match=said) as caught:
        prepare(asked("http://monitoring.example:9090", runtime__prometheus=runtime(retries=0)))
    assert "secret" not in str(caught.value)


def test_the_waits_grow_are_bounded_and_come_out_the_same_each_time() -> None:
    from hostcast.telemetry.prometheus.access import access_from
    from hostcast.telemetry.prometheus.client import Client

    params = asked("http://localhost:9", runtime__prometheus=runtime(backoff=0.5))

    def waits(seed: int) -> list[float]:
        client = Client(
            "http://x", access_from({}), params.runtime.prometheus, seed=seed, stop=threading.Event()
        )
        return [client._wait("query", attempt, 0) for attempt in range(12)]

    assert waits(1) == waits(1) != waits(2)
    assert all(0.5 * 2**n / 2 <= wait <= 0.5 * 2**n for n, wait in enumerate(waits(1)) if n < 6)
    assert max(waits(1)) <= 30
    client = Client("http://x", access_from({}), params.runtime.prometheus, seed=1, stop=threading.Event())
    assert client._wait("query", 10**6, 0) <= 30


def test_a_server_that_restarts_in_the_middle_of_a_pull_is_waited_for(server_of, smooth) -> None:
    with server_of() as server, Faulty(server.url) as proxy:

        def restart(request: Request) -> None:
            if len(proxy.seen) == 9:
                server.stop(kill=True)
                server.start()

        proxy.before = restart
        params = asked(proxy.url, runtime__prometheus=runtime(chunk_steps=100, backoff=0.2))
        assert outcome(params) == smooth[0]
    assert stored() == smooth[1]


def test_what_is_too_much_for_the_server_is_asked_for_in_parts(server_of, smooth) -> None:
    with server_of("--query.max-samples=400") as server:
        assert outcome(asked(server.url)) == smooth[0]
    assert len(stored()) > len(smooth[1])


def test_an_answer_too_large_or_twice_too_slow_is_asked_for_in_parts(url) -> None:
    query = {"queries": {"load_average": "node_load1 / 7e3"}, "end": "2025-01-06T03:00"}
    big = asked(
        url, query, base__freq="1s", runtime__prometheus=runtime(chunk_steps=10_800, answer_mib=1), **LOAD
    )
    prepare(big)
    assert len(stored()) == 2
    with Faulty(url, [query_timeout] * 2) as proxy:
        prepare(asked(proxy.url, query, runtime__prometheus=runtime(concurrency=1, chunk_steps=36), **LOAD))
    assert [len(steps(request)) for request in proxy.seen] == [36, 36, 18, 18]


def test_even_one_step_may_be_too_much(server_of) -> None:
    params = {"end": "2025-01-06T01:00"}
    with server_of("--query.max-samples=2") as server, pytest.raises(HostcastError, match="even one step"):
        prepare(asked(server.url, params))


@pytest.mark.parametrize("spoil", ["flip", "truncate", "empty", "foreign"])
def test_a_damaged_file_of_the_store_is_pulled_again(spoil, url, smooth) -> None:
    with Faulty(url) as proxy:
        assert outcome(asked(proxy.url)) == smooth[0]
        path = sorted(STORE.rglob("*.parquet"))[3]
        content = bytearray(path.read_bytes())
        content[len(content) // 3] ^= 16
        cut = {"flip": bytes(content), "truncate": bytes(content[:-40]), "empty": b"", "foreign": b""}[spoil]
        path.write_bytes(cut)
        if spoil == "foreign":
            write_parquet(path, pd.DataFrame({"x": [1]}))
        count = len(proxy.seen)
        assert outcome(asked(proxy.url)) == smooth[0]
        assert len(proxy.seen) == count + 1
    assert stored() == smooth[1]


SCRIPT = """
import sys
from hostcast.params import load_params
from hostcast.telemetry import prepare
prepare(load_params())
"""


@pytest.mark.parametrize(
    ("kill_at", "how"),
    [
        (1, signal.SIGKILL),
        (4, signal.SIGKILL),
        (11, signal.SIGKILL),
        (24, signal.SIGKILL),
        (9, signal.SIGINT),
    ],
)
def test_a_pull_killed_anywhere_goes_on_where_it_was(kill_at, how, url, smooth) -> None:
    reached, go_on = threading.Event(), threading.Event()

    with Faulty(url) as proxy:

        def hold(request: Request) -> None:
            if len(proxy.seen) >= kill_at and not go_on.is_set():
                reached.set()
                go_on.wait(300)

        proxy.before = hold
        params = asked(proxy.url, runtime__prometheus=runtime(chunk_steps=100))
        # JSON is YAML
        write_json(Path("params.yaml"), params.model_dump())
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            # where the tests run in the background, a shell may have them ignore it
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        assert reached.wait(300)
        process.send_signal(how)
        # the server does not answer until the process has ended
        assert process.wait(timeout=300) != 0
        go_on.set()
        kept, count = stored(), len(proxy.seen)
        whole = {name for name in kept if name.endswith(".parquet")}
        assert len(smooth[1]) > len(whole) >= kill_at - 4
        assert all(kept[name] == smooth[1][name] for name in whole)
        assert outcome(params) == smooth[0]
        assert len(proxy.seen) - count == len(smooth[1]) - len(whole)
    assert stored() == smooth[1]


def test_what_a_killed_process_left_half_written_is_removed(url, smooth) -> None:
    prepare(asked(url, {"end": "2025-01-07"}))
    left = next(STORE.iterdir()) / ".20250107T000000Z_20250108T000000Z.parquet.abc.tmp"
    left.write_bytes(b"half")
    assert outcome(asked(url)) == smooth[0]
    assert not left.exists()


def test_two_processes_pull_nothing_twice(url, smooth) -> None:
    with Faulty(url) as proxy:
        params = asked(proxy.url)
        write_json(Path("params.yaml"), params.model_dump())
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        both = [subprocess.Popen([sys.executable, "-c", SCRIPT], env=environment) for _ in range(2)]
        assert [process.wait(timeout=300) for process in both] == [0, 0]
    assert len(proxy.seen) == len(smooth[1])
    assert stored() == smooth[1]
