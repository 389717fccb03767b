package storetest

import (
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
)

// secretOf is a sealed secret, and what of its row somebody could change to have it
// sent elsewhere.
type secretOf struct {
	name    string
	table   string
	key     string            // the column that finds the row
	row     string            // its value
	where   map[string]string // column: what somebody else would write there
	other   map[string]string // the same in another table, for the row named by its key
	open    func() (pullpass.Secret, error)
	secret  string
	place   seal.AssociatedData // where versions of before sealed it
	perhaps bool                // opening uses it up
}

// boundSecrets stores a secret of each kind that is sent somewhere.
func boundSecrets(w *world) []secretOf {
	t, ctx := w.t, w.t.Context()
	t.Helper()
	r := w.newRegistry("hub", "")
	i, err := w.CreateIntegration(ctx, pullpass.Integration{
		Organization: w.org, Name: "aws", Mode: pullpass.ModeAccessKey, Account: "111111111111", Region: "eu-west-1", AccessKeyID: "AKIA",
	}, pullpass.NewSecret("half a key"))
	must(t, "CreateIntegration", err)
	must(t, "SetGitLogin", w.SetGitLogin(ctx, w.org, w.ownProject(), pullpass.GitLogin{Username: "ada", Password: pullpass.NewSecret("git token")}))
	other := w.newRunner("other")
	trial := w.newTrial(w.runner, "untried")
	created := trial.CreatedAt.UnixMicro()
	var version int64
	must(t, "version", w.Schema().Read.QueryRowContext(ctx, `SELECT version FROM git_logins WHERE organization = $1`, w.org).Scan(&version))
	place := func(table, row, field string, version int64) seal.AssociatedData {
		return seal.AssociatedData{Organization: w.org, Table: table, Row: row, Field: field, Version: version}
	}
	return []secretOf{
		{
			name: "registry", table: "registry_generations", key: "registry", row: string(r.ID), secret: "secret of hub",
			where: map[string]string{"username": "eve"},
			other: map[string]string{"registries host": "evil.example", "registries path_prefix": "other", "registries project": string(w.newProject("evil"))},
			place: place("registry", string(r.ID), "secret", 1),
			open: func() (pullpass.Secret, error) {
				now, err := w.Registry(ctx, w.org, r.ID) // as whoever hands it out finds it
				must(t, "Registry", err)
				return w.RegistrySecret(ctx, w.org, now)
			},
		},
		{
			name: "integration", table: "integrations", key: "id", row: string(i.ID), secret: "half a key",
			where: map[string]string{"account": "666666666666", "region": "us-east-1", "access_key_id": "AKIAEVE", "chain": `[{"role":"evil"}]`},
			place: place("integration", string(i.ID), "secret", 1),
			open:  func() (pullpass.Secret, error) { return w.IntegrationSecret(ctx, w.org, i.ID, i.Generation) },
		},
		{
			name: "git login", table: "git_logins", key: "project", row: string(w.project), secret: "git token",
			where: map[string]string{"username": "eve"},
			other: map[string]string{"projects repository": "https://evil.example/x"},
			place: place("git_login", string(w.project), "password", version),
			open: func() (pullpass.Secret, error) {
				login, err := w.GitLogin(ctx, w.org, w.ownProject())
				return login.Password, err
			},
		},
		{
			name: "trial", table: "trials", key: "id", row: string(trial.ID), secret: "untried", perhaps: true,
			where: map[string]string{"runner": string(other), "subject": `{"kind":"user"}`, "asked": `{"host":"evil.example"}`},
			place: place("trial", string(trial.ID), "password", created),
			open: func() (pullpass.Secret, error) {
				var runner pullpass.RunnerID
				must(t, "runner", w.Schema().Read.QueryRowContext(ctx, `SELECT runner FROM trials WHERE id = $1`, trial.ID).Scan(&runner))
				_, s, err := w.TakeTrial(ctx, w.org, runner, trial.ID)
				return s, err
			},
		},
	}
}

// write changes one column of one row, as somebody who writes the database does,
// and returns what puts it back.
func (w *world) write(table, column, key, row string, value any) (restore func()) {
	w.t.Helper()
	var before any
	must(w.t, "reading "+column, w.Schema().Read.QueryRowContext(w.t.Context(), `SELECT `+column+` FROM `+table+` WHERE `+key+` = $1`, row).Scan(&before))
	put := func(value any) {
		_, err := w.Schema().Write.ExecContext(w.t.Context(), `UPDATE `+table+` SET `+column+` = $1 WHERE `+key+` = $2`, value, row)
		must(w.t, "writing "+column, err)
	}
	put(value)
	return func() { put(before) }
}

// testSecretsStayWhereTheyBelong moves each secret to where somebody who writes the
// database would have it sent: to another host, user, repository, runner.
func testSecretsStayWhereTheyBelong(t *testing.T, open Open) {
	w := newWorld(t, open)
	for _, s := range boundSecrets(w) {
		attack := func(table, column, key string, value string) {
			t.Helper()
			var sealed []byte
			var dataKey int64
			must(t, "reading the secret", w.Schema().Read.QueryRowContext(t.Context(), `SELECT sealed, data_key FROM `+s.table+` WHERE `+s.key+` = $1`, s.row).Scan(&sealed, &dataKey))
			restore := w.write(table, column, key, s.row, value)
			if got, err := s.open(); err == nil || !got.Empty() {
				t.Errorf("%s with another %s opened: %v", s.name, column, err)
			}
			restore()
			if s.perhaps { // once taken it is gone
				w.write(s.table, "sealed", s.key, s.row, sealed)
				w.write(s.table, "data_key", s.key, s.row, dataKey)
				w.write(s.table, "state", s.key, s.row, "waiting")
			}
		}
		for column, value := range s.where {
			attack(s.table, column, s.key, value)
		}
		for name, value := range s.other {
			table, column, _ := strings.Cut(name, " ")
			attack(table, column, "id", value)
		}
		if got, err := s.open(); err != nil || got.Reveal() != s.secret {
			t.Errorf("%s, put back: %v, want its secret", s.name, err)
		}
	}
}

// testSealOld gives a server secrets as versions of before sealed them: they open,
// and after SealOld they stay where they belong, too.
func testSealOld(t *testing.T, open Open) {
	keyring := Keyring(t)
	w := populate(t, openStore(t, open, keyring), "acme")
	ctx := t.Context()
	sealer := keyring.Sealer(w.DB)
	secrets := boundSecrets(w)
	old := func() {
		t.Helper()
		for _, s := range secrets {
			b, err := sealer.Seal(ctx, pullpass.NewSecret(s.secret), s.place)
			must(t, "Seal", err)
			w.write(s.table, "sealed", s.key, s.row, b)
		}
		b, err := sealer.Seal(ctx, pullpass.NewSecret("signing"), seal.AssociatedData{
			Organization: w.org, Table: "audit_webhook", Row: string(w.org), Field: "secret", Version: 1})
		must(t, "Seal", err)
		w.write("audit_webhooks", "sealed", "organization", string(w.org), b)
		w.write("audit_webhooks", "url", "organization", string(w.org), "https://siem.example/in?token=canary")
	}
	_, err := w.SetWebhook(ctx, hookOf(w.org))
	must(t, "SetWebhook", err)
	check := func(when string) {
		t.Helper()
		for _, s := range secrets {
			if s.perhaps {
				continue
			}
			if got, err := s.open(); err != nil || got.Reveal() != s.secret {
				t.Errorf("%s %s: %v, want its secret", s.name, when, err)
			}
		}
		if h, err := w.Webhook(ctx, w.org); err != nil || h.URL != "https://siem.example/in?token=canary" || h.Secret.Reveal() != "signing" {
			t.Errorf("Webhook %s = %v", when, err)
		}
	}
	for when, again := range map[string]func() (int, error){
		"after SealOld": func() (int, error) { r, err := w.SealOld(ctx); return r.Resealed, err },
		"after Rotate":  func() (int, error) { r, err := w.Rotate(ctx); return r.Resealed, err },
	} {
		old()
		check("as sealed before")
		if n, err := again(); err != nil || n != len(secrets)+1 {
			t.Errorf("%s: %d sealed anew, %v, want %d", when, n, err, len(secrets)+1)
		}
		check(when)
		for _, s := range secrets {
			var b []byte
			must(t, "reading the secret", w.Schema().Read.QueryRowContext(ctx, `SELECT sealed FROM `+s.table+` WHERE `+s.key+` = $1`, s.row).Scan(&b))
			if !seal.Bound(b) {
				t.Errorf("%s %s is bound to its place alone", s.name, when)
			}
		}
		var url string
		must(t, "url", w.Schema().Read.QueryRowContext(ctx, `SELECT url FROM audit_webhooks WHERE organization = $1`, w.org).Scan(&url))
		if url != "" {
			t.Errorf("the webhook's address %s is in clear text: %q", when, url)
		}
		if n, err := again(); err != nil || n != 0 {
			t.Errorf("%s once more: %d sealed anew, %v, want nothing", when, n, err)
		}
	}
}
