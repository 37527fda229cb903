"""A stand-in for Cloud SQL: its Admin API over HTTP, and its TLS end before embedded Postgres.

It speaks what Google's connector speaks: connection settings, a short-lived client certificate for
the connector's own key, and TLS 1.3 with client certificates on the proxy's fixed port.
"""

import errno
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask
import google.auth.credentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from infra.local.serving import HttpServer

INSTANCE = "p:europe-west1:countersign"
_PORT = 3307  # the connector's, for every instance
# Of TLS, at most: what is read at once leaves nothing behind that no selector sees.
_RECORD = 16 * 1024
_HOUR = timedelta(hours=1)


class Credentials(google.auth.credentials.Credentials, google.auth.credentials.Scoped):
    """A signed-in account; its token opens nothing."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.refresh(None)

    @property
    def requires_scopes(self) -> bool:
        return False

    def with_scopes(self, scopes: Any, default_scopes: Any = None) -> "Credentials":  # noqa: ARG002
        return Credentials()

    def refresh(self, request: Any) -> None:  # noqa: ARG002
        self.token = "stand-in"
        self.expiry = (datetime.now(UTC) + _HOUR).replace(tzinfo=None)  # noqa: TID251 (google's clock)


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


class Authority:
    """The instance's own certificate authority."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.certificate = self.sign("Google Cloud SQL Server CA", self._key.public_key())

    def sign(self, subject: str, key: Any) -> str:
        now = datetime.now(UTC)  # noqa: TID251 (certificates are about the transport)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("Google Cloud SQL Server CA"))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _HOUR)
            .not_valid_after(now + _HOUR)
        )
        ours = self._key.public_key()
        is_authority = key.public_numbers() == ours.public_numbers()
        # As RFC 5280 asks of an issuer; Python verifies strictly from 3.13 on.
        for extension, critical in (
            (x509.BasicConstraints(is_authority, None), True),
            (_usage(certificates=is_authority), True),
            (x509.SubjectKeyIdentifier.from_public_key(key), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(ours), False),
        ):
            builder = builder.add_extension(extension, critical=critical)
        signed = builder.sign(self._key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM).decode()

    def server_context(self, folder: Path) -> ssl.SSLContext:
        """Identify as the instance, and take clients of this authority only."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        (folder / "server.pem").write_bytes(
            private + self.sign(INSTANCE.replace(":europe-west1", ""), key.public_key()).encode()
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=self.certificate)
        context.load_cert_chain(folder / "server.pem")
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        return context


@dataclass
class Google:
    """The Admin API and what was asked of it; `status` is answered instead of 200."""

    authority: Authority
    address_kind: str = "PRIVATE"
    status: int = 200
    asked: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def application(self) -> flask.Flask:
        app = flask.Flask(__name__)
        base = "/sql/v1beta4/projects/<project>/instances/"
        app.add_url_rule(f"{base}<instance>/connectSettings", view_func=self._settings)
        app.add_url_rule(
            f"{base}<instance>:generateEphemeralCert",
            view_func=self._certificate,
            methods=["POST"],
        )
        app.before_request(self._refuse)
        return app

    def _refuse(self) -> tuple[dict[str, Any], int] | None:
        self.asked.append(flask.request.path.rpartition("/")[2])
        if self.status == 200:
            return None
        return {"error": {"code": self.status, "message": "said by Google"}}, self.status

    def _settings(self, project: str, instance: str) -> dict[str, Any]:
        assert (project, instance) == ("p", "countersign")
        return {
            "region": "europe-west1",
            "databaseVersion": "POSTGRES_17",
            "backendType": "SECOND_GEN",
            "ipAddresses": [{"type": self.address_kind, "ipAddress": "127.0.0.1"}],
            "serverCaCert": {"cert": self.authority.certificate},
        }

    def _certificate(self, project: str, instance: str) -> dict[str, Any]:  # noqa: ARG002
        asked = flask.request.get_json()
        self.tokens.append(asked["access_token"])
        key = serialization.load_pem_public_key(asked["public_key"].encode())
        return {"ephemeralCert": {"cert": self.authority.sign("client", key)}}


class Proxy:
    """The TLS end of the instance; `fail_over` cuts every connection, `stop` refuses new ones."""

    def __init__(self, context: ssl.SSLContext, database_url: str) -> None:
        folder = parse_qs(urlsplit(database_url).query)["host"][0]
        self._socket_file = f"{folder}/.s.PGSQL.5432"
        self._context = context
        self._listener = _listen()
        self._open: list[socket.socket] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def fail_over(self) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        self._stopping = True
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", _PORT)).close()
        self._thread.join(5)
        self._listener.close()
        self.fail_over()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._stopping:
                connection.close()
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with (
            suppress(OSError),
            self._context.wrap_socket(connection, server_side=True) as client,
            socket.socket(socket.AF_UNIX) as server,
        ):
            server.connect(self._socket_file)
            self._open += [client, server]
            _relay(client, server)


def _listen() -> socket.socket:
    """Wait for the port, which another run of these tests may have on this machine."""
    while True:
        try:
            return socket.create_server(("127.0.0.1", _PORT))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            time.sleep(0.05)


def _relay(client: ssl.SSLSocket, server: socket.socket) -> None:
    """Carry both ways until one end is gone; two threads must not share a TLS session."""
    with selectors.DefaultSelector() as ready:
        ready.register(client, selectors.EVENT_READ, (client, server))
        ready.register(server, selectors.EVENT_READ, (server, client))
        while True:
            for key, _ in ready.select():
                source, target = key.data
                if not (data := source.recv(_RECORD)):
                    return
                target.sendall(data)


@contextmanager
def cloud_sql(folder: Path, database_url: str) -> Iterator[tuple[Google, Proxy, str]]:
    """Run both; yield them and the Admin API's address."""
    google_side = Google(Authority())
    proxy = Proxy(google_side.authority.server_context(folder), database_url)
    try:
        with HttpServer(google_side.application()) as server:
            yield google_side, proxy, server.url
    finally:
        proxy.close()
