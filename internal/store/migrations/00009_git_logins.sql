-- +goose Up
-- How the server reads a project's repository where not everybody may.
CREATE TABLE git_logins (
    organization TEXT   NOT NULL REFERENCES organizations (id),
    project      TEXT   NOT NULL,
    username     TEXT   NOT NULL,
    sealed       BYTEA  NOT NULL,
    data_key     BIGINT NOT NULL REFERENCES data_keys (number),
    version      BIGINT NOT NULL,
    PRIMARY KEY (organization, project),
    FOREIGN KEY (organization, project) REFERENCES projects (organization, id)
);
CREATE INDEX git_logins_data_key ON git_logins (data_key, organization, project);
