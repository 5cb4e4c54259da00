"""The explorer's server: its own page alone may ask, whatever it is asked, and nobody holds up others."""

import json
import os
import socket
import threading
import time

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("httpx")
from starlette.testclient import TestClient

import life_jax
from life_jax.explorer import page, server
from life_jax.explorer.questions import Question

TOKEN, HOST = "secret-token", "127.0.0.1:8123"
QUESTION = {"question": {"hw": ["v100"], "numbers": {"prompt": 64, "batch": 1, "output": 8}}, "settings": {}}


@pytest.fixture
def client():
    app = server.application(Question(hw=("v100",)), frozenset(), TOKEN, frozenset({HOST}))
    return TestClient(app, base_url=f"http://{HOST}")


def ask(client, view="compare", content=QUESTION, **options):
    return client.post(f"/{TOKEN}/{view}", json=content, **options)


def test_an_answer_has_the_numbers_of_evaluate(client):
    row = ask(client).json()["rows"][0]
    ds = life_jax.evaluate(life_jax.load(["hw=v100", "prompt=64", "batch=1", "output=8"]))
    assert row["values"]["ttft"] == pytest.approx(float(ds.ttft.squeeze()), rel=1e-5)


def test_the_page_and_all_its_parts_are_there_and_load_nothing_else(client):
    reply = client.get(f"/{TOKEN}/")
    assert reply.status_code == 200 and "http:" not in reply.text and "https:" not in reply.text
    for name in (*page.SCRIPTS, page.STYLE):
        assert f'"{name}"' in reply.text
        part = client.get(f"/{TOKEN}/{name}")
        assert part.status_code == 200 and part.headers["x-content-type-options"] == "nosniff"
    menus = client.get(f"/{TOKEN}/menus").json()
    assert menus["initial"]["hw"] == ["v100"] and "llama3_8b" in menus["model"]


@pytest.mark.parametrize("path", ["/", "/compare", "/menus", "/wrong/", "/secret/menus", f"/{TOKEN}x/menus", "//menus"])
def test_nothing_is_answered_without_the_token(client, path):
    for reply in (client.get(path), client.post(path, json=QUESTION)):
        assert reply.status_code == 403 and "token" in reply.json()["error"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:81", "localhost", "", f"{HOST}.evil.example"])
def test_a_foreign_host_is_refused(client, host):
    assert ask(client, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": f"https://{HOST}"},
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    ],
)  # fmt: skip
def test_a_foreign_page_is_refused(client, headers):
    assert ask(client, headers=headers).status_code == 403


def test_its_own_page_is_answered(client):
    reply = ask(client, headers={"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"})
    assert reply.status_code == 200
    assert "access-control-allow-origin" not in reply.headers
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert "unsafe" not in reply.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path", ["../page.py", "..%2fpage.py", "assets/base.js", "page.py", "%2e%2e/%2e%2e/pyproject.toml", "etc/passwd"]
)
def test_no_file_of_the_machine_can_be_reached(client, path):
    assert client.get(f"/{TOKEN}/{path}").status_code in (403, 404, 405)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "JSON"), (b"[]", "JSON"), (b"[" * 60000, "JSON"), (b"{}", "object"), (b"x" * 70000, "bytes"),
        (b'{"question": {"hw": ["v10"]}}', "v100"), (b'{"question": {"hw": ["/etc/passwd"]}}', "command line"),
        (b'{"question": {"hw": ["v100"], "numbers": {"batch": 1e999}}}', "finite"),
        (b'{"question": {"hw": ["v100"], "numbers": {"batch": -1}}}', "batch"), (b"\xff\xfe", "JSON"),
    ],
)  # fmt: skip
def test_bad_input_is_an_error_of_one_line(client, body, reason):
    reply = client.post(f"/{TOKEN}/compare", content=body)
    assert reply.status_code == 400
    assert reason in reply.json()["error"] and "\n" not in reply.json()["error"]


def test_errors_are_those_of_the_command_line(client):
    with pytest.raises(life_jax.ConfigError) as error:
        life_jax.load(["hw=v10"])
    assert ask(client, content={"question": {"hw": ["v10"]}}).json() == {
        "error": str(error.value), "more": list(error.value.more),
    }  # fmt: skip


def test_a_fault_of_ours_says_so_and_tells_nothing_of_the_machine(client, monkeypatch, capsys):
    def broken(*_):
        raise RuntimeError("a folder of ours and a secret")

    monkeypatch.setattr(server.views, "answer", broken)
    reply = ask(client)
    assert reply.status_code == 500 and "secret" not in reply.text
    assert "a folder of ours and a secret" in capsys.readouterr().err


def test_this_machine_is_asked_of_the_system_once(client, monkeypatch):
    asked = []

    def device(folders):
        asked.append(1)
        return server.menus.this_machine.Machine("v100")

    monkeypatch.setattr(server.menus.this_machine, "device", device)
    server.menus.machine.cache_clear()
    content = {"question": {"hw": ["here", "a100"], "numbers": {"prompt": 64, "batch": 1, "output": 8}}}
    try:
        rows = [ask(client, content=content).json()["rows"] for _ in range(2)][-1]
    finally:
        server.menus.machine.cache_clear()
    assert [row["hw"] for row in rows] == ["v100", "a100"] and asked == [1]


def test_a_machine_that_is_none_of_ours_is_here(client):
    server.menus.machine.cache_clear()
    told = client.get(f"/{TOKEN}/machine").json()
    assert set(told) == {"label", "reason"} and (told["label"] or told["reason"])
    if told["label"]:
        content = {"question": {"hw": [told["label"]], "numbers": {"prompt": 64, "batch": 1, "output": 8}}}
        assert ask(client, content=content).json()["rows"][0]["values"]["tpot"] > 0


@pytest.fixture
def address(monkeypatch):
    """A server that listens, in a thread, with little patience."""
    monkeypatch.setattr(server, "PATIENCE", 1.0)
    told, ready = [], threading.Event()

    class Quiet(server.uvicorn.Server):
        def install_signal_handlers(self):
            """Signals belong to the main thread."""

        def run(self, sockets=None):
            told.append(self)
            super().run(sockets)

    monkeypatch.setattr(server.uvicorn, "Server", Quiet)
    addresses = []

    def serve():
        server.run(Question(hw=("v100",)), frozenset(), 0, lambda address: (addresses.append(address), ready.set()))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert ready.wait(30)
    while not (told and told[0].started):
        time.sleep(0.02)
    yield addresses[0]
    told[0].should_exit = True
    thread.join(30)
    assert not thread.is_alive()


def connection(address: str) -> tuple[socket.socket, str, str]:
    _, _, host, token, _ = address.split("/")
    name, port = host.split(":")
    assert name == "127.0.0.1"
    return socket.create_connection((name, int(port)), timeout=30), host, token


def posted(host: str, token: str, view: str, body: bytes) -> bytes:
    head = f"POST /{token}/{view} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def status(address: str) -> int:
    link, host, token = connection(address)
    with link:
        link.sendall(posted(host, token, "compare", json.dumps(QUESTION).encode()))
        text = b""
        while part := link.recv(65536):
            text += part
    return int(text.split(b" ", 2)[1])


def test_ten_clients_at_once_are_all_answered(address):
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(status(address))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert seen == [200] * 10


def test_clients_that_stop_reading_or_sending_hold_nobody_up_and_are_dropped(address):
    links = []
    for kind in range(6):
        link, host, token = connection(address)
        if kind % 2:  # promises more than it sends
            link.sendall(f"POST /{token}/compare HTTP/1.1\r\nHost: {host}\r\nContent-Length: 500\r\n\r\n{{".encode())
        else:  # asks for much and takes nothing
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            request = f"GET /{token}/menus HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
            link.sendall(request * 40)
        links.append(link)
    assert status(address) == 200
    time.sleep(2.5)  # more than its patience
    assert status(address) == 200
    for link in links:
        link.close()


def test_a_port_that_is_taken_is_an_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError):
            server.run(Question(), frozenset(), taken.getsockname()[1], lambda address: None)


def test_the_command_prints_its_address_and_ends_with_ctrl_c(tmp_path):
    import signal
    import subprocess
    import sys

    from places import ROOT

    words = [sys.executable, "-m", "life_jax.explore", "hw=v100"]
    process = subprocess.Popen(
        words, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    link = process.stdout.readline().strip()
    assert status(link) == 200
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors.split() == ["interrupted"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "reason"),
    [(["port=x"], "port=x"), (["port=70000"], "65535"), (["open=maybe"], "open="), (["hw=v10"], "v100")],
)
def test_words_that_make_no_sense_end_the_command_in_a_line(life, words, reason):
    outcome = life("explore", *words)
    assert outcome.status == 2 and reason in outcome.error and outcome.out == ""
