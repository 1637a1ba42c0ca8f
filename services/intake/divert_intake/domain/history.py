"""Takes criminal history out of a text: returns of CLETS, NCIC, DOJ and the like, which some systems paste into a call.

It tells of old charges, not of today, and must not stand against a person who needs help. Only what looks like such a
record is taken out, sentence by sentence; from the first word that tells of now on, the text stays as it is.
"""

import re

REMOVED = "[criminal history removed]"
"""What stands where such a record stood."""

_SYSTEM = re.compile(
    r"\b(?:CLETS|NCIC|FCIC|TCIC|ACIC|NLETS|OLETS|JDIC|CJIS|CARPOS|SRF|AFIS|LEADS RETURN|CII|CORI"
    r"|DOJ(?: REC(?:ORD)?| RETURN| HIT)|III(?=[:/ ])|(?i:RAP SHEET)|RAP(?=: )|(?i:CRIM(?:INAL)? HIST(?:ORY)?)(?=[: ])"
    r"|INTERSTATE IDENTIFICATION INDEX|WPS/WANTS|WANTS/WARRANTS|WANTED PERSON(?=[: ]*(?:ORI|NAM|OFF|WARR))"
    r"|ARR/DET/CITE|ARREST(?:S| HISTORY| RECORD)(?=:)|CONVICTION(?:S| HISTORY)(?=:)|(?:KNOWN|WANTED) PERSON(?=:)"
    r"|REG(?=: ?290)|PRIORS(?=:|:? ?\(?(?:\d{2,}|FELONY|MISD|ADW|ASSAULT|ROBBERY|BATTERY|BURG|DUI))"
    r"|(?:PROB(?:ATION)?|PAROLE) STATUS(?=:)|SUPERVISED RELEASE(?=:)|RECORDS? CHECK(?=:))"
)
"""What such a record begins with; systems write it in capitals."""
_ENTRY = re.compile(
    r"\b\d{2,5}(?:\.\d+)?(?:\([A-Z0-9]{1,2}\))* ?(?:PC|HS|H&S|VC|WI|W&I|BP)\b|\b(?:PC|HS|VC) \d{3,5}"
    r"|\b(?:SEX|RAC|HGT|WGT|EYE|HAI|DOB|POB|NAM|FBI|SID|CII|SOC|OLN|ORI|OCA|MKE|OFF|DOW|AGY|CNT|SEN)[/:] ?\w"
    r"|\b(?:DISPO|CONV|CONVICTED|ARR|ARREST-SETTLED|COURT|PROB|PROBATION|PAROLE|CDC|CDCR|DISCH|DISCHARGED|NOLLE|ADJ"
    r"|DISMISSED|FELONY|MISD|WARR|BAIL|PRIORS?|CHARGES?|OFFENSE|REL|REGISTRANT|ENH|JAIL|PRISON|LIVESCAN|BOOKED)\b"
    r"|\bNO (?:CONV|WANTS|HITS?|RECORD|PRIORS|WARRANTS)\b|\b(?:19|20)\d{6}\b|\b1ST\b|\b2ND DEG\b"
    r"|\b(?:19|20)\d\d [A-Z]{2}\b"
)
_FORMAL = re.compile(
    r"\b(?:RESTRICTED|FOR OFFICIAL USE|UNOFFICIAL|NOT (?:BE )?USED? FOR|THIS RECORD|THE RECORD|RESULT OF YOUR INQUIRY"
    r"|END OF (?:MESSAGE|RECORD|REPORT|RESPONSE|RETURN)|END (?:CLETS|NCIC|RAP|RECORD|HISTORY)|ATTN|TXT\b|RE: ?Q"
    r"|NAME MATCH|DOB ONLY|\d OF \d|NEG\.?$|(?:NEG|NEGATIVE) (?:RETURN|HIT|RESULT))"
)
_NOW = re.compile(
    r"(?<![/:\w])(?:RPS?|PR|CALLER|CLR|SUBJ|SUBJECT|SUSP|MALE|FEMALE|MAN|WOMAN|CLIENT|PATIENT|PT|HE|SHE|THEY|HE'S|SHE'S|WE|I"
    r"|TODAY|TONIGHT|NOW|CURRENTLY|SAYS|SAID|STATES|ADV|ADVISED|ADVISES|REFUS\w+|IS|ARE|HAS|WANTS TO|WELFARE|REQ\w*|HBD"
    r"|MOTHER|FATHER|BROTHER|SISTER|NEIGHBOR|STAFF|UNIT|UNITS|WEARING|SITTING|STANDING|YELLING|CRYING"
    r"|VICTIM|VICT|POSS\w*|JUST|STILL|BLEEDING|SCREAMING|FIGHTING|HOLDING|SWINGING|THREATENING|ARMED W\w*)"
    r"(?![/\w])",
    re.IGNORECASE,
)
"""What a person says of now."""
_SENTENCES = re.compile(r"[^\n.;]*(?:[.;](?!\s)[^\n.;]*)*(?:\.\.\.|[.;\n]|$)\s*")
_FEWEST_ENTRIES = 3
"""So many entries in one sentence are a record also without a system's name."""


def without_history(text: str) -> tuple[str, bool]:
    """Return a text without criminal history, and whether there was any."""
    kept: list[str] = []
    within = found = False
    for match in _SENTENCES.finditer(text):
        sentence = match[0]
        if not sentence:
            continue
        start, end = _record(sentence, within=within)
        if start == end:
            if sentence.strip():
                within = False
            kept.append(sentence)
            continue
        kept.append(sentence[:start])
        if not within:
            kept.append(f"{REMOVED} ")
        kept.append(sentence[end:])
        found = True
        within = not sentence[end:].strip()
    return ("".join(kept).rstrip(), True) if found else (text, False)


def _record(sentence: str, *, within: bool) -> tuple[int, int]:
    """Return the part of a sentence that is a record; empty where nothing is."""
    system = _SYSTEM.search(sentence)
    entries = list(_ENTRY.finditer(sentence))
    if system is not None:
        start = system.start()
    elif within and (entries or _FORMAL.search(sentence)):
        start = 0
    elif len(entries) >= _FEWEST_ENTRIES:
        start = entries[0].start()
    else:
        return 0, 0
    # The system's own name is behind us; what a person says of now ends the record.
    now = _NOW.search(sentence, start if system is None else system.end())
    return start, len(sentence) if now is None else now.start()
