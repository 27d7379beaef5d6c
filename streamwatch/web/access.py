"""The doorkeeper: who asks, whether that client may, and whether it asks too often."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

from streamwatch.errors import RequestError
from streamwatch.settings.api import ApiTable, Scope
from streamwatch.settings.secret_hash import SecretHash, is_of_our_making
from streamwatch.web.proxies import network_of
from streamwatch.web.rates import Allowance, Buckets

INCORRECT: Final = "Incorrect API user or API secret"
_TOO_MANY: Final = "Too many attempts with an incorrect API user or API secret"
_BURST: Final = 3.0
_GUESSES: Final = Allowance(rate=1 / 6, burst=20.0)
_MOST_GUESSERS: Final = 4096
_ALL: Final[frozenset[Scope]] = frozenset(("check", "submit", "moderate", "admin"))


@dataclass(frozen=True, slots=True)
class Client:
    """Who was let in."""

    user: str
    scopes: frozenset[Scope]
    """What it may do; ``admin`` has brought all others along."""

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes

    def demand(self, scope: Scope) -> None:
        """Raise RequestError (plan_error) when the client may not."""
        if not self.may(scope):
            have = ", ".join(sorted(self.scopes))
            raise RequestError("plan_error", f'This needs the scope "{scope}"; your client has {have}')


@dataclass(frozen=True, slots=True)
class _Known:
    client: Client
    hashed: SecretHash


class Doorkeeper:
    """Knows the clients of the configuration; one for all listeners. Nothing here blocks or waits."""

    def __init__(self, api: ApiTable, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Held against the secret of a user that there is not, so that the answer takes as long.
        self._nobody = SecretHash.of("")
        self._guesses = Buckets(_GUESSES, _MOST_GUESSERS)
        self._requests = Buckets(_pace(api.rate), _MOST_GUESSERS)
        self._known: dict[str, _Known] = {}
        self.follow(api)

    def follow(self, api: ApiTable) -> None:
        """Obey other clients and another rate from now on; a client that is gone, or has a new secret, is out."""
        self._known = {
            client.user: _Known(
                Client(client.user, _ALL if "admin" in client.scopes else frozenset(client.scopes)), client.hashed
            )
            for client in api.clients
        }
        self._requests.allowance = _pace(api.rate)
        self._requests.keep(set(self._known))

    def admit(self, user: str | None, secret: str | None, scope: Scope | None, *, remote: str = "") -> Client:
        """The client of these credentials, one request poorer; a scope of None asks for none. Raises RequestError.

        ``remote`` is the address that asks: wrong secrets for one user from one address are taken 20 at once and then
        one every 6 s, right ones among them included, so that trying is hopeless. Other users, and the same user at
        other addresses, go on; so does a client whose secret was made by us, which no trying finds: nobody who shares
        its address can lock it out.
        """
        if not self._known:
            raise RequestError(
                "credentials_error",
                "No client may use this API yet: make one with `streamwatch api-client add NAME` "
                "and reload the configuration",
            )
        if not user or not secret:
            raise RequestError(
                "argument_error", "Missing API user or API secret: send api_user and api_secret", code=1, status=401
            )
        known = self._recognise(user, secret, remote)
        self._charge(known.client.user)
        if scope is not None:
            known.client.demand(scope)
        return known.client

    def admit_bearer(self, header: str | None, scope: Scope | None, *, remote: str = "") -> Client:
        """The same by the value of an Authorization header, ``Bearer <user>.<secret>``. Raises RequestError."""
        scheme, _, token = (header or "").strip().partition(" ")
        user, dot, secret = token.strip().partition(".")
        if self._known and (scheme.lower() != "bearer" or not dot):
            raise RequestError(
                "argument_error", "Missing credentials: send Authorization: Bearer USER.SECRET", code=1, status=401
            )
        return self.admit(user, secret, scope, remote=remote)

    def knows(self, user: str, scope: Scope) -> bool:
        """Whether there is a client of that name, by now, which may do that."""
        known = self._known.get(user)
        return known is not None and known.client.may(scope)

    def _recognise(self, user: str, secret: str, remote: str) -> _Known:
        known = self._known.get(user)
        guesser = (network_of(remote), user if known else "")
        now = self._clock()
        wait = self._guesses.wait(guesser, now)
        slowed = wait > 0
        if slowed and not is_of_our_making(secret):
            _later(_TOO_MANY, wait)
        right = (known.hashed if known else self._nobody).matches(secret)
        if known is None or not right:
            if slowed:
                _later(_TOO_MANY, wait)
            self._guesses.take(guesser, now)
            raise RequestError("argument_error", INCORRECT, code=1, status=401)
        return known

    def _charge(self, user: str) -> None:
        now = self._clock()
        wait = self._requests.wait(user, now)
        if wait > 0:
            _later(f"More than {self._requests.allowance.rate:g} requests a second", wait)
        self._requests.take(user, now)


def _pace(rate: float) -> Allowance:
    return Allowance(rate, max(1.0, _BURST * rate))


def _later(what: str, wait: float) -> NoReturn:
    seconds = math.ceil(wait)
    raise RequestError("usage_limit", f"{what}: try again in {seconds} s", retry_after=float(seconds))
