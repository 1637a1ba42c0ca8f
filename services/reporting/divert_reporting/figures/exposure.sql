-- title: How long a team stayed in known danger
-- kind: times
-- unit: seconds
-- definition: Of calls in which danger became known while a team was on scene: from then until the team was out of it, as its device or the provider said.
-- cannot: A team that never said that it was out counts as missing, not as short. Danger that nobody told of is not here.
-- source: routing.v1 (CaseRecalled), cases.v1 (EmergencyRaised, BackupRequested, CaseHandedBack, RecallConfirmed)
SELECT d.dimension, d.part, 'danger_to_withdrawn' AS measure,
    floor(extract(epoch FROM c.withdrawn_at - greatest(c.danger_known_at, c.on_scene_at)))::integer AS seconds,
    count(*) AS calls
FROM calls c
CROSS JOIN LATERAL (VALUES ('all', 'all'), ('provider', c.provider)) AS d (dimension, part)
WHERE c.danger_known_at IS NOT NULL AND c.on_scene_at IS NOT NULL
    AND (c.withdrawn_at IS NULL OR c.withdrawn_at >= c.on_scene_at)
GROUP BY d.dimension, d.part, 4
