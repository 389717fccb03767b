-- +goose Up
-- Who made a runner (or let its machine join last) and a trust: both stay when their
-- maker's token ends, and are shown as what they are then. Of before, the audit log
-- knows it.
ALTER TABLE runners ADD COLUMN made_by TEXT NOT NULL DEFAULT '';
ALTER TABLE trusts ADD COLUMN made_by TEXT NOT NULL DEFAULT '';
UPDATE runners SET made_by = e.maker FROM (
    SELECT organization, runner, MAX(caller_id) AS maker FROM events
        WHERE action = 'runner.create' AND decision = 'allowed' GROUP BY organization, runner
) e WHERE e.organization = runners.organization AND e.runner = runners.id;
UPDATE trusts SET made_by = e.maker FROM (
    SELECT organization, target, MAX(caller_id) AS maker FROM events
        WHERE action = 'trust.create' AND decision = 'allowed' GROUP BY organization, target
) e WHERE e.organization = trusts.organization AND e.target = trusts.id;
