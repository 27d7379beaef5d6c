"""Value types of the configuration that hold secrets: they print without them and never repeat them in a refusal."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Self
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import BeforeValidator, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from streamwatch.settings.quantities import refusal

SOURCE_SCHEMES: Final = ("http", "https", "rtmp", "rtmps", "rtsp", "rtsps", "srt", "file")
_MASK: Final = "***"
_MOST_SECRET_BYTES: Final = 64 * 1024
_MOST_URL_BYTES: Final = 16 * 1024
"""Twice what servers take by default, and a URL and a proxy of this size fit into what a capture worker is told."""
_NO_VARIABLE: Final = "the environment has no variable"
_NO_CREDENTIALS: Final = "is only there when systemd hands it over"
_REFERENCE: Final = re.compile(r"\$(\$\{|\{([A-Za-z_]\w*)\})")


def is_out_of_reach(problem: str) -> bool:
    """Whether a fault's problem is only that the daemon's environment or credentials are not there for others."""
    return _NO_VARIABLE in problem or _NO_CREDENTIALS in problem


@dataclass(frozen=True, slots=True)
class SecretPlaces:
    """Where secrets may lie; handed to the schema as validation context."""

    environ: Mapping[str, str]
    folder: Path
    """Relative files are looked up here (the configuration's own folder)."""

    def resolve(self, value: object) -> str:
        """A secret's text from one of its forms; raises the words of what is missing."""
        if isinstance(value, str):
            return _REFERENCE.sub(self._from_reference, value)
        if isinstance(value, Mapping) and len(value) == 1:
            ((place, name),) = value.items()
            if isinstance(name, str) and place in {"file", "env", "credential"}:
                return {"file": self.read, "env": self._from_environment, "credential": self._from_credential}[place](
                    name
                )
        raise refusal(
            "is not a text and not one of the forms of a secret",
            'Write "text", "${NAME}", { file = "/path" }, { env = "NAME" } or { credential = "name" }.',
        )

    def _from_reference(self, match: re.Match[str]) -> str:
        return "${" if match[2] is None else self._from_environment(match[2])

    def _from_environment(self, name: str) -> str:
        if name not in self.environ:
            raise refusal(f"{_NO_VARIABLE} {name}", f"Set {name}, or name another source of the secret.")
        return self.environ[name]

    def _from_credential(self, name: str) -> str:
        folder = self.environ.get("CREDENTIALS_DIRECTORY")
        if folder is None:
            raise refusal(
                f"credential {name!r} {_NO_CREDENTIALS} ($CREDENTIALS_DIRECTORY is not set)",
                f"Add LoadCredential={name}:/path to the unit.",
            )
        if Path(name).name != name:
            raise refusal(
                f"{name!r} is not the name of a credential", "Write the name as in LoadCredential=, without a path."
            )
        return self.read(str(Path(folder) / name))

    def read(self, name: str) -> str:
        """The secret that a file holds, without its final line break."""
        path = self.folder / name
        try:
            with path.open("rb") as file:
                content = file.read(_MOST_SECRET_BYTES + 1)
        except OSError as error:
            words = os.strerror(error.errno) if error.errno else type(error).__name__
            raise refusal(
                f"cannot read {path}: {words}", "Create the file and let the daemon's user read it."
            ) from None
        try:
            text = content.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise refusal(f"{path} is not UTF-8 text", "Write the secret as text.") from None
        if len(content) > _MOST_SECRET_BYTES:
            raise refusal(f"{path} is larger than 64 KiB", "Name a file that holds the secret alone.")
        if not text:
            raise refusal(f"{path} is empty", "Write the secret into it.")
        return text


def places(info: ValidationInfo) -> SecretPlaces:
    """The validation context; without one, no environment and the working folder."""
    return info.context if isinstance(info.context, SecretPlaces) else SecretPlaces({}, Path())


class Secret:
    """A text that prints as ``***``."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that needs it."""
        return self._text

    def __repr__(self) -> str:
        return _MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    @classmethod
    def parse(cls, value: object, info: ValidationInfo) -> Self:
        """One of the forms of a secret -> Secret."""
        if isinstance(value, Secret):
            return cls(value.reveal())
        text = places(info).resolve(value)
        if not text:
            raise refusal("is empty", "Write the secret, or leave the key out.")
        return cls(text)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(cls.parse)


class SourceUrl:
    """Where a stream is read from; prints without its credentials."""

    __slots__ = ("_text",)
    schemes: tuple[str, ...] = SOURCE_SCHEMES

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The URL itself, credentials included."""
        return self._text

    @property
    def scheme(self) -> str:
        return urlsplit(self._text).scheme

    def secrets(self) -> list[str]:
        """The parts worth masking wherever they turn up; short ones are left out, they would mask ordinary words."""
        parts = urlsplit(self._text)
        values = [value for _, value in parse_qsl(parts.query) if len(value) >= 8]
        key = parts.path.rpartition("/")[2] if parts.scheme.startswith("rtmp") else ""
        return [value for value in (parts.password, key if len(key) >= 12 else "", *values) if value]

    def __repr__(self) -> str:
        """Scheme, host and port: which other parts may be shown, the log's redaction knows."""
        parts = urlsplit(self._text)
        if parts.scheme == "file":
            return self._text
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{_MASK}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SourceUrl) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    @classmethod
    def parse(cls, value: object, info: ValidationInfo) -> Self:
        """A URL, or one of the forms of a secret that yields one, -> SourceUrl."""
        if isinstance(value, SourceUrl):
            return cls(value.reveal())
        text = places(info).resolve(value)
        cls._check(text)
        return cls(text)

    @classmethod
    def _check(cls, text: str) -> None:
        if len(text.encode(errors="replace")) > _MOST_URL_BYTES:
            raise refusal("is longer than 16 KiB", "Servers refuse such a URL; check what the secret in it holds.")
        allowed = ", ".join(f"{scheme}:" for scheme in cls.schemes)
        scheme, colon, _ = text.partition(":")
        if not colon or "/" in scheme:
            raise refusal("is not a URL", f"Write it with its scheme, one of {allowed}.")
        if scheme.lower() not in cls.schemes:
            raise refusal(f"the scheme {scheme[:20]}: is not supported", f"Use one of {allowed}.")
        if re.search(r"[\x00-\x20\x7f\"<>\\^`{|}]", text):
            raise refusal(
                "holds a space or another character that a URL cannot hold", "Percent-encode it (a space is %20)."
            )
        try:
            parts = urlsplit(text)
            port_is_fine = parts.port is None or parts.port > 0
        except ValueError:
            port_is_fine = False
        if not port_is_fine:
            raise refusal(
                "has a host or port that cannot be read",
                "Percent-encode /, ?, # and @ within a password (%2F, %3F, %23, %40).",
            )
        cls._check_parts(parts)

    @classmethod
    def _check_parts(cls, parts: SplitResult) -> None:
        if parts.scheme == "file":
            if parts.netloc or not re.match(r"/[^/]", parts.path):
                raise refusal("names no file", "Write file:///folder/clip.mp4.")
        elif not parts.hostname:
            raise refusal("names no host", f"Write {parts.scheme}://host/path.")
        elif any(not 0 < len(label) < 64 for label in parts.hostname.rstrip(".").split(".")):
            raise refusal("names a host that cannot be", f"Write {parts.scheme}://host/path.")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(cls.parse)


class HttpUrl(SourceUrl):
    """Where a webhook or a proxy is; prints without its credentials."""

    __slots__ = ()
    schemes = ("http", "https")


def _from_file(value: object, info: ValidationInfo) -> Secret:
    if not isinstance(value, str) or not value:
        raise refusal("is not the name of a file", 'Write "/path/to/the/secret".')
    return Secret(places(info).read(value))


SecretFile = Annotated[Secret, BeforeValidator(_from_file)]
"""The name of a file that holds a secret; here already the secret."""
