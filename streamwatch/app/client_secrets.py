"""``api-client add``: a new client's secret, the block for the configuration, and what to do next."""

import json
import os
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from streamwatch.errors import ConfigError, ConfigFault
from streamwatch.settings.api import Scope
from streamwatch.settings.credentials import SecretPlaces, is_out_of_reach
from streamwatch.settings.load import parse_settings, read_text
from streamwatch.settings.quantities import STREAM_ID
from streamwatch.settings.secret_hash import SecretHash, make_secret

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client with its secret, which nobody can read again afterwards."""

    user: str
    secret: str
    scopes: tuple[str, ...]
    callback_secret: str | None

    @property
    def bearer(self) -> str:
        """The token for our own API."""
        return f"{self.user}.{self.secret}"

    def block(self) -> str:
        """The ``[[api.clients]]`` block, which holds the hash of the secret."""
        lines = [
            "[[api.clients]]",
            f'user = "{self.user}"',
            f'secret_hash = "{SecretHash.of(self.secret).written()}"',
            f"scopes = {json.dumps(self.scopes)}",
        ]
        if self.callback_secret is not None:
            lines.append(f'callback_secret = "{self.callback_secret}"')
        return "\n".join(lines) + "\n"


def add_client(
    user: str,
    scopes: str,
    path: Path,
    environ: Mapping[str, str],
    *,
    signed_callbacks: bool,
    write: bool,
    as_json: bool,
) -> int:
    """Make a client and say everything that the operator needs of it; with ``write`` the file at ``path`` gets it.

    Raises ConfigError when the words cannot be used, or the file with the client in it would be refused.
    """
    client = NewClient(
        _user(user),
        make_secret(),
        _scopes(scopes),
        make_secret() if signed_callbacks else None,
    )
    block = client.block()
    if write:
        _append(block, path, environ)
    if as_json:
        print(json.dumps(_document(client, block, path if write else None)))
    else:
        print(_words(client, block, path if write else None), end="")
    return 0


def _user(user: str) -> str:
    if not STREAM_ID.fullmatch(user):
        raise _refused("NAME", "is not a valid name", "Use lower-case letters, digits, - and _, at most 63.")
    return user


def _scopes(written: str) -> tuple[str, ...]:
    scopes = tuple(dict.fromkeys(scope.strip() for scope in written.split(",") if scope.strip()))
    if not scopes or not set(scopes) <= set(SCOPES):
        raise _refused("--scopes", "names an unknown scope, or none", f"Choose of {','.join(SCOPES)}.")
    return scopes


def _refused(word: str, problem: str, mend: str) -> ConfigError:
    return ConfigError([ConfigFault("command line", word, problem, mend)])


def _append(block: str, path: Path, environ: Mapping[str, str]) -> None:
    """Put the block at the end of the file, at once or not at all. Raises ConfigError and changes nothing then."""
    path = path.resolve()  # a link stays a link
    text = read_text(path)
    end = "\r\n" if "\r\n" in text else "\n"
    _check_room(text, path)
    text += ("" if text.endswith("\n") or not text else end) + end + block.replace("\n", end)
    _check(text, path, environ)
    try:
        _replace(path, text)
    except OSError as error:
        fault = ConfigFault(
            str(path), "(whole file)", f"cannot be written: {error.strerror}", "Leave --write out and add the block."
        )
        raise ConfigError([fault]) from error


def _check_room(text: str, path: Path) -> None:
    """A list that is written in one go cannot be added to. Other faults of the text are found later."""
    try:
        written = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    try:
        tomllib.loads(f"{text}\n[[api.clients]]\n")
    except tomllib.TOMLDecodeError:
        key = "api.clients" if isinstance(written["api"], dict) and "clients" in written["api"] else "api"
        problem = "is written in one go, so that no [[api.clients]] can follow"
        mend = "Begin the table with [api], and each client with [[api.clients]]."
        raise ConfigError([ConfigFault(str(path), key, problem, mend)]) from None


def _check(text: str, path: Path, environ: Mapping[str, str]) -> None:
    """Refuse what the daemon would refuse; its environment and its credentials may be there for it alone."""
    try:
        parse_settings(text, str(path), SecretPlaces(environ, path.parent), strict=False)
    except ConfigError as error:
        faults = [fault for fault in error.faults if not is_out_of_reach(fault.problem)]
        if faults:
            raise ConfigError(faults) from None


def _replace(path: Path, text: str) -> None:
    before = path.stat()
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
            os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _document(client: NewClient, block: str, written: Path | None) -> dict[str, object]:
    return {
        "user": client.user,
        "secret": client.secret,
        "bearer": client.bearer,
        "scopes": client.scopes,
        "callback_secret": client.callback_secret,
        "toml": block,
        "written": None if written is None else str(written),
    }


def _words(client: NewClient, block: str, written: Path | None) -> str:
    steps = (
        [f"Added to {written}:", "", block]
        if written
        else ["Add this to the configuration (--write does it for you):", "", block]
    )
    steps += [
        "Then reload the daemon: systemctl reload streamwatch, or SIGHUP.",
        "",
        "The secret is shown this once; the configuration holds only its hash:",
        "",
        f"  api_user    {client.user}",
        f"  api_secret  {client.secret}",
        "",
        "For /api/v1:",
        "",
        f"  Authorization: Bearer {client.bearer}",
        "",
    ]
    if client.callback_secret is not None:
        steps += ["Receivers of callbacks check the signature with the callback_secret above.", ""]
    return "\n".join(steps)
