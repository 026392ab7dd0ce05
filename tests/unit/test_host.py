"""Who a host is, and which zone and distribution it has."""

import platform
from pathlib import Path

import pytest

from processor.publish.host import PUBLIC_SALT, HostError, distribution_of, hash_host, host_id_from
from processor.publish.zone import ZoneError, zone_of
from schemas import HOST_ID_MAX

MACHINE_ID = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    path = tmp_path / "machine-id"
    path.write_text(MACHINE_ID + "\n")
    return path


def test_hash_of_the_machine(machine: Path) -> None:
    """The host id is stable, does not hold the machine's id, and is that of the public salt by default."""
    host = host_id_from(environment={}, files=[machine])
    assert host == host_id_from(environment={"FLEETFOLD_HOST_SALT": PUBLIC_SALT}, files=[machine])
    assert len(host) == 32
    assert host not in MACHINE_ID
    assert MACHINE_ID not in host


def test_salt_changes_the_host(machine: Path) -> None:
    """A secret salt gives ids that nobody else can make from the machine's id."""
    secret = host_id_from(environment={"FLEETFOLD_HOST_SALT": "secret"}, files=[machine])
    assert secret != host_id_from(environment={}, files=[machine])


def test_given_before_environment_before_machine(machine: Path) -> None:
    """A host on the command line wins over FLEETFOLD_HOST_ID, and that over the machine's."""
    environment = {"FLEETFOLD_HOST_ID": "env"}
    assert host_id_from("given", environment, [machine], plain=True) == "given"
    assert host_id_from(None, environment, [machine], plain=True) == "env"
    assert host_id_from(None, environment | {"FLEETFOLD_PLAIN_HOST": "true"}, [machine]) == "env"


def test_given_names_are_hashed_too(machine: Path) -> None:
    """A name says which machine it is, whoever gave it: by default only its hash is published."""
    environment = {"FLEETFOLD_HOST_ID": "env", "FLEETFOLD_HOST_SALT": "salt"}
    assert host_id_from("given", environment, [machine]) == hash_host("given", "salt")
    assert host_id_from(None, environment, [machine]) == hash_host("env", "salt")
    assert "env" not in hash_host("env", "salt")


def test_plain_without_a_name_is_never_the_machine_id(machine: Path) -> None:
    """machine-id(5) forbids to show it: plain means the host name."""
    assert host_id_from(None, {}, [machine], plain=True) == platform.node()


def test_settings_are_read_from_the_env_file(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A salt in `.env` counts for every publisher, so that a machine has one id whatever publishes for it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("FLEETFOLD_HOST_SALT=salt-of-the-fleet\nFLEETFOLD_HOST_ID=named\n")
    assert host_id_from(files=[machine]) == hash_host("named", "salt-of-the-fleet")


@pytest.mark.parametrize("given", ["", "x" * (HOST_ID_MAX + 1), "a\nb", "\udcff"])
def test_host_id_that_cannot_work(given: str, machine: Path) -> None:
    """X2: a host id that the topic would not take is refused before anything is sent."""
    with pytest.raises(HostError):
        host_id_from(given, {}, [machine])


@pytest.mark.parametrize("text", ["", "uninitialized\n"])
def test_machine_without_an_id(tmp_path: Path, text: str) -> None:
    """A container without a machine id gets no made-up one that would change with every start."""
    path = tmp_path / "machine-id"
    path.write_text(text)
    with pytest.raises(HostError, match="--host"):
        host_id_from(None, {}, [path, tmp_path / "missing"])


@pytest.mark.parametrize(
    ("text", "name"),
    [("NAME=x\nID=ubuntu\nID_LIKE=debian\n", "ubuntu"), ('ID="debian"\n', "debian"), ("", "debian")],
)
def test_distribution(tmp_path: Path, text: str, name: str) -> None:
    """The distribution is os-release's ID; debian where it has none."""
    path = tmp_path / "os-release"
    path.write_text(text)
    assert distribution_of([tmp_path / "missing", path]) == name


def test_zone(tmp_path: Path) -> None:
    """The zone is the one named, else TZ, else the machine's, else UTC; an unknown name is refused."""
    missing = tmp_path / "localtime"
    assert str(zone_of("Europe/Berlin", {}, missing)) == "Europe/Berlin"
    assert str(zone_of(None, {"TZ": ":Asia/Tokyo"}, missing)) == "Asia/Tokyo"
    assert str(zone_of(None, {"TZ": "CET-1CEST"}, missing)) == "UTC"
    with pytest.raises(ZoneError, match="Nowhere"):
        zone_of("Nowhere/City", {}, missing)
    with pytest.raises(ZoneError, match="passwd"):
        zone_of("../../etc/passwd", {}, missing)
