package storetest

import (
	"testing"

	"github.com/pullpass/pullpass"
)

// testIsolation asks for everything of one organization in the name of another:
// the answer is the same as for what does not exist.
func testIsolation(t *testing.T, open Open) {
	w := newWorld(t, open)
	other := populate(t, w.DB, "other")
	ctx := t.Context()
	reg := w.newRegistry("hub", "")
	env := w.newEnvironment("dev")
	integration, err := w.CreateIntegration(ctx, pullpass.Integration{Organization: w.org, Name: "aws", Mode: pullpass.ModeAccessKey}, pullpass.NewSecret("k"))
	must(t, "CreateIntegration", err)
	token, err := w.CreateToken(ctx, pullpass.Token{Organization: w.org, Kind: pullpass.TokenAPI, Hash: "h1"})
	must(t, "CreateToken", err)
	name := "stolen"

	calls := map[string]func(org pullpass.OrganizationID) error{
		"Project":        func(o pullpass.OrganizationID) error { _, err := w.Project(ctx, o, w.project); return err },
		"Runner":         func(o pullpass.OrganizationID) error { _, err := w.Runner(ctx, o, w.runner); return err },
		"Registry":       func(o pullpass.OrganizationID) error { _, err := w.Registry(ctx, o, reg.ID); return err },
		"RegistrySecret": func(o pullpass.OrganizationID) error { _, err := w.RegistrySecret(ctx, o, reg); return err },
		"Integration":    func(o pullpass.OrganizationID) error { _, err := w.Integration(ctx, o, integration.ID); return err },
		"IntegrationSecret": func(o pullpass.OrganizationID) error {
			_, err := w.IntegrationSecret(ctx, o, integration.ID, 1)
			return err
		},
		"Environment": func(o pullpass.OrganizationID) error { _, err := w.Environment(ctx, o, env.ID); return err },
		"EnvironmentByName": func(o pullpass.OrganizationID) error {
			_, err := w.EnvironmentByName(ctx, o, w.project, "dev")
			return err
		},
		"PinnedRegistries": func(o pullpass.OrganizationID) error { _, err := w.PinnedRegistries(ctx, o, env.ID); return err },
		"Output":           func(o pullpass.OrganizationID) error { _, _, err := w.Output(ctx, o, env.ID, "web"); return err },
		"AppendOutput": func(o pullpass.OrganizationID) error {
			return w.AppendOutput(ctx, o, env.ID, "web", 1, 0, []byte("x"))
		},
		"UpdateRegistry": func(o pullpass.OrganizationID) error {
			_, err := w.UpdateRegistry(ctx, o, reg.ID, pullpass.RegistryChange{Username: &name})
			return err
		},
		"UpdateIntegration": func(o pullpass.OrganizationID) error {
			_, err := w.UpdateIntegration(ctx, o, integration.ID, pullpass.IntegrationChange{Account: &name})
			return err
		},
		"UpdateStatus": func(o pullpass.OrganizationID) error {
			_, err := w.UpdateStatus(ctx, o, env.ID, pullpass.StatusUpdate{Runner: w.runner, Start: 1, Phase: pullpass.PhaseRunning})
			return err
		},
		"RecordHeartbeat": func(o pullpass.OrganizationID) error {
			_, err := w.RecordHeartbeat(ctx, o, w.runner, pullpass.RunnerReport{})
			return err
		},
		"RecordIdentity": func(o pullpass.OrganizationID) error {
			_, err := w.RecordIdentity(ctx, o, w.runner, "arn:aws:iam::111111111111:role/run", true)
			return err
		},
		"ApproveIdentity": func(o pullpass.OrganizationID) error {
			_, err := w.ApproveIdentity(ctx, o, w.runner, "arn:aws:iam::111111111111:role/run")
			return err
		},
		"ForgetEnvironment": func(o pullpass.OrganizationID) error {
			_, err := w.ForgetEnvironment(ctx, o, env.ID)
			return err
		},
		"ReplaceJoinToken": func(o pullpass.OrganizationID) error {
			return w.ReplaceJoinToken(ctx, pullpass.Token{ID: pullpass.NewTokenID(), Organization: o, Runner: w.runner, Kind: pullpass.TokenJoin, Name: "x", Hash: "join-" + pullpass.TokenHash(o)})
		},
		"JoinRunner": func(o pullpass.OrganizationID) error {
			_, err := w.JoinRunner(ctx, "", pullpass.Token{ID: pullpass.NewTokenID(), Organization: o, Runner: w.runner, Kind: pullpass.TokenRunner, Name: "x", Hash: "own-" + pullpass.TokenHash(o)}, pullpass.RunnerReport{})
			return err
		},
		"SetWanted": func(o pullpass.OrganizationID) error {
			_, err := w.SetWanted(ctx, o, env.ID, pullpass.WantedStopped)
			return err
		},
		"Restart":           func(o pullpass.OrganizationID) error { _, err := w.Restart(ctx, o, env.ID); return err },
		"DeleteToken":       func(o pullpass.OrganizationID) error { return w.DeleteToken(ctx, o, token.ID) },
		"DeleteRegistry":    func(o pullpass.OrganizationID) error { return w.DeleteRegistry(ctx, o, reg.ID) },
		"DeleteIntegration": func(o pullpass.OrganizationID) error { return w.DeleteIntegration(ctx, o, integration.ID) },
	}
	for name, call := range calls {
		wantKind(t, name+" in the name of another organization", call(other.org), pullpass.NotFound)
		wantKind(t, name+" in the name of none", call(""), pullpass.NotFound)
	}
	for _, org := range []pullpass.OrganizationID{other.org, ""} {
		wantKind(t, "DeleteProject of another organization", w.DeleteProject(ctx, org, w.project), pullpass.NotFound)
		wantKind(t, "DeleteRunner of another organization", w.DeleteRunner(ctx, org, w.runner, true), pullpass.NotFound)
	}
	testListsApart(t, w, other)
	// Deletions last: the same calls do work for the owner.
	for _, name := range []string{"Registry", "RegistrySecret", "Integration", "IntegrationSecret", "Environment", "AppendOutput", "UpdateStatus", "DeleteToken", "DeleteRegistry", "DeleteIntegration"} {
		must(t, name+" in the owner's name", calls[name](w.org))
	}
}

func generation(r pullpass.Registry) pullpass.RegistryGeneration {
	return pullpass.RegistryGeneration{Registry: r.ID, Generation: r.Generation}
}

func testListsApart(t *testing.T, w, other *world) {
	ctx := t.Context()
	lengths := map[string]func(pullpass.OrganizationID) (int, error){
		"Registries": func(o pullpass.OrganizationID) (int, error) {
			l, err := w.Registries(ctx, o, pullpass.RegistryFilter{}, pullpass.Page{})
			return len(l.Items), err
		},
		"RegistriesInForce": func(o pullpass.OrganizationID) (int, error) {
			l, err := w.RegistriesInForce(ctx, o, w.project)
			return len(l), err
		},
		"Environments": func(o pullpass.OrganizationID) (int, error) {
			l, err := w.Environments(ctx, o, pullpass.EnvironmentFilter{}, pullpass.Page{})
			return len(l.Items), err
		},
		"WantedOf": func(o pullpass.OrganizationID) (int, error) {
			l, err := w.WantedOf(ctx, o, w.runner, pullpass.Page{})
			return len(l.Items), err
		},
		"Integrations": func(o pullpass.OrganizationID) (int, error) {
			l, err := w.Integrations(ctx, o, pullpass.Page{})
			return len(l.Items), err
		},
		"Tokens": func(o pullpass.OrganizationID) (int, error) {
			l, err := w.Tokens(ctx, o, pullpass.Page{})
			return len(l.Items), err
		},
	}
	for name, length := range lengths {
		for org, want := range map[pullpass.OrganizationID]int{w.org: 1, other.org: 0} {
			if got, err := length(org); err != nil || got != want {
				t.Errorf("%s of %s has %d items (%v), want %d", name, org, got, err, want)
			}
		}
	}
}

// testReferences writes references from one organization to another, past all of
// our own checks: the database itself refuses each.
func testReferences(t *testing.T, open Open) {
	w := newWorld(t, open)
	other := populate(t, w.DB, "other")
	ctx := t.Context()
	reg := w.newRegistry("hub", "")
	env := w.newEnvironment("dev")
	own := other.newEnvironment("own")
	integration, err := w.CreateIntegration(ctx, pullpass.Integration{Organization: w.org, Name: "aws", Mode: pullpass.ModeAmbient}, pullpass.Secret{})
	must(t, "CreateIntegration", err)
	write := w.Schema().Write
	insert := func(table, columns, values string, args ...any) func(pullpass.OrganizationID) error {
		return func(org pullpass.OrganizationID) error {
			_, err := write.ExecContext(ctx, "INSERT INTO "+table+" (organization, "+columns+") VALUES ($1, "+values+")", append([]any{org}, args...)...)
			return err
		}
	}
	const rest = "'[]', 'running', 'creating', '[]', '[]', 1, 1, 1, 1"
	const environment = "id, project, runner, name, services, wanted, phase, conditions, status, starts, revision, created_at, updated_at"
	for name, call := range map[string]func(pullpass.OrganizationID) error{
		"environment to project": insert("environments", environment, "'env_1', $2, $3, 'n', "+rest, w.project, other.runner),
		"environment to runner":  insert("environments", environment, "'env_2', $2, $3, 'n', "+rest, other.project, w.runner),
		"registry to project": insert("registries", "id, project, name, host, path_prefix, auth, generation, created_at",
			"'reg_1', $2, 'n', 'h', '', 'basic', 1, 1", w.project),
		"pin to registry":    insert("environment_registries", "environment, registry, generation", "$2, $3, 1", own.ID, reg.ID),
		"pin to environment": insert("environment_registries", "environment, registry, generation", "$2, $3, 1", env.ID, reg.ID),
		"generation to registry": insert("registry_generations", "registry, generation, username, inside, created_at",
			"$2, 7, '', 'never', 1", reg.ID),
		"generation to integration": insert("registry_generations", "registry, generation, username, integration, inside, created_at",
			"$2, 8, '', $3, 'never', 1", other.newRegistry("mine", "").ID, integration.ID),
		"generation to runner":  insert("registry_generation_runners", "registry, generation, runner", "$2, 1, $3", reg.ID, w.runner),
		"integration to runner": insert("integration_runners", "integration, runner", "$2, $3", integration.ID, w.runner),
		"output to environment": insert("environment_output", "environment, service, starts, position, data", "$2, 'web', 1, 0, $3", env.ID, []byte("x")),
		"token to runner": insert("tokens", "id, kind, name, hash, role, runner, created_by, created_at, expires_at, last_used_at",
			"'tok_1', 'runner', '', 'h1', '', $2, '', 1, 0, 0", w.runner),
		"token to project": insert("tokens", "id, kind, name, hash, role, project, created_by, created_at, expires_at, last_used_at",
			"'tok_2', 'api', '', 'h2', '', $2, '', 1, 0, 0", w.project),
	} {
		if err := call(other.org); err == nil {
			t.Errorf("%s: the database took a reference to another organization", name)
		}
	}
	must(t, "the same kind of reference within the organization",
		insert("environment_output", "environment, service, starts, position, data", "$2, 'web', 1, 0, $3", env.ID, []byte("x"))(w.org))
	testReferencesThroughTheStore(t, w, other)
}

func testReferencesThroughTheStore(t *testing.T, w, other *world) {
	ctx := t.Context()
	foreign := other.environment("x")
	foreign.Project = w.project
	_, err := w.CreateEnvironment(ctx, foreign)
	wantKind(t, "an environment of another organization's project", err, pullpass.NotFound)
	foreign = other.environment("x")
	foreign.Runner = w.runner
	_, err = w.CreateEnvironment(ctx, foreign)
	wantKind(t, "an environment on another organization's runner", err, pullpass.NotFound)
	_, err = w.CreateRegistry(ctx, basic(other.org, "cross", w.project), pullpass.NewSecret("x"))
	wantKind(t, "a registry of another organization's project", err, pullpass.NotFound)
	limited := basic(other.org, "cross", "")
	limited.Runners = []pullpass.RunnerID{w.runner}
	_, err = w.CreateRegistry(ctx, limited, pullpass.NewSecret("x"))
	wantKind(t, "a registry for another organization's runner", err, pullpass.NotFound)
	_, err = w.CreateToken(ctx, pullpass.Token{Organization: other.org, Kind: pullpass.TokenRunner, Hash: "h9", Runner: w.runner})
	wantKind(t, "a token for another organization's runner", err, pullpass.NotFound)
	_, err = w.CreateToken(ctx, pullpass.Token{Kind: pullpass.TokenAPI, Hash: "h10"})
	wantKind(t, "an API token of no organization", err, pullpass.Invalid)
}
