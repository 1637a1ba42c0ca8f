-- title: Whether people agree with the rules
-- kind: counts
-- unit: calls
-- definition: Calls whose decision a person made again without knowing what the rules had decided: what the rules had said, and what the person would have.
-- cannot: How the calls were chosen for it, and who was right.
-- source: routing.v1 (DecisionRereviewed)
SELECT 'rules' AS dimension, c.rereview_of AS part, c.rereview AS measure, NULL::integer AS seconds, count(*) AS calls
FROM calls c
WHERE c.rereview IS NOT NULL
GROUP BY c.rereview_of, c.rereview
