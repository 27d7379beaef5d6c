"""The signature: its form, its proof, rotation, age."""

import hashlib
import hmac

import pytest

from streamwatch.delivery.signature import sign, verify

BODY = '{"a":"ü"}'.encode()
NOW = 1_700_000_000.9


def test_the_header_is_what_the_documents_say() -> None:
    digest = hmac.new(b"secret", b"1700000000." + BODY, hashlib.sha256).hexdigest()
    assert sign(BODY, ["secret"], NOW) == f"t=1700000000,v1={digest}"


def test_both_secrets_of_a_rotation_are_signed_and_either_verifies() -> None:
    header = sign(BODY, ["new", "old"], NOW)
    assert header.count("v1=") == 2
    assert verify(header, BODY, ["old"], NOW)
    assert verify(header, BODY, ["new"], NOW)
    assert verify(sign(BODY, ["old"], NOW), BODY, ["new", "old"], NOW)
    assert not verify(header, BODY, ["other"], NOW)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=1700000000",
        "v1=00",
        "t=1700000000,v1=",
        "t=,v1=00",
        "t=1700000000,t=1700000000,v1=00",
        "t=-1,v1=00",
        "t=１７,v1=00",  # noqa: RUF001 - digits, but not ours
        "t=1" + "0" * 5000 + ",v1=00",
        "t=1700000000,v1=\xff\u2603",
    ],
)
def test_a_header_that_makes_no_sense_is_refused(header: str) -> None:
    assert not verify(header, BODY, ["secret"], NOW)


def test_a_changed_body_or_time_is_refused() -> None:
    header = sign(BODY, ["secret"], NOW)
    assert verify(header, BODY, ["secret"], NOW)
    assert not verify(header, BODY + b" ", ["secret"], NOW)
    assert not verify(header.replace("t=1700000000", "t=1700000001"), BODY, ["secret"], NOW)


def test_unknown_schemes_are_ignored_and_spaces_forgiven() -> None:
    header = sign(BODY, ["secret"], NOW).replace(",", ", v0=abc, ")
    assert verify(header, BODY, ["secret"], NOW)


def test_age_counts_both_ways() -> None:
    header = sign(BODY, ["secret"], NOW)
    assert verify(header, BODY, ["secret"], NOW + 299, tolerance=300)
    assert not verify(header, BODY, ["secret"], NOW + 301, tolerance=300)
    assert not verify(header, BODY, ["secret"], NOW - 302, tolerance=300)
