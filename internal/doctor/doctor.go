package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/iam"
	"github.com/pullpass/pullpass/internal/reference"
)

// Where the steps run.
const (
	Here   = "here"
	Server = "server"
)

// OnRunner says that they run on a runner.
func OnRunner(name string) string { return "runner " + name }

// Options are a doctor's instruments.
type Options struct {
	HTTP       HTTP // a client of its own: a kept connection would hide DNS, TCP and TLS
	Registries Registries
	Hosts      *reference.Hosts // nil: the grammar alone
	Where      string
	// HideAddresses keeps what names resolve to out of the report: inside the
	// server's network that is not a tenant's business.
	HideAddresses bool
	Now           func() time.Time // nil: time.Now
}

// Doctor examines pulls.
type Doctor struct{ o Options }

// New returns a doctor.
func New(o Options) *Doctor {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Doctor{o}
}

// Pull is what to examine.
type Pull struct {
	Image string // as its user writes it
	// LoginOnly says that Image is a host: its login is tried, and nothing pulled.
	LoginOnly bool
	Why       string // why this registry, where somebody chose it
	Opener    Opener // nil: anonymously
	Logins    []Login
	// Policies gives what reads policies for the evaluator; nil where nothing does.
	Policies func(context.Context, reference.Host) (iam.Reader, error)
}

// noRepository is asked for where only the login is tried: token services want
// some repository to be named.
const noRepository = "pullpass/login"

// Examine makes the pull step by step. What goes wrong is part of the answer.
func (d *Doctor) Examine(ctx context.Context, p Pull) api.Diagnosis {
	started := d.o.Now()
	begin := time.Now()
	r := &report{Diagnosis: api.Diagnosis{Where: d.o.Where, Started: started.UTC(), Steps: []api.DiagnosisStep{}}}
	d.examine(ctx, r, p)
	return r.finish(time.Since(begin))
}

func (d *Doctor) examine(ctx context.Context, r *report, p Pull) {
	image, host, ok := d.parse(r, p)
	if !ok {
		r.skip("the image cannot be read", StepDNS, StepTCP, StepTLS, StepIdentity, StepToken, StepV2, StepManifest, StepConfig, StepLayer)
		return
	}
	d.logins(r, host, p)
	reached := d.reach(ctx, r, host)
	trip := &journey{}
	credential, opened := d.open(ctx, r, host, image, p, trip)
	switch {
	case !opened:
		r.skip("there is no credential", StepV2, StepManifest, StepConfig, StepLayer)
	case !reached:
		if r.last().Name != StepV2 {
			r.skip("the registry cannot be reached", StepV2)
		}
		r.skip("the registry cannot be reached", StepManifest, StepConfig, StepLayer)
	default:
		d.pull(ctx, r, host, image, credential, p)
	}
	d.policies(ctx, r, host, image, p, trip)
}

// parse reads the reference and says which registry it means, and why.
func (d *Doctor) parse(r *report, p Pull) (reference.Image, reference.Host, bool) {
	image, err := d.image(p)
	if err != nil {
		r.fail(StepParse, 0, "", err)
		r.skip("the image cannot be read", StepRegistry)
		return image, reference.Host{}, false
	}
	if !p.LoginOnly {
		r.Image = image.String()
		r.ok(StepParse, 0, "host "+image.Host+", repository "+image.Repository+", "+tagOrDigest(image))
	} else {
		r.Image = image.Host
		r.ok(StepParse, 0, "host "+image.Host)
	}
	host, err := d.o.Hosts.Parse(image.Host)
	if err != nil {
		r.fail(StepRegistry, 0, "", err)
		return image, host, false
	}
	detail := d.registry(host, p.Image)
	if p.Why != "" {
		detail += "; " + p.Why
	}
	r.ok(StepRegistry, 0, detail)
	return image, host, true
}

func (d *Doctor) image(p Pull) (reference.Image, error) {
	if !p.LoginOnly {
		return reference.ParseImage(p.Image)
	}
	host, err := d.o.Hosts.Parse(p.Image)
	return reference.Image{Host: host.Name, Repository: noRepository, Tag: "latest"}, err
}

func tagOrDigest(i reference.Image) string {
	if i.Digest != "" {
		return "digest " + i.Digest
	}
	return "tag " + i.Tag
}

// registry says which registry a host is, and by what.
func (d *Doctor) registry(h reference.Host, written string) string {
	by := "by its name"
	if slices.ContainsFunc(d.o.Hosts.Mappings(), func(m reference.Mapping) bool { return m.Host == h.Name }) {
		by = "by a host mapping"
		if named, err := reference.ParseHost(h.Name); err == nil && named.ECR != nil {
			by = "by its name, reached by a host mapping"
		}
	}
	switch {
	case h.ECR != nil:
		detail := fmt.Sprintf("Amazon ECR of account %s in %s, %s", h.ECR.Account, h.ECR.Region, by)
		if h.ECR.FIPS {
			detail += ", FIPS"
		}
		if h.ECR.DualStack {
			detail += ", dual-stack"
		}
		return detail + "; its tokens come from " + h.ECR.APIEndpoint()
	case h.Kind == reference.KindDockerHub && !strings.Contains(strings.SplitN(written, "/", 2)[0], "."):
		return "Docker Hub, because the image names no host"
	}
	return string(h.Kind) + ", " + by
}

// journey is who pulls and through which roles, as the evaluator wants it.
type journey struct {
	caller string
	roles  []string
}

// open gets the credential and tells every rung.
func (d *Doctor) open(ctx context.Context, r *report, host reference.Host, image reference.Image, p Pull, trip *journey) (pullpass.Credential, bool) {
	opener := p.Opener
	if opener == nil {
		opener = Basic{}
	}
	repository := image.Repository
	if p.LoginOnly {
		repository = ""
	}
	told := 0
	credential, err := opener.Open(ctx, host, repository, func(rung Rung) {
		told++
		d.rung(r, rung)
		switch {
		case rung.Step == StepRole && rung.Role != "":
			trip.roles = append(trip.roles, rung.Role)
		case rung.Step == StepIdentity && rung.Principal != "":
			trip.caller = rung.Principal
		}
	})
	r.keep(credential)
	if err != nil && (told == 0 || r.last().Result != api.StepFailed) {
		r.fail(StepToken, 0, "", err) // it broke where no rung tells
	}
	return credential, err == nil
}

func (d *Doctor) rung(r *report, rung Rung) {
	detail := rung.Detail
	switch {
	case rung.Err != nil:
		r.fail(rung.Step, rung.Took, detail, rung.Err)
	case rung.Warning:
		r.warn(rung.Step, rung.Took, rung.Symptom, "", detail, "")
	default:
		r.ok(rung.Step, rung.Took, detail)
	}
}
