-- title: Records outside every figure
-- kind: counts
-- unit: calls
-- scope: all
-- definition: Drills, and officers' own activity, where nobody called: they are in no other figure of this report.
-- cannot: Nothing else is left out.
-- source: triage.v1, routing.v1
SELECT 'all' AS dimension, c.denominator AS part, 'calls' AS measure, NULL::integer AS seconds, count(*) AS calls
FROM calls c
GROUP BY c.denominator
