"""Both clients against a running server: ``DUET_URL=http://127.0.0.1:8080 python -m unittest discover clients/python/tests``.

The server has to have room (``--queue``) for a few requests; which model it has does not matter.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import unittest
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import numpy as np

import duet_client
from duet_client import AsyncClient, Client, Job, Motion, Preview

URL = os.environ["DUET_URL"]
SHORT = {"frames": 16, "steps": 4}


class Twins(unittest.TestCase):
    def test_one_client_is_made_from_the_other(self) -> None:
        derive = Path(__file__).parent.parent / "derive.py"
        self.assertEqual(subprocess.run([sys.executable, derive, "--check"]).returncode, 0, "run derive.py")


class Sync(unittest.TestCase):
    def setUp(self) -> None:
        self.duet = Client(URL)
        self.addCleanup(self.duet.close)

    def test_a_sentence_becomes_arrays(self) -> None:
        motion = self.duet.generate("two people dance", seed=7, samples=2, **SHORT)
        self.assertEqual((motion.frames, motion.fps, len(motion.joints)), (16, 30.0, 22))
        self.assertEqual((motion.settings.seed, motion.settings.samples), (7, 2))
        for sample in motion.samples:
            self.assertEqual(sample.positions.shape, (2, 16, 22, 3))
            self.assertEqual(sample.positions.dtype, np.float32)
            self.assertTrue(np.isfinite(sample.positions).all())
        again = self.duet.generate("two people dance", seed=7, samples=2, **SHORT)
        np.testing.assert_array_equal(again.samples[1].positions, motion.samples[1].positions)
        kept = self.duet.motion(motion.id)
        np.testing.assert_array_equal(kept.samples[0].positions, motion.samples[0].positions)

    def test_files(self) -> None:
        motion = self.duet.generate("they bow", seed=1, samples=2, **SHORT)
        arrays = self.duet.arrays(motion, sample=1)
        self.assertEqual(arrays["rotations"].shape, (2, 16, 22, 4))
        self.assertLess(np.abs(arrays["positions"] - motion.samples[1].positions).max(), 1e-4)
        self.assertEqual(int(arrays["seed"]), motion.samples[1].seed)
        scene = self.duet.file(motion.samples[0].files["00_motion.glb"])
        self.assertEqual(scene[:4], b"glTF")

    def test_progress_and_previews(self) -> None:
        # The one ahead holds the model until somebody watches the other.
        ahead = self.duet.submit("they walk", samples=8, frames=300, steps=64)
        job = self.duet.submit("they turn around each other", frames=300, steps=40, seed=3)
        steps: list[tuple[int, int]] = []
        previews: list[Preview] = []
        for event in self.duet.watch(job, preview_every=2):
            self.duet.cancel(ahead)
            if isinstance(event, Preview):
                previews.append(event)
            elif event.progress:
                steps.append(event.progress)
        self.assertTrue(steps and steps == sorted(steps) and {of for _, of in steps} == {40})
        self.assertTrue(previews)
        for preview in previews:
            self.assertEqual((preview.positions.shape, preview.step % 2), ((2, 75, 22, 3), 0))
        seen: list[int] = []
        motion = self.duet.generate(
            "they turn around each other",
            frames=300,
            steps=40,
            seed=3,
            on_progress=lambda done, of: seen.append(done),
            on_preview=previews.append,
        )
        self.assertEqual((motion.frames, seen), (300, sorted(seen)))
        watched = self.duet.wait(job)
        np.testing.assert_array_equal(watched.samples[0].positions, motion.samples[0].positions)

    def test_jobs(self) -> None:
        job = self.duet.submit("they walk", samples=8, frames=300, steps=64)
        self.assertIn(job.state, ("queued", "running"))
        self.assertEqual(self.duet.cancel(job).state, "cancelled")
        with self.assertRaises(duet_client.Cancelled):
            self.duet.wait(job)
        key = str(uuid.uuid4())
        first = self.duet.submit("they walk", idempotency_key=key, **SHORT)
        self.assertEqual(self.duet.submit("they walk", idempotency_key=key, **SHORT).id, first.id)
        self.assertIsInstance(self.duet.wait(first), Motion)
        self.assertTrue(self.duet.job(first).has_ended)
        last = list(self.duet.watch(first))[-1]
        self.assertTrue(isinstance(last, Job) and last.state == "succeeded")

    def test_what_a_callback_raises_cancels_the_job(self) -> None:
        class Enough(Exception):
            pass

        jobs: list[Job] = []
        submit = self.duet.submit

        def kept(*args: object, **options: object) -> Job:
            jobs.append(submit(*args, **options))  # type: ignore[arg-type]
            return jobs[-1]

        self.duet.submit = kept  # type: ignore[assignment,method-assign]

        def enough(done: int, of: int) -> None:
            raise Enough

        with self.assertRaises(Enough):
            self.duet.generate("they walk", samples=8, frames=300, steps=64, on_progress=enough)
        self.assertEqual(self.duet.job(jobs[0]).state, "cancelled")

    def test_batches(self) -> None:
        asked = [{"prompt": "they hug", "seed": 5, **SHORT}, {"prompt": ""}, {"prompt": "they box", **SHORT}]
        results = dict(self.duet.batch(asked))
        self.assertEqual(sorted(results), [0, 1, 2])
        self.assertIsInstance(results[1], duet_client.InvalidRequest)
        self.assertEqual(results[1].code, "invalid_prompt")
        alone = self.duet.generate("they hug", seed=5, **SHORT)
        np.testing.assert_array_equal(results[0].samples[0].positions, alone.samples[0].positions)
        with self.assertRaises(duet_client.InvalidRequest) as refused:
            list(self.duet.batch([]))
        self.assertEqual(refused.exception.code, "invalid_requests")

    def test_edits(self) -> None:
        motion = self.duet.generate("they stand", seed=2, **SHORT)
        moved = self.duet.edit("move", parent=motion.id, person=1, shift=[0.5, 0.0])
        self.assertEqual(moved.parent, motion.id)
        by = moved.samples[0].positions[0] - motion.samples[0].positions[0]
        np.testing.assert_allclose(by[..., 0], 0.5, atol=2e-3)

    def test_results_are_listed_and_removed(self) -> None:
        made = [self.duet.generate("they list", seed=seed, **SHORT).id for seed in range(3)]
        newest = [listed for listed, _ in zip(self.duet.motions(page=1), range(3))]
        self.assertEqual([listed.id for listed in newest], made[::-1])
        first = newest[0]
        self.assertEqual((first.prompt, first.frames, first.seed, first.parent), ("they list", 16, 2, None))
        self.assertIsNotNone(first.created.tzinfo)
        self.duet.remove(first)
        self.duet.remove(made[0])
        left = [listed.id for listed in self.duet.motions() if listed.id in made]
        self.assertEqual(left, [made[1]])
        for gone in (self.duet.motion, self.duet.remove):
            with self.assertRaises(duet_client.NotFound) as refused:
                gone(first.id)
            self.assertEqual(refused.exception.code, "unknown_motion")

    def test_what_runs_there(self) -> None:
        self.assertTrue(self.duet.is_ready())
        self.assertTrue(any(model["default"] for model in self.duet.models()))
        self.assertIn("version", self.duet.info())

    def test_problems_are_exceptions(self) -> None:
        with self.assertRaises(duet_client.InvalidRequest) as bad:
            self.duet.generate("")
        self.assertEqual((bad.exception.status, bad.exception.code), (400, "invalid_prompt"))
        self.assertTrue(bad.exception.request_id)
        with self.assertRaises(duet_client.NotFound) as gone:
            self.duet.motion("0" * 32)
        self.assertEqual(gone.exception.code, "unknown_motion")
        with self.assertRaises(duet_client.NotFound):
            list(self.duet.watch("0" * 32))
        with self.assertRaises(duet_client.InvalidRequest):
            self.duet.generate("walk", samples=9)
        nobody = Client("http://127.0.0.1:9")
        self.assertFalse(nobody.is_ready())
        with self.assertRaises(duet_client.Unreachable):
            nobody.generate("walk")


class Async(unittest.IsolatedAsyncioTestCase):
    async def test_the_same_awaited(self) -> None:
        async with AsyncClient(URL) as duet:
            motion = await duet.generate("two people dance", seed=7, **SHORT)
            self.assertEqual(motion.samples[0].positions.shape, (2, 16, 22, 3))
            steps: list[int] = []
            job_made = await duet.generate(
                "two people dance", seed=7, on_progress=lambda done, of: steps.append(done), **SHORT
            )
            np.testing.assert_array_equal(job_made.samples[0].positions, motion.samples[0].positions)
            results = [pair async for pair in duet.batch([{"prompt": "they hug", **SHORT}, {"prompt": ""}])]
            self.assertEqual(sorted(index for index, _ in results), [0, 1])
            listed = [listed.id async for listed in duet.motions()]
            self.assertIn(motion.id, listed)
            await duet.remove(motion)
            with self.assertRaises(duet_client.NotFound):
                await duet.motion(motion.id)
            arrays = await duet.arrays(job_made)
            self.assertEqual(arrays["positions"].shape, (2, 16, 22, 3))
            with self.assertRaises(duet_client.InvalidRequest):
                await duet.generate("")
            job = await duet.submit("they walk", samples=8, frames=300, steps=64)
            self.assertEqual((await duet.cancel(job)).state, "cancelled")
            with self.assertRaises(duet_client.Cancelled):
                await duet.wait(job)
            self.assertTrue(await duet.is_ready())


class Busy(BaseHTTPRequestHandler):
    """Refuses a few times, as a full server does."""

    left = 2

    def do_GET(self) -> None:
        Busy.left -= 1
        body = b'{"version":"1"}'
        status = 200
        if Busy.left >= 0:
            status, body = 429, b'{"status":429,"code":"queue_full","detail":"wait"}'
        self.send_response(status)
        self.send_header("retry-after", "0")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Retries(unittest.TestCase):
    def test_a_full_server_is_asked_again(self) -> None:
        server = HTTPServer(("127.0.0.1", 0), Busy)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        url = f"http://127.0.0.1:{server.server_port}"
        Busy.left = 2
        with Client(url, http=httpx.Client()) as duet:
            self.assertEqual(duet.info(), {"version": "1"})
        Busy.left = 2
        with Client(url, retries=1) as duet, self.assertRaises(duet_client.Busy) as refused:
            duet.info()
        self.assertEqual((refused.exception.code, refused.exception.retry_after), ("queue_full", 0.0))


if __name__ == "__main__":
    unittest.main()
