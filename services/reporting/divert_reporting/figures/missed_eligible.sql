-- title: Missed: eligible, and no team came
-- kind: counts
-- unit: calls
-- definition: Concluded calls that an unarmed team might have taken and that got none: eligible in the observed feed, or diverted and not served. Calls that were rightly withheld, because danger or a rule spoke against a team after all, are not here but under "ineligible". Who came, and whether there was an arrest, force or an involuntary hold, as the dispatcher reported.
-- cannot: What is not reported is not the same as no. Observed calls were judged by call type and signals; where the safety questions were not asked they count as unscreened, and where an import filled the answers in, as assumed.
-- source: triage.v1, routing.v1 (CallConcluded, ResponderRecorded)
SELECT d.dimension, d.part, d.measure, NULL::integer AS seconds, count(*) AS calls
FROM calls c
CROSS JOIN LATERAL (VALUES
    ('all', 'all', 'calls'), ('feed', c.feed, 'calls'),
    ('screening', CASE WHEN c.assumed_screening THEN 'assumed' WHEN c.unscreened THEN 'unscreened' ELSE 'screened' END,
        'calls'),
    ('who', coalesce(c.who_responded, 'not_reported'), 'calls'),
    ('arrest', c.arrest, 'calls'), ('force', c.force, 'calls'), ('hold', c.hold, 'calls'),
    ('who_arrest', coalesce(c.who_responded, 'not_reported'), c.arrest),
    ('who_force', coalesce(c.who_responded, 'not_reported'), c.force),
    ('who_hold', coalesce(c.who_responded, 'not_reported'), c.hold)) AS d (dimension, part, measure)
WHERE c.eligible AND c.outcome IS NOT NULL AND c.outcome NOT IN ('served', 'withdrawn', 'ineligible')
GROUP BY d.dimension, d.part, d.measure
