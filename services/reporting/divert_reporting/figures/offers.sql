-- title: What providers did with their offers
-- kind: counts
-- unit: offers
-- definition: Every offer of a call in the figures: taken in time, declined (with the reason), not answered in time, or withdrawn before an answer; and of those taken, whether a team arrived, and within the limit for the call's acuity.
-- cannot: Whether a provider had a team free when it declined.
-- source: routing.v1 (CaseOffered, CaseRecalled), cases.v1
SELECT d.dimension, d.part, s.measure, NULL::integer AS seconds, count(*) AS calls
FROM cases o
CROSS JOIN LATERAL (VALUES ('all', 'all'), ('provider', o.provider)) AS d (dimension, part)
CROSS JOIN LATERAL (VALUES
    ('offered', true), ('acknowledged', o.acknowledged_at IS NOT NULL), ('declined', o.declined IS NOT NULL),
    ('declined_' || o.declined, o.declined IS NOT NULL), ('timed_out', o.timed_out),
    ('withdrawn', o.acknowledged_at IS NULL AND o.declined IS NULL AND NOT o.timed_out AND o.recalled IS NOT NULL),
    ('arrived', o.on_scene_at IS NOT NULL),
    ('arrived_in_limit', o.on_scene_at <= o.acknowledged_at + o.on_scene_within * interval '1 second'),
    ('handed_back', o.hand_back IS NOT NULL), ('closed', o.closed_at IS NOT NULL)) AS s (measure, so)
WHERE s.so
GROUP BY d.dimension, d.part, s.measure
