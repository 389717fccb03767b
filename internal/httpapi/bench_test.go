package httpapi_test

import (
	"context"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/broker"
	"github.com/pullpass/pullpass/internal/httpapi"
)

// BenchmarkCredentials is the busiest route over keep-alive HTTP, client included,
// with everything below the route played: what it measures is ours to spend.
func BenchmarkCredentials(b *testing.B) {
	env := pullpass.Environment{ID: pullpass.NewEnvironmentID(), Organization: pullpass.NewOrganizationID(), Runner: pullpass.NewRunnerID()}
	s, err := httpapi.New(httpapi.Options{Store: rehearsal{env: env}, Issuer: rehearsal{}, Auditor: rehearsal{}})
	must(b, err)
	server := httptest.NewServer(s)
	defer server.Close()
	c, err := client.New(server.URL, client.WithToken(pullpass.NewBearer(pullpass.TokenRunner)))
	must(b, err)
	ask := api.CredentialRequest{Environment: env.ID, Host: ecrHost, Repository: "team/app"}
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Credential(b.Context(), ask); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// rehearsal answers from memory.
type rehearsal struct {
	httpapi.Store
	env pullpass.Environment
}

func (r rehearsal) TokenByHash(context.Context, pullpass.TokenHash) (pullpass.Token, error) {
	return pullpass.Token{Organization: r.env.Organization, Kind: pullpass.TokenRunner, Runner: r.env.Runner}, nil
}

func (r rehearsal) Environment(context.Context, pullpass.OrganizationID, pullpass.EnvironmentID) (pullpass.Environment, error) {
	return r.env, nil
}

func (r rehearsal) Issue(_ context.Context, _ pullpass.Caller, a broker.Ask) (broker.Issued, error) {
	return broker.Issued{Credential: pullpass.Credential{Host: a.Host, Username: "AWS", Secret: pullpass.NewSecret("secret")}}, nil
}

func (r rehearsal) Hosts(context.Context, pullpass.Caller, pullpass.ProjectID) ([]string, error) {
	return nil, nil
}

func (r rehearsal) Record(context.Context, pullpass.Event) error { return nil }

// FuzzBodies sends anything as the body of the two routes that take the most:
// never a 500, always a problem or an answer, and never what was sent.
func FuzzBodies(f *testing.F) {
	org := pullpass.NewOrganizationID()
	s, err := httpapi.New(httpapi.Options{Store: anything{org: org}, Issuer: rehearsal{}, Auditor: rehearsal{}})
	must(f, err)
	token := pullpass.NewBearer(pullpass.TokenAPI).Reveal()
	for _, seed := range []string{
		`{"name":"hub","host":"registry.example.com","auth":"basic","username":"u","password":"p"}`,
		`{"name":"hub","host":"` + ecrHost + `","auth":"integration","integration":"int_00000000000000000000000000","runners":[]}`,
		`{"project":"prj_00000000000000000000000000","name":"dev","services":[{"name":"web","image":"alpine","command":["a"],"env":{"A":"b"}}]}`,
		`{"name":1e400}`, `{"name":"\ud800","host":"\u0000"}`, `[[[[[[]]]]]]`, `null`, `"x"`, `{"a":1,"a":2}`, "\xff", `{"services":[{"env":{"a":{}}}]}`,
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, body string, environment bool) {
		path := api.PathRegistries
		if environment {
			path = api.PathEnvironments
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, post(t, path, token, body))
		switch {
		case w.Code >= 500:
			t.Errorf("POST %s %s: answered %d %s", path, strconv.Quote(body), w.Code, w.Body)
		case w.Code >= 400 && w.Header().Get("Content-Type") != api.ProblemType:
			t.Errorf("POST %s %s: answered %d as %s", path, strconv.Quote(body), w.Code, w.Header().Get("Content-Type"))
		}
	})
}
