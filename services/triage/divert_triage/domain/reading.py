"""Reads the text of a call for danger. Pure, and made to be explained: phrases, and cues that put them in doubt.

Words are looked up in an automaton made of the lexicon. Around each phrase that tells of danger the reader looks for
cues in its clause: denied, in doubt, or confirmed. What it says can only restrict, so where two readings are possible
it takes the more dangerous one; a denial counts only when nothing stands between that it could not reach across.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from divert_contracts.call import Signal
from divert_contracts.vocabulary import Certainty, Hazard, SignalSource
from divert_triage.domain.lexicon import GAP, STOP, Cue, Entry, Lexicon, wordings

UNREADABLE = "unreadable"
"""The code of the signal that a text could not be read; its hazard is ``unknown``."""
UNREAD = "unread"
"""The same, where the policy in force has no lexicon."""

# What stands between two words: nothing that counts, then what cues cross less and less.
_SPACE, _SLASH, _COMMA, _STOP, _COLON, _QUESTION = range(6)
_STOPS = frozenset(".;!|\n\r[]")
_COLONS = frozenset(":=")
_WORDS = re.compile(r"([^a-z0-9]*)([a-z0-9]+(?:'[a-z0-9]+)*|$)")

_BY_WEIGHT = (
    ("present", Certainty.PRESENT),
    ("possible", Certainty.POSSIBLE),
    ("denied", Certainty.DENIED),
    ("either", Certainty.POSSIBLE),
    ("asked", Certainty.POSSIBLE),
)

_GAP_WORDS = 3
_REACH = 9
"""Words over which a cue can reach."""
_SHORTEST_CORRECTED = 5
"""Letters of a word that a misspelt one is taken for."""
_LONGEST_CORRECTED = 24
_FOREIGN_LETTERS = 4
"""So many letters of a script that the reader does not know may hide anything."""
_FEWEST_JUDGED = 6
_LEAST_KNOWN = 0.2
"""A text of that many words or more with a smaller share of known ones cannot be read."""

_CONCEDED = frozenset({Hazard.WEAPON, Hazard.VIOLENCE})
"""What there may be though nothing is done with it; whoever denies the use of drugs denies the drugs."""

_ACCENTS = str.maketrans("áàâäãåéèêëíìîïóòôöõúùûüñçýÿ", "aaaaaaeeeeiiiiooooouuuuncyy")
_APOSTROPHES = dict.fromkeys(map(ord, "\u2019\u2018\u02bc\u00b4`"), "'")
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_FOLDED = {**_ACCENTS, **_APOSTROPHES, **_FULL_WIDTH}


class _Ordinary:
    """A phrase that tells of no danger, whatever its words tell elsewhere."""


class _End:
    """A phrase at which the reach of cues ends."""


class _Join:
    """A word that cues reach across."""


class _List:
    """A word that goes on with a list."""


class _Concession(_Join):
    """A word across which a denial is doubt: who has not used a knife may have one."""


@dataclass(slots=True)
class _Cues:
    """The cue that a phrase is for what follows it, and for what precedes it."""

    before: Cue | None = None
    after: Cue | None = None

    @property
    def weigh(self) -> bool:
        """Whether they do more than limit a denial."""
        return any(one is not None and one.means != "limited" for one in (self.before, self.after))


_Saying: TypeAlias = tuple[Entry, int, int, Hazard, Certainty]
"""What a phrase tells of: its entry, its words from the first up to the last without it, hazard and certainty."""
_Item: TypeAlias = Entry | _Cues | _Ordinary | _End | _Join | _List
_ORDINARY, _END, _JOIN, _CONCESSION, _LIST = _Ordinary(), _End(), _Join(), _Concession(), _List()


@dataclass(slots=True)
class _Node:
    """A place in the automaton: the words that can follow, and what a phrase that ends here is."""

    then: "dict[str, _Node]" = field(default_factory=dict[str, "_Node"])
    item: _Item | None = None
    others: tuple[Entry, ...] = ()
    """Further entries that the same phrase stands under."""


_NOWHERE: dict[str, _Node] = {}


class _Found(NamedTuple):
    """A phrase in the text: its words from ``first`` up to ``last`` without it."""

    item: _Item
    first: int
    last: int
    gaps: int
    """How many of its gaps it reached across."""


def _by_length(found: _Found) -> tuple[int, int, int]:
    """Rank phrases that begin together: the longest first, and of one length what tells of danger before the rest."""
    item = found.item
    if isinstance(item, Entry):
        weight = 1 if item.certainty == "possible" else 3
    else:
        weight = 0 if isinstance(item, _Ordinary) else 2
    return found.last, weight, -found.gaps


class _Words(NamedTuple):
    """The text as words."""

    words: list[str]
    starts: list[int]
    ends: list[int]
    separators: list[int]
    """What stands before each word, and after the last one."""
    readable: bool

    def sentence(self, word: int) -> int:
        """Return the number of a word's sentence."""
        return sum(one >= _STOP for one in self.separators[: word + 1])


class _Part(NamedTuple):
    """A phrase in its text, or a word that is part of none."""

    item: _Item
    first: int
    last: int
    separator: int
    """What stands before it."""
    gaps: int = 0
    """How many of its gaps it reached across."""
    concedes: bool = False
    """A denial of it is doubt, by its own words."""


class Reader:
    """Reads by one lexicon."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Make the automaton of a lexicon."""
        self._root = _Node()
        self._vocabulary: set[str] = set()
        self._elements = _elements(lexicon)
        self._passed = frozenset(lexicon.passed_over)
        self._lists = frozenset(lexicon.lists)
        self._concessions = frozenset(lexicon.concessions)
        self._definite = frozenset(lexicon.definite)
        self._joins = frozenset(lexicon.joins) | self._passed | self._concessions
        self._abbreviations = frozenset(lexicon.abbreviations)
        self._everyday = frozenset(lexicon.everyday)
        for item, phrases in _items(lexicon):
            self._put(self._root, phrases, item, lexicon)
        before, after = _Node(), _Node()
        self._put(before, lexicon.retractions.before, _ORDINARY, lexicon)
        self._put(after, lexicon.retractions.after, _ORDINARY, lexicon)
        self._misspelt = _misspellings(lexicon.corrected)
        self._read_both_ways({*lexicon.corrected, *lexicon.spelt, *lexicon.everyday})
        self._starts = self._beginnings(self._root)
        self._take_back_what_follows, self._take_back_what_precedes = self._beginnings(before), self._beginnings(after)
        self._telling = {
            word
            for word, node in self._root.then.items()
            if isinstance(node.item, _End)
            or (isinstance(node.item, _Cues) and node.item.weigh)
            or (isinstance(node.item, Entry) and node.item.certainty == "possible")
        }
        """Words that deny or put in doubt, alone."""
        self._spelt = (
            self._vocabulary
            | self._joins
            | self._lists
            | {*self._elements, *lexicon.spelt, *lexicon.corrected}
            | self._everyday
        )

    def read(self, text: str, source: SignalSource = SignalSource.NARRATIVE) -> tuple[Signal, ...]:
        """Return what a text tells of danger, in order: each hazard once for each phrase and certainty.

        A doubt is told of in each sentence that it stands in: whoever has looked at one has not looked at the next.

        Args:
            text: of any length and language.
            source: what the text is.
        """
        words = self._words(_folded(text))
        found = self._found(words)
        said = list(self._said(words, found))
        if any(_is_grave_denial(hazard, certainty) for *_, hazard, certainty in said):
            said = self._taken_back(words, said)
        signals: dict[tuple[Hazard, Certainty, str, int], Signal] = {}
        if not words.readable:
            signals[Hazard.UNKNOWN, Certainty.POSSIBLE, UNREADABLE, 0] = not_read(UNREADABLE, source)
        for entry, first, last, hazard, certainty in said:
            once = (hazard, certainty, entry.id, words.sentence(first) if certainty is Certainty.POSSIBLE else 0)
            if once not in signals:
                signals[once] = Signal(
                    hazard=hazard,
                    source=source,
                    certainty=certainty,
                    code=entry.id,
                    start=words.starts[first],
                    end=words.ends[last - 1],
                )
        return tuple(signals.values())

    def _said(self, words: _Words, found: list[_Found]) -> Iterator[_Saying]:
        """Yield every hazard that phrases tell of, with its place and certainty."""
        if not any(one.gaps or isinstance(one.item, Entry | _Ordinary) for one in found):
            return
        parts = self._parts(words, found)
        for at, one in enumerate(parts):
            if isinstance(one.item, Entry):
                said = _said_before(parts, at) | _said_after(parts, at)
                for entry, first, last, hazard in self._told(words, one, one.item):
                    yield entry, first, last, hazard, _certainty(said, entry)
            elif one.gaps or (one.item is _ORDINARY and one.last - one.first > 1):
                yield from self._unexplained(words, one)

    def _taken_back(self, words: _Words, said: list[_Saying]) -> list[_Saying]:
        """Put denials of weapons and violence in doubt that another phrase of the text takes back.

        Such a phrase is a retraction of the lexicon. It stands before or after the denial, as the lexicon says, however
        far away: "no weapons", and two lines further down "he has one" or "he lied about it".
        """
        follows = min(
            (one.first for one in self._anywhere(words, self._take_back_what_follows)), default=len(words.words)
        )
        precedes = max((one.last for one in self._anywhere(words, self._take_back_what_precedes)), default=0)
        return [
            (entry, first, last, hazard, Certainty.POSSIBLE)
            if _is_grave_denial(hazard, certainty) and (first > follows or last < precedes)
            else (entry, first, last, hazard, certainty)
            for entry, first, last, hazard, certainty in said
        ]

    def _unexplained(self, words: _Words, part: _Part) -> Iterator[_Saying]:
        """Yield as doubt what begins within a harmless phrase that need not mean it: across a gap, or past its end."""
        for first in range(part.first, part.last):
            for one in self._all(words, first, self._starts):
                past = one.last > part.last and part.item is _ORDINARY
                if isinstance(one.item, Entry) and (part.gaps or past):
                    for hazard in one.item.hazards:
                        yield one.item, first, one.last, hazard, Certainty.POSSIBLE

    def _told(self, words: _Words, part: _Part, entry: Entry) -> Iterator[tuple[Entry, int, int, Hazard]]:
        """Yield the hazards of a phrase, and those that phrases which begin within it add, each with its place."""
        hazards = set(entry.hazards)
        yield from ((entry, part.first, part.last, hazard) for hazard in entry.hazards)
        for first in range(part.first, part.last):
            for one in self._all(words, first, self._starts):
                # A phrase that is doubtful or whole explains what it holds word for word, not what stands in its gap.
                explains = (entry.certainty == "possible" or entry.whole) and not part.gaps
                within = explains and one.last <= part.last and one.item not in (entry, part.item)
                if isinstance(one.item, Entry) and not (within and (first, one.last) != (part.first, part.last)):
                    yield from ((one.item, first, one.last, new) for new in one.item.hazards if new not in hazards)
                    hazards |= set(one.item.hazards)

    # ------------------------------------------------------------------------------------------------------ phrases

    def _put(self, root: _Node, phrases: Iterable[str], item: _Item, lexicon: Lexicon) -> None:
        for wording in (wording for phrase in phrases for wording in wordings(phrase, lexicon.groups)):
            node = root
            for element in wording:
                node = node.then.setdefault(element, _Node())
                if element.isalnum():
                    self._vocabulary.add(element)
            if isinstance(item, _Cues) and isinstance(node.item, _Cues):
                node.item = _Cues(item.before or node.item.before, item.after or node.item.after)
            elif isinstance(item, Entry) and isinstance(node.item, Entry):
                node.others = tuple({one.id: one for one in (*node.others, item) if one is not node.item}.values())
            else:
                node.item = item

    def _read_both_ways(self, right: Collection[str]) -> None:
        """Let each misspelling that a phrase or group names be itself in a phrase, and the word that is meant too."""
        for word in self._vocabulary | set(self._elements):
            meant = None if word in right else self._meant(word)
            if meant is not None:
                ways = (*self._elements.get(word, (word,)), *self._elements.get(meant, (meant,)))
                self._elements[word] = tuple(dict.fromkeys(ways))

    def _beginnings(self, root: _Node) -> dict[str, tuple[_Node, ...]]:
        """Return the places in an automaton behind each word that can begin a phrase."""
        places = {
            word: tuple(root.then[one] for one in self._elements.get(word, (word,)) if one in root.then)
            for word in self._vocabulary | set(self._elements)
        }
        return {word: nodes for word, nodes in places.items() if nodes}

    def _words(self, folded: str) -> _Words:
        """Split a text, correct misspelt words, and see whether it can be read."""
        words: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        separators: list[int] = []
        known = judged = 0
        spelt, everyday = self._spelt, self._everyday
        for match in _WORDS.finditer(folded):
            between, word = match.groups()
            separators.append(_SPACE if between == " " or not between else self._separator(between, words, word))
            if not word:
                break
            if "'" in word:
                word = word.replace("'", "")
            if word in spelt:
                judged += 1
                known += len(word) > 1 or word in everyday
            elif word.isalpha():
                judged += 1
                meant = self._meant(word)
                if meant is not None:
                    word = meant
                    known += 1
            words.append(word)
            starts.append(match.start(2))
            ends.append(match.end(2))
        readable = judged < _FEWEST_JUDGED or known >= judged * _LEAST_KNOWN
        if readable and not folded.isascii():
            readable = sum(one.isalpha() and not one.isascii() for one in folded) < _FOREIGN_LETTERS
        return _Words(words, starts, ends, separators, readable)

    def _separator(self, between: str, words: list[str], word: str) -> int:
        if between[-1] == "." and word.isdigit() and (between[:-1].isspace() or (words and words[-1].isdigit())):
            # The point of a number: 273.5, or .38.
            return _SPACE
        marks = set(between)
        if "?" in marks:
            return _QUESTION
        if stops := marks & _STOPS:
            return _SPACE if stops == {"."} and words and words[-1] in self._abbreviations else _STOP
        if marks & _COLONS:
            return _COLON
        return _COMMA if "," in marks else _SLASH if "/" in marks else _SPACE

    def _meant(self, word: str) -> str | None:
        """Return the word of the lexicon with one letter too many, too few, other or in the wrong place in this one."""
        misspelt = self._misspelt
        candidate = misspelt.get(word)
        if candidate is not None or not _SHORTEST_CORRECTED <= len(word) <= _LONGEST_CORRECTED:
            return candidate
        for at in range(1, len(word)):
            candidate = misspelt.get(word[:at] + word[at + 1 :])
            if candidate is not None and _is_near(word, candidate):
                return candidate
        return None

    def _found(self, words: _Words) -> list[_Found]:
        """Return the longest phrases from left to right, none within another."""
        found: list[_Found] = []
        free = 0
        starts = self._starts
        for at, word in enumerate(words.words):
            if at >= free and word in starts:
                phrases = self._all(words, at, starts)
                if phrases:
                    found.append(phrases[0])
                    free = phrases[0].last
        return found

    def _anywhere(self, words: _Words, starts: Mapping[str, tuple[_Node, ...]]) -> Iterator[_Found]:
        """Yield every phrase of the text, within others too."""
        for at, word in enumerate(words.words):
            if word in starts:
                yield from self._all(words, at, starts)

    def _all(self, words: _Words, first: int, starts: Mapping[str, tuple[_Node, ...]]) -> list[_Found]:
        """Return every phrase that begins with a word, the longest first."""
        found: list[_Found] = []
        for node in starts.get(words.words[first], ()):
            self._step(node, words, _Found(_ORDINARY, first, first + 1, 0), found)
        if len(found) > 1:
            found.sort(key=_by_length, reverse=True)
        return found

    def _further(self, node: _Node, words: _Words, so_far: _Found, found: list[_Found]) -> None:
        """Go on behind a word of a phrase: with the next one, behind articles, or behind a gap."""
        beyond = node.then.get(GAP)
        left = _GAP_WORDS if beyond is not None else 0
        direct = node.then
        stop = direct.get(STOP)
        if stop is not None and (so_far.last == len(words.words) or words.separators[so_far.last] >= _SLASH):
            self._step(stop, words, so_far, found)
        elements, separators = self._elements, words.separators
        for further in range(so_far.last, len(words.words)):
            if separators[further] >= _COMMA:
                break
            word = words.words[further]
            for element in elements.get(word) or (word,):
                following = direct.get(element)
                if following is not None:
                    self._step(following, words, so_far._replace(last=further + 1), found)
                if beyond is not None and element in beyond.then:
                    across = so_far._replace(last=further + 1, gaps=so_far.gaps + 1)
                    self._step(beyond.then[element], words, across, found)
            if word not in self._passed:
                # What is said between must have no meaning of its own.
                if not left or word in self._telling:
                    break
                direct = _NOWHERE
                left -= 1

    def _step(self, node: _Node, words: _Words, so_far: _Found, found: list[_Found]) -> None:
        if node.item is not None:
            found.append(so_far._replace(item=node.item))
            found.extend(so_far._replace(item=other) for other in node.others)
        if node.then:
            self._further(node, words, so_far, found)

    # -------------------------------------------------------------------------------------------------------- doubt

    def _parts(self, text: _Words, found: list[_Found]) -> list[_Part]:
        """Return the whole text as phrases and single words, and its end."""
        parts: list[_Part] = []
        at, coming = 0, iter([*found, None])
        one = next(coming)
        while at < len(text.words):
            if one is not None and one.first == at:
                parts.append(_Part(one.item, at, one.last, text.separators[at], one.gaps, self._concedes(text, one)))
                at, one = one.last, next(coming)
                continue
            word = text.words[at]
            parts.append(_Part(self._alone(word), at, at + 1, text.separators[at]))
            at += 1
        parts.append(_Part(_END, at, at, text.separators[at]))
        return parts

    def _concedes(self, text: _Words, found: _Found) -> bool:
        """Say whether a phrase grants what it tells of: the gun, which is not on him, is somewhere."""
        words = text.words
        if not self._concessions.isdisjoint(words[found.first : found.last]):
            return True
        named = (at + 1 for at in range(max(found.first - 1, 0), found.last - 1) if words[at] in self._definite)
        return any(_is_weapon(one.item) for at in named for one in self._all(text, at, self._starts))

    def _alone(self, word: str) -> _Item:
        if word in self._lists:
            return _LIST
        if word in self._concessions:
            return _CONCESSION
        return _JOIN if word in self._joins else _ORDINARY


def _is_grave_denial(hazard: Hazard, certainty: Certainty) -> bool:
    return certainty is Certainty.DENIED and hazard in _CONCEDED


def _is_weapon(item: _Item) -> bool:
    return isinstance(item, Entry) and Hazard.WEAPON in item.hazards


def _certainty(said: Collection[str], entry: Entry) -> Certainty:
    """Weigh what cues say of a phrase: confirmed outweighs doubt, and doubt outweighs denial, as a limit to it does."""
    if "limited" in said and "denied" in said and "present" not in said:
        return Certainty.POSSIBLE
    for means, certainty in _BY_WEIGHT:
        if means in said:
            return certainty
    return Certainty.POSSIBLE if entry.certainty == "possible" else Certainty.PRESENT


@dataclass(slots=True)
class _Way:
    """What a look from a phrase to one side has come across."""

    said: set[str] = field(default_factory=set[str])
    joined: bool = True
    """Nothing yet that a joined cue cannot reach across."""
    comma: bool = False
    listed: bool = False
    crossed: bool = False
    """Another phrase that tells of danger lies between."""
    alike: bool = False
    """One of those tells of the same danger."""
    asked: bool = False
    conceded: bool = False
    """What is denied is something about it, not that there is one."""

    def passes(self, separator: int, item: _Item) -> None:
        """Go on across a separator to a part."""
        self.comma |= separator in (_SLASH, _COMMA)
        self.listed |= item is _LIST
        if item is _ORDINARY:
            self.joined = False


def _said_before(parts: list[_Part], at: int) -> set[str]:
    """Return what cues before a phrase, in its clause, say of it."""
    way = _Way()
    item = parts[at].item
    hazards = set(item.hazards) if isinstance(item, Entry) else set[Hazard]()
    conceding = not _CONCEDED.isdisjoint(hazards)
    way.conceded = conceding and parts[at].concedes
    for number in range(at - 1, -1, -1):
        one, between = parts[number], parts[number + 1].separator
        if between >= _STOP or parts[at].first - one.last > _REACH or one.item is _END:
            break
        way.passes(between, one.item)
        way.conceded |= conceding and one.item is _CONCESSION
        if isinstance(one.item, Entry):
            way.crossed = True
            way.alike = way.alike or not hazards.isdisjoint(one.item.hazards)
        elif isinstance(one.item, _Cues):
            cue = one.item.before
            if cue is None or _is_answer(parts, number):
                way.joined = False
            elif cue.reach == "clause":
                # "Yesterday, he had …": a comma right after the first words of a clause is none.
                first = between == _COMMA and (number == 0 or one.separator >= _STOP)
                if not way.comma or first:
                    way.said.add(cue.means)
            elif way.joined:
                _joined_before(way, cue, parts, at)
    return way.said


def _joined_before(way: _Way, cue: Cue, parts: list[_Part], at: int) -> None:
    if cue.means == "denied":
        listed = way.listed or not (way.comma or way.crossed) or _list_goes_on(parts, at)
        if listed or "denied" in way.said:
            way.said.add("possible" if way.conceded else "denied")
        elif way.alike or not way.crossed:
            # "No gun, knife": perhaps a list, perhaps not.
            way.said.add("possible")
    elif not way.comma:
        way.said.add(cue.means)


def _said_after(parts: list[_Part], at: int) -> set[str]:
    """Return what cues after a phrase, in its clause or as an answer to it, say of it."""
    way = _Way()
    for number in range(at + 1, len(parts)):
        one = parts[number]
        if one.separator >= _STOP:
            if one.separator == _STOP or not way.joined or (way.asked and one.separator == _QUESTION):
                break
            way.asked = True
            if one.separator == _QUESTION:
                way.said.add("asked")
        if one.item is _END or one.first - parts[at].last > _REACH:
            break
        way.passes(one.separator, one.item)
        if isinstance(one.item, Entry):
            way.joined &= one.separator == _SLASH or parts[number - 1].item is _LIST
        elif isinstance(one.item, _Cues):
            _cue_after(way, one.item, one.separator, parts[number + 1])
        if way.asked and not way.joined:
            break
    return way.said


def _cue_after(way: _Way, cues: _Cues, separator: int, following: _Part) -> None:
    cue = cues.after
    if cue is None:
        way.joined = False
    elif cue.reach == "clause":
        if not way.comma:
            way.said.add(cue.means)
    elif way.comma and not way.asked and cues.before is not None:
        # "Neg wpns, not violent": a word that can go before belongs to what follows.
        way.joined = False
    elif way.joined:
        if cue.means == "denied" and separator == _COMMA and not way.asked:
            # "He has a gun, none seen": what was said before the comma stands.
            way.said.add("possible")
        elif cue.means != "denied" or way.asked or following.separator >= _COMMA or following.item is _END:
            way.said.add(cue.means)
        elif cues.before is None or isinstance(following.item, Entry):
            # "Weapons neg drugs": the word may belong to what follows. In "no weapons not violent" both readings deny.
            way.said.add("either")
        else:
            # "Knife, no shirt" denies the shirt alone.
            way.joined = False


def _is_answer(parts: list[_Part], number: int) -> bool:
    """Say whether a cue answers what stands before it, as in "weapons: no"."""
    if parts[number].separator < _COLON:
        return False
    asked = number - 1
    while asked > 0 and isinstance(parts[asked].item, _Join):
        asked -= 1
    return asked >= 0 and isinstance(parts[asked].item, Entry)


def _list_goes_on(parts: list[_Part], at: int) -> bool:
    """Say whether a list of phrases has an "or" further on: no guns, knives or bats."""
    for one in parts[at + 1 :]:
        if one.separator >= _STOP:
            return False
        if one.item is _LIST:
            return True
        if not isinstance(one.item, Entry | _Join):
            return False
    return False


def _items(lexicon: Lexicon) -> Iterator[tuple[_Item, tuple[str, ...]]]:
    yield from ((one, one.phrases) for one in lexicon.entries)
    yield _ORDINARY, lexicon.ordinary
    yield _END, lexicon.ends
    yield from ((_Cues(before=one), one.before) for one in lexicon.cues)
    yield from ((_Cues(after=one), one.after) for one in lexicon.cues)


def _elements(lexicon: Lexicon) -> dict[str, tuple[str, ...]]:
    """Return what each word of a group can be in a phrase: itself, and its groups as phrases name them."""
    elements: dict[str, tuple[str, ...]] = {}
    for name, members in lexicon.groups.items():
        words = {word for member in members for (word,) in wordings(member, {})}
        # With the s of "mom's", whose apostrophe is gone.
        for word in words | {f"{word}s" for word in words}:
            elements[word] = (*elements.get(word, (word,)), f"<{name}>")
    return elements


def not_read(code: str, source: SignalSource) -> Signal:
    """Return the signal of a text that was not read: it may hold anything, so a person must look."""
    return Signal(hazard=Hazard.UNKNOWN, source=source, certainty=Certainty.POSSIBLE, code=code)


def _folded(text: str) -> str:
    """Return a text of the same length in lower case, without accents."""
    lower = text.lower()
    if len(lower) != len(text):
        lower = "".join(low if len(low := one.lower()) == 1 else one for one in text)
    return lower if lower.isascii() else lower.translate(_FOLDED)


def _misspellings(words: Iterable[str]) -> dict[str, str]:
    """Return each word, and each with a letter left out, by the word that is meant; the first letter stays."""
    right = sorted(words)
    meant = {word: word for word in right}
    for word in right:
        for at in range(1, len(word)):
            meant.setdefault(word[:at] + word[at + 1 :], word)
    return meant


def _is_near(word: str, wanted: str) -> bool:
    """Say whether two different words differ in one letter, or in the order of two that stand side by side."""
    first = next(at for at in range(len(word)) if word[at : at + 1] != wanted[at : at + 1])
    if len(word) != len(wanted):
        longer, shorter = (word, wanted) if len(word) > len(wanted) else (wanted, word)
        return longer[first + 1 :] == shorter[first:]
    swapped = wanted[first : first + 2] == word[first : first + 2][::-1]
    return word[first + 1 :] == wanted[first + 1 :] or (swapped and word[first + 2 :] == wanted[first + 2 :])
