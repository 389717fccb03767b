-- +goose Up
-- Where an organization's audit records go, and how far they have got. Of several
-- servers, the one whose name is in lease carries them.
CREATE TABLE audit_webhooks (
    organization  TEXT    NOT NULL PRIMARY KEY REFERENCES organizations (id),
    url           TEXT    NOT NULL,
    generation    BIGINT  NOT NULL,
    sealed        BYTEA   NOT NULL,
    data_key      BIGINT  NOT NULL REFERENCES data_keys (number),
    delivered     BIGINT  NOT NULL,
    paused        BOOLEAN NOT NULL,
    failures      BIGINT  NOT NULL,
    problem       TEXT    NOT NULL,
    next_at       BIGINT  NOT NULL,
    failing_since BIGINT  NOT NULL,
    delivered_at  BIGINT  NOT NULL,
    lease         TEXT    NOT NULL,
    lease_until   BIGINT  NOT NULL,
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL
);
CREATE INDEX audit_webhooks_data_key ON audit_webhooks (data_key, organization);
