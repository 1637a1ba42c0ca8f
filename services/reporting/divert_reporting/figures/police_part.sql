-- title: What part the police had
-- kind: counts
-- unit: calls
-- definition: Of calls that a provider took: the most far-reaching part of the police, as routing and the team said it; and apart from it, calls in which a team asked for backup, for medical help only, raised an emergency, gave the case back, had it taken back by the desk, handed the person to the police, or for which the dispatcher reported the police, or a unit without a name. No part at all: none of these. One call may be in several of the latter.
-- cannot: Whether the police were needed.
-- source: cases.v1 (BackupRequested, BackupArrived, EmergencyRaised, CaseHandedBack, CaseClosed), routing.v1 (CallDirected, CallConcluded, ResponderRecorded)
SELECT d.dimension, d.part, s.measure, NULL::integer AS seconds, count(*) AS calls
FROM calls c
CROSS JOIN LATERAL (VALUES ('all', 'all'), ('provider', coalesce(c.provider, 'none'))) AS d (dimension, part)
CROSS JOIN LATERAL (VALUES
    ('acknowledged', true), ('police_' || c.police, c.police <> 'none' OR NOT c.with_police),
    ('handed_to_police', c.disposition = 'handed_to_police'), ('police_reported', c.police_reported),
    ('backup_asked', c.backup_requests > c.medical_requests), ('medical_help_asked', c.medical_requests > 0),
    ('emergency', c.emergencies > 0), ('handed_back', c.hand_backs > 0), ('taken_back', c.take_backs > 0)
    ) AS s (measure, so)
WHERE c.acknowledged AND s.so
GROUP BY d.dimension, d.part, s.measure
