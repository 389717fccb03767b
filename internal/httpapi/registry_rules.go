package httpapi

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/access"
	"github.com/pullpass/pullpass/internal/reference"
)

const cannotSave = "cannot save the registry"

// newRegistry makes the registry that in asks for, or says what does not fit.
func (s *Server) newRegistry(ctx context.Context, c pullpass.Caller, in api.NewRegistry) (pullpass.Registry, error) {
	r := pullpass.Registry{
		ID: pullpass.NewRegistryID(), Organization: c.Organization, Project: in.Project, Name: in.Name, PathPrefix: in.PathPrefix,
		Auth: in.Auth, Username: in.Username, Integration: in.Integration, Inside: in.Inside, Generation: 1, CreatedAt: s.now(),
	}
	if c.Project != "" && in.Project == "" {
		return r, &pullpass.Error{Kind: pullpass.Denied, Code: "limited_to_project", What: cannotSave,
			Cause: "the token is limited to one project, and a registry without one is the whole organization's", Hint: "name your project"}
	}
	if err := within(c, access.RegistryCreate, "project", access.Target{Organization: c.Organization, Project: in.Project}); err != nil {
		return r, err
	}
	if in.Project != "" {
		if _, err := s.project(ctx, c, access.ProjectRead, in.Project); err != nil {
			return r, err
		}
	}
	if err := checkRegistryName(in.Name); err != nil {
		return r, err
	}
	host, err := s.hosts.Parse(in.Host)
	if err != nil {
		return r, err
	}
	r.Host = host.Name
	if in.PathPrefix != "" && !reference.ValidRepository(in.PathPrefix) {
		return r, unfit("path_prefix_invalid", "the path prefix is not the beginning of a repository", "write it as team or team/app, in lower case, without a slash at either end")
	}
	if r.Runners, err = s.knownRunners(ctx, c, in.Runners); err != nil {
		return r, err
	}
	if in.Auth == "" {
		if in.Auth, err = s.impliedAuth(ctx, c, host, in); err != nil {
			return r, err
		}
		r.Auth = in.Auth
	}
	if err := s.checkAuth(ctx, c, host, in); err != nil {
		return r, err
	}
	if r.Inside == "" {
		r.Inside = pullpass.DefaultInside(in.Project)
	}
	o, err := s.openingOf(ctx, r)
	if err != nil {
		return r, err
	}
	return r, s.checkRunners(ctx, cannotSave, c.Organization, o, r.Runners)
}

// impliedAuth is what the other fields say already, or what can be filled in.
func (s *Server) impliedAuth(ctx context.Context, c pullpass.Caller, host reference.Host, in api.NewRegistry) (pullpass.Auth, error) {
	switch {
	case in.Integration != "":
		return pullpass.AuthIntegration, nil
	case in.Username != "" || !in.Password.IsZero():
		return pullpass.AuthBasic, nil
	}
	return s.fillAuth(ctx, c.Organization, host, in.Runners)
}

func checkRegistryName(name string) error {
	if pullpass.ValidRegistryName(name) {
		return nil
	}
	return unfit("name_invalid", "the name is not 3 to 127 letters, digits, underscores and hyphens", "choose another name")
}

// checkAuth wants of each kind of auth exactly what it needs: a password beside an
// integration would be kept for nothing.
func (s *Server) checkAuth(ctx context.Context, c pullpass.Caller, host reference.Host, in api.NewRegistry) error {
	stored := in.Username != "" || !in.Password.IsZero()
	isECR := host.Kind == reference.KindECR || host.Kind == reference.KindECRPublic
	switch in.Auth {
	case pullpass.AuthBasic:
		switch {
		case in.Username == "" || in.Password.IsZero():
			return unfit("auth_incomplete", "basic needs a username and a password", "give both")
		case in.Integration != "":
			return unfit("auth_contradicts", "basic does not use an integration", "leave the integration out, or choose integration")
		}
		return checkUsername(in.Username)
	case pullpass.AuthIntegration:
		switch {
		case stored:
			return unfit("auth_contradicts", "an integration needs no username or password", "leave both out, or choose basic")
		case !isECR:
			return unfit("host_not_ecr", "an integration opens Amazon ECR only, and this is not an ECR host", "choose basic; a VPC endpoint, custom domain or emulator is added to the server's host mappings")
		}
		return s.mayAttach(ctx, c, cannotSave, in.Integration)
	case pullpass.AuthRunnerNative:
		switch {
		case stored || in.Integration != "":
			return unfit("auth_contradicts", "runner-native uses the runner's own AWS identity", "leave username, password and integration out")
		case host.Kind != reference.KindECR:
			return unfit("host_not_ecr", "a runner's AWS identity opens Amazon ECR only, and this is not an ECR host", "choose basic")
		}
		return nil
	}
	return unfit("auth_unknown", "there is no such kind of auth", "choose basic, integration or runner-native")
}

// mayAttach keeps who is limited to a project to the integrations that are for it:
// an integration opens a whole account, whatever registry it is attached to.
func (s *Server) mayAttach(ctx context.Context, c pullpass.Caller, what string, id pullpass.IntegrationID) error {
	i, err := s.integration(ctx, c, access.IntegrationRead, id)
	if err != nil || i.AttachableBy(c) {
		return err
	}
	return &pullpass.Error{Kind: pullpass.Denied, Code: "integration_not_for_project", What: what,
		Cause: "you are limited to one project, and the integration " + i.Name + " is not for it",
		Hint:  "an administrator of the organization can add the project: pullpass integration update " + i.Name + " --project PROJECT"}
}

// checkUsername refuses what basic authentication cannot carry: the first colon
// ends the user name.
func checkUsername(name string) error {
	if strings.ContainsFunc(name, func(r rune) bool { return r == ':' || r < ' ' || r == 0x7f }) {
		return unfit("username_invalid", "the username holds a colon or a control character", "basic authentication cannot carry it")
	}
	return nil
}

// registryChange makes the change that in asks for, or says what does not fit r.
func (s *Server) registryChange(ctx context.Context, c pullpass.Caller, r pullpass.Registry, in api.RegistryChange) (pullpass.RegistryChange, error) {
	change := pullpass.RegistryChange{Name: in.Name, Username: in.Username, Inside: in.Inside}
	if in.Name != nil {
		if err := checkRegistryName(*in.Name); err != nil {
			return change, err
		}
	}
	if r.Auth != pullpass.AuthBasic && (in.Username != nil || in.Password != nil) {
		return change, unfit("auth_contradicts", "its auth is "+string(r.Auth)+", which has no username or password", "the kind of auth is fixed: delete the registry and add another")
	}
	if in.Username != nil {
		if *in.Username == "" {
			return change, unfit("auth_incomplete", "basic needs a username", "leave it out to keep the one it has")
		}
		if err := checkUsername(*in.Username); err != nil {
			return change, err
		}
	}
	if in.Password != nil {
		if in.Password.IsZero() {
			return change, unfit("auth_incomplete", "basic needs a password", "leave it out to keep the one it has")
		}
		secret := in.Password.Secret()
		change.Secret = &secret
	}
	if in.Runners != nil {
		runners, err := s.knownRunners(ctx, c, *in.Runners)
		if err != nil {
			return change, err
		}
		o, err := s.openingOf(ctx, r)
		if err != nil {
			return change, err
		}
		if err := s.checkRunners(ctx, cannotSave, c.Organization, o, runners); err != nil {
			return change, err
		}
		change.Runners = &runners
	}
	return change, nil
}

// knownRunners returns ids sorted and without repetition, if all are the
// organization's.
func (s *Server) knownRunners(ctx context.Context, c pullpass.Caller, ids []pullpass.RunnerID) ([]pullpass.RunnerID, error) {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for _, id := range ids {
		if _, err := s.runner(ctx, c, access.RunnerRead, id); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// knownProjects returns ids sorted and without repetition, if all are the
// organization's.
func (s *Server) knownProjects(ctx context.Context, c pullpass.Caller, ids []pullpass.ProjectID) ([]pullpass.ProjectID, error) {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for _, id := range ids {
		if _, err := s.project(ctx, c, access.ProjectRead, id); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// visibleProjects leaves of a list what a caller that is limited to a project may
// know of.
func visibleProjects(c pullpass.Caller, ids []pullpass.ProjectID) []pullpass.ProjectID {
	if c.Project == "" {
		return ids
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id pullpass.ProjectID) bool { return id != c.Project })
}

func unfit(code, cause, hint string) error {
	return &pullpass.Error{Kind: pullpass.Invalid, Code: code, What: cannotSave, Cause: cause, Hint: hint}
}

// changed lists the names of the fields that a change names, for the audit
// record; their values stay out of it.
func changed(change any) string {
	var names []string
	v := reflect.ValueOf(change)
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}
