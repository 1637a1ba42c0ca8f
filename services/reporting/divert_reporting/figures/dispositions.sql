-- title: How teams closed their cases
-- kind: counts
-- unit: calls
-- definition: Calls that a provider took, by the disposition with which its team closed the case; none where it was not closed by a team.
-- cannot: What happened to the person afterwards.
-- source: cases.v1 (CaseClosed), routing.v1 (CallConcluded)
SELECT d.dimension, d.part, coalesce(c.disposition, 'none') AS measure, NULL::integer AS seconds, count(*) AS calls
FROM calls c
CROSS JOIN LATERAL (VALUES ('all', 'all'), ('provider', c.provider)) AS d (dimension, part)
WHERE c.acknowledged
GROUP BY d.dimension, d.part, coalesce(c.disposition, 'none')
