"""Personal data at rest: sealed with AES-GCM under a key per shop, found again by a keyed fingerprint."""

import hashlib
import hmac
import os

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class Cipher:
    """`secret` is the installation's secret; each shop's keys are derived from it."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def seal(self, shop: str, text: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self._key("seal", shop)).encrypt(nonce, text.encode(), shop.encode())

    def open(self, shop: str, sealed: bytes) -> str:
        """The text again; cryptography.exceptions.InvalidTag if it was sealed for another shop or altered."""
        return AESGCM(self._key("seal", shop)).decrypt(sealed[:_NONCE], sealed[_NONCE:], shop.encode()).decode()

    def fingerprint(self, shop: str, text: str) -> bytes:
        """The same 32 bytes for the same text of the same shop, of no use without the secret."""
        return hmac.digest(self._key("fingerprint", shop), text.encode(), hashlib.sha256)

    def _key(self, use: str, shop: str) -> bytes:
        if not self._secret:
            raise RuntimeError("HUITOU_SECRET is not set; it protects personal data at rest")
        return hmac.digest(self._secret, f"{use}:{shop}".encode(), hashlib.sha256)
