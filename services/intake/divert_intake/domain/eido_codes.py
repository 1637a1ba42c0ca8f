"""What the words of NENA's registries mean to divert."""

_TYPES = {
    "BARRICADED": "BARICADE",
    "DRIVING": "DUI RECKDRV SLMP",
    "DV": "DVA",
    "FIRE": "ALRBOX ALRCO ALRCO2 ALRF ALRGAS ALRHEAT ALRKPAD ALRNGAS ALRPROPN ALRPULL ALRWTR EXPLOS FAIRC FAPT FARSON"
    " FBRUSH FELEC FFUEL FMARINE FOTHER FSMOKE FSTRU FTRAILER FTRAIN FTRASH FTRUCK FUNK FVEH",
    "GAS LEAK": "GASLEAK GASLEAKI GASLEAKO",
    "HOSTAGE": "ABDUCTF ABDUCTNF HOSTAGE",
    "IN PROGRESS": "DMPX ELUDING ESCAPE HOLD PURSUIT STKX",
    "IN TRAFFIC": "MVA MVAHR MVAINJY MVAUNK MVCP THAZ",
    "MEDICAL": "ABDOM ALLERGIC ALRDEFIB ALRMED ALS BACK BITE BLEEDING BLS BURN CARDIAC CHESPAIN CHOKE DEATH DIABETIC"
    " DROWN ELEC EXPOSURE EYE FALL HEADACHE HEMRG MCI MVAINJY NCRCPRF PREG RESP RESPARR SEIZURE SICK SLMP STROKE"
    " TRAUMA TRAUMAP",
    "ON TRACKS": "TRAIN TRAINDRL",
    "OVERDOSE": "OD",
    "SUICIDE ATTEMPT": "SUICIDE",
    "THREATS": "BOMB TERROR THREATS",
    "UNCONSCIOUS": "PERUNCON",
    "VIOLENT": "ABUSE ALMH ALRROBA ALRROBS ASSAULT CARJACK CU1 FAS FASX FIGHT HLP1 HOMICIDE MAYDAY MTLV RESIST ROBBERY"
    " SEXOFFNS",
    "WEAPON": "ACTSHOOT BOMB NCRASLTWF SHOOT STABBING TRAUMAP WEAPON",
}
"""Flags as triage's policy spells them, and the incident types of APCO 2.103.2 that say so by their own text."""
FLAGS_OF_TYPE: dict[str, tuple[str, ...]] = {
    kind: tuple(flag for flag, kinds in _TYPES.items() if kind in kinds.split())
    for kind in " ".join(_TYPES.values()).split()
}
NO_DANGER = frozenset({"CITASST", "EDP", "MNTL", "NCRNONE", "NONEMERG", "PHANDLE", "VAG", "WELFARE"})
"""Incident types that say of no danger. Another one becomes a flag of its own, at which a person must look."""

FLAGS_OF_ROLE = {
    "PersonOfInterest": "SUSPECT",
    "Suspect": "SUSPECT",
    "SuspectVehicle": "SUSPECT VEHICLE",
    "Victim": "VICTIM",
}
CALLERS = frozenset({"Caller", "ReportingParty"})
RELATIONS = {
    "Patient": "self",
    "Victim": "self",
    "PatientRelative": "family",
    "VictimRelative": "family",
    "PatientAcquaintance": "friend",
    "VictimAcquaintance": "friend",
    "Witness": "bystander",
}
ORIGINS = {"emergency": "911", "nonEmergency": "non_emergency"}
PLACES = ("CurrentIncident", "InitialIncident", "Caller", "Other", "RoutingLocation")
"""Types of location where the person may be, the best first; the others are of towers and units."""
THERE = frozenset({"Arrived", "OnScene", "PatientContact"})
POLICE = frozenset(
    {
        "AssaultHomicideUnit",
        "CommunityPolicingUnit",
        "GangEnforcement",
        "LawEnforcementCommandUnit",
        "MountedPatrol",
        "PatrolUnit",
        "SWAT",
        "SchoolOfficer",
        "TrafficUnit",
        "TransitOfficer",
    }
)
AMBULANCES = frozenset(
    {
        "AirAmbulanceFixedWing",
        "AirAmbulanceRotaryWing",
        "GroundALSAmbulance",
        "GroundBLSAmbulance",
        "MedicalTransportVehicle",
    }
)
OF_NO_CONCERN = frozenset(f"EmergencyCallData.{kind}" for kind in ("DeviceInfo", "ProviderInfo", "ServiceInfo"))
OPEN = frozenset({"Active", "ReOpened"})
