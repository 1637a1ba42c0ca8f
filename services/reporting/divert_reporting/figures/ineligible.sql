-- title: Not for an unarmed team, by rule
-- kind: counts
-- unit: calls
-- definition: Calls with the outcome "ineligible", by the rule of the policy that decided; where a reviewer decided, or no rule is named, by the reason.
-- cannot: Whether the rule is right: re-review and back-tests ask that.
-- source: routing.v1 (CallConcluded), triage.v1
SELECT c.feed AS dimension, coalesce(c.rule, c.reason) AS part, 'calls' AS measure, NULL::integer AS seconds,
    count(*) AS calls
FROM calls c
WHERE c.outcome = 'ineligible'
GROUP BY c.feed, coalesce(c.rule, c.reason)
