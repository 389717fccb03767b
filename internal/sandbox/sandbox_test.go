package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"go.uber.org/goleak"

	"github.com/pullpass/pullpass/internal/sandbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	platform = sandbox.PlatformAccount
	owner    = sandbox.OwnerAccount
	region   = sandbox.DefaultRegion
)

// fakeClock is the sandbox's idea of now. SDK clients sign with the real time,
// so a test moves it by less than five minutes or only in front of registries.
type fakeClock struct {
	mu     sync.Mutex
	offset time.Duration
}

func (c *fakeClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

func (c *fakeClock) set(offset time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset = offset
}

// box is a running sandbox and the clients of its people.
type box struct {
	*sandbox.Sandbox
	clock *fakeClock
	http  *http.Client
	log   *canaryLog
}

// canaryLog takes the log at debug level and knows what must never be in it.
type canaryLog struct {
	mu       sync.Mutex
	text     bytes.Buffer
	canaries []string
}

func (l *canaryLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *canaryLog) secret(texts ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.canaries = append(l.canaries, texts...)
}

func (l *canaryLog) check(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !strings.Contains(l.text.String(), "sandbox listens") {
		t.Error("the log is empty: this check sees nothing")
	}
	for _, c := range l.canaries {
		if c != "" && strings.Contains(l.text.String(), c) {
			t.Errorf("the log shows a secret")
		}
	}
}

func start(t *testing.T, cfg sandbox.Config) *box {
	t.Helper()
	clock, log := &fakeClock{}, &canaryLog{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b, err := sandbox.New(cfg.OnFreePorts(), sandbox.Options{Clock: clock.now, Logger: logger})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	if err := b.Start(context.Background()); err != nil {
		t.Fatalf("Start: %v", err)
	}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		log.check(t)
	})
	return &box{b, clock, &http.Client{Transport: transport}, log}
}

// as makes a configuration for one of the configured users.
func (b *box) as(keyID string) aws.Config {
	for _, a := range sandbox.Default().Accounts {
		for _, u := range a.Users {
			for _, k := range u.AccessKeys {
				if k.ID == keyID {
					return b.with(keyID, k.Secret.Reveal(), "")
				}
			}
		}
	}
	panic("no such key: " + keyID)
}

func (b *box) with(id, secret, token string) aws.Config {
	b.log.secret(secret, token)
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(b.Endpoint()), HTTPClient: b.http,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, token),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func (b *box) session(c *ststypes.Credentials) aws.Config {
	return b.with(aws.ToString(c.AccessKeyId), aws.ToString(c.SecretAccessKey), aws.ToString(c.SessionToken))
}

func (b *box) pullpass() aws.Config      { return b.as(sandbox.PlatformKeyID) }
func (b *box) platformAdmin() aws.Config { return b.as(sandbox.PlatformAdmin) }
func (b *box) owner() aws.Config         { return b.as(sandbox.OwnerKeyID) }

func ecrOf(c aws.Config) *ecr.Client { return ecr.NewFromConfig(c) }
func iamOf(c aws.Config) *iam.Client { return iam.NewFromConfig(c) }
func stsOf(c aws.Config) *sts.Client { return sts.NewFromConfig(c) }

// wantCode checks an AWS error code and a part of its message.
func wantCode(t *testing.T, what string, err error, code, message string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Errorf("%s: error %v, want %s", what, err, code)
		return
	}
	if api.ErrorCode() != code || !strings.Contains(api.ErrorMessage(), message) {
		t.Errorf("%s: %s: %q, want %s: …%q…", what, api.ErrorCode(), api.ErrorMessage(), code, message)
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
		return v
	}
}
