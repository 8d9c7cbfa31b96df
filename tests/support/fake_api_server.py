"""An API server that lists, watches and applies as the real one does, and fails when a test asks it to.

`objects` by path; `edit` changes a spec as a user would, which raises the generation. Server-side apply
keeps what each field manager applied and shows the merger of all, lists merged by their keys. Faults:
`status_code` for every answer, `silent` watches, `cut_watches`, `forget_history` (the next watch from an
old version gets 410), `down` and `up`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from tests.support.ports import free_port

BOTS = "/apis/tradefleet.dev/v1alpha1/namespaces/{namespace}/tradingbots"
LIST_KEYS = {"pods": "name", "conditions": "type", "latches": "id"}


class FakeApiServer:
    """One server on a loopback port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.objects: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.applied: dict[str, dict[str, dict[str, Any]]] = {}
        self.status_code = 200
        self.silent = False
        self.bookmark_s = 5.0
        self._version = 100
        self._events: list[tuple[int, str, str, dict[str, Any]]] = []
        self._oldest = 0
        self._watches: list[asyncio.Transport] = []
        self._news = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    # ---- what a test does

    async def up(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def down(self) -> None:
        self.cut_watches()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def cut_watches(self) -> None:
        """Without a word, as when a server dies."""
        for transport in list(self._watches):
            transport.abort()

    def forget_history(self) -> None:
        self._oldest = self._version
        self._events.clear()

    async def create(self, path: str, kind: str, spec: Mapping[str, Any], **metadata: Any) -> None:
        namespace, name = path.split("/")[5], path.rpartition("/")[2]
        self.objects[path] = {
            "apiVersion": "tradefleet.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "generation": 1}
            | metadata,
            "spec": dict(spec),
        }
        await self._changed(path, "ADDED")

    async def edit(self, path: str, spec: Mapping[str, Any]) -> int:
        """Replace the spec; the new generation."""
        found = self.objects[path]
        found["spec"] = dict(spec)
        found["metadata"]["generation"] += 1
        await self._changed(path, "MODIFIED")
        return int(found["metadata"]["generation"])

    async def delete(self, path: str) -> None:
        await self._changed(path, "DELETED")
        del self.objects[path]

    def status(self, path: str) -> dict[str, Any]:
        return dict(self.objects[path].get("status", {}))

    def kubeconfig(self, folder: Path) -> Path:
        file = folder / "kubeconfig"
        file.write_text(
            json.dumps(
                {
                    "current-context": "fake",
                    "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
                    "clusters": [{"name": "fake", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
                    "users": [{"name": "fake", "user": {"token": "t"}}],
                }
            )
        )
        return file

    # ---- what a client sees

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path, dict(request.query)))
        if self.status_code != 200:
            return _refusal(self.status_code, "the test wants it so")
        if request.method == "PATCH":
            return await self._apply(request)
        if request.query.get("watch") == "true":
            return await self._watch(request)
        found = self.objects.get(request.path)
        if found is not None:
            return web.json_response(found)
        if request.path.rpartition("/")[2] in ("tradingbots", "symbolshards"):
            items = [item for path, item in self.objects.items() if _matches(request, path, item)]
            return web.json_response({"metadata": {"resourceVersion": str(self._version)}, "items": items})
        return _refusal(404, f"{request.path} not found")

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        version = int(request.query["resourceVersion"])
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        if version < self._oldest:
            await response.prepare(request)
            gone = {"kind": "Status", "code": 410, "message": "too old resource version"}
            await response.write(_line({"type": "ERROR", "object": gone}))
            return response
        await response.prepare(request)
        assert isinstance(request.transport, asyncio.Transport)
        self._watches.append(transport := request.transport)
        try:
            # A silent server does not end its watch in time either.
            async with asyncio.timeout(None if self.silent else float(request.query["timeoutSeconds"])):
                await self._tell(request, response, version)
        except (TimeoutError, ConnectionResetError):
            return response
        finally:
            self._watches.remove(transport)
        return response

    async def _tell(self, request: web.Request, response: web.StreamResponse, version: int) -> None:
        while not self.silent:
            for at, kind, path, item in list(self._events):
                if at > version and _matches(request, path, item):
                    await response.write(_line({"type": kind, "object": item}))
            version = self._version
            if not await self._newer_than(version):
                mark = {"metadata": {"resourceVersion": str(version)}}
                await response.write(_line({"type": "BOOKMARK", "object": mark}))
        await asyncio.sleep(3600)

    async def _newer_than(self, version: int) -> bool:
        """False when nothing has happened until a bookmark is due."""
        async with self._news:
            try:
                async with asyncio.timeout(self.bookmark_s):
                    await self._news.wait_for(lambda: self._version > version)
            except TimeoutError:
                return False
        return True

    async def _apply(self, request: web.Request) -> web.Response:
        path = request.path.removesuffix("/status")
        body = await request.json()
        manager = request.query["fieldManager"]
        if path not in self.objects:
            if path != request.path:
                return _refusal(404, f"{path} not found")
            self.objects[path] = {"metadata": {"uid": "made"}}
        of_path = self.applied.setdefault(path, {})
        of_path[manager] = body
        found = self.objects[path]
        if path == request.path:
            found.update(body | {"metadata": found["metadata"] | body["metadata"]})
        else:
            found["status"] = {}
            for applied in of_path.values():
                _merge(found["status"], applied.get("status", {}))
        await self._changed(path, "MODIFIED")
        return web.json_response(found)

    async def _changed(self, path: str, kind: str) -> None:
        async with self._news:
            self._version += 1
            item = json.loads(json.dumps(self.objects[path]))
            item["metadata"]["resourceVersion"] = str(self._version)
            self.objects[path]["metadata"]["resourceVersion"] = str(self._version)
            self._events.append((self._version, kind, path, item))
            self._news.notify_all()


@asynccontextmanager
async def fake_api_server() -> AsyncIterator[FakeApiServer]:
    """A server for the length of a block."""
    server = FakeApiServer()
    await server.up()
    try:
        yield server
    finally:
        await server.down()


def _matches(request: web.Request, path: str, item: Mapping[str, Any]) -> bool:
    if path.rpartition("/")[0] != request.path:
        return False
    metadata = item["metadata"]
    name = request.query.get("fieldSelector", "").removeprefix("metadata.name=")
    label, _, value = request.query.get("labelSelector", "").partition("=")
    return (not name or metadata["name"] == name) and (
        not label or metadata.get("labels", {}).get(label) == value
    )


def _merge(into: dict[str, Any], applied: Mapping[str, Any]) -> None:
    for name, value in applied.items():
        key = LIST_KEYS.get(name)
        if key is not None:
            merged = {item[key]: item for item in [*into.get(name, []), *value]}
            into[name] = list(merged.values())
        elif isinstance(value, dict):
            _merge(into.setdefault(name, {}), value)
        else:
            into[name] = value


def _line(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event).encode() + b"\n"


def _refusal(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "message": message}, status=code)
