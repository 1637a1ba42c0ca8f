-- title: Records outside every figure
-- kind: counts
-- unit: calls
-- scope: all
-- definition: Drills; officers' own activity, where nobody called; and calls of which nobody said that they were accepted, because what opened them could not be read or has not come. They are in no other figure of this report; those without an acceptance are dated by the first thing that is known of them.
-- cannot: Nothing else is left out.
-- source: triage.v1, routing.v1
SELECT 'all' AS dimension, c.denominator AS part, 'calls' AS measure, NULL::integer AS seconds, count(*) AS calls
FROM calls c
GROUP BY c.denominator
