"""`tradefleet store`: a real store with a password, ended cleanly, and readable by the next start."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio
import redis.exceptions
from tests.support.ports import free_port

pytestmark = pytest.mark.process

PATIENCE_S = 40.0


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's folder: as root the database runs as nobody, who cannot enter that.
    path = Path(tempfile.mkdtemp(prefix="tradefleet-store-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def running(kind: str, folder: Path, port: int, password: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tradefleet", "store", kind, "--data", str(folder), "--port", str(port)],
        env={**os.environ, "TRADEFLEET_STORE_PASSWORD": password},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE_S) == 0


async def connected(port: int, password: str) -> asyncpg.Connection:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await asyncpg.connect(f"postgresql://tradefleet:{password}@127.0.0.1:{port}/postgres")
        except (OSError, asyncpg.CannotConnectNowError):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)


async def test_a_postgres_asks_for_the_password_and_keeps_its_rows_under_a_new_one(folder: Path) -> None:
    port = free_port()
    with running("postgres", folder, port, "the first"):
        client = await connected(port, "the first")
        await client.execute("CREATE TABLE kept (value int); INSERT INTO kept VALUES (7)")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await connected(port, "a guess")
        # The client stays: a clean stop waits for nobody.

    with running("postgres", folder, port, "it's new"):
        client = await connected(port, "it's new")
        assert await client.fetchval("SELECT value FROM kept") == 7
        with pytest.raises(asyncpg.InvalidPasswordError):
            await connected(port, "the first")
        await client.close()
    assert not (folder / "postgres" / "password").exists()


async def test_a_valkey_asks_for_the_password_and_keeps_what_was_written(tmp_path: Path) -> None:
    port = free_port()
    for begun_before in (None, b"7"):
        with running("valkey", tmp_path, port, 'quo"te'):
            client = redis.asyncio.Redis(port=port, password='quo"te')
            deadline = time.monotonic() + PATIENCE_S
            while True:
                with contextlib.suppress(redis.exceptions.ConnectionError):
                    assert await client.get("kept") == begun_before
                    break
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
            await client.set("kept", 7)
            stranger = redis.asyncio.Redis(port=port)
            with pytest.raises(redis.exceptions.AuthenticationError):
                await stranger.get("kept")
            await client.aclose()
            await stranger.aclose()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mysql", "--data", "x"), "'mysql' is no store; write postgres or valkey"),
        (("postgres", "--data", "x", "--listen", "0.0.0.0"), "set TRADEFLEET_STORE_PASSWORD"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line(arguments: tuple[str, ...], words: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tradefleet", "store", *arguments], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
