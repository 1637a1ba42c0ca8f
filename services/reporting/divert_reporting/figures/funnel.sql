-- title: How far calls came
-- kind: counts
-- unit: calls
-- definition: Every call is counted at each step that it reached; each step is a part of the one before. Triaged: judged by the rules. Eligible: an unarmed team may take it, by the rules, by a reviewer, or because it was offered. Routed: some provider could have been offered it. Offered: one was. Acknowledged: one took it in time. On scene: a team arrived, or reached the person by phone. Resolved: the team closed it after that.
-- cannot: Not how well a call went; a call still open counts only as far as it has come.
-- source: triage.v1, routing.v1, cases.v1
SELECT d.dimension, d.part, s.measure, NULL::integer AS seconds, count(*) AS calls
FROM calls c
CROSS JOIN LATERAL (VALUES
    ('all', 'all'), ('hour', lpad(c.local_hour::text, 2, '0')), ('division', coalesce(c.division::text, 'none')),
    ('provider', coalesce(c.provider, 'none')), ('programme', c.programme), ('type', coalesce(c.call_type, 'none')),
    ('acuity', c.acuity), ('origin', c.origin), ('feed', c.feed)) AS d (dimension, part)
CROSS JOIN LATERAL (VALUES
    ('received', c.received), ('triaged', c.triaged), ('eligible', c.eligible), ('routed', c.routed),
    ('offered', c.offered), ('acknowledged', c.acknowledged), ('on_scene', c.on_scene), ('resolved', c.resolved)
    ) AS s (measure, reached)
WHERE s.reached
GROUP BY d.dimension, d.part, s.measure
