"""An issuer for a machine of one's own: one key pair in a folder, and the tokens that it signs.

In production tokens come from an OpenID provider; nothing of divert makes them there.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from jwt.algorithms import ECAlgorithm

from divert_contracts.access import Role

ISSUER = "urn:divert:local-issuer"
AUDIENCE = "divert"
ALGORITHM = "ES256"
PRIVATE = "issuer.json"
"""The key pair, for its owner's eyes."""
PUBLIC = "jwks.json"
"""The public key, as services read it."""
HOURS = 12.0


class LocalIssuer:
    """Signs tokens with the key pair in a folder."""

    def __init__(self, folder: Path, *, issuer: str = ISSUER, audience: str = AUDIENCE) -> None:
        """Use the key pair in a folder; ``make`` makes one where there is none."""
        self.issuer = issuer
        self.audience = audience
        self.jwks = folder / PUBLIC
        self._private = folder / PRIVATE

    def make(self) -> None:
        """Make the key pair, unless it is there already."""
        if not self._private.exists():
            self._private.touch(mode=0o600)
            known = {"kid": uuid4().hex[:16], "alg": ALGORITHM, "use": "sig"}
            pair = ECAlgorithm.to_jwk(generate_private_key(SECP256R1()), as_dict=True)
            self._private.write_text(json.dumps({**pair, **known}), encoding="ascii")
        public = {name: value for name, value in self._pair().items() if name not in {"d", "key_ops"}}
        self.jwks.write_text(json.dumps({"keys": [public]}), encoding="ascii")

    def token(
        self,
        role: Role,
        *,
        provider: str | None = None,
        agency: str | None = None,
        subject: str | None = None,
        scope: str | None = None,
        hours: float = HOURS,
    ) -> str:
        """Return a token.

        Args:
            role: what its bearer is.
            provider: whose provider's, for a provider's desk or team.
            agency: whose agency's, for CAD.
            subject: the bearer's id; one that says their role where it is left out.
            scope: the scopes that it is for, with blanks between; all of the role where it is left out.
            hours: for which it counts.

        Raises:
            FileNotFoundError: there is no key pair.
        """
        now = int(time.time())
        told = {"provider": provider, "agency": agency, "scope": scope}
        return self.signed(
            {
                "iss": self.issuer,
                "aud": self.audience,
                "sub": subject or "-".join(filter(None, (agency, provider, role.value))),
                "client_id": "divert-local",
                "iat": now,
                "exp": now + int(hours * 3600),
                "jti": uuid4().hex,
                "roles": [role.value],
                **{name: value for name, value in told.items() if value is not None},
            }
        )

    def signed(self, claims: Mapping[str, Any]) -> str:
        """Return a token that says just that.

        Raises:
            FileNotFoundError: there is no key pair.
        """
        pair = self._pair()
        key = ECAlgorithm.from_jwk(pair)
        if not isinstance(key, EllipticCurvePrivateKey):
            raise TypeError(f"{self._private} holds no private key")
        return jwt.encode(dict(claims), key, algorithm=ALGORITHM, headers={"kid": pair["kid"], "typ": "at+jwt"})

    def _pair(self) -> dict[str, str]:
        return json.loads(self._private.read_text(encoding="ascii"))
