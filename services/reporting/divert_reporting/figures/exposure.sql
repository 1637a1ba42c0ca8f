-- title: How long a team stayed in known danger
-- kind: times
-- unit: seconds
-- definition: Of calls in which danger became known while a team was on scene: from then until the team was out of it, as its device or the provider said.
-- cannot: A team that never said that it was out, or that raised an emergency or met the person without ever saying that it had come, counts as missing, not as short. Danger that nobody told of is not here.
-- source: routing.v1 (CaseRecalled), cases.v1 (TeamOnScene, PersonContacted, EmergencyRaised, BackupRequested, CaseHandedBack, RecallConfirmed)
SELECT d.dimension, d.part, 'danger_to_withdrawn' AS measure,
    CASE WHEN c.on_scene_at IS NOT NULL
        THEN floor(extract(epoch FROM c.withdrawn_at - greatest(c.danger_known_at, c.on_scene_at)))::integer
    END AS seconds,
    count(*) AS calls
FROM calls c
CROSS JOIN LATERAL (VALUES ('all', 'all'), ('provider', coalesce(c.provider, 'none'))) AS d (dimension, part)
WHERE c.danger_known_at IS NOT NULL AND CASE
    WHEN c.on_scene_at IS NULL THEN c.contact = 'in_person' OR c.emergencies > 0
    ELSE c.withdrawn_at IS NULL OR c.withdrawn_at >= c.on_scene_at END
GROUP BY d.dimension, d.part, 4
