-- title: What part the police had
-- kind: counts
-- unit: calls
-- definition: Of calls that a provider took: the most far-reaching part of the police; and apart from it, calls in which a team asked for backup, for medical help only, raised an emergency, gave the case back, or had it taken back by the desk. One call may be in several of the latter.
-- cannot: Whether the police were needed.
-- source: cases.v1 (BackupRequested, EmergencyRaised, CaseHandedBack), routing.v1 (BackupArrived, CallDirected, CallConcluded)
SELECT d.dimension, d.part, s.measure, NULL::integer AS seconds, count(*) AS calls
FROM calls c
CROSS JOIN LATERAL (VALUES ('all', 'all'), ('provider', c.provider)) AS d (dimension, part)
CROSS JOIN LATERAL (VALUES
    ('acknowledged', true), ('police_' || c.police, true),
    ('backup_asked', c.backup_requests > c.medical_requests), ('medical_help_asked', c.medical_requests > 0),
    ('emergency', c.emergencies > 0), ('handed_back', c.hand_backs > 0), ('taken_back', c.take_backs > 0)
    ) AS s (measure, so)
WHERE c.acknowledged AND s.so
GROUP BY d.dimension, d.part, s.measure
