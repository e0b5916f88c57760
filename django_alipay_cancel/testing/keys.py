"""The throw-away RSA keys of a fake gateway and of its one merchant."""

import base64
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


@dataclass
class Keys:
    """The merchant's private key and Alipay's; each side is given the public half of the other.

    ``accepted`` are the merchant's public keys that Alipay knows, by keyVersion;
    ``alipay_version`` is the keyVersion that Alipay's signatures carry.
    """

    merchant: RSAPrivateKey = field(repr=False)
    alipay: RSAPrivateKey = field(repr=False)
    alipay_version: str = field(default="1", init=False)
    accepted: dict[str, RSAPublicKey] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.accepted = {"1": self.merchant.public_key()}


@lru_cache(maxsize=1)  # making a key takes a good part of a second
def throw_away_keys() -> Keys:
    """Return two RSA-2048 keys, made once per process."""
    return Keys(merchant=new_key(), alipay=new_key())


def private_key_text(key: RSAPrivateKey) -> str:
    """Return ``key`` as Alipay's key tool prints it: PKCS#8 as bare base64."""
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return base64.b64encode(der).decode("ascii")


def public_key_text(key: RSAPublicKey) -> str:
    """Return ``key`` as Alipay's console shows it: SubjectPublicKeyInfo as bare base64."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode("ascii")


def new_key() -> RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
