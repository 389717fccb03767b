package storetest

import (
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/seal"
)

const (
	variableCanary = "canary-variable-51c2"
	outputCanary   = "canary-output-9d07"
)

// secretive is an environment whose variable and whose output are secret.
func (w *world) secretive() pullpass.Environment {
	w.t.Helper()
	e := w.environment("secretive")
	e.Services = []pullpass.Service{
		{Name: "web", Image: "hub.example/web:1", Env: map[string]string{"DBPASS": variableCanary, "EMPTY": ""}},
		{Name: "db", Image: "hub.example/db:1"},
	}
	made, err := w.CreateEnvironment(w.t.Context(), e)
	must(w.t, "CreateEnvironment", err)
	if made.Services[0].Env["DBPASS"] != variableCanary {
		w.t.Error("CreateEnvironment does not answer what was created")
	}
	for _, service := range []string{"web", "db"} {
		must(w.t, "AppendOutput", w.AppendOutput(w.t.Context(), w.org, made.ID, service, 1, 0, []byte("password of "+service+" is "+outputCanary)))
	}
	return made
}

// stored is all that the database has of environments, as its reader sees it.
func (w *world) stored() string {
	w.t.Helper()
	var b strings.Builder
	for _, query := range []string{`SELECT services, sealed FROM environments`, `SELECT service, data FROM environment_output`} {
		w.dump(&b, query)
	}
	return b.String()
}

func (w *world) dump(b *strings.Builder, query string) {
	w.t.Helper()
	rows, err := w.Schema().Read.QueryContext(w.t.Context(), query)
	must(w.t, "reading the table", err)
	defer func() { must(w.t, "Close", rows.Close()) }()
	for rows.Next() {
		var text string
		var data []byte
		must(w.t, "Scan", rows.Scan(&text, &data))
		b.WriteString(text)
		b.Write(data)
	}
	must(w.t, "Rows", rows.Err())
}

// wantVariables looks at what each of the ways to e tells.
func (w *world) wantVariables(e pullpass.Environment, when string) {
	t, ctx := w.t, w.t.Context()
	t.Helper()
	told := func(way string, got pullpass.Environment, err error, values bool) {
		t.Helper()
		must(t, way, err)
		s := got.Services[0]
		if strings.Join(s.EnvNames, " ") != "DBPASS EMPTY" {
			t.Errorf("%s, %s: names %v", when, way, s.EnvNames)
		}
		if value, has := s.Env["DBPASS"]; has != values || values && (value != variableCanary || len(s.Env) != 2) {
			t.Errorf("%s, %s: variables %v, want values: %v", when, way, s.Env, values)
		}
	}
	got, err := w.Environment(ctx, w.org, e.ID)
	told("Environment", got, err, false)
	opened, err := w.WithVariables(ctx, got)
	told("WithVariables", opened, err, true)
	got, err = w.EnvironmentByName(ctx, w.org, w.project, e.Name)
	told("EnvironmentByName", got, err, false)
	l, err := w.Environments(ctx, w.org, pullpass.EnvironmentFilter{}, pullpass.Page{})
	told("Environments", l.Items[0], err, false)
	l, err = w.WantedOf(ctx, w.org, w.runner, pullpass.Page{})
	told("WantedOf", l.Items[0], err, true)
	for _, service := range []string{"web", "db"} {
		data, _, err := w.Output(ctx, w.org, e.ID, service)
		if err != nil || string(data) != "password of "+service+" is "+outputCanary {
			t.Errorf("%s: Output of %s = %d bytes, %v", when, service, len(data), err)
		}
	}
}

// testVariables keeps what services are given and what they print from whoever reads
// the database, before and after the keys are rotated.
func testVariables(t *testing.T, open Open) {
	w := newWorld(t, open)
	e := w.secretive()
	clean := func(when string) {
		t.Helper()
		for _, canary := range []string{variableCanary, outputCanary} {
			if strings.Contains(w.stored(), canary) {
				t.Errorf("%s, the database has %s in clear text", when, canary)
			}
		}
	}
	w.wantVariables(e, "created")
	clean("created")
	_, err := w.NewDataKey(t.Context())
	must(t, "NewDataKey", err)
	r, err := w.Rotate(t.Context())
	if err != nil || r.Resealed != 3 || r.Retired != 1 || len(r.Skipped) != 0 {
		t.Errorf("Rotate = %+v, %v, want variables and two outputs sealed anew", r, err)
	}
	w.wantVariables(e, "rotated")
	clean("rotated")
	must(t, "AppendOutput", w.AppendOutput(t.Context(), w.org, e.ID, "web", 1, 0, []byte("password of web is "+outputCanary+", again")))
	if data, _, err := w.Output(t.Context(), w.org, e.ID, "web"); err != nil || !strings.HasSuffix(string(data), outputCanary+", again") {
		t.Errorf("Output after another chunk = %q, %v", data, err)
	}
	w.delete(e)
	deleted, err := w.Environment(t.Context(), w.org, e.ID)
	must(t, "Environment", err)
	if got, err := w.WithVariables(t.Context(), deleted); err != nil || len(got.Services[0].Env) != 0 || got.Services[0].EnvNames == nil {
		t.Errorf("a deleted environment has variables %v, %v, want names", got.Services[0].Env, err)
	}
}

// testVariablesStay moves variables to another image, command, runner, environment,
// and output to another service: neither opens, and other environments do not suffer.
func testVariablesStay(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	e := w.secretive()
	other := w.newRunner("other")
	for column, value := range map[string]string{
		"runner": string(other), "project": string(w.newProject("evil")),
		"services": strings.ReplaceAll(servicesOf(w, e), "hub.example/web:1", "evil.example/web:1"),
	} {
		restore := w.write("environments", column, "id", string(e.ID), value)
		for _, runner := range []pullpass.RunnerID{w.runner, other} {
			l, err := w.WantedOf(ctx, w.org, runner, pullpass.Page{})
			must(t, "WantedOf", err)
			for _, got := range l.Items {
				if len(got.Services[0].Env) != 0 || len(got.Services[0].EnvNames) != 2 {
					t.Errorf("with another %s its runner gets %v", column, got.Services[0].Env)
				}
			}
		}
		now, err := w.Environment(ctx, w.org, e.ID)
		must(t, "Environment", err)
		if got, err := w.WithVariables(ctx, now); err != nil || len(got.Services[0].Env) != 0 {
			t.Errorf("with another %s people get %v, %v", column, got.Services[0].Env, err)
		}
		restore()
	}
	w.wantVariables(e, "put back")
	_, err := w.Schema().Write.ExecContext(ctx, `UPDATE environment_output SET data = (SELECT data FROM environment_output WHERE service = 'web') WHERE service = 'db'`)
	must(t, "swap", err)
	if data, _, err := w.Output(ctx, w.org, e.ID, "db"); err == nil {
		t.Errorf("the output of another service opens: %q", data)
	}
	must(t, "AppendOutput", w.AppendOutput(ctx, w.org, e.ID, "db", 1, 0, []byte("new")))
	if data, _, err := w.Output(ctx, w.org, e.ID, "db"); err != nil || string(data) != "new" {
		t.Errorf("Output in the place of what was changed = %q, %v", data, err)
	}
}

func servicesOf(w *world, e pullpass.Environment) (text string) {
	w.t.Helper()
	must(w.t, "services", w.Schema().Read.QueryRowContext(w.t.Context(), `SELECT services FROM environments WHERE id = $1`, e.ID).Scan(&text))
	return text
}

// testSealClear gives a server what versions of before kept in clear text: it is told
// as ever, values to nobody but those who may have them, and SealOld seals it.
func testSealClear(t *testing.T, open Open) {
	w := newWorld(t, open)
	ctx := t.Context()
	e := w.secretive()
	_, err := w.Schema().Write.ExecContext(ctx, `UPDATE environments SET clear = TRUE, sealed = NULL, data_key = NULL, services = $1 WHERE id = $2`,
		`[{"name":"web","image":"hub.example/web:1","env":{"DBPASS":"`+variableCanary+`","EMPTY":""}},{"name":"db","image":"hub.example/db:1"}]`, e.ID)
	must(t, "clear variables", err)
	for _, service := range []string{"web", "db"} {
		_, err := w.Schema().Write.ExecContext(ctx, `UPDATE environment_output SET data = $1, data_key = NULL, version = 0 WHERE service = $2`,
			[]byte("password of "+service+" is "+outputCanary), service)
		must(t, "clear output", err)
	}
	if stored := w.stored(); !strings.Contains(stored, variableCanary) || !strings.Contains(stored, outputCanary) {
		t.Fatal("nothing is in clear text: the test shows nothing")
	}
	w.wantVariables(e, "in clear text")
	r, err := w.SealOld(ctx)
	if err != nil || r.Resealed != 3 {
		t.Errorf("SealOld = %+v, %v, want 3 values sealed", r, err)
	}
	w.wantVariables(e, "sealed")
	if stored := w.stored(); strings.Contains(stored, variableCanary) || strings.Contains(stored, outputCanary) {
		t.Error("after SealOld there is clear text")
	}
	if r, err := w.SealOld(ctx); err != nil || r.Resealed != 0 {
		t.Errorf("SealOld once more = %+v, %v, want nothing to do", r, err)
	}
	var sealed []byte
	must(t, "sealed", w.Schema().Read.QueryRowContext(ctx, `SELECT sealed FROM environments WHERE id = $1`, e.ID).Scan(&sealed))
	if !seal.Bound(sealed) {
		t.Error("variables are bound to their place alone")
	}
}
