-- title: Places that called more than once
-- kind: places
-- unit: places
-- definition: Places with eligible calls, by how many such calls they had in the period. A place is known by a keyed hash of its address; the key is destroyed yearly. Duplicates of another call, and calls that reopen one, are left out: they are no second call for help.
-- cannot: Calls without a usable address are not here. One address may be many homes.
-- source: the picture of the call on triage.v1
SELECT 'all' AS dimension, c.place AS part, 'calls' AS measure, NULL::integer AS seconds, count(*) AS calls
FROM calls c
WHERE c.eligible AND c.place IS NOT NULL AND c.duplicate_of IS NULL AND c.reopens IS NULL
GROUP BY c.place
