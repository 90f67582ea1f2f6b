"""https: what the organisation and the login host must show before anything is sent to them. The simulator has no TLS, so a
listener with a certificate of our own stands before it."""

import socket
import ssl
import subprocess

import pytest
from dataverse import assert_equal, before, dataverse_project
from harness import DONE, FAILED, INVALID
from sim import Sim

LOCAL = "IP:127.0.0.1,DNS:localhost"


class Authority:
    """A CA in a folder, made with the openssl command."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.file = folder / "ca.pem"
        self.openssl("req", "-x509", *self.new_key("ca"), "-out", self.file, "-days", "2", "-subj", "/CN=dvsync test CA",
                     "-addext", "keyUsage=critical,keyCertSign")

    def openssl(self, *args):
        subprocess.run(["openssl", *map(str, args)], cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True,
                       check=True)

    def new_key(self, name):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.folder / f"{name}.key"

    def server(self, name="server", names=LOCAL, days=2):
        """An ssl.SSLContext of a server whose certificate this CA has signed."""
        request, certificate = self.folder / f"{name}.csr", self.folder / f"{name}.pem"
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        self.openssl("req", "-new", *self.new_key(name), "-out", request, "-subj", f"/CN={name}")
        self.openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.folder / "ca.key", "-CAcreateserial",
                     "-days", days, "-extfile", f"{name}.ext", "-out", certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, self.folder / f"{name}.key")
        return context


@pytest.fixture(name="ca", scope="module")
def made_once(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls") / "ca")


@pytest.fixture(name="sim", scope="module")
def organisation():
    with Sim("--rows", "accounts=60", "--gzip") as sim:
        yield sim


def project_of(folder, org, **settings):
    return dataverse_project(folder, org, ["accounts"], page_size=20, max_retries=0, **settings)


def refused(project, org, *words, code=FAILED):
    """The sync fails with these words, and nothing was sent: no request, and so no secret."""
    result = project.command("sync")
    assert result.code == code, result
    result.says(*words)
    assert not org.seen, org.paths()
    return result


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_trusted(tmp_path, sim, ca, host):
    """Goal: with the CA named in ca_file all goes over https, from the sign-in to the last page."""
    with before(sim, tls=ca.server(), host=host) as org:
        project = project_of(tmp_path, org, ca_file=str(ca.file))
        assert project.command("validate").code == DONE
        project.sync()
        project.diff(expect=DONE)
        assert any("/oauth2/" in p for p in org.paths()) and sum("skiptoken" in p for p in org.paths()) >= 2, org.paths()
    assert_equal(project, sim, "accounts")


def test_relative_file(tmp_path, sim, ca):
    """Goal: ca_file is looked for beside the project file, like every path in it."""
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates/ca.pem").write_bytes(ca.file.read_bytes())
    with before(sim, tls=ca.server()) as org:
        project = project_of(tmp_path, org, ca_file="certificates/ca.pem")
        assert project.command("sync", cwd="/").code == DONE


def test_unknown_authority(tmp_path, sim, ca):
    """Goal: a certificate of a CA that nobody named is refused, and the message says where to name it."""
    with before(sim, tls=ca.server()) as org:
        refused(project_of(tmp_path, org), org, "certificate", "ca_file", org.url)


def test_another_authority(tmp_path, sim, ca):
    """Goal: ca_file takes the place of all others: a certificate of another CA is refused."""
    other = Authority(tmp_path / "other")
    with before(sim, tls=ca.server()) as org:
        refused(project_of(tmp_path / "project", org, ca_file=str(other.file)), org, "certificate", "ca_file")


@pytest.mark.parametrize("content", [None, "this is no certificate\n"], ids=["missing", "no_certificate"])
def test_bad_file(tmp_path, sim, ca, content):
    """Goal: a ca_file that cannot be used is named."""
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    with before(sim, tls=ca.server()) as org:
        refused(project_of(tmp_path / "project", org, ca_file=str(path)), org, "ca_file", str(path), code=INVALID)


def test_expired(tmp_path, sim, ca):
    """Goal: an expired certificate is refused, and it is not ca_file that one is sent to."""
    with before(sim, tls=ca.server("expired", days=-1)) as org:
        result = refused(project_of(tmp_path, org, ca_file=str(ca.file)), org, "certificate", "expired", "clock")
        assert "ca_file" not in result.err, result


def test_wrong_name(tmp_path, sim, ca):
    """Goal: a certificate for another host is refused."""
    with before(sim, tls=ca.server("elsewhere", names="DNS:org.crm.dynamics.com")) as org:
        result = refused(project_of(tmp_path, org, ca_file=str(ca.file)), org, "127.0.0.1", "check url")
        assert "ca_file" not in result.err, result


@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated")
def test_old_protocol(tmp_path, sim, ca):
    """Goal: TLS before 1.2 is refused, though the server would speak it."""
    old = ca.server("old")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with before(sim, tls=old) as org:
        client = ssl.create_default_context(cafile=ca.file)
        client.minimum_version = ssl.TLSVersion.TLSv1_1
        client.set_ciphers("ALL:@SECLEVEL=0")
        with socket.create_connection(("127.0.0.1", org.server.server_port), timeout=10) as plain, \
                client.wrap_socket(plain, server_hostname="127.0.0.1") as secured:
            assert secured.version() == "TLSv1.1"
        refused(project_of(tmp_path, org, ca_file=str(ca.file)), org, "TLS 1.2")


def test_no_tls_at_all(tmp_path, sim):
    """Goal: https to a port that speaks plain http fails at once, and the message says why."""
    with before(sim) as org:
        refused(project_of(tmp_path, org, url=org.url.replace("http:", "https:")), org, "speak tls")
