package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/client"
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/docker"
	"github.com/pullpass/pullpass/internal/iam/generate"
	"github.com/pullpass/pullpass/internal/sandbox"
)

func (s *stage) startServer(ctx context.Context) error {
	c := s.serverConfig()
	running, err := startServer(ctx, &c, newLogger(s.log, c.Log))
	if err != nil {
		return err
	}
	s.onClose(running.stop)
	s.serverURL = running.url
	first, err := client.New(running.url, ourOptions())
	if err != nil {
		return err
	}
	_, owner, err := first.Setup(ctx, running.setup, "demo", "you")
	if err != nil {
		return err
	}
	s.client, err = client.New(running.url, client.WithToken(owner), ourOptions())
	s.say("Pullpass       %s   (API: %s%s)", running.url, running.url, api.PathDocs)
	return err
}

// findEngine asks whether a Docker Engine answers; without one the demo pulls
// and verifies instead.
func (s *stage) findEngine(ctx context.Context) {
	engine, err := docker.New(docker.Options{Host: s.dockerHost, Runner: pullpass.NewRunnerID()})
	if err == nil {
		defer func() { _ = engine.Close() }()
		_, err = engine.Info(ctx)
	}
	s.engine = err == nil
	if err != nil {
		s.noEngine = err.Error()
	}
}

// owner is the ECR of the account that owns the image, as its administrator.
func (s *stage) owner() *ecr.Client {
	return ecr.New(ecr.Options{
		BaseEndpoint: aws.String(s.box.Endpoint()), Region: sandbox.DefaultRegion,
		Credentials: credentials.NewStaticCredentialsProvider(sandbox.OwnerKeyID, sandbox.OwnerKey().Reveal(), ""),
	})
}

func (s *stage) push(ctx context.Context) error {
	image, err := greeterImage()
	if err != nil {
		return err
	}
	out, err := s.owner().GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})
	if err != nil {
		return fmt.Errorf("asking for a token to push with: %w", err)
	}
	token, err := base64.StdEncoding.DecodeString(aws.ToString(out.AuthorizationData[0].AuthorizationToken))
	if err != nil {
		return fmt.Errorf("reading the token to push with: %w", err)
	}
	username, password, _ := strings.Cut(string(token), ":")
	if s.digest, err = pushImage(ctx, s.image, username, password, image); err != nil {
		return err
	}
	s.say("%s\n%s", s.image, s.digest)
	return nil
}

func (s *stage) configure(ctx context.Context) error {
	var err error
	if s.project, err = s.client.CreateProject(ctx, pullpass.Project{Name: "payments"}); err != nil {
		return err
	}
	integration, err := s.client.CreateIntegration(ctx, pullpass.Integration{
		Name: "platform", Mode: pullpass.ModeAccessKey, Account: sandbox.PlatformAccount, Region: sandbox.DefaultRegion,
		AccessKeyID: sandbox.PlatformKeyID, Chain: []pullpass.RoleHop{{RoleARN: demoRole}},
	}, sandbox.PlatformKey())
	if err != nil {
		return err
	}
	registry, err := s.client.CreateRegistry(ctx, pullpass.Registry{
		Project: s.project.ID, Name: "owner-ecr", Host: s.box.Registry(sandbox.OwnerAccount, sandbox.DefaultRegion),
		Auth: pullpass.AuthIntegration, Integration: integration.ID,
	}, pullpass.Secret{})
	if err != nil {
		return err
	}
	s.say("project payments, integration platform (%s), registry %s for %s", demoRole, registry.Name, registry.Host)
	if !s.engine {
		return nil
	}
	return s.startRunner(ctx)
}

func (s *stage) startRunner(ctx context.Context) error {
	made, token, err := s.client.CreateRunner(ctx, pullpass.Runner{Name: "this-machine", Kind: pullpass.RunnerDocker})
	if err != nil {
		return err
	}
	s.runner = made.ID
	c := config.Runner{Server: s.serverURL, State: filepath.Join(s.dir, "runner"), DockerHost: s.dockerHost, Parallel: 4, AWSIdentity: config.NoAWSIdentity, Log: config.Log{LogLevel: "debug"}}
	c.Hosts, c.AllowEgress = s.mappings()
	state, err := openRunnerState(c.State)
	if err != nil {
		return err
	}
	log := newLogger(s.log, c.Log)
	id, err := join(ctx, s.serverURL, client.Joining{Token: token}, nil, state, log, ourOptions())
	if err != nil {
		state.close()
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- runAgent(ctx, &c, id, state, log, ourOptions()) }()
	s.onClose(func() {
		s.removeEnvironment()
		cancel()
		if err := <-done; err != nil {
			s.say("the runner ended: %v", err)
		}
		state.close()
	})
	s.say("runner this-machine joined")
	return nil
}

// removeEnvironment leaves no container behind.
func (s *stage) removeEnvironment() {
	if s.env.ID == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if s.client.DeleteEnvironment(ctx, s.env.ID) != nil {
		return
	}
	e := s.env
	for e.Phase != pullpass.PhaseDeleted {
		next, err := s.client.WaitEnvironment(ctx, e.ID, e.Revision, 5*time.Second)
		if err != nil {
			return
		}
		e = next
	}
}

func (s *stage) refused(ctx context.Context) error {
	if !s.engine {
		_, err := s.pullVerified(ctx)
		if err == nil {
			return errors.New("the pull should have been refused, and was not")
		}
		var refusal *pullpass.Error
		if !errors.As(err, &refusal) || refusal.Code != demoRefusal {
			return err
		}
		s.say("%s", pullpass.Explain(err))
		return nil
	}
	e, err := s.client.CreateEnvironment(ctx, pullpass.Environment{
		Project: s.project.ID, Runner: s.runner, Name: "ada-payments",
		Services: []pullpass.Service{{Name: "app", Image: s.image}},
	})
	if err != nil {
		return err
	}
	s.env = e
	return s.awaitRefusal(ctx, e)
}

// awaitRefusal waits for the owner's refusal. The runner tries again by itself
// after anything else, such as a disk that was busy for too long.
func (s *stage) awaitRefusal(ctx context.Context, e pullpass.Environment) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if e.Phase == pullpass.PhaseRunning {
			return errors.New("the environment should have been refused its image, and runs")
		}
		for _, c := range e.Conditions {
			if c.Code == demoRefusal {
				s.say("condition: %s\n%s", c.Code, pullpass.Explain(&pullpass.Error{What: c.What, Cause: c.Cause, Hint: c.Fix}))
				return nil
			}
		}
		next, err := s.client.WaitEnvironment(ctx, e.ID, e.Revision, 20*time.Second)
		if err != nil {
			return fmt.Errorf("waiting for the refusal; so far the environment is %s %s: %w", e.Phase, problem(e.Conditions), err)
		}
		e = next
	}
}

func (s *stage) allow(ctx context.Context) error {
	stack, err := generate.Repository(generate.RepositoryOptions{
		Registry:   generate.ECR{Account: sandbox.OwnerAccount, Region: sandbox.DefaultRegion},
		Repository: demoRepository, Principals: []string{demoRole}, Access: []generate.Access{generate.Pull},
	})
	if err != nil {
		return err
	}
	policy, err := stack.Render(generate.JSON)
	if err != nil {
		return err
	}
	s.say("$ pullpass policy repository --account %s --region %s --repository %s --principal %s", sandbox.OwnerAccount, sandbox.DefaultRegion, demoRepository, demoRole)
	s.say("%s", policy)
	_, err = s.owner().SetRepositoryPolicy(ctx, &ecr.SetRepositoryPolicyInput{
		RepositoryName: aws.String(demoRepository), PolicyText: aws.String(string(policy)),
	})
	if err != nil {
		return fmt.Errorf("setting the repository policy: %w", err)
	}
	return nil
}

func (s *stage) allowed(ctx context.Context) error {
	if !s.engine {
		pulled, err := s.pullVerified(ctx)
		if err != nil {
			return err
		}
		s.say("pulled and verified every layer: %s, %d layers, %d bytes\nnothing was run: there is no Docker Engine", pulled.Digest, pulled.Layers, pulled.Bytes)
		return nil
	}
	e, err := s.client.RestartEnvironment(ctx, s.env.ID)
	if err != nil {
		return err
	}
	if e, err = watch(ctx, s.client, s.t, e); err != nil {
		return err
	}
	if e.Phase != pullpass.PhaseRunning {
		return fmt.Errorf("the environment is %s: %s", e.Phase, problem(e.Conditions))
	}
	s.env = e
	s.say("running %s", statusOf(e, "app").Digest)
	return s.showOutput(ctx)
}

// showOutput waits for the container's first words: they are the proof.
func (s *stage) showOutput(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		output, err := s.client.Output(ctx, s.env.ID, "app")
		if err != nil {
			return fmt.Errorf("waiting for what the container prints: %w", err)
		}
		if len(output.Data) > 0 {
			s.say("the container prints:\n%s", output.Data)
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("the container runs and prints nothing")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *stage) audit(ctx context.Context) error {
	report, err := s.client.VerifyAudit(ctx, "")
	if err != nil {
		return err
	}
	if !report.Whole {
		return fmt.Errorf("the audit chain is broken at record %d: %s", report.Broken, report.Problem)
	}
	issued := 0
	for e, err := range s.client.AllEvents(ctx, pullpass.EventFilter{Action: "credential.issue"}) {
		if err != nil {
			return err
		}
		issued++
		s.say("%s  %s  %s/%s  by %s %s", e.At.Local().Format("15:04:05"), e.Decision, e.Detail["host"], e.Detail["repository"], e.Caller.Kind, e.Caller.Name)
	}
	if issued == 0 {
		return errors.New("no credential was recorded")
	}
	s.say("%d records, the chain is whole", report.Events)
	return nil
}
