-- title: Eligible calls where there was nobody to ask
-- kind: counts
-- unit: calls
-- definition: Eligible calls that ended because no provider serves the area, works at that hour, had a team on shift, took calls at the time or had room, or because all of them declined or did not answer; and eligible calls of the observed feed, which nobody diverted.
-- cannot: Whether callers in divisions without a provider would have been diverted at all if there were one.
-- source: routing.v1 (CallConcluded)
SELECT d.dimension, d.part, c.reason AS measure, NULL::integer AS seconds, count(*) AS calls
FROM calls c
CROSS JOIN LATERAL (VALUES ('all', 'all'), ('division', coalesce(c.division::text, 'none'))) AS d (dimension, part)
WHERE c.outcome = 'eligible_not_served'
    AND c.reason IN ('no_provider_in_area', 'not_routable', 'outside_hours', 'no_team_on_shift',
        'provider_outage', 'at_capacity', 'declined_by_all', 'timed_out', 'not_referred')
GROUP BY d.dimension, d.part, c.reason
