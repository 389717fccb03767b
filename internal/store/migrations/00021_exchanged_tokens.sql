-- +goose Up
-- CI tokens that were exchanged, until they expire: none is exchanged twice. id is a
-- hash of the issuer and what the issuer calls the token.
CREATE TABLE exchanged_tokens (
    organization TEXT   NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    id           TEXT   NOT NULL,
    expires_at   BIGINT NOT NULL,
    PRIMARY KEY (organization, id)
);
CREATE INDEX exchanged_tokens_expires ON exchanged_tokens (expires_at);
