package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/reference"
)

// Tester makes a pull step by step on the server, and climbs an integration's
// identity ladder: the doctor. What runners try, they try themselves.
type Tester interface {
	TestRegistry(context.Context, RegistryTrial) (api.Diagnosis, error)
	TestIntegration(context.Context, pullpass.Integration) (api.IntegrationTest, error)
	// FindImage asks a registry for an image: with what opens the registry that t has
	// saved, or anonymously.
	FindImage(ctx context.Context, t RegistryTrial, image reference.Image, platform string) (ImageFound, error)
	// OpenRegistry gets what opens a registry, for a runner that makes the pull.
	OpenRegistry(context.Context, RegistryTrial) Opened
}

// RegistryTrial is a registry to try, saved or not.
type RegistryTrial struct {
	Registry   pullpass.Registry
	Password   pullpass.Secret // of settings that are not saved
	Saved      bool            // the password is the one in the store
	Repository string          // empty: only the login is tried
	Tag        string
}

const (
	// testWithin leaves room below what a connection has to be answered in.
	testWithin = 45 * time.Second
	// identifyWithin is how long adding an integration waits to hear who it is.
	identifyWithin = 5 * time.Second
	// maxTests at a time on one server: each holds connections and may fetch layers.
	maxTests = 8
)

func (s *Server) testRoutes() {
	add(s, route{method: http.MethodPost, path: api.PathRegistriesTest, id: "test-registry-settings", within: upstreamWithin, tag: "registries", permission: access.RegistryCreate,
		summary: "Try a registry before it is saved", description: "The server, or the runner that is named, makes the pull step by step with these settings. Nothing is saved; that it was tried is recorded."}, s.testSettings)
	add(s, route{method: http.MethodPost, path: api.PathRegistryTest, id: "test-registry", within: upstreamWithin, tag: "registries", permission: access.RegistryUpdate,
		summary: "Try a registry", description: "The server, or the runner that is named, makes the pull step by step, with what is stored."}, s.testRegistry)
	add(s, route{method: http.MethodPost, path: api.PathIntegrationTest, id: "test-integration", within: upstreamWithin, tag: "integrations", permission: access.IntegrationUpdate,
		summary: "Try an integration", description: "AWS is asked who it is, and each role of its chain is assumed; for runner-native, by the runner that is named. The principal is kept for others to name in their policies."}, s.testIntegration)
	add(s, route{method: http.MethodPost, path: api.PathEnvironmentTest, id: "test-environment", within: upstreamWithin, tag: "environments", permission: access.EnvironmentTry,
		summary: "Try an environment's pull", description: "Its runner pulls one of its images step by step, as a start would."}, s.testEnvironment)
}

func (s *Server) testSettings(ctx context.Context, c pullpass.Caller, in *struct{ Body api.RegistryTest }) (*body[api.Diagnosis], error) {
	r, err := s.newRegistry(ctx, c, in.Body.Settings)
	if err != nil {
		return nil, err
	}
	r.ID = "" // it is not saved
	return s.tryRegistry(ctx, c, RegistryTrial{Registry: r, Password: in.Body.Settings.Password.Secret(), Repository: in.Body.Repository, Tag: in.Body.Tag}, in.Body.Runner)
}

func (s *Server) testRegistry(ctx context.Context, c pullpass.Caller, in *struct {
	Registry pullpass.RegistryID `path:"registry" doc:"Its id."`
	Body     api.SavedRegistryTest
}) (*body[api.Diagnosis], error) {
	r, err := s.registry(ctx, c, access.RegistryUpdate, in.Registry)
	if err != nil {
		return nil, err
	}
	return s.tryRegistry(ctx, c, RegistryTrial{Registry: r, Saved: true, Repository: in.Body.Repository, Tag: in.Body.Tag}, in.Body.Runner)
}

// tryRegistry makes the pull here, or has a runner make it.
func (s *Server) tryRegistry(ctx context.Context, c pullpass.Caller, t RegistryTrial, runner pullpass.RunnerID) (*body[api.Diagnosis], error) {
	if err := checkTrial(t); err != nil {
		return nil, err
	}
	if err := s.checkOwner(ctx, t); err != nil {
		return nil, err
	}
	o, err := s.openingOf(ctx, t.Registry)
	switch {
	case err != nil:
		return nil, err
	case runner != "":
		return s.tryRegistryOn(ctx, c, t, o, runner)
	case o.native():
		return nil, notHere(cannotTest, "the registry is opened by")
	}
	done, err := s.beginTest()
	if err != nil {
		return nil, err
	}
	defer done()
	e := registryEvent("registry.test", t.Registry)
	e.Detail["repository"] = t.Repository
	var d api.Diagnosis
	err = s.deed(ctx, c, e, func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, testWithin)
		defer cancel()
		d, err = s.tester.TestRegistry(ctx, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(d), nil
}

const cannotTest = "cannot try the registry"

func checkTrial(t RegistryTrial) error {
	refuse := func(code, cause, hint string) error {
		return &pullpass.Error{Kind: pullpass.Invalid, Code: code, What: cannotTest, Cause: cause, Hint: hint}
	}
	prefix := t.Registry.PathPrefix
	switch {
	case t.Repository != "" && !reference.ValidRepository(t.Repository):
		return refuse("repository_invalid", "the repository is not made of lower-case words separated by . _ - and /", "give it as in the image reference, without host and tag")
	case t.Tag != "" && !reference.ValidTag(t.Tag):
		return refuse("tag_invalid", "the tag is not one that a registry can have", "give it as in the image reference")
	case t.Repository != "" && prefix != "" && t.Repository != prefix && !strings.HasPrefix(t.Repository, prefix+"/"):
		return refuse("repository_not_covered", "the registry covers repositories below "+prefix+" only", "try one of those")
	}
	return nil
}

// checkOwner keeps one project's trials away from what is kept for another, as the
// broker does for its credentials.
func (s *Server) checkOwner(ctx context.Context, t RegistryTrial) error {
	host, err := s.hosts.Parse(t.Registry.Host)
	if err != nil || host.ECR == nil || t.Repository == "" || t.Registry.Auth == pullpass.AuthBasic {
		return err
	}
	r := t.Registry
	name, err := s.store.RepositoryOfOthers(ctx, r.Organization, r.Project, host.ECR.Account, host.ECR.Region, t.Repository)
	if err != nil || name == "" {
		return err
	}
	return &pullpass.Error{Kind: pullpass.Denied, Code: "repository_of_another_project", What: cannotTest,
		Cause: "the repository is kept for another project", Hint: "try a repository of your own: pullpass repository list"}
}

func notHere(what, is string) error {
	return &pullpass.Error{Kind: pullpass.Invalid, Code: "runner_native", What: what,
		Cause: is + " the runner's own AWS identity, which the server does not have", Hint: "let a runner try: --runner NAME"}
}

func (s *Server) testIntegration(ctx context.Context, c pullpass.Caller, in *struct {
	Integration pullpass.IntegrationID `path:"integration" doc:"Its id."`
	Body        *api.IntegrationTrial
}) (*body[api.IntegrationTest], error) {
	i, err := s.integration(ctx, c, access.IntegrationUpdate, in.Integration)
	if err != nil {
		return nil, err
	}
	var out api.IntegrationTest
	if in.Body != nil && in.Body.Runner != "" {
		out, err = s.tryIntegrationOn(ctx, c, i, in.Body.Runner)
	} else {
		out, err = s.tryIntegration(ctx, c, i)
	}
	if err != nil {
		return nil, err
	}
	return answer(out), nil
}

func (s *Server) tryIntegration(ctx context.Context, c pullpass.Caller, i pullpass.Integration) (api.IntegrationTest, error) {
	var out api.IntegrationTest
	if i.Mode == pullpass.ModeRunnerNative {
		return out, notHere("cannot try the integration", "it is")
	}
	done, err := s.beginTest()
	if err != nil {
		return out, err
	}
	defer done()
	err = s.deed(ctx, c, integrationEvent("integration.test", i), func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, testWithin)
		defer cancel()
		out, err = s.observe(ctx, i)
		return err
	})
	return out, err
}

// observe climbs the integration's ladder and keeps the principal that AWS names:
// an observation, so the integration's generation stays.
func (s *Server) observe(ctx context.Context, i pullpass.Integration) (api.IntegrationTest, error) {
	out, err := s.tester.TestIntegration(ctx, i)
	if err != nil || out.Principal == "" || out.Principal == i.Principal {
		return out, err
	}
	_, err = s.store.UpdateIntegration(ctx, i.Organization, i.ID, pullpass.IntegrationChange{Principal: &out.Principal})
	return out, err
}

// identify finds out who a new integration is, as far as AWS says so at once: a
// later test says more. The record of adding it stands for this, too.
func (s *Server) identify(ctx context.Context, i pullpass.Integration) pullpass.Integration {
	if i.Mode == pullpass.ModeRunnerNative {
		return i
	}
	done, err := s.beginTest()
	if err != nil {
		return i
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, identifyWithin)
	defer cancel()
	out, err := s.observe(ctx, i)
	if err != nil {
		s.log.LogAttrs(ctx, slog.LevelDebug, "integration not identified", slog.String("integration", string(i.ID)), slog.Any("error", err))
		return i
	}
	i.Principal = out.Principal
	return i
}

// beginTest takes one of the places for tests.
func (s *Server) beginTest() (done func(), err error) {
	if s.tester == nil {
		return nil, &pullpass.Error{Kind: pullpass.Unavailable, Code: "tests_disabled", What: cannotTest, Cause: "this server does not try registries and integrations"}
	}
	select {
	case s.testing <- struct{}{}:
		return func() { <-s.testing }, nil
	default:
		return nil, &pullpass.Error{Kind: pullpass.Limited, Code: "tests_limited", What: cannotTest, Cause: "this server is trying as many as it can", Hint: "try again in a minute"}
	}
}
