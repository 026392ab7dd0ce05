"""The image's steps without Docker: done in a folder, and what comes of them used on a real broker."""

import asyncio
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processor.broker.ports import free_port
from tests.deploy.dockerfile import Stage, build, stages
from tests.deploy.tools import DEPLOY, ROOT, lacking, run
from tests.records import event, uuid_of
from tests.stream import Stream
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(900)  # dozens of packages are fetched and installed

BUILD, FINAL = stages(DEPLOY / "Dockerfile")
USER = "10001"
# Another user, no right to write, a root that is read-only; reading is allowed, since the interpreter of a
# test may lie in a folder of another user, which that of the image does not.
SEALED = (
    'mount -o remount,bind,ro / && exec setpriv --reuid "$0" --regid "$0" --clear-groups --no-new-privs '
    "--inh-caps=-all,+dac_read_search --ambient-caps=+dac_read_search --bounding-set=-all,+dac_read_search "
    '"$@"'
)


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """The folder in which the build stage was done."""
    with tempfile.TemporaryDirectory(prefix="fleetfold-image-") as folder:
        Path(folder).chmod(0o755)  # the container's user is another one
        try:
            build(BUILD, Path(folder))
        except subprocess.CalledProcessError as error:
            if _index_answers():
                raise
            lacking(f"no package index in reach: {error}")
        yield Path(folder)


def _index_answers() -> bool:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "hatchling"]
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run([*command, "--dest", folder], check=False, capture_output=True).returncode == 0


def sealed() -> list[str]:
    """What makes of a command one of a container: another user, a read-only root."""
    command = ["unshare", "--mount", "sh", "-c", SEALED, USER]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        lacking(f"a read-only root needs the right to mount: {error}")
    return command


def environment(stage: Stage, image: Path, **more: str) -> dict[str, str]:
    told = {name: value.replace("/opt/", f"{image}/opt/") for name, value in stage.environment().items()}
    return {**told, **more}


def test_nothing_of_the_image_runs_as_root_or_needs_pip() -> None:
    """The last stage takes the built environment, runs nothing more, and its user is a number."""
    assert FINAL.all("USER") == [f"{USER}:{USER}"]
    assert FINAL.all("RUN") == []
    assert FINAL.all("COPY") == ["--from=build /opt/fleetfold /opt/fleetfold"]


def test_the_build_takes_only_what_it_is_sent() -> None:
    """What COPY names is let through to Docker, and nothing else is: no .git, no .env, no tests."""
    allowed = {
        line[1:]
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    sources = {source for copy in BUILD.all("COPY") for source in copy.split()[:-1]}
    assert {source.replace("/build.txt", "").replace("/image.txt", "") for source in sources} == allowed
    assert all((ROOT / source).exists() for source in sources)


def test_every_package_comes_with_its_hash() -> None:
    """No step of the image installs what is not locked."""
    installs = [step for step in BUILD.all("RUN") if " install " in step]
    assert len(installs) == 3
    assert all("--require-hashes" in step or "--no-deps --no-index /src/dist/" in step for step in installs)


def test_the_command_of_the_image(image: Path) -> None:
    """A clean environment with what is locked and our wheel, nothing else, has the command and the page."""
    told = environment(FINAL, image)
    version = subprocess.run(
        [*FINAL.command()[:1], "--version"], env=told, capture_output=True, text=True, check=True
    )
    assert version.stdout.startswith("fleetfold ")
    page = "files('processor.serve') / 'page' / 'index.html'"
    script = f"from importlib.resources import files; print(({page}).is_file())"
    python = [str(image / "opt/fleetfold/bin/python"), "-c", script]
    assert run(python) == "True\n"
    assert not (image / "opt/fleetfold/bin/pip").exists()


@pytest.mark.kafka
async def test_a_worker_of_the_image_folds(image: Path, kafka: Any, prefix: str, tmp_path: Path) -> None:
    """S14: with no right to write anywhere it folds, says that it is well, and ends well on SIGTERM."""
    stream = await Stream(kafka.bootstrap, prefix).create_topics()
    told = environment(
        FINAL,
        image,
        FLEETFOLD_BOOTSTRAP=kafka.bootstrap,
        FLEETFOLD_TOPIC_PREFIX=prefix,
        FLEETFOLD_APP_ID=stream.settings.app_id,
        FLEETFOLD_METRICS_PORT=str(free_port()),
    )
    command = [*sealed(), *FINAL.command()]
    log = tmp_path / "worker.log"
    with log.open("wb") as output:
        worker = subprocess.Popen(command, env=told, cwd="/", stdout=output, stderr=output)  # noqa: ASYNC220

    async def is_well() -> bool:
        assert worker.poll() is None, log.read_text()
        asked = await asyncio.to_thread(
            subprocess.run, FINAL.health_check(), env=told, cwd="/", capture_output=True, check=False
        )
        return asked.returncode == 0

    try:
        await eventually(is_well, 60)
        await stream.publish(event(event_id=uuid_of(1), component_id="a"))

        async def is_folded() -> bool:
            return "a" in await stream.stats()

        await eventually(is_folded, 30)
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait, 15) == 0, log.read_text()
    finally:
        worker.kill()
        worker.wait()
