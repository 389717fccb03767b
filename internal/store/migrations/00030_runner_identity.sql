-- Who a runner is. Until now aws_identity was the runner's own word; it stays that,
-- and what AWS confirmed and an administrator approved stand beside it. Nothing is
-- approved by this migration: each runner proves its identity anew.

-- +goose Up
ALTER TABLE runners ADD COLUMN aws_approved TEXT NOT NULL DEFAULT '';
ALTER TABLE runners ADD COLUMN aws_proved TEXT NOT NULL DEFAULT '';
ALTER TABLE runners ADD COLUMN aws_message TEXT NOT NULL DEFAULT '';
ALTER TABLE runners ADD COLUMN aws_role TEXT NOT NULL DEFAULT '';
ALTER TABLE runners ADD COLUMN process TEXT NOT NULL DEFAULT '';
ALTER TABLE runners ADD COLUMN machine TEXT NOT NULL DEFAULT '';
ALTER TABLE runners ADD COLUMN displaced TEXT NOT NULL DEFAULT '';
ALTER TABLE runners ADD COLUMN refused TEXT NOT NULL DEFAULT '';
ALTER TABLE runners ADD COLUMN warning TEXT NOT NULL DEFAULT '';

-- Challenges that were answered, until they expire: none is answered twice.
CREATE TABLE runner_challenges (
    id         TEXT   NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
