"""What both clients share: requests out, answers in, events and arrays read. Nothing here waits."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

import httpx
import numpy as np
from numpy.typing import NDArray

from .errors import Cancelled, ProblemError, ServerFault, from_problem
from .models import Job, Motion, Preview

OnProgress = Callable[[int, int], object]
OnPreview = Callable[[Preview], object]
Arrays = dict[str, NDArray[Any]]


class Options(TypedDict, total=False):
    """Everything about a generation but its prompt; what is left out has the server's default."""

    seconds: float
    frames: int
    seed: int
    samples: int
    steps: int
    guidance: float
    top_k_ratio: float
    temperature: float
    memory: float | None
    foot_fix: bool
    rigid: bool
    model: str


class Request(Options):
    """A member of a batch."""

    prompt: str


def headers(key: str | None) -> dict[str, str]:
    """What every request carries."""
    return {"authorization": f"Bearer {key}"} if key else {}


def order(asynchronous: bool, idempotency_key: str | None) -> dict[str, str]:
    """What a generation carries."""
    wanted = {"prefer": "respond-async"} if asynchronous else {}
    if idempotency_key is not None:
        wanted["idempotency-key"] = idempotency_key
    return wanted


def said(request: Mapping[str, object]) -> dict[str, object]:
    """A generation without what is None, which is the same as left out."""
    return {name: value for name, value in request.items() if value is not None}


def problem(response: httpx.Response) -> ProblemError | None:
    """The problem that a fully read response is, if it is one."""
    if response.status_code < 400:
        return None
    try:
        return from_problem(response.json(), response.headers)
    except (ValueError, KeyError, TypeError):
        # Something in between answered, such as a proxy.
        detail = f"the answer was {response.status_code} {response.reason_phrase}"
        return ServerFault(response.status_code, "not_duet", detail)


def pause(error: ProblemError, turn: int, retries: int) -> float | None:
    """Seconds after which to ask again; None where that is no use."""
    if turn >= retries or error.retry_after is None or error.status not in (429, 503):
        return None
    return error.retry_after


def batch_line(line: Mapping[str, Any]) -> tuple[int, Motion | ProblemError]:
    """A result of a batch."""
    if "motion" in line:
        return line["index"], Motion.of(line["motion"])
    return line["index"], from_problem(line["problem"])


def ended(job: Job) -> str:
    """Name of the result of a job that has ended; raises where there is none."""
    if job.motion is not None:
        return job.motion
    if job.problem is not None:
        raise from_problem(job.problem)
    raise Cancelled("the job was cancelled")


def arrays(npz: bytes) -> Arrays:
    """The arrays of an npz file; nothing in it is executed."""
    with np.load(io.BytesIO(npz), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def tell(event: Job | Preview, on_progress: OnProgress | None, on_preview: OnPreview | None) -> None:
    """Pass an event on."""
    if isinstance(event, Preview):
        if on_preview:
            on_preview(event)
    elif event.progress and on_progress:
        on_progress(*event.progress)


class Events:
    """Server-sent events, line by line."""

    def __init__(self) -> None:
        self._name = ""
        self._data: list[str] = []

    def line(self, line: str) -> Job | Preview | None:
        """The event that this line ends, if it ends one."""
        if line:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                self._name = value
            elif field == "data":
                self._data.append(value)
            return None
        name, data = self._name, "\n".join(self._data)
        self._name, self._data = "", []
        if not data:
            return None
        body = json.loads(data)
        return Preview.of(body) if name == "preview" else Job.of(body)


def requests(members: Sequence[Request]) -> dict[str, Any]:
    """The body of a batch."""
    return {"requests": [said(member) for member in members]}
