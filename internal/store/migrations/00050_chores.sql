-- +goose Up
-- What one of the servers does for all now and then, and when it is due again.
CREATE TABLE chores (
    name   TEXT   NOT NULL PRIMARY KEY,
    due_at BIGINT NOT NULL
);
-- What is to be removed is found without reading what stays.
CREATE INDEX environments_gone ON environments (updated_at) WHERE phase = 'deleted';
CREATE INDEX tokens_over ON tokens (expires_at) WHERE expires_at <> 0;
