-- +goose Up
-- What an organization's owner has set (-1: nothing). The rows of one kind of thing
-- are locked while one is created, so that two servers count one after the other.
CREATE TABLE quotas (
    organization TEXT   NOT NULL REFERENCES organizations (id),
    name         TEXT   NOT NULL,
    things       TEXT   NOT NULL,
    own_limit    BIGINT NOT NULL DEFAULT -1,
    PRIMARY KEY (organization, name)
);
CREATE INDEX quotas_things ON quotas (organization, things, name);
-- Whom an environment counts for; unknown for those of before.
ALTER TABLE environments ADD COLUMN creator TEXT NOT NULL DEFAULT '';
CREATE INDEX environments_creator ON environments (organization, creator) WHERE phase <> 'deleted';
CREATE INDEX tokens_quota ON tokens (organization, kind, root, expires_at);
