-- title: Resolved without police
-- kind: counts
-- unit: calls
-- definition: Calls that a team itself closed after it had spoken with the person, face to face or by phone, and in which the police had no part: not there from the start, not asked for, not handed back to, not taken back by, not handed the person by the team, and not reported by the dispatcher. A unit that the dispatcher did not name, or that is not known to have arrived, counts as police. The same number over three denominators: of all eligible diverted calls, of those that a provider took, and of those where the person was reached: spoken with. Calls that were withdrawn as duplicates of another are in none of them.
-- cannot: The share grows with the narrower denominator; quote one only together with its name. Medical help alone does not count as police. A call that the dispatch system closed and the team never did is not resolved here, though it may have been.
-- source: routing.v1 (CallConcluded, ResponderRecorded), cases.v1 (PersonContacted, CaseClosed, BackupRequested, EmergencyRaised)
SELECT d.dimension, d.part, s.measure, NULL::integer AS seconds, count(*) AS calls
FROM calls c
CROSS JOIN LATERAL (VALUES
    ('all', 'all'), ('programme', c.programme), ('provider', coalesce(c.provider, 'none'))) AS d (dimension, part)
CROSS JOIN LATERAL (VALUES
    ('eligible', c.eligible), ('acknowledged', c.acknowledged),
    ('reached', c.acknowledged AND c.contact IN ('in_person', 'phone')),
    ('resolved_without_police', c.resolved AND c.contact IN ('in_person', 'phone') AND NOT c.with_police)
    ) AS s (measure, reached)
WHERE s.reached AND c.feed = 'diverted' AND c.reason IS DISTINCT FROM 'duplicate'
GROUP BY d.dimension, d.part, s.measure
