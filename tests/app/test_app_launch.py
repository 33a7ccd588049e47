"""How the dashboard is started: on this machine only, with settings nobody's own file can loosen."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from app.launch import command, is_loopback
from outcome.errors import UsageError


def flags(arguments: list[str]) -> dict[str, str]:
    options = arguments[5 : arguments.index("--")]
    return dict(zip(options[::2], options[1::2], strict=True))


def test_the_command_binds_to_loopback_and_hides_details(tmp_path: Path) -> None:
    arguments = command(tmp_path, 8765)
    assert arguments[:4] == [sys.executable, "-m", "streamlit", "run"]
    assert Path(arguments[4]).name == "main.py"
    assert Path(arguments[4]).is_file()
    given = flags(arguments)
    assert given["--server.address"] == "127.0.0.1"
    assert given["--server.port"] == "8765"
    assert given["--server.headless"] == "true"
    assert given["--client.showErrorDetails"] == "none"
    assert given["--browser.gatherUsageStats"] == "false"
    assert arguments[-3:] == ["--", "--store", str(tmp_path)]


def test_a_relative_store_becomes_absolute() -> None:
    assert Path(command("store", 8501)[-1]).is_absolute()


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.4", "::", "", "example.org", "127.0.0.1.example.org"])
def test_an_address_others_can_reach_is_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="this machine only"):
        command(tmp_path, 8501, address=address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.9", "::1", "localhost"])
def test_loopback_addresses_are_accepted(address: str, tmp_path: Path) -> None:
    assert flags(command(tmp_path, 8501, address=address))["--server.address"] == address


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_an_impossible_port_is_refused(port: int, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="port"):
        command(tmp_path, port)


def test_no_address_means_every_interface() -> None:
    assert not is_loopback(None)
