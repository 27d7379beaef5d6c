"""Verbs that only look: ``config check``, ``weights list``, ``status``."""

import json
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from streamwatch.app.assembly import WeightsView, view_weights
from streamwatch.app.shadow_candidate import shadow_faults
from streamwatch.errors import ConfigError, WeightsError
from streamwatch.inference.manifest import LabelCoverage, Manifest, find_weights, known_weights, read_manifest
from streamwatch.records.labels import LABELS
from streamwatch.settings.effective import stream_view
from streamwatch.settings.load import Loaded, check_coverage, load_settings
from streamwatch.settings.tls import own_context

EXIT_CONFIG = 2


def check_config(path: Path, environ: Mapping[str, str], *, explain: str | None, as_json: bool) -> int:
    """Say every fault at once; with ``explain``, every effective value of one stream and where it came from."""
    try:
        loaded, weights = _checked(path, environ)
    except ConfigError as error:
        return _tell_faults(error, as_json=as_json)
    except WeightsError as error:
        print(f"{path}: inference.weights: {error}", file=sys.stderr)
        return EXIT_CONFIG
    if explain is not None:
        return _explain(loaded, weights, explain, as_json=as_json)
    count = len(loaded.settings.streams)
    if as_json:
        print(json.dumps({"ok": True, "streams": count, "faults": []}))
    else:
        print(f"{path}: in order, {count} {'stream' if count == 1 else 'streams'}")
    return 0


def _checked(path: Path, environ: Mapping[str, str]) -> tuple[Loaded, WeightsView]:
    """The strict reading, with the faults of the file and those against the weights together."""
    faults = []
    try:
        load_settings(path, environ, strict=True)
    except ConfigError as error:
        faults += error.faults
    try:
        loaded = load_settings(path, environ, strict=False)
    except ConfigError:
        raise ConfigError(faults) from None
    weights = view_weights(read_manifest(find_weights(loaded.settings.inference.weights)))
    try:
        checked = check_coverage(
            loaded, weights.coverage, weights.defaults, weights.name, sha256=weights.sha256, strict=True
        )
    except ConfigError as error:
        faults += [fault for fault in error.faults if fault not in faults]
    faults += shadow_faults(loaded.settings.inference.shadow, loaded.file)
    if faults:
        raise ConfigError(faults)
    return checked, weights


def _tell_faults(error: ConfigError, *, as_json: bool) -> int:
    if as_json:
        faults = [{"file": f.file, "key": f.key, "problem": f.problem, "mend": f.mend} for f in error.faults]
        print(json.dumps({"ok": False, "faults": faults}))
    else:
        for fault in error.faults:
            print(fault, file=sys.stderr)
    return EXIT_CONFIG


def _explain(loaded: Loaded, weights: WeightsView, stream: str, *, as_json: bool) -> int:
    try:
        view = stream_view(loaded.settings, stream, weights.defaults, weights.name)
    except KeyError:
        known = ", ".join(entry.id for entry in loaded.settings.streams) or "none"
        print(f"{loaded.file}: there is no stream {stream!r}; configured: {known}", file=sys.stderr)
        return EXIT_CONFIG
    if as_json:
        rows = {one.key: {"value": _plain(one.value), "from": one.source} for one in view.explanation}
        print(json.dumps({"stream": stream, "effective": rows}))
        return 0
    table = Table(title=f"stream {stream}", title_justify="left")
    table.add_column("key", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("from", overflow="fold")
    for one in view.explanation:
        table.add_row(one.key, "-" if one.value is None else str(_plain(one.value)), one.source)
    Console().print(table)
    return 0


def _plain(value: object) -> object:
    """Fit for JSON; values that hold secrets print without them."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value)


def list_weights(*, as_json: bool) -> int:
    """Every set of weights with the coverage of each label; 1 when one of them cannot be read."""
    manifests, faults = [], []
    for folder in known_weights().values():
        try:
            manifests.append(read_manifest(folder))
        except WeightsError as error:
            faults.append(str(error))
            print(error, file=sys.stderr)
    if as_json:
        print(json.dumps({"weights": [_weights_document(manifest) for manifest in manifests], "faults": faults}))
        return 1 if faults else 0
    console = Console()
    for manifest in manifests:
        table = Table(title=f"{manifest.name} ({manifest.licence})", title_justify="left")
        for heading in ("label", "coverage", "of", "threshold"):
            table.add_column(heading, overflow="fold", no_wrap=heading in ("label", "coverage"))
        for label in LABELS:
            one = manifest.labels[label]
            table.add_row(label, _coverage_words(one), one.of, "" if one.enter is None else f"{one.enter:.3f}")
        console.print(table)
    return 1 if faults else 0


def _coverage_words(one: LabelCoverage) -> str:
    if one.status == "unsupported":
        return "[yellow]NOT DETECTED[/]"
    return "[yellow]UNMEASURED[/]" if one.unmeasured else one.status


def _weights_document(manifest: Manifest) -> dict[str, Any]:
    labels = {
        label: {
            "coverage": one.status,
            "unmeasured": one.unmeasured,
            "of": one.of,
            "enter": one.enter,
            "figures": dict(one.figures),
        }
        for label, one in manifest.labels.items()
    }
    return {"name": manifest.name, "sha256": manifest.sha256, "licence": manifest.licence, "labels": labels}


async def show_status(path: Path, environ: Mapping[str, str], *, url: str | None, as_json: bool) -> int:
    """What the running daemon says of its readiness; 1 when it is not ready or does not answer."""
    trusted: ssl.SSLContext | bool = True
    if url is None:
        server = load_settings(path, environ, strict=False).settings.server
        url = server.own_url
        trusted = own_context(server.tls_cert) if server.tls_cert else True
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5.0)) as session,
            session.get(f"{url.rstrip('/')}/health/ready", ssl=trusted) as response,
        ):
            document: dict[str, Any] = await response.json()
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        print(f"the daemon does not answer ({type(error).__name__}); is it running?", file=sys.stderr)
        return 1
    if as_json:
        print(json.dumps(document))
    else:
        _show_status(document)
    return 0 if document["ok"] else 1


def _show_status(document: Mapping[str, Any]) -> None:
    print("ready" if document["ok"] else "NOT READY")
    for line in [*document["problems"], *document["warnings"]]:
        print(f"  {line}")
    states = ", ".join(f"{count} {state}" for state, count in document["streams"]["states"].items())
    print(f"streams: {document['streams']['configured']} configured; {states}")
    if document["coverage"] is not None:
        print(f"coverage since start: {100 * document['coverage']:.1f} %")
    for model, labels in document["not_detected"].items():
        if labels:
            print(f"NOT DETECTED ({model}): {', '.join(labels)}")
