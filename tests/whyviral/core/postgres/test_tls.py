"""The certificates that are accepted from the database server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import InterfaceError

from tests.fixtures.postgres.certificates import Chain, make_chain
from tests.fixtures.postgres.fake_pooler import server_context, tls_in_front_of
from whyviral.core.database import build_engine, session_scope
from whyviral.core.postgres.connection_failures import Failure

HOST = "127.0.0.1"


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return make_chain(tmp_path / "chain", host=HOST)


@pytest.fixture
def port(engine: Engine, chain: Chain) -> Iterator[int]:
    """The port of a TLS proxy for the shared database."""
    with tls_in_front_of(engine.url.render_as_string(hide_password=False), server_context(chain.server)) as port:
        yield port


def select_one(engine: Engine, host: str, port: int, root: Path) -> object:
    url = engine.url.set(drivername="postgresql", host=host, port=port)
    secured = build_engine(f"{url.render_as_string(hide_password=False)}?sslrootcert={root}")
    try:
        with session_scope(secured) as session:
            return session.scalar(text("select 1"))
    finally:
        secured.dispose()


def test_a_chain_whose_intermediate_lacks_key_usage_is_trusted(engine: Engine, port: int, chain: Chain) -> None:
    assert select_one(engine, HOST, port, chain.root) == 1


def test_a_certificate_for_another_host_is_refused(engine: Engine, port: int, chain: Chain) -> None:
    with pytest.raises(InterfaceError) as refused:
        select_one(engine, "localhost", port, chain.root)

    assert failure_of(refused.value) is Failure.WRONG_HOST_NAME


def test_a_chain_from_another_root_is_refused(engine: Engine, port: int, tmp_path: Path) -> None:
    other = make_chain(tmp_path / "other", host=HOST)

    with pytest.raises(InterfaceError) as refused:
        select_one(engine, HOST, port, other.root)

    assert failure_of(refused.value) is Failure.WRONG_CERTIFICATE


def failure_of(exc: InterfaceError) -> object:
    return getattr(exc.orig, "failure", None)
