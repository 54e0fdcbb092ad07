"""`r1chat servers`: gives servers names, keeps their keys, lists their models."""

from __future__ import annotations

import argparse
import sys
import warnings
from dataclasses import asdict, replace

from r1chat import addresses, install, logs, servers
from r1chat.commands import settings as user
from r1chat.commands.columns import columns
from r1chat.commands.exits import ExitCode
from r1chat.console import Console, is_terminal
from r1chat.errors import R1ChatError, UsageError
from r1chat.interrupts import Interrupts
from r1chat.output import Out, write_indented
from r1chat.sanitize import line
from r1chat.servers import keys, listing

_PLAIN = "what is sent there, a key too, crosses the network unencrypted: https keeps it private"
_NONE = "no server has a name yet: r1chat servers add NAME URL"


def run(args: argparse.Namespace, console: Console) -> int:
    """Does what the action says.

    Args:
        args: What `servers_options.add_servers` defines.
        console: Standard error.

    Returns:
        The exit code.

    Raises:
        R1ChatError: If it fails.
        Interrupted: If a signal came.
    """
    actions = {"list": _list, "add": _add, "rm": _remove, "key": _key, "models": _models}
    with Interrupts():
        logs.start(console.log if args.verbose else None)
        actions[args.action](args, console)
    return ExitCode.ANSWERED


def _list(args: argparse.Namespace, console: Console) -> None:
    found = sorted(servers.known().items())
    rows = [(name, url, _source(name, url, console)) for name, url in found]
    out = Out(sys.stdout)
    if args.format == "json":
        listed = [{"name": name, "url": url, "key": key} for name, url, key in rows]
        write_indented(out, {"schema": 1, "servers": listed})
    elif rows:
        out.write(columns(("name", "address", "key"), rows))
    else:
        console.aside(_NONE)


def _source(name: str, url: str, console: Console) -> str:
    """Where a server's key comes from, in a word; the key itself is shown nowhere."""
    try:
        found = keys.of_name(name, url)
    except R1ChatError as error:
        console.note(str(error))
        return "unknown"
    return "none" if found is None else found.variable or found.source


def _add(args: argparse.Namespace, console: Console) -> None:
    name: str = args.name
    if not addresses.is_name(name):
        message = f"{line(name, 40)!r} can be no server's name: {addresses.NAME_RULE}"
        raise UsageError(message)
    try:
        url = addresses.normal(args.url)
    except ValueError as error:
        # What was typed may have a password in it.
        message = f"{error}; e.g. r1chat servers add {name} http://localhost:8000"
        raise UsageError(message) from None
    settings = user.load(console)
    old = (settings.servers or {}).get(name)
    user.save(replace(settings, servers={**(settings.servers or {}), name: url}), console)
    if old is not None and addresses.origin(old) != addresses.origin(url):
        _forget(name, old, console, f"the key that {name} had was for {addresses.origin(old)}")
    if addresses.is_plain_to_other_machine(url):
        console.note(_PLAIN)
    was = f" (it was {old})" if old is not None and old != url else ""
    console.aside(f"{name} is {url}{was}; r1chat servers models {name} lists what it has")


def _remove(args: argparse.Namespace, console: Console) -> None:
    url = servers.find(args.name)
    settings = user.load(console)
    left = {name: each for name, each in (settings.servers or {}).items() if name != args.name}
    user.save(replace(settings, servers=left or None), console)
    _forget(args.name, url, console, f"{args.name} had a key")


def _forget(name: str, url: str, console: Console, why: str) -> None:
    """Removes a key that is of no use any more; a keyring that fails is no reason to stop."""
    try:
        if keys.forget(name, url):
            console.note(f"{why}: it is removed from the keyring")
    except R1ChatError as error:
        console.note(str(error))


def _key(args: argparse.Namespace, console: Console) -> None:
    name, url = args.name, servers.find(args.name)
    if args.rm:
        if not keys.forget(name, url):
            message = f"the keyring has no key of {name}"
            raise R1ChatError(message)
        return
    try:
        keys.keep(name, url, _asked(name, url, console))
    except keys.NoKeyring as missing:
        message = f"{missing}: {install.add(keys.REQUIREMENT)}; or set {keys.variable(name)}"
        raise R1ChatError(message) from None
    if addresses.is_plain_to_other_machine(url):
        console.note(_PLAIN)


def _asked(name: str, url: str, console: Console) -> str:
    """The key, typed without being shown, or the first line of what comes through a pipe."""
    if not is_terminal(sys.stdin):
        given = sys.stdin.readline(addresses.LONGEST_KEY + 2) if sys.stdin is not None else ""
        return keys.clean(given, "what came on stdin")
    import getpass

    console.aside(f"It is kept for {name} at {addresses.origin(url)}, and not shown.")
    with warnings.catch_warnings():
        # It would go on with a key that everybody can see.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return keys.clean(getpass.getpass(f"API key of {name}: "), "what was typed")
        except (getpass.GetPassWarning, EOFError, OSError):
            message = f"this terminal cannot hide what is typed: r1chat servers key {name} < FILE"
            raise R1ChatError(message) from None


def _models(args: argparse.Namespace, console: Console) -> None:
    name, server = args.name, servers.server(args.name)
    if server.key and not server.is_private:
        console.note(_PLAIN)
    found = listing.models(server)
    out = Out(sys.stdout)
    if args.format == "json":
        listed = [{"ref": f"{name}#{model.id}", **asdict(model)} for model in found]
        write_indented(out, {"schema": 1, "server": name, "url": server.url, "models": listed})
        return
    if not found:
        console.aside(f"{name} has no models")
        return
    rows = [(f"{name}#{each.id}", f"{each.context:,}" if each.context else "") for each in found]
    out.write(columns(("model", "context"), rows, right="context"))
