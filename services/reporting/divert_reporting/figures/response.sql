-- title: How long it took
-- kind: times
-- unit: seconds
-- definition: Of calls at which a team arrived: from 911's answer, from CAD's entry, from acceptance by divert and from the first offer until the first team was on scene. Of cases in which a team arrived, so that each provider's time is its own: from its acknowledgement until its team was on scene, and from on scene until the team closed the case. Median: half of them took no longer. P90: nine in ten took no longer. Both are times that were really taken (nearest rank), in whole seconds.
-- cannot: A call or case where a stamp is missing, or where the later stamp is before the earlier one, is not in the times; it is counted as missing. Calls that nobody reached have no response time, so these figures say nothing of them.
-- source: cases.v1 (CaseAcknowledged, TeamOnScene, CaseClosed), CAD's stamps in the call's picture
SELECT d.dimension, d.part, s.measure, CASE WHEN s.took >= 0 THEN s.took END AS seconds, count(*) AS calls
FROM calls c
CROSS JOIN LATERAL (VALUES
    ('all', 'all'), ('provider', coalesce(c.arrived_provider, 'none')), ('programme', c.programme), ('acuity', c.acuity)) AS d (dimension, part)
CROSS JOIN LATERAL (VALUES
    ('answered_911_to_on_scene', floor(extract(epoch FROM c.on_scene_at - c.answered_911_at))::integer),
    ('cad_created_to_on_scene', floor(extract(epoch FROM c.on_scene_at - c.cad_created_at))::integer),
    ('accepted_to_on_scene', floor(extract(epoch FROM c.on_scene_at - c.accepted_at))::integer),
    ('offered_to_on_scene', floor(extract(epoch FROM c.on_scene_at - c.first_offered_at))::integer)
    ) AS s (measure, took)
WHERE c.on_scene_at IS NOT NULL AND (d.dimension = 'all' OR s.measure = 'cad_created_to_on_scene')
GROUP BY d.dimension, d.part, s.measure, 4
UNION ALL
SELECT d.dimension, d.part, s.measure, CASE WHEN s.took >= 0 THEN s.took END AS seconds, count(*) AS calls
FROM cases o
CROSS JOIN LATERAL (VALUES
    ('all', 'all'), ('provider', o.provider), ('programme', o.programme), ('acuity', o.acuity)) AS d (dimension, part)
CROSS JOIN LATERAL (VALUES
    ('acknowledged_to_on_scene', floor(extract(epoch FROM o.on_scene_at - o.acknowledged_at))::integer),
    ('on_scene_to_cleared', floor(extract(epoch FROM o.closed_at - o.on_scene_at))::integer)) AS s (measure, took)
WHERE o.on_scene_at IS NOT NULL
GROUP BY d.dimension, d.part, s.measure, 4
