package parts

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// Cluster is a PostgreSQL server of our own, on a loopback port with a password,
// durable as PostgreSQL is by default.
type Cluster struct {
	URL string // postgres://… of the superuser

	postgres *daemon
	binary   string
	data     string
	as       *account
}

// StartCluster makes a cluster in dir and starts it; as root, under the user
// postgres, because PostgreSQL refuses to run as root.
func StartCluster(ctx context.Context, dir string) (*Cluster, error) {
	initdb, err := findPostgres("initdb")
	if err != nil {
		return nil, err
	}
	as, err := postgresUser()
	if err != nil {
		return nil, err
	}
	if as != nil {
		if err := os.Chown(dir, int(as.uid), int(as.gid)); err != nil {
			return nil, err
		}
	}
	password, data := rand.Text(), filepath.Join(dir, "data")
	if err := initialize(ctx, initdb, data, password, as); err != nil {
		return nil, err
	}
	for range attempts {
		var c *Cluster
		if c, err = startPostgres(ctx, filepath.Join(filepath.Dir(initdb), "postgres"), data, password, as, ""); err == nil {
			return c, nil
		}
	}
	return nil, err
}

// initialize runs initdb. The password goes in through a file: arguments are visible
// to every user of the machine.
func initialize(ctx context.Context, initdb, data, password string, as *account) (err error) {
	file := data + ".password"
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(file)) }()
	if as != nil {
		if err := os.Chown(file, int(as.uid), int(as.gid)); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, initdb, "--pgdata", data, "--username", "postgres",
		"--auth", "scram-sha-256", "--pwfile", file, "--encoding", "UTF8", "--locale", "C", "--no-instructions")
	cmd.Dir = filepath.Dir(data)
	cmd.SysProcAttr = ownGroup(as)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, bytes.TrimSpace(out))
	}
	return nil
}

// startPostgres starts it at address, or at a free one if that is empty.
func startPostgres(ctx context.Context, postgres, data, password string, as *account, address string) (*Cluster, error) {
	host, port, err := net.SplitHostPort(address)
	if address == "" {
		host, port, err = freeAddress(ctx)
	}
	if err != nil {
		return nil, err
	}
	d, err := command{
		path: postgres,
		args: []string{
			"-D", data, "-p", port, "-c", "listen_addresses=" + host, "-c", "unix_socket_directories=",
			"-c", "max_connections=300",
		},
		dir: filepath.Dir(data), log: filepath.Join(filepath.Dir(data), "postgres.log"), as: as,
	}.start(ctx)
	if err != nil {
		return nil, err
	}
	at := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", password), Host: net.JoinHostPort(host, port),
		Path: "/postgres", RawQuery: "sslmode=disable",
	}
	c := &Cluster{URL: at.String(), postgres: d, binary: postgres, data: data, as: as}
	err = d.ready(ctx, func(ctx context.Context) error { return pingPostgres(ctx, c.URL) })
	if err != nil {
		c.Stop()
		return nil, err
	}
	return c, nil
}

// Stop ends the cluster; open connections are cut.
func (c *Cluster) Stop() { c.postgres.stop(syscall.SIGINT) }

func pingPostgres(ctx context.Context, address string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	return errors.Join(conn.Ping(ctx), conn.Close(ctx))
}

// findPostgres looks where Debian keeps servers of several versions, then in PATH.
func findPostgres(name string) (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return find(name)
	}
	return slices.MaxFunc(found, func(a, b string) int { return postgresVersion(a) - postgresVersion(b) }), nil
}

func postgresVersion(path string) int {
	version, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	if err != nil {
		return 0
	}
	return version
}

// account is whom a daemon runs as.
type account struct{ uid, gid uint32 }

// postgresUser returns the user postgres if we are root, and nil otherwise.
func postgresUser() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL refuses to run as root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &account{uid: uint32(uid), gid: uint32(gid)}, nil
}

// PIDs are the processes of the cluster: the postmaster and its children.
func (c *Cluster) PIDs() ([]int, error) {
	pids := []int{c.postgres.process.Pid}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pids[0], pids[0]))
	if err != nil {
		return nil, err
	}
	for field := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// Exec runs statements as the superuser.
func (c *Cluster) Exec(ctx context.Context, statements ...string) error {
	conn, err := pgx.Connect(ctx, c.URL)
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err = conn.Exec(ctx, statement); err != nil {
			break
		}
	}
	return errors.Join(err, conn.Close(ctx))
}
