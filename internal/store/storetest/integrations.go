package storetest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pullpass/pullpass"
)

type updater interface {
	UpdateRegistry(context.Context, pullpass.OrganizationID, pullpass.RegistryID, pullpass.RegistryChange) (pullpass.Registry, error)
}

func testIntegrations(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	made, err := w.CreateIntegration(ctx, pullpass.Integration{
		Organization: w.org, Name: "aws", Mode: pullpass.ModeAccessKey, Account: "111111111111", Region: "eu-west-1",
		AccessKeyID: "AKIAEXAMPLE", Runners: []pullpass.RunnerID{w.runner},
		Chain: []pullpass.RoleHop{{RoleARN: "arn:aws:iam::222222222222:role/pull", ExternalID: "x", SessionTags: map[string]string{"a": "b"}}},
	}, pullpass.NewSecret("first"))
	must(t, "CreateIntegration", err)
	got, err := w.IntegrationByName(ctx, w.org, "aws")
	must(t, "IntegrationByName", err)
	if diff := cmp.Diff(made, got); diff != "" {
		t.Errorf("Integration differs from what was created:\n%s", diff)
	}
	wantIntegrationSecret(t, w, made, "first")

	principal := "arn:aws:iam::111111111111:user/pull"
	seen, err := w.UpdateIntegration(ctx, w.org, made.ID, pullpass.IntegrationChange{Principal: &principal})
	must(t, "UpdateIntegration(principal)", err)
	if seen.Generation != 1 || seen.Principal != principal {
		t.Errorf("after noting the principal: generation %d, principal %q; want 1, %q", seen.Generation, seen.Principal, principal)
	}
	wantIntegrationSecret(t, w, seen, "first")

	region, runners := "eu-north-1", []pullpass.RunnerID{}
	moved, err := w.UpdateIntegration(ctx, w.org, made.ID, pullpass.IntegrationChange{Region: &region, Runners: &runners})
	must(t, "UpdateIntegration(region)", err)
	if moved.Generation != 2 || moved.Region != region || len(moved.Runners) != 0 {
		t.Errorf("UpdateIntegration = %+v, want generation 2 in %s for all runners", moved, region)
	}
	wantIntegrationSecret(t, w, moved, "first")
	secret := pullpass.NewSecret("second")
	changed, err := w.UpdateIntegration(ctx, w.org, made.ID, pullpass.IntegrationChange{Secret: &secret})
	must(t, "UpdateIntegration(secret)", err)
	wantIntegrationSecret(t, w, changed, "second")
	_, err = w.IntegrationSecret(ctx, w.org, made.ID, 1)
	wantKind(t, "the secret of an older generation", err, pullpass.Conflict)

	_, err = w.CreateIntegration(ctx, pullpass.Integration{Organization: w.org, Name: "aws", Mode: pullpass.ModeAmbient}, pullpass.Secret{})
	wantKind(t, "a second integration of the same name", err, pullpass.Conflict)
	_, err = w.CreateIntegration(ctx, pullpass.Integration{Organization: w.org, Name: "k", Mode: pullpass.ModeAccessKey}, pullpass.Secret{})
	wantKind(t, "an access key without its secret", err, pullpass.Invalid)
	must(t, "DeleteIntegration", w.DeleteIntegration(ctx, w.org, made.ID))
	_, err = w.Integration(ctx, w.org, made.ID)
	wantKind(t, "a deleted integration", err, pullpass.NotFound)
}

func wantIntegrationSecret(t *testing.T, w *world, i pullpass.Integration, want string) {
	t.Helper()
	got, err := w.IntegrationSecret(t.Context(), w.org, i.ID, i.Generation)
	must(t, "IntegrationSecret", err)
	if got.Reveal() != want {
		t.Errorf("IntegrationSecret of generation %d is not what was stored", i.Generation)
	}
}

func testIntegrationInUse(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	integration, err := w.CreateIntegration(ctx, pullpass.Integration{Organization: w.org, Name: "aws", Mode: pullpass.ModeAmbient}, pullpass.Secret{})
	must(t, "CreateIntegration", err)
	reg, err := w.CreateRegistry(ctx, pullpass.Registry{
		Organization: w.org, Name: "ecr", Host: "222222222222.dkr.ecr.eu-west-1.amazonaws.com",
		Auth: pullpass.AuthIntegration, Integration: integration.ID,
	}, pullpass.Secret{})
	must(t, "CreateRegistry", err)
	_, err = w.RegistrySecret(ctx, w.org, reg)
	wantKind(t, "the password of a registry that has none", err, pullpass.NotFound)
	idle := w.newEnvironment("idle")
	env := w.environment("dev")
	env.Services[0].Image = reg.Host + "/team/app:1"
	env, err = w.CreateEnvironment(ctx, env)
	must(t, "CreateEnvironment", err)
	err = w.DeleteIntegration(ctx, w.org, integration.ID)
	wantKind(t, "deleting an integration that a registry uses", err, pullpass.Conflict)
	if pullpass.HintOf(err) == "" {
		t.Errorf("the refusal has no hint: %v", err)
	}
	must(t, "DeleteRegistry", w.DeleteRegistry(ctx, w.org, reg.ID))
	wantKind(t, "deleting an integration that an environment needs", w.DeleteIntegration(ctx, w.org, integration.ID), pullpass.Conflict)
	if len(idle.Registries) != 0 {
		t.Errorf("an environment of other hosts has %d registries, want none", len(idle.Registries))
	}
	w.delete(env)
	must(t, "DeleteIntegration", w.DeleteIntegration(ctx, w.org, integration.ID))
}
