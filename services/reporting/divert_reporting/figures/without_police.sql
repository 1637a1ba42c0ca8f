-- title: Resolved without police
-- kind: counts
-- unit: calls
-- definition: Calls that a team closed after it had reached the person, and in which the police had no part: not there from the start, not asked for, not handed back to, not taken back by. The same number over three denominators: of all eligible diverted calls, of those that a provider took, and of those where the person was reached.
-- cannot: The share grows with the narrower denominator; quote one only together with its name. Medical help alone does not count as police.
-- source: routing.v1 (CallConcluded), cases.v1 (BackupRequested, EmergencyRaised)
SELECT d.dimension, d.part, s.measure, NULL::integer AS seconds, count(*) AS calls
FROM calls c
CROSS JOIN LATERAL (VALUES
    ('all', 'all'), ('programme', c.programme), ('provider', coalesce(c.provider, 'none'))) AS d (dimension, part)
CROSS JOIN LATERAL (VALUES
    ('eligible', c.eligible), ('acknowledged', c.acknowledged), ('reached', c.on_scene),
    ('resolved_without_police', c.resolved AND c.police = 'none')) AS s (measure, reached)
WHERE s.reached AND c.feed = 'diverted'
GROUP BY d.dimension, d.part, s.measure
