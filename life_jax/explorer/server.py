"""The server of the explorer: this machine alone may ask, with the token that is in its address.

A request needs the token, a Host and, where there is one, an Origin of this server. It is answered in a thread, so that
a new structure does not hold up others; what a client neither sends nor takes for a while is dropped.
"""

import asyncio
import functools
import hmac
import json
import secrets
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import anyio.to_thread
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from life_jax.config.schema.errors import ConfigError
from life_jax.explorer import menus, page, questions, views
from life_jax.explorer.questions import Question

HOST = "127.0.0.1"
MOST_BYTES = 64 * 1024  # of a question
PATIENCE = 20.0  # s, that a client has to send a question, and to take an answer
AT_ONCE = 4  # questions that are computed; others wait
CONNECTIONS = 64
HEADERS = {
    "Content-Security-Policy": page.POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
TYPES = {".js": "text/javascript", ".css": "text/css"}

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Guard:
    """Lets only requests of this page through, and bounds how long a client may take.

    token: the first part of every path. ports: of the server, once it is known; hosts: names that it has.
    """

    def __init__(self, app: Any, token: str, hosts: frozenset[str]) -> None:
        self._app, self._token, self._hosts = app, token, hosts

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one connection of ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if scope["type"] != "http":
            return
        if refusal is not None:
            await _error(*refusal)(scope, receive, send)
            return
        scope = {**scope, "path": scope["path"][len(self._token) + 1 :], "root_path": ""}

        async def patient_receive() -> Message:
            return await asyncio.wait_for(receive(), PATIENCE)

        async def patient_send(message: Message) -> None:
            await asyncio.wait_for(send(message), PATIENCE)

        try:
            await self._app(scope, patient_receive, patient_send)
        except (TimeoutError, ClientDisconnect):
            return

    def _refusal(self, scope: Message) -> tuple[int, str] | None:
        headers = {}
        for name, value in scope["headers"]:
            if name in headers and name in (b"host", b"origin"):
                return 400, "a header is given twice"
            headers[name] = value.decode("latin-1")
        if headers.get(b"host", "").lower() not in self._hosts:
            return 403, "this server answers to its own address alone"
        origin = headers.get(b"origin")
        if origin is not None and origin.lower() not in {f"http://{host}" for host in self._hosts}:
            return 403, "this server answers its own page alone"
        if headers.get(b"sec-fetch-site", "none") not in ("none", "same-origin"):
            return 403, "this server answers its own page alone"
        first = scope["path"].split("/")[1] if "/" in scope["path"] else ""
        if not hmac.compare_digest(first.encode(), self._token.encode()):
            return 403, "the token is missing: please open the address that life-jax explore printed"
        return None


def _error(status: int, line: str, more: tuple[str, ...] = ()) -> Response:
    return _headed(JSONResponse({"error": line, "more": list(more)}, status))


def _headed(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response


def _json(content: Any) -> Response:
    text = json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return _headed(Response(text, media_type="application/json"))


class Explorer:
    """The answers of the server. start: question of the command line; files: names of files in it."""

    def __init__(self, start: Question, files: frozenset[str]) -> None:
        self._start, self._files = start, files
        self._limit = anyio.CapacityLimiter(AT_ONCE)

    def routes(self) -> list[Route]:
        """Paths behind the token."""
        fixed = [Route(f"/{name}", self._asset(name)) for name in (*page.SCRIPTS, page.STYLE)]
        return [
            Route("/", self._page), *fixed, Route("/menus", self._menus), Route("/machine", self._machine),
            Route("/{view}", self._answer, methods=["POST"]),
        ]  # fmt: skip

    async def _page(self, request: Request) -> Response:
        return _headed(Response(page.served(), media_type="text/html"))

    def _asset(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            return _headed(Response(page.asset(name), media_type=TYPES[name[name.rindex(".") :]]))

        return respond

    async def _menus(self, request: Request) -> Response:
        return _json(await self._computed(menus.menus, self._start))

    async def _machine(self, request: Request) -> Response:
        return _json(await self._computed(menus.machine))

    async def _computed(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await anyio.to_thread.run_sync(functools.partial(function, *arguments), limiter=self._limit)

    async def _answer(self, request: Request) -> Response:
        try:
            content = _parsed(await _body(request))
            question = questions.read(content.get("question"), self._files, self._start.base)
            view = request.path_params["view"]
            return _json(await self._computed(_answered, view, question, content.get("settings") or {}))
        except ConfigError as error:
            return _error(400, str(error), error.more)
        except (TimeoutError, ClientDisconnect):
            raise
        except OverflowError:
            return _error(400, "a number is too large to compute with")
        except Exception:
            traceback.print_exc(file=sys.stderr)
            return _error(500, "a fault of life_jax: its terminal has the traceback")


def _answered(view: str, question: Question, settings: Any) -> dict[str, Any]:
    return views.answer(view, menus.settled(question), settings)


async def _body(request: Request) -> bytes:
    """The body of a request of at most MOST_BYTES. Raises ConfigError for a longer one."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise ConfigError(f"a question has at most {MOST_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise ConfigError("a question is JSON: {question: {...}, settings: {...}}") from None
    if not isinstance(content, dict):
        raise ConfigError("a question is JSON: {question: {...}, settings: {...}}")
    return content


def application(start: Question, files: frozenset[str], token: str, hosts: frozenset[str]) -> Guard:
    """The ASGI application. hosts: what the Host header may be, with the port."""
    return Guard(Starlette(routes=Explorer(start, files).routes()), token, hosts)


def run(start: Question, files: frozenset[str], port: int, ready: Callable[[str], None]) -> None:
    """Serve until interrupted. port: 0 for any that is free; ready: told the address. Raises OSError for a port that is
    taken."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listening.bind((HOST, port))
        listening.listen(CONNECTIONS)  # so that the address answers as soon as it is told
        port = listening.getsockname()[1]
        token = secrets.token_urlsafe(24)
        hosts = frozenset({f"{HOST}:{port}", f"localhost:{port}"})
        config = uvicorn.Config(
            application(start, files, token, hosts), log_level="error", access_log=False, limit_concurrency=CONNECTIONS,
            timeout_keep_alive=30, timeout_graceful_shutdown=2, server_header=False, lifespan="off", ws="none",
            h11_max_incomplete_event_size=16 * 1024, loop="asyncio", http="h11",
        )  # fmt: skip
        ready(f"http://{HOST}:{port}/{token}/")
        uvicorn.Server(config).run(sockets=[listening])
