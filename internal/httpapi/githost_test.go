package httpapi_test

import (
	"context"
	"strings"
	"sync"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/store"
)

// gitHost plays a Git host: every repository has the branch main and, until it is
// told otherwise, every challenge that was ever made. The real thing is in
// internal/source and cmd/pullpass.
type gitHost struct {
	db    *store.DB
	mu    sync.Mutex
	err   error
	empty bool
	asked int
}

func (g *gitHost) Resolve(_ context.Context, _ string, _ pullpass.GitLogin, ref string) (name, commit string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if ref == "" {
		ref = "main"
	}
	return ref, strings.Repeat("a", 40), g.err
}

func (g *gitHost) File(ctx context.Context, _ string, _ pullpass.GitLogin, _ string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	switch {
	case g.err != nil:
		return "", g.err
	case g.empty:
		return "", &pullpass.Error{Kind: pullpass.NotFound, What: "no such file"}
	}
	rows, err := g.db.Schema().Read.QueryContext(ctx, `SELECT challenge FROM projects`)
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	var text strings.Builder
	for rows.Next() {
		var challenge string
		if err := rows.Scan(&challenge); err != nil {
			return "", err
		}
		text.WriteString(challenge + "\n")
	}
	return text.String(), rows.Err()
}

// MayPush: whose token begins with "push-" may.
func (g *gitHost) MayPush(_ context.Context, _ string, login pullpass.GitLogin) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return strings.HasPrefix(login.Password.Reveal(), "push-"), g.err
}

func (g *gitHost) set(err error, empty bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.err, g.empty = err, empty
}

func (o *tenant) trust(p pullpass.ProjectID, name string) api.Trust {
	o.w.t.Helper()
	t, err := o.CreateTrust(o.w.t.Context(), api.NewTrust{Name: name, Issuer: "https://ci.example", Audience: "pullpass", Conditions: []string{"ref=main"}, Project: p})
	must(o.w.t, err)
	return t
}
