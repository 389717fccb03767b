package parts

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Docker returns the address of a Docker Engine (unix:///… or tcp://…) that tests
// share: give images and containers names of your own, and remove your containers.
func Docker(t testing.TB) string {
	t.Helper()
	host := os.Getenv(EnvDockerHost)
	if host == "" {
		missing(t, "docker", EnvDockerHost+" is not set", around)
	}
	return host
}

// PrivateDocker starts an engine for this test alone, for tests that kill it or
// that must find it empty. It ends with the test.
func PrivateDocker(t testing.TB) *Engine {
	t.Helper()
	if os.Getenv(EnvDockerHost) == "" {
		missing(t, "docker", EnvDockerHost+" is not set", around)
	}
	if os.Geteuid() != 0 {
		missing(t, "docker", "starting an engine for one test needs root", "run the tests as root on Debian")
	}
	dir, err := NewDir()
	if err != nil {
		t.Fatalf("making a directory for an engine: %v", err)
	}
	t.Cleanup(func() {
		if err := dir.Remove(); err != nil {
			t.Errorf("removing the engine's directory: %v", err)
		}
	})
	engine, err := StartEngine(t.Context(), dir.Path, os.Getenv(EnvEngineBin))
	if err != nil {
		t.Fatalf("starting an engine: %v", err)
	}
	t.Cleanup(func() { engine.Stop(context.Background()) })
	return engine
}

// Namespaces is for tests that put processes into namespaces of their own.
func Namespaces(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "namespaces", "making a mount and a network namespace needs root", "run the tests as root on Linux")
	}
}

// Postgres makes an empty database for this test and returns its URL. The database
// is dropped when the test ends, with whatever connections are left.
func Postgres(t testing.TB) string {
	t.Helper()
	address := os.Getenv(EnvPostgres)
	if address == "" {
		missing(t, "postgres", EnvPostgres+" is not set", around)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("%s is not a URL", EnvPostgres)
	}
	name := "pullpass_" + strings.ToLower(rand.Text()[:12])
	admin(t, address, "CREATE DATABASE "+name)
	t.Cleanup(func() { admin(t, address, "DROP DATABASE "+name+" WITH (FORCE)") })
	u.Path = "/" + name
	return u.String()
}

func admin(t testing.TB, address, statement string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatalf("connecting to the database server of %s: %v", EnvPostgres, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// Registry returns a registry with a username and a password that tests share:
// give repositories names of your own.
func Registry(t testing.TB) BasicRegistry {
	t.Helper()
	text := os.Getenv(EnvRegistry)
	if text == "" {
		missing(t, "registry", EnvRegistry+" is not set", around)
	}
	r, err := parseRegistry(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
