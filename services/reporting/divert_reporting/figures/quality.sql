-- title: How good the records are
-- kind: counts
-- unit: calls
-- definition: Calls in which something is missing, contradicts itself or was assumed. Out of order: a stamp of CAD's, or of the team's, before the one that must precede it. Queued: something that a team recorded reached divert more than a minute later.
-- cannot: What was wrong and looked right.
-- source: all topics that reporting reads
SELECT 'all' AS dimension, s.measure AS part, 'calls' AS measure, NULL::integer AS seconds, count(*) AS calls
FROM calls c
CROSS JOIN LATERAL (VALUES
    ('calls', true), ('no_911_answer_time', c.answered_911_at IS NULL), ('no_cad_entry_time', c.cad_created_at IS NULL),
    ('no_area', c.division IS NULL), ('area_disputed', c.division_disputed),
    ('cad_out_of_order', c.answered_911_at > c.cad_created_at OR c.cad_created_at > c.accepted_at
        OR c.cad_dispatched_at > c.cad_arrived_at OR c.cad_arrived_at > c.cad_closed_at),
    ('team_out_of_order', c.acknowledged_at > c.on_scene_at OR c.en_route_at > c.on_scene_at
        OR c.on_scene_at > c.cleared_at),
    ('on_scene_not_said', c.contact = 'in_person' AND c.on_scene_at IS NULL),
    ('unknown_words', 'unknown-word' = ANY (c.warning_codes)), ('anything_unreadable', c.warnings > 0),
    ('screening_assumed', c.assumed_screening), ('screening_not_asked', c.unscreened),
    ('recorded_late', c.recorded_late), ('queued_taps', c.queued_taps > 0),
    ('responder_not_reported', c.outcome IN ('eligible_not_served', 'ineligible', 'not_triaged')
        AND c.who_responded IS NULL)) AS s (measure, so)
WHERE s.so
GROUP BY s.measure
