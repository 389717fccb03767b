-- +goose Up
-- One row that is written to see whether the database can be written.
CREATE TABLE health (
    id         BIGINT NOT NULL PRIMARY KEY,
    checked_at BIGINT NOT NULL
);
INSERT INTO health (id, checked_at) VALUES (1, 0);
