-- title: Was help given equally
-- kind: counts
-- unit: calls
-- definition: Diverted calls that were eligible, and how many of them were served, by division and by reporting district. Calls that were withdrawn as duplicates of another are in neither number.
-- cannot: Why areas differ: who calls, what they call about and where providers work differ too.
-- source: triage.v1, routing.v1
SELECT d.dimension, d.part, s.measure, NULL::integer AS seconds, count(*) AS calls
FROM calls c
CROSS JOIN LATERAL (VALUES
    ('division', c.division::text), ('district', c.division::text || '/' || c.reporting_district)
    ) AS d (dimension, part)
CROSS JOIN LATERAL (VALUES ('eligible', true), ('served', c.outcome = 'served')) AS s (measure, so)
WHERE c.eligible AND c.feed = 'diverted' AND c.reason IS DISTINCT FROM 'duplicate' AND d.part IS NOT NULL AND s.so
GROUP BY d.dimension, d.part, s.measure
