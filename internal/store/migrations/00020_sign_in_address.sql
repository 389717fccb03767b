-- +goose Up
-- Where the command line asked from, for the person who is to say yes to it.
ALTER TABLE sign_ins ADD COLUMN address TEXT NOT NULL DEFAULT '';
