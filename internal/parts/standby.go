package parts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// standbyName is what a standby calls itself to its primary.
const standbyName = "standby"

// StartStandby copies the cluster into dir, while it runs, and starts the copy as
// its hot standby: at address (host:port), where nothing may listen, or at a free
// one if that is empty.
func (c *Cluster) StartStandby(ctx context.Context, dir, address string) (*Cluster, error) {
	basebackup, err := findPostgres("pg_basebackup")
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
	from, err := url.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	password, _ := from.User.Password()
	query := from.Query()
	query.Set("application_name", standbyName)
	from.RawQuery = query.Encode()
	data := filepath.Join(dir, "data")
	cmd := exec.CommandContext(ctx, basebackup, "--pgdata", data, "--dbname", from.String(),
		"--write-recovery-conf", "--wal-method", "stream", "--checkpoint", "fast", "--no-sync")
	cmd.Dir = dir
	cmd.SysProcAttr = ownGroup(as)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pg_basebackup: %w\n%s", err, bytes.TrimSpace(out))
	}
	return startPostgres(ctx, filepath.Join(filepath.Dir(basebackup), "postgres"), data, password, as, address)
}

// Synchronize has the cluster confirm commits only when its standby has them, too,
// and returns when that is so for every session.
func (c *Cluster) Synchronize(ctx context.Context) error {
	if err := c.Exec(ctx, `ALTER SYSTEM SET synchronous_standby_names = '`+standbyName+`'`, `SELECT pg_reload_conf()`); err != nil {
		return err
	}
	if err := c.until(ctx, `SELECT EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming')`); err != nil {
		return err
	}
	// The process that tells sessions of the setting reads it before a checkpoint.
	return c.Exec(ctx, `CHECKPOINT`, `CHECKPOINT`)
}

// Move stops the cluster and starts it at another address.
func (c *Cluster) Move(ctx context.Context, address string) (*Cluster, error) {
	at, err := url.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	password, _ := at.User.Password()
	c.Stop()
	return startPostgres(ctx, c.binary, c.data, password, c.as, address)
}

// Promote makes a standby the primary.
func (c *Cluster) Promote(ctx context.Context) error {
	if err := c.Exec(ctx, `SELECT pg_promote()`); err != nil {
		return err
	}
	return c.until(ctx, `SELECT NOT pg_is_in_recovery()`)
}

// until asks until the answer is yes.
func (c *Cluster) until(ctx context.Context, query string) error {
	conn, err := pgx.Connect(ctx, c.URL)
	if err != nil {
		return err
	}
	for yes := false; !yes && err == nil; {
		err = conn.QueryRow(ctx, query).Scan(&yes)
	}
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}

// Address is where the cluster listens: host:port.
func (c *Cluster) Address() string {
	at, err := url.Parse(c.URL)
	if err != nil {
		return "" // not one of ours
	}
	return at.Host
}

// FailoverURL names both clusters, as a server is told of a failover.
func (c *Cluster) FailoverURL(standby *Cluster) string {
	return strings.Replace(c.URL, c.Address(), c.Address()+","+standby.Address(), 1) + "&target_session_attrs=read-write"
}

// Kill ends all processes of the cluster at once, as a loss of power does.
func (c *Cluster) Kill() error {
	pids, err := c.PIDs()
	if err != nil {
		return err
	}
	for _, pid := range pids { // the first would start the others anew
		if err := killAtOnce(pid); err != nil {
			return err
		}
	}
	<-c.postgres.gone
	return nil
}
