package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/aws"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/doctor"
	"github.com/pullpass/pullpass/internal/egress"
	"github.com/pullpass/pullpass/internal/oci"
	"github.com/pullpass/pullpass/internal/reference"
	"github.com/pullpass/pullpass/internal/runner"
)

// runnerTrials tries pulls where this runner makes them: in its network, with its
// egress rules and host mappings, and with its own AWS identity where that is what
// opens the registry.
type runnerTrials struct {
	port  serverPort
	name  string
	hosts *reference.Hosts // the mappings of this runner's operator
	lines []string         // the same, as given
	allow []string
	aws   aws.Options
	log   *slog.Logger
}

func newRunnerTrials(c *config.Runner, port serverPort, name string, log *slog.Logger) (*runnerTrials, error) {
	hosts, err := newHosts(c.Hosts)
	if err != nil {
		return nil, err
	}
	return &runnerTrials{port: port, name: name, hosts: hosts, lines: c.Hosts, allow: c.AllowEgress, aws: ownAWS(c, hosts), log: log}, nil
}

const (
	// reportWithin is how long a report may take, and what is left for it of the time
	// that somebody waits.
	reportWithin  = 3 * time.Second
	shortestTrial = 5 * time.Second
)

// Try implements runner.Trials.
func (r *runnerTrials) Try(ctx context.Context, id pullpass.TrialID) error {
	work, err := r.port.c.TakeTrial(ctx, id)
	if err != nil {
		return err
	}
	within := max(time.Duration(work.Seconds)*time.Second-reportWithin, shortestTrial)
	trying, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	hosts := r.hosts
	if work.Native == nil {
		hosts = r.mapped(ctx, work)
	}
	report, err := r.try(trying, work, hosts)
	if ctx.Err() != nil {
		err = &pullpass.Error{Kind: pullpass.Unavailable, What: "cannot try it on the runner " + r.name, Cause: "the runner was stopped meanwhile", Hint: "start it again on its machine: pullpass runner --server URL"}
	}
	if err != nil {
		report = api.TrialReport{Failure: api.FailureOf(err)}
	}
	telling, stop := context.WithTimeout(context.WithoutCancel(ctx), reportWithin)
	defer stop()
	return errors.Join(err, r.port.c.ReportTrial(telling, id, report))
}

// mapped are this runner's mappings, and below them the server's of what is tried.
func (r *runnerTrials) mapped(ctx context.Context, work api.TrialWork) *reference.Hosts {
	hosts, err := newHosts(r.lines)
	if err != nil {
		return r.hosts
	}
	m := r.port.mappings.Like(hosts)
	m.Learn(ctx, mappingsOf(work.Hosts))
	return hosts
}

func (r *runnerTrials) try(ctx context.Context, work api.TrialWork, hosts *reference.Hosts) (api.TrialReport, error) {
	where := doctor.OnRunner(r.name)
	if work.Kind == pullpass.TrialIntegration && work.Native != nil {
		out := climbed(ctx, r.own(work.Native), work.Native.Region, where)
		return api.TrialReport{Integration: &out}, nil
	}
	// A client of its own: over a kept connection there is no DNS, TCP and TLS to check.
	o := egress.Options{Allow: r.allow}
	if work.HideAddresses {
		o.HideNames = hideNames(r.log)
	}
	out, err := newEgress(o)
	if err != nil {
		return api.TrialReport{}, err
	}
	defer out.Close()
	registries, err := oci.New(oci.Options{Egress: out, Hosts: hosts, UserAgent: "pullpass/" + version})
	if err != nil {
		return api.TrialReport{}, err
	}
	p := doctor.Pull{Image: work.Image, LoginOnly: work.LoginOnly, Why: work.Why}
	switch {
	case work.Native != nil:
		own := r.own(work.Native)
		p.Opener, p.Policies = own, own.policies
	case work.Opened != nil:
		p.Opener = openedByServer{work.Opened}
	case work.Environment != "":
		p.Opener = startOpener{r.port, work.Environment, hosts}
	default:
		return api.TrialReport{}, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot try it on the runner " + r.name,
			Cause: "the server asks for something that this runner does not know", Hint: "update the runner to the server's version"}
	}
	d := doctor.New(doctor.Options{HTTP: out, Registries: doctorRegistries{registries}, Hosts: hosts, Where: where, HideAddresses: work.HideAddresses})
	diagnosis := d.Examine(ctx, p)
	return api.TrialReport{Diagnosis: &diagnosis}, nil
}

// own climbs from this machine's AWS identity. It is loaded anew each time: what
// was repaired a moment ago counts.
func (r *runnerTrials) own(n *api.TrialNative) awsOpener {
	i := pullpass.Integration{Organization: n.Organization, Name: "runner-native", Mode: pullpass.ModeRunnerNative, Region: n.Region}
	for _, hop := range n.Chain {
		i.Chain = append(i.Chain, pullpass.RoleHop(hop))
	}
	return awsOpener{
		minter: aws.New(r.aws), who: "the runner's own AWS identity", about: r.aboutMachine,
		scope:   func(reference.Host, string) []string { return n.Repositories },
		request: broker.MintRequest{Organization: n.Organization, Project: n.Project, Integration: i},
	}
}

// aboutMachine says what helps a runner that has no identity.
func (r *runnerTrials) aboutMachine(err error) error {
	var e *pullpass.Error
	if !errors.As(err, &e) || e.Code != "aws_no_identity" {
		return aboutOwn(err)
	}
	return &pullpass.Error{Kind: e.Kind, Code: e.Code, What: e.What,
		Cause: "the machine of the runner " + r.name + " has no AWS identity: no key, profile, web identity, container or instance role was found",
		Hint:  "attach an instance profile to it, or give its pod a role; on EC2 check that IMDSv2 answers with a hop limit that reaches the runner. Or open the registry through an integration"}
}

// openedByServer is what the server got for this trial, told as it got it.
type openedByServer struct{ o *api.TrialOpened }

// Open implements doctor.Opener.
func (o openedByServer) Open(_ context.Context, host reference.Host, _ string, tell func(doctor.Rung)) (pullpass.Credential, error) {
	for _, r := range o.o.Rungs {
		tell(doctor.Rung{Step: r.Step, Detail: r.Detail, Principal: r.Principal, Role: r.Role, Warning: r.Warning, Symptom: r.Symptom,
			Took: time.Duration(r.Millis * float64(time.Millisecond)), Err: r.Failure.Err()})
	}
	if o.o.Failure != nil {
		return pullpass.Credential{}, o.o.Failure.Err()
	}
	return pullpass.Credential{Host: host.Name, Username: o.o.Username, Secret: o.o.Secret.Secret(), Unscoped: o.o.Unscoped}, nil
}

func wireRung(r doctor.Rung) api.TrialRung {
	return api.TrialRung{Step: r.Step, Detail: r.Detail, Principal: r.Principal, Role: r.Role, Warning: r.Warning, Symptom: r.Symptom,
		Millis: float64(r.Took.Microseconds()) / 1000, Failure: api.FailureOf(r.Err)}
}

// startOpener gets what a start of the environment would get, in the same way.
type startOpener struct {
	port        serverPort
	environment pullpass.EnvironmentID
	hosts       *reference.Hosts
}

// Open implements doctor.Opener.
func (o startOpener) Open(ctx context.Context, host reference.Host, repository string, tell func(doctor.Rung)) (pullpass.Credential, error) {
	c, err := o.port.Credential(ctx, runner.CredentialRequest{Environment: o.environment, Host: host.Name, Repository: repository})
	if isNoRegistry(err) {
		tell(asNobody)
		return pullpass.Credential{Host: host.Name}, nil
	}
	if err == nil && c.Native && o.hosts.Learned(host.Name) {
		err = o.port.mappings.Explain(host.Name, true, &pullpass.Error{Kind: pullpass.Invalid, Code: "mapping_missing",
			What: "cannot ask " + host.Name + " with this runner's own identity"})
	}
	tell(doctor.Rung{Step: doctor.StepIdentity, Detail: "what the environment's start gets", Err: err})
	if err == nil && c.Unscoped && host.ECR != nil {
		tell(tooWide)
	}
	return c, err
}

var _ runner.Trials = (*runnerTrials)(nil)
