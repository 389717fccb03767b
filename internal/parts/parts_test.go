package parts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/jackc/pgx/v5"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/pullpass/pullpass/internal/parts"
)

func TestPostgresGivesEachTestItsOwnDatabase(t *testing.T) {
	var dropped string
	first, second := parts.Postgres(t), parts.Postgres(t)
	execute(t, first, "CREATE TABLE t (id int)")
	execute(t, second, "CREATE TABLE t (id int)") // fails if they are one database
	t.Run("dropped", func(t *testing.T) { dropped = parts.Postgres(t) })
	conn, err := pgx.Connect(t.Context(), dropped)
	if err == nil {
		t.Errorf("the database of a finished test still takes connections: %v", conn.Close(t.Context()))
	} else if !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("connecting to the database of a finished test: %v, want that it does not exist", err)
	}
}

func TestRegistryAsksForItsPassword(t *testing.T) {
	registry := parts.Registry(t)
	for _, test := range []struct {
		password string
		want     int
	}{
		{registry.Password, http.StatusOK},
		{"wrong", http.StatusUnauthorized},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+registry.Host+"/v2/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(registry.Username, test.password)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		if resp.StatusCode != test.want {
			t.Errorf("GET /v2/ with password %q = %d, want %d", test.password, resp.StatusCode, test.want)
		}
	}
}

func TestRegistryKeepsAnImage(t *testing.T) {
	registry, image := parts.Registry(t), parts.BusyboxImage(t, "true")
	ref, err := name.ParseReference(registry.Host + "/parts/busybox:1")
	if err != nil {
		t.Fatal(err)
	}
	auth := remote.WithAuth(&authn.Basic{Username: registry.Username, Password: registry.Password})
	if err := remote.Write(ref, image, auth); err != nil {
		t.Fatalf("pushing: %v", err)
	}
	pulled, err := remote.Image(ref, auth)
	if err != nil {
		t.Fatalf("pulling: %v", err)
	}
	want, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := pulled.Digest(); err != nil || got != want {
		t.Errorf("pulled digest = %v, %v, want %v", got, err, want)
	}
}

func TestBusyboxImageIsReproducible(t *testing.T) {
	first, err := parts.BusyboxImage(t, "echo", "hello").Digest()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := parts.BusyboxImage(t, "echo", "hello").Digest(); err != nil || again != first {
		t.Errorf("digest of the same image = %v, %v, want %v", again, err, first)
	}
	if other, err := parts.BusyboxImage(t, "echo", "goodbye").Digest(); err != nil || other == first {
		t.Errorf("digest of an image with another command = %v, %v, want another than %v", other, err, first)
	}
}

func TestPrivateDockerSurvivesBeingKilled(t *testing.T) {
	var engine *parts.Engine
	t.Run("engine", func(t *testing.T) {
		engine = parts.PrivateDocker(t)
		docker, err := client.New(client.WithHost(engine.Host))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = docker.Close() }()
		id := load(t, docker, "echo hello from $((40+2))")
		if got, want := output(t, docker, id), "hello from 42\n"; got != want {
			t.Errorf("output of the container = %q, want %q", got, want)
		}
		engine.Kill()
		if err := parts.Answers(t.Context(), engine.Host); err == nil {
			t.Error("a killed engine answers")
		}
		if err := engine.Start(t.Context()); err != nil {
			t.Fatalf("starting the engine again: %v", err)
		}
		if got, want := output(t, docker, id), "hello from 42\n"; got != want {
			t.Errorf("output after the engine was killed = %q, want %q", got, want)
		}
	})
	if engine == nil {
		t.Skip("there was no engine; the subtest says why")
	}
	socket := strings.TrimPrefix(engine.Host, "unix://")
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("after the test %s is still there: %v", socket, err)
	}
}

func TestSharedDockerAnswers(t *testing.T) {
	if host := parts.Docker(t); parts.Answers(t.Context(), host) != nil {
		t.Errorf("Answers(%q) = %v, want nil", host, parts.Answers(t.Context(), host))
	}
}

func TestAWSIsTheRealOne(t *testing.T) {
	if path := parts.AWS(t); strings.Contains(path, "shims") {
		t.Errorf("AWS() = %s, a shim", path)
	}
}

func execute(t *testing.T, address, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// load loads the busybox image with a shell script as its command.
func load(t *testing.T, docker *client.Client, script string) (image string) {
	t.Helper()
	tag, err := name.NewTag("parts.test/busybox:1")
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := tarball.Write(tag, parts.BusyboxImage(t, "sh", "-c", script), &archive); err != nil {
		t.Fatal(err)
	}
	loaded, err := docker.ImageLoad(t.Context(), &archive)
	if err != nil {
		t.Fatalf("loading the image: %v", err)
	}
	defer func() { _ = loaded.Close() }()
	for dec := json.NewDecoder(loaded); ; {
		var line struct{ Error string }
		if dec.Decode(&line) != nil {
			return tag.String()
		}
		if line.Error != "" {
			t.Fatalf("loading the image: %s", line.Error)
		}
	}
}

// output runs a container of the image to its end and returns what it printed.
func output(t *testing.T, docker *client.Client, image string) string {
	t.Helper()
	made, err := docker.ContainerCreate(t.Context(), client.ContainerCreateOptions{Config: &container.Config{Image: image}})
	if err != nil {
		t.Fatalf("creating a container: %v", err)
	}
	wait := docker.ContainerWait(t.Context(), made.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := docker.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{}); err != nil {
		t.Fatalf("starting the container: %v", err)
	}
	select {
	case err := <-wait.Error:
		t.Fatalf("waiting for the container: %v", err)
	case <-wait.Result:
	}
	logs, err := docker.ContainerLogs(t.Context(), made.ID, client.ContainerLogsOptions{ShowStdout: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = logs.Close() }()
	var out bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &out, logs); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
