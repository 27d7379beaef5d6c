"""The doorkeeper: right and wrong credentials, scopes, pace, and what a reload changes."""

from typing import Any

import pytest

from streamwatch.errors import RequestError
from streamwatch.settings.api import ApiTable
from streamwatch.settings.secret_hash import SecretHash, make_secret
from streamwatch.web.access import Client, Doorkeeper
from streamwatch.web.rates import Allowance, Buckets

SECRET = "hunter2hunter2"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _table(**more: Any) -> ApiTable:
    clients = [
        {"user": "shop", "secret": SECRET},
        {"user": "hashed", "secret_hash": SecretHash.of("hunter3hunter3").written(), "scopes": ["moderate"]},
        {"user": "chief", "secret": "hunter4.with.dots", "scopes": ["admin"]},
    ]
    return ApiTable.model_validate({"clients": clients, **more})


@pytest.fixture
def door(clock: Clock) -> Doorkeeper:
    return Doorkeeper(_table(), clock=clock)


def _refusal(door: Doorkeeper, *credentials: str | None, remote: str = "192.0.2.1") -> RequestError:
    user, secret = credentials
    with pytest.raises(RequestError) as caught:
        door.admit(user, secret, "check", remote=remote)
    assert "hunter" not in str(caught.value)
    return caught.value


def test_the_right_secret_lets_in(door: Doorkeeper) -> None:
    assert door.admit("shop", SECRET, "submit") == Client("shop", frozenset({"check", "submit"}))
    assert door.admit("hashed", "hunter3hunter3", "moderate").user == "hashed"
    assert door.admit("hashed", "hunter3hunter3", None).scopes == {"moderate"}


@pytest.mark.parametrize(
    ("user", "secret"),
    [("shop", "hunter3hunter3"), ("nobody", SECRET), ("hashed", SECRET), ("shop", SECRET + "x"), ("SHOP", SECRET)],
)
def test_wrong_ones_get_the_services_own_words(door: Doorkeeper, user: str, secret: str) -> None:
    error = _refusal(door, user, secret)
    assert (error.type, error.code, error.status) == ("argument_error", 1, 401)
    assert str(error) == "Incorrect API user or API secret"


def test_the_written_hash_is_not_the_secret(clock: Clock) -> None:
    written = SecretHash.of("hunter2hunter2").written()
    door = Doorkeeper(ApiTable.model_validate({"clients": [{"user": "shop", "secret_hash": written}]}), clock=clock)
    assert _refusal(door, "shop", written).status == 401


@pytest.mark.parametrize(("user", "secret"), [(None, None), ("shop", None), (None, SECRET), ("", ""), ("shop", "")])
def test_missing_ones_are_named(door: Doorkeeper, user: str | None, secret: str | None) -> None:
    error = _refusal(door, user, secret)
    assert (error.type, error.code, error.status) == ("argument_error", 1, 401)
    assert "api_user" in str(error)


def test_without_clients_nobody_comes_in_and_is_told_how_one_is_made(clock: Clock) -> None:
    door = Doorkeeper(ApiTable(), clock=clock)
    refused = [_refusal(door, "shop", SECRET), _refusal(door, None, None)]
    with pytest.raises(RequestError) as caught:
        door.admit_bearer(None, "admin")
    for error in (*refused, caught.value):
        assert (error.type, error.status) == ("credentials_error", 401)
        assert "streamwatch api-client add" in str(error)


def test_a_bearer_token_is_user_dot_secret(door: Doorkeeper) -> None:
    assert door.admit_bearer("Bearer chief.hunter4.with.dots", "admin").user == "chief"
    assert door.admit_bearer("bearer  shop." + SECRET + " ", "check").user == "shop"
    for header in (
        None,
        "",
        "Bearer",
        "Bearer x",
        f"Basic shop.{SECRET}",
        f"Bearer shop.{SECRET}x",
        "Bearer .",
        "Bearer a.",
    ):
        with pytest.raises(RequestError) as caught:
            door.admit_bearer(header, "check")
        assert caught.value.status == 401


def test_a_missing_scope_is_named(door: Doorkeeper) -> None:
    with pytest.raises(RequestError, match='"moderate"; your client has check, submit') as caught:
        door.admit("shop", SECRET, "moderate")
    assert (caught.value.type, caught.value.status) == ("plan_error", 403)


def test_admin_brings_all_scopes_and_others_bring_none(door: Doorkeeper) -> None:
    chief = door.admit("chief", "hunter4.with.dots", "check")
    assert chief.scopes == {"check", "submit", "moderate", "admin"}
    with pytest.raises(RequestError):
        door.admit("hashed", "hunter3hunter3", "check")


def test_each_client_has_a_pace_of_its_own(clock: Clock) -> None:
    door = Doorkeeper(_table(rate=2), clock=clock)
    for _ in range(6):
        door.admit("shop", SECRET, "check")
    error = _refusal(door, "shop", SECRET)
    assert (error.type, error.status, error.retry_after) == ("usage_limit", 429, 1.0)
    assert "More than 2 requests a second" in str(error)
    door.admit("chief", "hunter4.with.dots", "check")
    clock.now += 0.5
    door.admit("shop", SECRET, "check")
    assert _refusal(door, "shop", SECRET).type == "usage_limit"


def test_a_client_that_is_refused_for_its_scope_has_used_its_pace(clock: Clock) -> None:
    door = Doorkeeper(_table(rate=0.01), clock=clock)
    with pytest.raises(RequestError, match="scope"):
        door.admit("shop", SECRET, "admin")
    assert _refusal(door, "shop", SECRET).retry_after == 100.0


def test_guessing_is_slowed_down_for_that_user_at_that_address_alone(door: Doorkeeper, clock: Clock) -> None:
    for _ in range(20):
        assert _refusal(door, "shop", "wrong-wrong").status == 401
    error = _refusal(door, "shop", SECRET)
    assert (error.type, error.status, error.retry_after) == ("usage_limit", 429, 6.0)
    door.admit("chief", "hunter4.with.dots", "check", remote="192.0.2.1")
    door.admit("shop", SECRET, "check", remote="192.0.2.2")
    clock.now += 6.0
    door.admit("shop", SECRET, "check", remote="192.0.2.1")


def test_guessing_locks_nobody_out_whose_secret_was_made_by_us(clock: Clock) -> None:
    made = make_secret()
    door = Doorkeeper(ApiTable.model_validate({"clients": [{"user": "shop", "secret": made}]}), clock=clock)
    for _ in range(20):
        assert _refusal(door, "shop", make_secret()).status == 401
    for wrong in ("wrong-wrong", make_secret(), made + "0", made.upper()):
        assert _refusal(door, "shop", wrong).status == 429
    assert door.admit("shop", made, "check", remote="192.0.2.1").user == "shop"


def test_unknown_users_share_one_measure(door: Doorkeeper) -> None:
    for number in range(20):
        assert _refusal(door, f"user-{number}", SECRET).status == 401
    assert _refusal(door, "another", SECRET).status == 429


def test_an_ipv6_network_counts_as_one_address(door: Doorkeeper) -> None:
    for number in range(20):
        assert _refusal(door, "shop", "wrong-wrong", remote=f"2001:db8::{number:x}").status == 401
    assert _refusal(door, "shop", SECRET, remote="2001:db8::ffff").status == 429
    door.admit("shop", SECRET, "check", remote="2001:db8:0:1::1")
    door.admit("shop", SECRET, "check", remote="::ffff:192.0.2.9")


def test_a_reload_lets_in_the_new_and_keeps_out_the_old(door: Doorkeeper, clock: Clock) -> None:
    door.admit("shop", SECRET, "check")
    door.follow(
        ApiTable.model_validate({"clients": [{"user": "shop", "secret": "hunter5hunter5", "scopes": ["moderate"]}]})
    )
    assert _refusal(door, "shop", SECRET).status == 401
    assert door.admit("shop", "hunter5hunter5", "moderate").scopes == {"moderate"}
    assert _refusal(door, "chief", "hunter4.with.dots").status == 401


def test_who_is_known_follows_the_configuration(door: Doorkeeper) -> None:
    assert door.knows("shop", "submit")
    assert door.knows("chief", "submit")
    assert not door.knows("hashed", "submit")
    door.follow(ApiTable())
    assert not door.knows("shop", "submit")


def test_a_reload_does_not_refill_what_was_used(clock: Clock) -> None:
    door = Doorkeeper(_table(rate=1), clock=clock)
    for _ in range(3):
        door.admit("shop", SECRET, "check")
    door.follow(_table(rate=1, max_jobs=3))
    assert _refusal(door, "shop", SECRET).type == "usage_limit"


def test_unknown_users_cost_the_same_work(door: Doorkeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    matches = SecretHash.matches

    def count(self: SecretHash, secret: str) -> bool:
        compared.append(secret)
        return matches(self, secret)

    monkeypatch.setattr(SecretHash, "matches", count)
    _refusal(door, "shop", "wrong-wrong")
    _refusal(door, "nobody", "wrong-wrong")
    assert compared == ["wrong-wrong"] * 2


def test_strangers_fill_no_more_than_their_table() -> None:
    buckets = Buckets(Allowance(1.0, 2.0), most=3)
    for number in range(10):
        buckets.take(number, 0.0)
    assert len(buckets) == 3
    buckets.take(9, 0.0)
    assert buckets.wait(9, 0.0) == 1.0
    assert buckets.wait(0, 0.0) == 0.0
    assert buckets.wait(9, 0.25) == 0.75
