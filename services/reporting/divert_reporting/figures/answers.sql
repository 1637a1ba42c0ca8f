-- title: How long providers took to answer
-- kind: times
-- unit: seconds
-- definition: From the offer until the provider took it, of offers that were taken in time.
-- cannot: Offers that were declined or not answered have no such time.
-- source: routing.v1 (CaseOffered), cases.v1 (CaseAcknowledged)
SELECT d.dimension, d.part, 'offered_to_acknowledged' AS measure,
    floor(extract(epoch FROM o.acknowledged_at - o.offered_at))::integer AS seconds, count(*) AS calls
FROM cases o
CROSS JOIN LATERAL (VALUES ('all', 'all'), ('provider', o.provider)) AS d (dimension, part)
WHERE o.acknowledged_at IS NOT NULL
GROUP BY d.dimension, d.part, 4
