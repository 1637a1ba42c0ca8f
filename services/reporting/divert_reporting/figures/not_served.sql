-- title: Eligible and not served: why, and who went instead
-- kind: counts
-- unit: calls
-- definition: Calls with the outcome "eligible, not served", by the reason that routing recorded and by who responded instead, as the dispatcher reported. The reason not_referred is of the observed feed: nobody diverted a call that the rules would have allowed.
-- cannot: Who responded is known only where the dispatcher reported it; the others count as not_reported.
-- source: routing.v1 (CallConcluded, ResponderRecorded)
SELECT d.dimension, d.part, d.measure, NULL::integer AS seconds, count(*) AS calls
FROM calls c
CROSS JOIN LATERAL (VALUES
    ('all', c.reason, coalesce(c.who_responded, 'not_reported')),
    (c.feed, c.reason, coalesce(c.who_responded, 'not_reported'))) AS d (dimension, part, measure)
WHERE c.outcome = 'eligible_not_served'
GROUP BY d.dimension, d.part, d.measure
