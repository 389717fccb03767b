package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/e2e/process"
	"github.com/pullpass/pullpass/internal/sandbox"
)

// asking is a server with environments that ask for credentials, one AWS account
// for each key: AWS allows an account some calls a second, and so do we.
type asking struct {
	box      *sandbox.Sandbox
	counter  *httptest.Server
	tokens   atomic.Int64
	server   *process.Server
	token    pullpass.Secret
	requests [][]byte // one for each environment
	hosts    []string
	began    time.Time
}

func newAsking(ctx context.Context, s *setting, environments, keys int) (*asking, error) {
	a := &asking{}
	if err := a.start(ctx, s, environments, keys); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *asking) start(ctx context.Context, s *setting, environments, keys int) error {
	var err error
	if a.box, err = sandbox.New(manyAccounts(keys), sandbox.Options{}); err != nil {
		return err
	}
	if err := a.box.Start(ctx); err != nil {
		return err
	}
	if err := a.count(); err != nil {
		return err
	}
	var args []string
	for i := range keys {
		address := a.box.Registry(account(i), sandbox.DefaultRegion)
		a.hosts = append(a.hosts, address)
		args = append(args, fmt.Sprintf("--host=host=%s,account=%s,region=%s,api=%s,sts=%s,registry=http://%s",
			address, account(i), sandbox.DefaultRegion, a.counter.URL, a.counter.URL, address))
	}
	if a.server, err = s.startServer(ctx, append(args, "--allow-egress=127.0.0.1")...); err != nil {
		return err
	}
	return a.populate(ctx, environments)
}

// count puts a proxy in front of the sandbox that counts authorization tokens.
func (a *asking) count() error {
	target, err := url.Parse(a.box.Endpoint())
	if err != nil {
		return err
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}
	a.counter = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetAuthorizationToken") {
			a.tokens.Add(1)
		}
		proxy.ServeHTTP(w, r)
	}))
	return nil
}

func (a *asking) upstream() int64 { return a.tokens.Load() }

// populate makes a registry for each key and the environments that ask.
func (a *asking) populate(ctx context.Context, environments int) error {
	runner, token, err := a.server.Join(ctx, "bench")
	if err != nil {
		return err
	}
	a.token = token
	projects := make([]pullpass.ProjectID, len(a.hosts))
	for i, host := range a.hosts {
		if projects[i], err = a.project(ctx, i, host); err != nil {
			return err
		}
	}
	return a.createEnvironments(ctx, projects, runner.ID, environments)
}

// project makes one whose registry is in an account of its own.
func (a *asking) project(ctx context.Context, i int, host string) (pullpass.ProjectID, error) {
	c := a.server.Owner
	project, err := c.CreateProject(ctx, pullpass.Project{Name: fmt.Sprintf("project-%d", i)})
	if err != nil {
		return "", err
	}
	integration, err := c.CreateIntegration(ctx, pullpass.Integration{
		Name: fmt.Sprintf("account-%d", i), Mode: pullpass.ModeAccessKey, Account: account(i), Region: sandbox.DefaultRegion,
		AccessKeyID: keyID(i), Chain: []pullpass.RoleHop{{RoleARN: "arn:aws:iam::" + account(i) + ":role/pull"}},
	}, pullpass.NewSecret(secretKey(i)))
	if err != nil {
		return "", err
	}
	_, err = c.CreateRegistry(ctx, pullpass.Registry{
		Project: project.ID, Name: "registry", Host: host, Auth: pullpass.AuthIntegration, Integration: integration.ID,
	}, pullpass.Secret{})
	return project.ID, err
}

func (a *asking) createEnvironments(ctx context.Context, projects []pullpass.ProjectID, runner pullpass.RunnerID, n int) error {
	a.requests = make([][]byte, n)
	var counter atomic.Int64
	var wg sync.WaitGroup
	failed := make(chan error, 16)
	for range cap(failed) {
		wg.Go(func() {
			for i := int(counter.Add(1) - 1); i < n; i = int(counter.Add(1) - 1) {
				e, err := a.server.Owner.CreateEnvironment(ctx, pullpass.Environment{
					Project: projects[i%len(projects)], Runner: runner, Name: fmt.Sprintf("env-%d", i),
					Services: []pullpass.Service{{Name: "main", Image: a.hosts[i%len(a.hosts)] + "/team/app:1"}},
				})
				if err == nil {
					a.requests[i], err = credentialRequest(a.server.URL, a.token, e.ID, a.hosts[i%len(a.hosts)])
				}
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func (a *asking) close() {
	if a.server != nil {
		a.server.Stop()
	}
	if a.counter != nil {
		a.counter.Close()
	}
	if a.box != nil {
		_ = a.box.Close()
	}
}

func account(i int) string   { return fmt.Sprintf("3%011d", i) }
func secretKey(i int) string { return fmt.Sprintf("bench/account%03d/not-a-real-secret-key-0", i) }

// keyID is in AWS's shape: base 32 knows no 0, 1, 8 and 9.
func keyID(i int) string {
	digits := strings.NewReplacer("0", "A", "1", "B", "8", "C", "9", "D")
	return "AKIAPULLPASSBENC" + digits.Replace(fmt.Sprintf("%04d", i))
}

const benchPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:*","sts:*"],"Resource":"*"}]}`

// manyAccounts is a sandbox with n accounts: a user, a role and a repository each.
func manyAccounts(n int) sandbox.Config {
	cfg := sandbox.Config{Listen: "127.0.0.1:0", Layers: "127.0.0.1:0", Regions: []string{sandbox.DefaultRegion}}
	for i := range n {
		cfg.Accounts = append(cfg.Accounts, sandbox.Account{
			ID: account(i),
			Users: []sandbox.User{{
				Name:           "bench",
				AccessKeys:     []sandbox.AccessKey{{ID: keyID(i), Secret: sandbox.SecretKey{Secret: pullpass.NewSecret(secretKey(i))}}},
				InlinePolicies: map[string]sandbox.Document{"all": benchPolicy},
			}},
			Roles: []sandbox.Role{{
				Name:           "pull",
				TrustPolicy:    sandbox.Document(fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:user/bench"},"Action":"sts:AssumeRole"}]}`, account(i))),
				InlinePolicies: map[string]sandbox.Document{"all": benchPolicy},
			}},
			Repositories: []sandbox.Repository{{Region: sandbox.DefaultRegion, Name: "team/app"}},
		})
	}
	return cfg
}
