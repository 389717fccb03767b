-- +goose Up
-- The variables of an environment's services are sealed as one value; the column
-- services keeps their names. Rows of before have them there in clear text, until the
-- server seals them when it starts.
ALTER TABLE environments ADD COLUMN sealed BYTEA;
ALTER TABLE environments ADD COLUMN data_key BIGINT REFERENCES data_keys (number);
ALTER TABLE environments ADD COLUMN clear BOOLEAN NOT NULL DEFAULT TRUE;
CREATE INDEX environments_data_key ON environments (data_key, organization, id) WHERE data_key IS NOT NULL;
CREATE INDEX environments_clear ON environments (organization, id) WHERE clear = TRUE;

-- What services print is sealed in place; without a data key it is of before.
ALTER TABLE environment_output ADD COLUMN data_key BIGINT REFERENCES data_keys (number);
ALTER TABLE environment_output ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
CREATE INDEX environment_output_data_key ON environment_output (data_key, organization, environment, service);
