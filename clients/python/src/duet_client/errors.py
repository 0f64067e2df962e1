"""What can go wrong, by kind. The server's problems (RFC 9457) keep their stable code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class DuetError(Exception):
    """Whatever goes wrong here."""


class Unreachable(DuetError):
    """There is no server at this address, or it went away."""


class Cancelled(DuetError):
    """The job was cancelled."""


class ProblemError(DuetError):
    """The server's answer was a problem."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry_after: float | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(f"{detail} ({status} {code})")
        #: HTTP status.
        self.status = status
        #: Stable name of the problem.
        self.code = code
        #: For people: what to do.
        self.detail = detail
        #: Seconds after which another try is worth it.
        self.retry_after = retry_after
        #: Under which the server's log tells of it.
        self.request_id = request_id


class InvalidRequest(ProblemError):
    """The request is at fault (400, 409, 413, 415, 416, 422)."""


class NotAllowed(ProblemError):
    """A key is missing or wrong, or this host or origin may not ask (401, 403)."""


class NotFound(ProblemError):
    """No such result, job, model or address (any more) (404, 405)."""


class Busy(ProblemError):
    """Too much is waiting, or this key has used up its share; see ``retry_after`` (429)."""


class Unavailable(ProblemError):
    """The model is being loaded, the server is stopping, or it took too long (503)."""


class ServerFault(ProblemError):
    """A fault of the server; its log has the cause under ``request_id`` (500 and others)."""


def kind(status: int) -> type[ProblemError]:
    """The exception of a status."""
    if status in (401, 403):
        return NotAllowed
    if status in (404, 405):
        return NotFound
    if status == 429:
        return Busy
    if status in (408, 503):
        return Unavailable
    return InvalidRequest if status < 500 else ServerFault


def from_problem(problem: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> ProblemError:
    """The exception of a problem, as it came in a body or inside a job or a batch."""
    headers = headers or {}
    status = int(problem["status"])
    after = headers.get("retry-after")
    return kind(status)(
        status,
        str(problem["code"]),
        str(problem["detail"]),
        retry_after=float(after) if after is not None and after.isdigit() else None,
        request_id=headers.get("x-request-id"),
    )
