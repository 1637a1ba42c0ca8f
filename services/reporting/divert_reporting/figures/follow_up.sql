-- title: Follow-up
-- kind: counts
-- unit: calls
-- definition: Of served calls: those for which the team wanted a follow-up, those where it was made, and how it ended. Connected: the person is with a service; reached: somebody spoke with them.
-- cannot: How the person is.
-- source: cases.v1 (CaseClosed, FollowUpDone)
SELECT d.dimension, d.part, s.measure, NULL::integer AS seconds, count(*) AS calls
FROM calls c
CROSS JOIN LATERAL (VALUES ('all', 'all'), ('provider', coalesce(c.provider, 'none'))) AS d (dimension, part)
CROSS JOIN LATERAL (VALUES
    ('served', true), ('wanted', c.follow_up_due IS NOT NULL), ('made', c.follow_up IS NOT NULL),
    ('connected', c.follow_up = 'connected'), ('reached', c.follow_up IN ('connected', 'reached')),
    ('declined', c.follow_up = 'declined'), ('not_reached', c.follow_up = 'not_reached')) AS s (measure, so)
WHERE c.outcome = 'served' AND s.so
GROUP BY d.dimension, d.part, s.measure
