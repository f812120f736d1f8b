"""Credentials and certificates: from the environment, to the server, and nowhere else."""

from __future__ import annotations

import datetime as dt
import json
import logging
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from faulty_proxy import Faulty
from hostcast.errors import HostcastError
from hostcast.files import write_json, write_parquet
from hostcast.telemetry import prepare
from hostcast.telemetry.prometheus.access import access_from
from node_history import asked

PREFIX = "HOSTCAST_PROMETHEUS_"
TOKEN = "tok-5f1e7c"
PASSWORD = "correct horse"
# bcrypt of PASSWORD, at the lowest cost
HASH = "$2b$04$nKfKO8dRTJMTGAudCGz0LuvKOv5aBuPFHXaB8uPixDOC1.LXSGbsu"
SHORT = {"end": "2025-01-06T04:00"}


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name}.crt"
        self.file.write_bytes(self._certificate(self._name, self._key.public_key(), authority=True))

    def issue(self, name: str, passphrase: bytes | None = None) -> tuple[Path, Path]:
        """Files of a certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate, secret = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        certificate.write_bytes(self._certificate(subject, key.public_key(), authority=False))
        how = (
            serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        )
        secret.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
        )
        return certificate, secret

    def _certificate(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, authority: bool) -> bytes:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch):
    """Set HOSTCAST_PROMETHEUS_ variables."""

    def set_them(**values: object) -> None:
        for name, value in values.items():
            monkeypatch.setenv(PREFIX + name, str(value))

    return set_them


def written(params) -> str:
    """All that prepare leaves behind, as text."""
    prepared = prepare(params)
    write_parquet(Path("telemetry.parquet"), prepared.telemetry)
    write_json(Path("quality.json"), prepared.quality)
    return "".join(
        str(path) + path.read_bytes().decode("latin-1") for path in Path().rglob("*") if path.is_file()
    )


def test_a_bearer_token_goes_to_the_server_and_nowhere_else(url, environment, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    # the line end of `echo` is no part of it
    environment(TOKEN=f"{TOKEN}\n")
    with Faulty(url, [lambda handler: handler.say(503, TOKEN.encode())]) as proxy:
        left = written(asked(proxy.url, SHORT))
    assert {seen.headers["authorization"] for seen in proxy.seen} == {f"Bearer {TOKEN}"}
    assert TOKEN not in left
    assert "503: ***" in caplog.text and TOKEN not in caplog.text


def test_without_credentials_none_are_sent_whatever_netrc_holds(url, tmp_path, monkeypatch) -> None:
    (tmp_path / "netrc").write_text("machine localhost login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with Faulty(url) as proxy:
        prepare(asked(proxy.url, SHORT))
    assert not any("authorization" in seen.headers for seen in proxy.seen)


def test_https_with_user_and_password_as_prometheus_itself_offers_it(
    server_of, authority, environment, caplog
) -> None:
    caplog.set_level(logging.DEBUG)
    certificate, key = authority.issue("localhost")
    web = (
        f"tls_server_config: {{cert_file: {certificate}, key_file: {key}}}\n"
        f"basic_auth_users: {{hostcast: '{HASH}'}}\n"
    )
    with server_of(web=web) as server:
        params = asked(server.url, SHORT)
        with pytest.raises(HostcastError, match="certificate verify failed") as untrusted:
            prepare(params)
        assert PREFIX + "CA_FILE" in untrusted.value.remedy

        environment(CA_FILE=authority.file)
        with pytest.raises(HostcastError, match="does not let us in \\(401") as unknown:
            prepare(params)
        assert f"set there are: {PREFIX}CA_FILE" in unknown.value.remedy

        environment(USERNAME="hostcast", PASSWORD="wrong horse")
        with pytest.raises(HostcastError, match="does not let us in") as wrong:
            prepare(params)
        assert "horse" not in str(wrong.value) and PREFIX + "PASSWORD" in wrong.value.remedy

        environment(PASSWORD=PASSWORD)
        assert "horse" not in written(params)
    assert "horse" not in caplog.text


def test_a_server_that_wants_the_clients_certificate_gets_it(server_of, authority, environment) -> None:
    certificate, key = authority.issue("localhost")
    web = (
        f"tls_server_config: {{cert_file: {certificate}, key_file: {key}, "
        f"client_auth_type: RequireAndVerifyClientCert, client_ca_file: {authority.file}}}\n"
    )
    environment(CA_FILE=authority.file)
    with server_of(web=web) as server:
        with pytest.raises(HostcastError, match="each other's certificates") as without:
            prepare(asked(server.url, SHORT))
        assert PREFIX + "CERT_FILE" in without.value.remedy
        own, secret = authority.issue("client")
        environment(CERT_FILE=own, KEY_FILE=secret)
        assert len(prepare(asked(server.url, SHORT)).telemetry)


def test_a_certificate_of_another_authority_is_refused(server_of, authority, environment, tmp_path) -> None:
    certificate, key = authority.issue("localhost")
    environment(CA_FILE=Authority(tmp_path, "another").file)
    web = f"tls_server_config: {{cert_file: {certificate}, key_file: {key}}}\n"
    with server_of(web=web) as server, pytest.raises(HostcastError, match="certificate verify failed"):
        prepare(asked(server.url, SHORT))


def test_https_to_a_server_without_it_is_no_matter_of_patience(url) -> None:
    with pytest.raises(HostcastError, match="does not speak TLS") as caught:
        prepare(asked(url.replace("http:", "https:"), SHORT))
    assert "http://" in caught.value.remedy


def test_a_redirect_is_not_followed(url, environment) -> None:
    environment(TOKEN=TOKEN)
    elsewhere = "http://example.invalid/login"
    redirect = [lambda handler: handler.say(302, b"", Location=elsewhere)] * 9
    with Faulty(url, redirect) as proxy, pytest.raises(HostcastError, match="redirects to another") as caught:
        prepare(asked(proxy.url, SHORT))
    assert "prepare.prometheus.url" in caught.value.remedy


def test_a_token_that_a_server_repeats_is_hidden(url, environment) -> None:
    environment(TOKEN=TOKEN)
    said = json.dumps({"status": "error", "errorType": "bad_data", "error": f"Bearer {TOKEN}?"}).encode()
    repeated = [lambda handler: handler.say(400, said)] * 9
    with Faulty(url, repeated) as proxy, pytest.raises(HostcastError, match=r"Bearer \*\*\*\?"):
        prepare(asked(proxy.url, SHORT))


@pytest.mark.parametrize("before", [260, 290, 297])
def test_a_secret_that_a_long_message_ends_in_is_hidden_whole(before, url, environment) -> None:
    environment(TOKEN=TOKEN * 9)
    text = "x" * before + TOKEN * 9
    for said in (text, json.dumps({"status": "error", "errorType": "bad_data", "error": text})):
        repeated = [lambda handler, said=said: handler.say(400, said.encode())] * 9
        with Faulty(url, repeated) as proxy, pytest.raises(HostcastError, match="xxx") as caught:
            prepare(asked(proxy.url, SHORT))
        assert TOKEN[:1] not in str(caught.value).rpartition("x")[2].partition("\n")[0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"TOKEN": TOKEN, "PASSWORD": PASSWORD}, "a token and a user name"),
        ({"USERNAME": "me"}, "belong together"),
        ({"PASSWORD": PASSWORD}, "belong together"),
        ({"KEY_FILE": "client.key"}, "needs its certificate"),
        ({"TOKEN": "tok\nX-Evil: 1"}, "can't be sent"),
        ({"TOKEN": "tök"}, "can't be sent"),
        ({"CA_FILE": "nowhere.crt"}, "No such file"),
        ({"CA_FILE": "README"}, "can't be used"),
        ({"CERT_FILE": "README"}, "can't be used"),
        ({"CERT_FILE": "locked.crt", "KEY_FILE": "locked.key"}, "can't be used"),
    ],
)
def test_variables_of_no_use_are_errors_without_their_values(given, said, tmp_path) -> None:
    (tmp_path / "README").write_text("no certificate")
    Authority(tmp_path, "authority").issue("locked", b"passphrase")
    values = {
        PREFIX + name: str(tmp_path / value) if name.endswith("FILE") else value
        for name, value in given.items()
    }
    with pytest.raises(HostcastError, match=said) as caught:
        access_from(values)
    text = str(caught.value)
    assert PREFIX in text
    assert not any(secret in text for secret in (TOKEN, PASSWORD, "Evil", "tök"))


def test_secrets_are_in_no_representation() -> None:
    access = access_from({PREFIX + "USERNAME": "me", PREFIX + "PASSWORD": PASSWORD})
    assert "horse" not in repr(access) and "bWU6" not in repr(access)
    assert (
        access.hidden("sent: Basic bWU6Y29ycmVjdCBob3JzZQ== for correct horse") == "sent: Basic *** for ***"
    )
