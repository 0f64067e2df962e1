"""A client that is awaited."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from types import TracebackType
from typing import Any

import httpx
from typing_extensions import Self, Unpack

from . import _wire
from ._wire import Arrays, OnPreview, OnProgress, Options, Request
from .errors import DuetError, ProblemError, Unreachable
from .models import Job, Listed, Motion, Preview


class AsyncClient:
    """A Duet server. Use it as a context manager, or call ``aclose``."""

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8080",
        *,
        key: str | None = None,
        timeout: float = 300.0,
        retries: int = 3,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        """``key``: an API key, where the server asks for one. ``timeout``: seconds without a byte from the server.
        ``retries``: how often a request is sent again that was refused for want of room. ``http``: a client of your own,
        which is then yours to close."""
        self._own = http is None
        self._http = http or httpx.AsyncClient(timeout=timeout)
        self._base = base_url.rstrip("/")
        self._headers = _wire.headers(key)
        self._retries = retries

    async def aclose(self) -> None:
        """Let go of the connections."""
        if self._own:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def generate(
        self,
        prompt: str,
        *,
        on_progress: OnProgress | None = None,
        preview_every: int | None = None,
        on_preview: OnPreview | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> Motion:
        """Motion for a sentence. With ``on_progress`` (steps done, steps in all) or ``on_preview`` (shown after every
        ``preview_every`` steps, 4 unless said) it is made as a job; what they raise cancels it."""
        if on_progress is None and on_preview is None:
            body = _wire.said({"prompt": prompt, **options})
            headers = _wire.order(False, idempotency_key)
            return Motion.of((await self._send("POST", "/generate", json=body, headers=headers)).json())
        every = (preview_every or 4) if on_preview else None
        job = await self.submit(prompt, idempotency_key=idempotency_key, **options)
        return await self.wait(job, on_progress=on_progress, preview_every=every, on_preview=on_preview)

    async def edit(self, kind: str, **fields: Any) -> Motion:
        """A new motion from an old one: ``parent`` and the fields of the kind, as docs/editing.md has them."""
        return Motion.of((await self._send("POST", "/edit", json={"kind": kind, **fields})).json())

    async def submit(
        self, prompt: str, *, idempotency_key: str | None = None, **options: Unpack[Options]
    ) -> Job:
        """Have a motion made without waiting for it."""
        body = _wire.said({"prompt": prompt, **options})
        headers = _wire.order(True, idempotency_key)
        return Job.of((await self._send("POST", "/generate", json=body, headers=headers)).json())

    async def job(self, job: Job | str) -> Job:
        """How a job goes."""
        return Job.of((await self._send("GET", f"/jobs/{_name(job)}")).json())

    async def cancel(self, job: Job | str) -> Job:
        """No more of it; a job that has ended stays as it is."""
        return Job.of((await self._send("DELETE", f"/jobs/{_name(job)}")).json())

    async def watch(self, job: Job | str, *, preview_every: int | None = None) -> AsyncGenerator[Job | Preview, None]:
        """The job at each change, and the motion after every ``preview_every`` steps, until it has ended."""
        query = {} if preview_every is None else {"preview": preview_every}
        events = _wire.Events()
        async with self._stream("GET", f"/jobs/{_name(job)}/events", params=query) as response:
            async for line in response.aiter_lines():
                event = events.line(line)
                if event is not None:
                    yield event

    async def wait(
        self,
        job: Job | str,
        *,
        on_progress: OnProgress | None = None,
        preview_every: int | None = None,
        on_preview: OnPreview | None = None,
    ) -> Motion:
        """The motion of a job, once it is there. Whatever interrupts the waiting cancels the job."""
        over: Job | None = None
        try:
            async with aclosing(self.watch(job, preview_every=preview_every)) as events:
                async for event in events:
                    _wire.tell(event, on_progress, on_preview)
                    if isinstance(event, Job) and event.has_ended:
                        over = event
        except DuetError:
            raise
        except BaseException:
            # What is raised is why the waiting ended; that the server could not be told comes second.
            with suppress(DuetError):
                await asyncio.shield(self.cancel(job))
            raise
        if over is None:
            raise Unreachable("the server ended the events before the job")
        return await self.motion(_wire.ended(over))

    async def batch(self, requests: Sequence[Request]) -> AsyncGenerator[tuple[int, Motion | ProblemError], None]:
        """Motions for up to 32 requests, each with its place among them, as they are done. One that fails is given as an
        exception that is not raised: the others come all the same."""
        body, lines = _wire.requests(requests), {"accept": "application/x-ndjson"}
        async with self._stream("POST", "/generate/batch", json=body, headers=lines) as response:
            async for line in response.aiter_lines():
                if line:
                    yield _wire.batch_line(json.loads(line))

    async def motion(self, id: str) -> Motion:
        """A result again, while the server keeps it."""
        return Motion.of((await self._send("GET", f"/motions/{id}")).json())

    async def motions(self, page: int = 100) -> AsyncGenerator[Listed, None]:
        """What has been made and is kept, the newest first; asked for by pages of 1 to 100 as they are needed."""
        address: str | None = f"/motions?limit={page}"
        while address is not None:
            body = (await self._send("GET", address)).json()
            for listed in body["motions"]:
                yield Listed.of(listed)
            address = body.get("next")

    async def remove(self, motion: Motion | Listed | str) -> None:
        """Remove a result and its files for good; where there are keys, only with the one that asked for it."""
        await self._send("DELETE", f"/motions/{motion if isinstance(motion, str) else motion.id}")

    async def file(self, address: str) -> bytes:
        """A file of a sample, by the address that ``Sample.files`` gives."""
        return (await self._send("GET", address)).content

    async def arrays(self, motion: Motion, sample: int = 0) -> Arrays:
        """Positions, rotations, bones, names and settings of a sample (its npz file), as numpy arrays."""
        return _wire.arrays(await self.file(motion.samples[sample].files[f"{sample:02}_motion.npz"]))

    async def models(self) -> list[dict[str, Any]]:
        """The models that requests may name."""
        models: list[dict[str, Any]] = (await self._send("GET", "/models")).json()["models"]
        return models

    async def info(self) -> dict[str, Any]:
        """Version, revision, device, digests, limits."""
        info: dict[str, Any] = (await self._send("GET", "/info")).json()
        return info

    async def is_ready(self) -> bool:
        """Whether requests would be worked on."""
        try:
            return (await self._http.get(f"{self._base}/readyz")).is_success
        except httpx.TransportError:
            return False

    async def _send(
        self, method: str, path: str, *, json: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        turn = 0
        while True:
            try:
                response = await self._http.request(
                    method, self._base + path, json=json, headers={**self._headers, **(headers or {})}
                )
            except httpx.TransportError as error:
                raise Unreachable(f"{self._base} cannot be reached: {error}") from error
            problem = _wire.problem(response)
            if problem is None:
                return response
            seconds = _wire.pause(problem, turn, self._retries)
            if seconds is None:
                raise problem
            await asyncio.sleep(seconds)
            turn += 1

    @asynccontextmanager
    async def _stream(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, int] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        every = {**self._headers, **(headers or {})}
        try:
            async with self._http.stream(
                method, self._base + path, params=params, json=json, headers=every
            ) as response:
                if response.is_error:
                    await response.aread()
                    raise _wire.problem(response) or Unreachable("no answer")
                yield response
        except httpx.TransportError as error:
            raise Unreachable(f"{self._base} cannot be reached: {error}") from error


def _name(job: Job | str) -> str:
    return job if isinstance(job, str) else job.id
