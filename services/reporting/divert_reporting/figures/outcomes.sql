-- title: What became of every call
-- kind: counts
-- unit: calls
-- definition: Each concluded call has exactly one outcome and one reason; a call that is still open counts as in flight, with the stage at which it stands.
-- cannot: Not whether the outcome was good for the person.
-- source: routing.v1 (CallConcluded)
SELECT d.dimension, d.part, d.measure, NULL::integer AS seconds, count(*) AS calls
FROM calls c
CROSS JOIN LATERAL (VALUES
    ('all', coalesce(c.outcome, 'in_flight'), CASE WHEN c.outcome IS NULL THEN c.stage ELSE c.reason END),
    (c.feed, coalesce(c.outcome, 'in_flight'), CASE WHEN c.outcome IS NULL THEN c.stage ELSE c.reason END)
    ) AS d (dimension, part, measure)
GROUP BY d.dimension, d.part, d.measure
