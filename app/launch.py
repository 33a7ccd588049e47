"""How the dashboard is started: the command line that binds it to this machine alone."""

from __future__ import annotations

import ipaddress
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from outcome.errors import UsageError

LOOPBACK = "127.0.0.1"
_HERE = Path(__file__).parent
_CONFIG = _HERE / ".streamlit" / "config.toml"


def command(store: Path | str, port: int, *, address: str = LOOPBACK) -> list[str]:
    """The arguments that start the dashboard over `store` on a loopback address.

    Raises UsageError for an address other machines could reach, and for an impossible port: the page has no login
    and shows patients.
    """
    if not is_loopback(address):
        raise UsageError(
            "the dashboard listens on this machine only: it has no login and shows patients",
            expected=f"a loopback address such as {LOOPBACK}",
            found=address,
            next_step=f"leave the address out, and reach it from elsewhere by: ssh -L {port}:localhost:{port} HOST",
        )
    if not 1 <= port <= 65535:
        raise UsageError("impossible port", expected="1 to 65535", found=str(port), next_step="choose another port")
    options = [*_options(), "--server.address", address, "--server.port", str(port)]
    script = str(_HERE / "main.py")
    return [sys.executable, "-m", "streamlit", "run", script, *options, "--", "--store", str(Path(store).absolute())]


def is_loopback(address: str | None) -> bool:
    """Whether only this machine can reach the address; an empty one means every network interface."""
    if not address:
        return False
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _options() -> Iterator[str]:
    """Our settings as flags, so that no configuration file of the user's can loosen them."""
    for section, values in tomllib.loads(_CONFIG.read_text(encoding="utf-8")).items():
        for name, value in values.items():
            if (section, name) != ("server", "address"):
                yield from (f"--{section}.{name}", str(value).lower() if isinstance(value, bool) else str(value))
