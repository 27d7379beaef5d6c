"""The configuration that the demonstration runs on."""

from pathlib import Path

from streamwatch.demo.origin import Origin
from streamwatch.demo.programmes import programmes
from streamwatch.demo.receiver import Receiver

_TITLES = {
    "seaside": "A harmless seaside",
    "nightmare": "A seaside with drawn gore every so often",
    "shaky": "A stream that stalls and comes back",
}


def settings_text(folder: Path, origin: Origin, receiver: Receiver, secret: str) -> str:
    """A streamwatch.toml like any other; everything is on 127.0.0.1 and in ``folder``."""
    streams = "\n".join(
        f'[[streams]]\nid = "{name}"\ntitle = "{_TITLES[name]}"\nurl = "{origin.url(name)}"' for name in programmes()
    )
    return f"""
[server]
port = 0
[store]
path = "{folder / "store"}"
[log]
format = "json"
[capture]
workers = 1
interval = "1s"
stall_after = "4s"
[[webhooks]]
name = "demo"
url = "{receiver.url}"
secret = "{secret}"
{streams}
"""
