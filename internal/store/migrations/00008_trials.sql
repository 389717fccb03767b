-- +goose Up
-- What a runner is to try, for somebody who waits. A row lives about a minute; its
-- secret goes when the runner takes it.
CREATE TABLE trials (
    organization TEXT   NOT NULL REFERENCES organizations (id),
    id           TEXT   NOT NULL,
    runner       TEXT   NOT NULL,
    subject      TEXT   NOT NULL,
    asked        TEXT   NOT NULL,
    sealed       BYTEA,
    data_key     BIGINT REFERENCES data_keys (number),
    state        TEXT   NOT NULL,
    result       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    PRIMARY KEY (organization, id),
    FOREIGN KEY (organization, runner) REFERENCES runners (organization, id)
);
CREATE INDEX trials_runner ON trials (organization, runner, id);
CREATE INDEX trials_expires ON trials (expires_at);
CREATE INDEX trials_data_key ON trials (data_key, organization, id);
