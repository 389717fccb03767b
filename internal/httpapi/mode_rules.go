package httpapi

import (
	"context"
	"regexp"
	"strconv"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/reference"
)

// leastForKeys is the first version of a runner that keeps an issued AWS
// credential to its own environment, which access-key integrations count on.
var leastForKeys = [3]int{0, 1, 0}

// opening is how something is opened: what runners are asked to fit.
type opening struct {
	auth   pullpass.Auth
	mode   pullpass.IntegrationMode // AuthIntegration only
	limits []selection
}

// selection is a registry or an integration that selected runners may use.
type selection struct {
	what    string
	runners []pullpass.RunnerID
}

// native reports whether the runner's own AWS identity is used.
func (o opening) native() bool {
	return o.auth == pullpass.AuthRunnerNative || o.mode == pullpass.ModeRunnerNative
}

// unfit says why a runner cannot be used with an opening; nil: it can.
func (o opening) unfit(what string, r pullpass.Runner) *pullpass.Error {
	refuse := func(code, cause, hint string) *pullpass.Error {
		return &pullpass.Error{Kind: pullpass.Invalid, Code: code, What: what, Cause: cause, Hint: hint}
	}
	switch {
	case r.Hosted && (o.native() || o.mode == pullpass.ModeAmbient):
		return refuse("runner_hosted", "the runner "+r.Name+" is hosted: the AWS identity that would be used is its operator's",
			"use an integration with --web-identity or --access-key-id, or a runner of your own")
	// Its own word is enough here: it opens nothing, and saves a person a registry
	// that could not be opened.
	case o.native() && r.AWSIdentity == "" && r.AWSProved == "" && r.AWSClaim == "" && r.LastSeenAt.IsZero():
		return refuse("runner_no_identity", "the runner "+r.Name+" has not joined yet, so it is not known whether it has an AWS identity", "start it first: pullpass runner --server URL")
	case o.native() && r.AWSIdentity == "" && r.AWSProved == "" && r.AWSClaim == "":
		return refuse("runner_no_identity", "the runner "+r.Name+" has no AWS identity of its own",
			"give its machine one (instance profile, IRSA, profile) and see it with pullpass runner show "+r.Name+"; or open the registry through an integration")
	case o.mode == pullpass.ModeAccessKey && olderThan(r.Version, leastForKeys):
		return refuse(pullpass.CodeRunnerTooOld, "the runner "+r.Name+" has version "+r.Version+", and access keys need "+versionText(leastForKeys)+" or later",
			"update the runner, or use an integration with --web-identity")
	}
	return nil
}

var versionNumbers = regexp.MustCompile(`^v?(\d{1,6})\.(\d{1,6})\.(\d{1,6})`)

// olderThan compares what a release calls itself; a build that is not a release counts as
// current.
func olderThan(version string, least [3]int) bool {
	numbers := versionNumbers.FindStringSubmatch(version)
	if numbers == nil {
		return false
	}
	for i, want := range least {
		if have, _ := strconv.Atoi(numbers[i+1]); have != want { // digits only, and few
			return have < want
		}
	}
	return false
}

func versionText(v [3]int) string {
	return strconv.Itoa(v[0]) + "." + strconv.Itoa(v[1]) + "." + strconv.Itoa(v[2])
}

// checkRunners wants every selected runner to fit. Where none is selected all may
// be used, so one has to, if there are any.
func (s *Server) checkRunners(ctx context.Context, what string, org pullpass.OrganizationID, o opening, selected []pullpass.RunnerID) error {
	var first *pullpass.Error
	fits := 0
	err := s.eachRunner(ctx, org, selected, func(r pullpass.Runner) {
		if err := o.unfit(what, r); err == nil {
			fits++
		} else if first == nil {
			first = err
		}
	})
	switch {
	case err != nil:
		return err
	case first != nil && (len(selected) > 0 || fits == 0):
		return first
	}
	return nil
}

// eachRunner visits the selected runners, or all of the organization's.
func (s *Server) eachRunner(ctx context.Context, org pullpass.OrganizationID, selected []pullpass.RunnerID, visit func(pullpass.Runner)) error {
	for _, id := range selected {
		r, err := s.store.Runner(ctx, org, id)
		if err != nil {
			return err
		}
		visit(r)
	}
	if len(selected) > 0 {
		return nil
	}
	for page := (pullpass.Page{Limit: pullpass.MaxPage}); ; {
		l, err := s.store.Runners(ctx, org, page)
		if err != nil {
			return err
		}
		for _, r := range l.Items {
			visit(r)
		}
		if l.Next == "" {
			return nil
		}
		page.After = l.Next
	}
}

// fillAuth chooses runner-native for an ECR host that nothing else was said of, if
// every runner in question can open it; otherwise it says what the choices are.
func (s *Server) fillAuth(ctx context.Context, org pullpass.OrganizationID, host reference.Host, selected []pullpass.RunnerID) (pullpass.Auth, error) {
	if host.Kind != reference.KindECR {
		return "", unfit("auth_missing", "it does not say how the registry is opened", "give a username and password")
	}
	seen := 0
	var first *pullpass.Error
	err := s.eachRunner(ctx, org, selected, func(r pullpass.Runner) {
		seen++
		if err := (opening{auth: pullpass.AuthRunnerNative}).unfit(cannotSave, r); err != nil && first == nil {
			first = err
		}
	})
	switch {
	case err != nil:
		return "", err
	case seen > 0 && first == nil:
		return pullpass.AuthRunnerNative, nil
	case first != nil:
		return "", unfit("auth_missing", "it does not say how the registry is opened, and runner-native is not possible: "+first.Cause, "give an integration, or a username and password; or select runners that have an AWS identity")
	}
	return "", unfit("auth_missing", "it does not say how the registry is opened, and there is no runner whose AWS identity could", "give an integration, or add a runner first")
}

// openingOf reads the integration that a registry is opened through, if any.
func (s *Server) openingOf(ctx context.Context, r pullpass.Registry) (opening, error) {
	o := opening{auth: r.Auth}
	if len(r.Runners) > 0 {
		o.limits = append(o.limits, selection{"registry " + r.Name, r.Runners})
	}
	if r.Auth != pullpass.AuthIntegration {
		return o, nil
	}
	i, err := s.store.Integration(ctx, r.Organization, r.Integration)
	if len(i.Runners) > 0 {
		o.limits = append(o.limits, selection{"integration " + i.Name, i.Runners})
	}
	o.mode = i.Mode
	return o, err
}

// serviceOpening is how the image of a service is opened.
type serviceOpening struct {
	service, registry string
	opening
}

// openingsOf finds the registry of every service's image. An image without one is
// tried anonymously.
func (s *Server) openingsOf(ctx context.Context, org pullpass.OrganizationID, project pullpass.ProjectID, services []pullpass.Service) ([]serviceOpening, error) {
	registries, err := s.store.RegistriesInForce(ctx, org, project)
	if err != nil {
		return nil, err
	}
	var list []serviceOpening
	for _, service := range services {
		image, err := reference.ParseImage(service.Image)
		if err != nil {
			return nil, err
		}
		r, ok := broker.Choose(registries, image.Host, image.Repository)
		if !ok {
			continue
		}
		o, err := s.openingOf(ctx, r)
		if err != nil {
			return nil, err
		}
		list = append(list, serviceOpening{service.Name, r.Name, o})
	}
	return list, nil
}

func limitsOf(openings []serviceOpening) []selection {
	var limits []selection
	for _, o := range openings {
		limits = append(limits, o.limits...)
	}
	return limits
}

// checkImages wants the runner to fit the registry of every service's image.
func checkImages(runner pullpass.Runner, openings []serviceOpening) error {
	for _, o := range openings {
		if e := o.unfit(cannotCreate, runner); e != nil {
			e.Cause = "the service " + o.service + " needs the registry " + o.registry + ": " + e.Cause
			return e
		}
	}
	return nil
}
