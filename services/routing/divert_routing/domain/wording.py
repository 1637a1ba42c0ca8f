"""Tells one wording of a doubt from another: who has looked at the one has not looked at the other. Keeps no words."""

import re
from hashlib import blake2b
from uuid import UUID

from divert_contracts.call import Picture, Private, Signal
from divert_contracts.vocabulary import SignalSource

_STOPS = re.compile(r"[;!?|\[\]\n\r]|\.(?=\s|$)")
_WORDS = re.compile(r"\w+")
_BYTES = 8


def digest(call_id: UUID, signal: Signal, picture: Picture, private: Private) -> str:
    """Return a digest of the words in which a sign stands, the same for the same words of a call and for no other call.

    Args:
        call_id: the key.
        signal: one that was read from words.
        picture: of the revision that was read.
        private: its words.
    """
    words = " ".join(_WORDS.findall(_around(signal, picture, private).casefold()))
    return blake2b(words.encode(), key=call_id.bytes, digest_size=_BYTES).hexdigest()


def _around(signal: Signal, picture: Picture, private: Private) -> str:
    """Return the sentence of a sign in the narrative; of shorter texts all."""
    if signal.source is SignalSource.CALL_TYPE:
        texts = (picture.call_type, picture.call_type_text, private.call_type_text)
        return " ".join(one for one in texts if one)
    if signal.start is None or signal.end is None:
        people = (private.caller, *private.persons)
        beside = (private.people_animals_access, *(one.description for one in people if one is not None))
        return " ".join(one for one in beside if one)
    text = private.narrative or ""
    first = max((stop.end() for stop in _STOPS.finditer(text, 0, signal.start)), default=0)
    following = _STOPS.search(text, signal.end)
    return text[first : len(text) if following is None else following.start()]
