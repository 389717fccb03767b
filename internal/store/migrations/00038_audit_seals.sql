-- +goose Up
-- The key that signs the heads of an organization's audit chain. It lies sealed:
-- whoever writes the database can make a chain, and no signature for it.
CREATE TABLE audit_keys (
    organization TEXT   NOT NULL PRIMARY KEY REFERENCES organizations (id),
    id           TEXT   NOT NULL,
    version      BIGINT NOT NULL,
    sealed       BYTEA  NOT NULL,
    data_key     BIGINT NOT NULL REFERENCES data_keys (number),
    created_at   BIGINT NOT NULL
);
CREATE INDEX audit_keys_data_key ON audit_keys (data_key, organization);
ALTER TABLE event_heads ADD COLUMN signature TEXT NOT NULL DEFAULT '';

-- Records up to a cut were pruned.
CREATE TABLE event_cuts (
    organization TEXT   NOT NULL PRIMARY KEY REFERENCES organizations (id),
    sequence     BIGINT NOT NULL,
    hash         TEXT   NOT NULL,
    signature    TEXT   NOT NULL,
    cut_at       BIGINT NOT NULL
);
