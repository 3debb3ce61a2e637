"""Makes the keys of a small cluster, in every form that workers meet."""

import base64
import textwrap

import asyncssh
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

FORMS = ("concourse", "pkcs1", "pkcs8", "openssh")


def generate(bits=2048):
    """An RSA private key (cryptography's)."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def private_text(key, form="concourse"):
    """The private key as text. `concourse` is what `concourse generate-key` writes: PKCS#1 bytes under the label of PKCS#8."""
    encoding, plain = serialization.Encoding, serialization.NoEncryption()
    if form == "concourse":
        der = key.private_bytes(encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, plain)
        lines = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
        return f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n"
    kind = {"pkcs1": serialization.PrivateFormat.TraditionalOpenSSL, "pkcs8": serialization.PrivateFormat.PKCS8,
            "openssh": serialization.PrivateFormat.OpenSSH}[form]
    return key.private_bytes(encoding.PEM, kind, plain).decode()


def public_text(key):
    """The public key as a line of authorized_keys."""
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return public.decode() + "\n"


def to_asyncssh(key):
    return asyncssh.import_private_key(private_text(key, "openssh"))


def make_files(directory):
    """Writes tsa_host_key(.pub) and worker_key(.pub) unless they are there. The private ones are for their owner only."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in ("tsa_host_key", "worker_key"):
        path = directory / name
        if not path.exists():
            key = generate()
            path.touch(mode=0o600)
            path.write_text(private_text(key))
            path.with_name(name + ".pub").write_text(public_text(key))


def load(path):
    """A private key file in any of the forms, as asyncssh's key."""
    text = path.read_text()
    try:
        return asyncssh.import_private_key(text)
    except asyncssh.KeyImportError:
        return asyncssh.import_private_key(text.replace(" PRIVATE KEY", " RSA PRIVATE KEY"))
