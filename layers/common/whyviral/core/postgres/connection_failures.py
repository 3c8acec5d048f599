"""The reasons why a connection to the database fails, each with advice for the operator."""

import socket
import ssl
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pg8000.exceptions import InterfaceError

_NAME_MISMATCHES = frozenset({62, 64})
"""The verification errors for a wrong host name and a wrong IP address. Source: OpenSSL, x509_vfy.h."""


class Failure(StrEnum):
    """The reason why a connection failed."""

    WRONG_CERTIFICATE = "wrong_certificate"
    WRONG_HOST_NAME = "wrong_host_name"
    NO_TLS = "no_tls"
    UNKNOWN_HOST = "unknown_host"
    REFUSED = "refused"
    NO_ANSWER = "no_answer"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a reason
    UNKNOWN_PROJECT = "unknown_project"
    UNKNOWN_DATABASE = "unknown_database"
    POOLER_FULL = "pooler_full"
    STARTING_OR_STOPPING = "starting_or_stopping"
    OTHER = "other"

    @property
    def what_to_do(self) -> str:
        """The advice for the operator, in one sentence."""
        return _WHAT_TO_DO[self]


_WHAT_TO_DO: Mapping[Failure, str] = {
    Failure.WRONG_CERTIFICATE: "The server's certificate is not signed by the given root: download the project's root "
    "certificate again and name its file as sslrootcert in SUPABASE_DB_URL.",
    Failure.WRONG_HOST_NAME: "The server's certificate is for another host: copy the host of SUPABASE_DB_URL from the "
    "project's Connect dialog.",
    Failure.NO_TLS: "The server offers no TLS: check the host and port of SUPABASE_DB_URL.",
    Failure.UNKNOWN_HOST: "The host of SUPABASE_DB_URL has no address: check its spelling; the direct host has only an "
    "IPv6 address, so use the pooler's host.",
    Failure.REFUSED: "No server listens on the host and port of SUPABASE_DB_URL: check the port, and whether the "
    "database is running.",
    Failure.NO_ANSWER: "The server did not answer in time: check the network and the state of the database.",
    Failure.WRONG_PASSWORD: "The server refused the user or password of SUPABASE_DB_URL: set the current password and "
    "deploy it.",
    Failure.UNKNOWN_PROJECT: "The pooler does not know the project: restore it if it is paused, else check the user's "
    "suffix (postgres.<ref>) and the region in SUPABASE_DB_URL.",
    Failure.UNKNOWN_DATABASE: "The database that SUPABASE_DB_URL names does not exist: Supabase's is called postgres.",
    Failure.POOLER_FULL: "All connections are in use: lower the functions' reserved concurrency, use the transaction "
    "pooler (port 6543), or raise the pooler's limit.",
    Failure.STARTING_OR_STOPPING: "The database is starting up or shutting down: wait, then look at the project's "
    "status page.",
    Failure.OTHER: "Check SUPABASE_DB_URL and the state of the database.",
}
_BY_CLASS: Mapping[type[Exception], Failure] = {
    socket.gaierror: Failure.UNKNOWN_HOST,
    ConnectionRefusedError: Failure.REFUSED,
    TimeoutError: Failure.NO_ANSWER,
}
_BY_DRIVER_MESSAGE: Mapping[str, Failure] = {"Server refuses SSL": Failure.NO_TLS}
_BY_SQLSTATE: Mapping[str, Failure] = {
    "28P01": Failure.WRONG_PASSWORD,
    "28000": Failure.WRONG_PASSWORD,
    "3D000": Failure.UNKNOWN_DATABASE,
    "53300": Failure.POOLER_FULL,
    "57P01": Failure.STARTING_OR_STOPPING,
    "57P02": Failure.STARTING_OR_STOPPING,
    "57P03": Failure.STARTING_OR_STOPPING,
}
_BY_SERVER_MESSAGE: Mapping[str, Failure] = {
    # Poolers send 08P01 or XX000 for every failure. Source: pgbouncer, src/client.c; Supabase's documentation.
    "tenant or user not found": Failure.UNKNOWN_PROJECT,
    "password authentication failed": Failure.WRONG_PASSWORD,
    "no such user": Failure.WRONG_PASSWORD,
    "no such database": Failure.UNKNOWN_DATABASE,
    "no more connections allowed": Failure.POOLER_FULL,
    "max client connections reached": Failure.POOLER_FULL,
    "maxclientsinsessionmode": Failure.POOLER_FULL,
    "shutting down": Failure.STARTING_OR_STOPPING,
}


class ConnectionFailed(InterfaceError):  # type: ignore[misc] # pg8000 has no types
    """No connection to the database can be made; the cause is chained."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"no connection to the database ({failure}). {failure.what_to_do}")
        self.failure = failure


def explain(exc: BaseException) -> Failure:
    """Return the reason why connecting failed."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        is_other_host = exc.verify_code in _NAME_MISMATCHES
        return Failure.WRONG_HOST_NAME if is_other_host else Failure.WRONG_CERTIFICATE
    for kind, failure in _BY_CLASS.items():
        if isinstance(exc, kind):
            return failure
    cause = exc.args[0] if exc.args else None
    return (
        _explain_server_error(cause) if isinstance(cause, dict) else _BY_DRIVER_MESSAGE.get(str(cause), Failure.OTHER)
    )


def _explain_server_error(fields: Mapping[str, Any]) -> Failure:
    message = str(fields.get("M", "")).lower()
    for part, failure in _BY_SERVER_MESSAGE.items():
        if part in message:
            return failure
    return _BY_SQLSTATE.get(str(fields.get("C")), Failure.OTHER)
