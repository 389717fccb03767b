-- +goose Up
-- Whose limited callers may attach an integration to a registry: without a row
-- nobody's, only callers of the whole organization.
CREATE TABLE integration_projects (
    organization TEXT NOT NULL,
    integration  TEXT NOT NULL,
    project      TEXT NOT NULL,
    PRIMARY KEY (organization, integration, project),
    FOREIGN KEY (organization, integration) REFERENCES integrations (organization, id),
    FOREIGN KEY (organization, project) REFERENCES projects (organization, id)
);
CREATE INDEX integration_projects_project ON integration_projects (organization, project);

-- Whose environments a runner takes: without a row every project's.
CREATE TABLE runner_projects (
    organization TEXT NOT NULL,
    runner       TEXT NOT NULL,
    project      TEXT NOT NULL,
    PRIMARY KEY (organization, runner, project),
    FOREIGN KEY (organization, runner) REFERENCES runners (organization, id),
    FOREIGN KEY (organization, project) REFERENCES projects (organization, id)
);
CREATE INDEX runner_projects_project ON runner_projects (organization, project);
