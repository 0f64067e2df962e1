"""What the server answers, as Python objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray


def _positions(persons: Sequence[Mapping[str, Any]]) -> NDArray[np.float32]:
    return np.asarray([person["positions"] for person in persons], dtype=np.float32)


@dataclass(frozen=True)
class Settings:
    """Everything that decides a result, defaults resolved."""

    frames: int
    seed: int
    samples: int
    steps: int
    guidance: float
    top_k_ratio: float
    temperature: float
    foot_fix: bool
    rigid: bool
    #: None where the request said none: as the model has it.
    memory: float | None = None


@dataclass(frozen=True)
class Sample:
    """One clip."""

    #: From 0.
    index: int
    #: Makes this sample again alone.
    seed: int
    #: (2 persons, frames, 22 joints, 3), metres, y up, both in one frame, to 0.1 mm.
    positions: NDArray[np.float32]
    #: Names of files and their addresses on the server.
    files: Mapping[str, str]


@dataclass(frozen=True)
class Motion:
    """A finished request."""

    id: str
    model: str
    prompt: str
    #: The prompt was longer than the text encoder reads.
    prompt_truncated: bool
    #: How the prompt stands to what the model was taught (near, similarity, nearest), where the model says that.
    familiarity: Mapping[str, Any] | None
    #: Frames a second.
    fps: float
    frames: int
    seconds: float
    #: Names of the joints, in the order of the positions.
    joints: tuple[str, ...]
    #: Parent of each joint, -1 for the pelvis.
    parents: tuple[int, ...]
    settings: Settings
    samples: tuple[Sample, ...]
    #: Where the time went: queue, text, tokens, decode, total.
    timings_ms: Mapping[str, float]
    #: Of an edit: the result it was made from.
    parent: str | None
    #: Of an edit: what was done, defaults resolved.
    edit: Mapping[str, Any] | None

    @staticmethod
    def of(body: Mapping[str, Any]) -> Motion:
        """From the server's JSON."""
        return Motion(
            id=body["id"],
            model=body["model"],
            prompt=body["prompt"],
            prompt_truncated=body["prompt_truncated"],
            familiarity=body.get("familiarity"),
            fps=body["fps"],
            frames=body["frames"],
            seconds=body["seconds"],
            joints=tuple(body["joints"]),
            parents=tuple(body["parents"]),
            settings=Settings(**body["settings"]),
            samples=tuple(
                Sample(sample["index"], sample["seed"], _positions(sample["persons"]), sample["files"])
                for sample in body["samples"]
            ),
            timings_ms=body["timings_ms"],
            parent=body.get("parent"),
            edit=body.get("edit"),
        )


@dataclass(frozen=True)
class Listed:
    """A result in the list, without its motion."""

    id: str
    #: When it was made.
    created: datetime
    model: str
    prompt: str
    frames: int
    seconds: float
    samples: int
    #: Of the first sample.
    seed: int
    #: Of an edit: what kind.
    kind: str | None
    #: Of an edit: the result it was made from.
    parent: str | None

    @staticmethod
    def of(body: Mapping[str, Any]) -> Listed:
        """From the server's JSON."""
        return Listed(
            id=body["id"],
            # Before Python 3.11 a Z is not read.
            created=datetime.fromisoformat(body["created"].replace("Z", "+00:00")),
            model=body["model"],
            prompt=body["prompt"],
            frames=body["frames"],
            seconds=body["seconds"],
            samples=body["samples"],
            seed=body["seed"],
            kind=body.get("kind"),
            parent=body.get("parent"),
        )


@dataclass(frozen=True)
class Preview:
    """A motion as it emerges: coarse in time and space, bones and feet not put right yet."""

    #: Decoding steps done, over all samples.
    step: int
    #: Decoding steps in all.
    steps: int
    #: Which sample is being made, from 0.
    sample: int
    #: Frames a second.
    fps: float
    #: (2 persons, frames, 22 joints, 3), metres, to the centimetre.
    positions: NDArray[np.float32]

    @staticmethod
    def of(body: Mapping[str, Any]) -> Preview:
        """From the server's JSON."""
        positions = _positions(body["persons"])
        return Preview(body["step"], body["steps"], body["sample"], body["fps"], positions)


@dataclass(frozen=True)
class Job:
    """A generation that nobody waits for on the line."""

    id: str
    #: queued, running, succeeded, failed or cancelled.
    state: str
    model: str
    prompt: str
    settings: Settings
    #: While queued: how many will be served before it.
    position: int | None
    #: While running: decoding steps done and in all.
    progress: tuple[int, int] | None
    #: Once succeeded: name of the result.
    motion: str | None
    #: Once failed: the server's problem.
    problem: Mapping[str, Any] | None

    @property
    def has_ended(self) -> bool:
        """Nothing changes any more."""
        return self.state in ("succeeded", "failed", "cancelled")

    @staticmethod
    def of(body: Mapping[str, Any]) -> Job:
        """From the server's JSON."""
        progress = body.get("progress")
        motion = body["links"].get("motion")
        return Job(
            id=body["id"],
            state=body["state"],
            model=body["model"],
            prompt=body["prompt"],
            settings=Settings(**body["settings"]),
            position=body.get("position"),
            progress=(progress["step"], progress["steps"]) if progress else None,
            motion=motion.rsplit("/", 1)[1] if motion else None,
            problem=body.get("problem"),
        )
