-- +goose Up
-- How the subjects of an organization's identity tokens read; empty: the default.
ALTER TABLE organizations ADD COLUMN subject TEXT NOT NULL DEFAULT '';

-- What has to stand in a project's repository, and when it last did; proved_at
-- says how old the word of ownership_proved is.
ALTER TABLE projects ADD COLUMN challenge TEXT NOT NULL DEFAULT '';
ALTER TABLE projects ADD COLUMN proved_at BIGINT NOT NULL DEFAULT 0;

-- What the server resolved when the environment was created.
ALTER TABLE environments ADD COLUMN ref TEXT NOT NULL DEFAULT '';
ALTER TABLE environments ADD COLUMN commit_id TEXT NOT NULL DEFAULT '';

-- What the credentials of a CI job's token are limited to.
ALTER TABLE tokens ADD COLUMN action TEXT NOT NULL DEFAULT '';
CREATE INDEX tokens_expired ON tokens (expires_at) WHERE kind = 'ci';

-- The keys that identity tokens are signed with. Of several servers that make the
-- next key of a chain at once, one gets its number.
CREATE TABLE signing_keys (
    organization TEXT   NOT NULL REFERENCES organizations (id),
    algorithm    TEXT   NOT NULL,
    sequence     BIGINT NOT NULL,
    id           TEXT   NOT NULL,
    sealed       BYTEA  NOT NULL,
    data_key     BIGINT NOT NULL REFERENCES data_keys (number),
    active_from  BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (organization, algorithm, sequence)
);
CREATE INDEX signing_keys_data_key ON signing_keys (data_key, organization, algorithm, sequence);

-- Issuers whose tokens an organization takes in exchange for its own.
CREATE TABLE trusts (
    organization TEXT   NOT NULL REFERENCES organizations (id),
    id           TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    issuer       TEXT   NOT NULL,
    audience     TEXT   NOT NULL,
    conditions   TEXT   NOT NULL,
    project      TEXT   NOT NULL,
    action       TEXT   NOT NULL,
    life         BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (organization, id),
    FOREIGN KEY (organization, project) REFERENCES projects (organization, id)
);
CREATE UNIQUE INDEX trusts_name ON trusts (organization, name);
CREATE INDEX trusts_issuer ON trusts (organization, issuer, id);
CREATE INDEX trusts_project ON trusts (organization, project);
