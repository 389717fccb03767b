-- +goose Up
-- The ECR repositories that are kept for projects. The index is what makes two
-- servers that create one at the same time make one.
CREATE TABLE repositories (
    organization TEXT   NOT NULL REFERENCES organizations (id),
    id           TEXT   NOT NULL,
    project      TEXT   NOT NULL,
    integration  TEXT   NOT NULL,
    puller       TEXT   NOT NULL,
    registry     TEXT   NOT NULL,
    host         TEXT   NOT NULL,
    account      TEXT   NOT NULL,
    region       TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    settings     TEXT   NOT NULL,
    principals   TEXT   NOT NULL,
    state        TEXT   NOT NULL,
    reason       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    applied_at   BIGINT NOT NULL,
    PRIMARY KEY (organization, id),
    FOREIGN KEY (organization, project) REFERENCES projects (organization, id),
    FOREIGN KEY (organization, integration) REFERENCES integrations (organization, id),
    FOREIGN KEY (organization, puller) REFERENCES integrations (organization, id)
);
CREATE UNIQUE INDEX repositories_place ON repositories (organization, account, region, name);
CREATE INDEX repositories_project ON repositories (organization, project, id);
CREATE INDEX repositories_registry ON repositories (organization, registry);
CREATE INDEX repositories_integration ON repositories (organization, integration);
CREATE INDEX repositories_puller ON repositories (organization, puller);

-- What an organization sets for all of them.
CREATE TABLE repository_defaults (
    organization TEXT NOT NULL PRIMARY KEY REFERENCES organizations (id),
    settings     TEXT NOT NULL
);
