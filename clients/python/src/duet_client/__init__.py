"""Client of the Duet server: from a sentence to the 3D motion of two interacting people."""

from .aio import AsyncClient
from .client import Client
from .errors import (
    Busy,
    Cancelled,
    DuetError,
    InvalidRequest,
    NotAllowed,
    NotFound,
    ProblemError,
    ServerFault,
    Unavailable,
    Unreachable,
)
from .models import Job, Listed, Motion, Preview, Sample, Settings

__all__ = [
    "AsyncClient",
    "Busy",
    "Cancelled",
    "Client",
    "DuetError",
    "InvalidRequest",
    "Job",
    "Listed",
    "Motion",
    "NotAllowed",
    "NotFound",
    "Preview",
    "ProblemError",
    "Sample",
    "ServerFault",
    "Settings",
    "Unavailable",
    "Unreachable",
]
