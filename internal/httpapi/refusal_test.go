package httpapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

// wantProblem checks the form of an error answer, its status and kind, and that
// it repeats nothing of what must not be.
func wantProblem(t *testing.T, what string, r reply, status int, kind pullpass.Kind, secrets ...string) api.Problem {
	t.Helper()
	var p api.Problem
	dec := json.NewDecoder(strings.NewReader(r.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		t.Errorf("%s: answered %d %q, which is no problem: %v", what, r.status, r.body, err)
		return p
	}
	if r.status != status || p.Status != status || p.Kind != kind || p.Detail == "" || p.Title == "" || p.Type == "" {
		t.Errorf("%s: %d %s, want %d %s", what, r.status, r.body, status, kind)
	}
	if ct := r.header.Get("Content-Type"); ct != api.ProblemType {
		t.Errorf("%s: content type %q, want %q", what, ct, api.ProblemType)
	}
	for _, secret := range append(secrets, canary) {
		if strings.Contains(r.body, secret) || strings.Contains(fmt.Sprint(r.header), secret) {
			t.Errorf("%s: the answer repeats %q: %s", what, secret, r.body)
		}
	}
	return p
}

func TestBadBodies(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p := o.project("payments")
	registry := func(more string) string {
		return `{"name":"hub","host":"` + otherHost + `","auth":"basic","username":"u","password":"` + canary + `"` + more + `}`
	}
	environment := func(service string) string {
		return `{"project":"` + string(p.ID) + `","name":"dev","services":[` + service + `]}`
	}
	deep := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)

	for _, test := range []struct {
		name, path, body string
		headers          []string
		status           int
		says             string // in the answer
	}{
		{"no body", api.PathProjects, "", nil, 400, "no body"},
		{"not JSON", api.PathProjects, canary + `{`, nil, 400, "not JSON"},
		{"half of it", api.PathProjects, `{"name":"` + canary, nil, 400, "not JSON"},
		{"two values", api.PathProjects, `{"name":"a1"}{"name":"` + canary + `"}`, nil, 400, "not JSON"},
		{"not UTF-8", api.PathProjects, "{\"name\":\"" + canary + "\xff\"}", nil, 400, "not UTF-8"},
		{"a NUL", api.PathProjects, `{"name":"` + canary + `\u0000"}`, nil, 400, "NUL"},
		{"too deep", api.PathProjects, deep, nil, 400, "nested too deeply"},
		{"much too deep", api.PathProjects, strings.Repeat("[", 500_000), nil, 400, "nested too deeply"},
		{"a name twice", api.PathRegistries, registry(`,"password":"b"`), nil, 400, "duplicate key"},
		{"an array", api.PathProjects, `["` + canary + `"]`, nil, 422, "object"},
		{"null", api.PathProjects, `null`, nil, 422, "object"},
		{"too large", api.PathProjects, `{"name":"` + strings.Repeat("x", api.MaxBody) + `"}`, nil, 413, "larger"},
		{"another content type", api.PathProjects, `{"name":"a1"}`, []string{"Content-Type", "text/" + canary}, 415, "JSON"},
		{"a form", api.PathProjects, `name=a1`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "JSON"},
		{"a broken content type", api.PathProjects, `{"name":"a1"}`, []string{"Content-Type", ";+"}, 415, "JSON"},
		{"an unknown field", api.PathProjects, `{"name":"a1","` + canary + `":1}`, nil, 422, "known are name, repository"},
		{"an unknown field inside", api.PathEnvironments, environment(`{"name":"web","image":"alpine","` + canary + `":"x"}`), nil, 422, "known are command, depends_on, entrypoint, env, image, name, user, working_dir"},
		{"a field in capitals", api.PathProjects, `{"NAME":"a1"}`, nil, 422, "known are name, repository"},
		{"a second field in capitals", api.PathIntegrations, `{"name":"a1","mode":"ambient","region":"eu-west-1","REGION":"` + canary + `/../"}`, nil, 422, "known are"},
		{"a missing field", api.PathRegistries, `{"name":"hub"}`, nil, 422, "host"},
		{"a wrong type", api.PathRegistries, `{"name":"hub","host":"a.b","auth":"basic","password":["` + canary + `"]}`, nil, 422, "body.password"},
		{"a wrong type in a map", api.PathEnvironments, environment(`{"name":"web","image":"alpine","env":{"` + canary + `":1}}`), nil, 422, "body.services[0].env"},
		{"a wrong choice", api.PathRegistries, `{"name":"hub","host":"a.b","auth":"` + canary + `"}`, nil, 422, "body.auth"},
		{"a huge number", api.PathTokens, `{"name":"a1","role":1e400}`, nil, 400, "number"},
		{"a long integer", api.PathTokens, `{"name":"a1","role":` + strings.Repeat("9", 400) + `}`, nil, 400, "number"},
		{"a bad time", api.PathTokens, `{"name":"a1","role":"owner","expires_at":"` + canary + `"}`, nil, 422, "body.expires_at"},
		{"a past time", api.PathTokens, `{"name":"a1","role":"owner","expires_at":"2001-01-01T00:00:00Z"}`, nil, 422, "expired already"},

		{"a name with a space", api.PathProjects, `{"name":"` + canary + ` x"}`, nil, 422, "letters"},
		{"a repository with a password", api.PathProjects, `{"name":"a1","repository":"https://u:` + canary + `@git.example/x"}`, nil, 422, "https"},
		{"a local repository", api.PathProjects, `{"name":"a1","repository":"/etc/` + canary + `"}`, nil, 422, "https"},
		{"basic without a password", api.PathRegistries, `{"name":"hub","host":"a.example","auth":"basic","username":"u"}`, nil, 422, "password"},
		{"a colon in the username", api.PathRegistries, `{"name":"hub","host":"a.example","auth":"basic","username":"a:b","password":"` + canary + `"}`, nil, 422, "colon"},
		{"basic with an integration", api.PathRegistries, registry(`,"integration":"int_00000000000000000000000000"`), nil, 422, "integration"},
		{"an integration for another host", api.PathRegistries, `{"name":"hub","host":"ghcr.io","auth":"integration","integration":"int_00000000000000000000000000"}`, nil, 422, "ECR"},
		{"runner-native with a password", api.PathRegistries, `{"name":"hub","host":"` + ecrHost + `","auth":"runner-native","password":"` + canary + `"}`, nil, 422, "runner"},
		{"a bad path prefix", api.PathRegistries, registry(`,"path_prefix":"../` + canary + `"`), nil, 422, "path prefix"},
		{"an access key without its secret", api.PathIntegrations, `{"name":"a1","mode":"access-key","region":"eu-west-1","access_key_id":"AKIAIOSFODNN7EXAMPLE"}`, nil, 422, "secret"},
		{"a secret for web-identity", api.PathIntegrations, `{"name":"a1","mode":"web-identity","region":"eu-west-1","secret_access_key":"` + canary + `"}`, nil, 422, "no access key"},
		{"an invalid region", api.PathIntegrations, `{"name":"a1","mode":"ambient","region":"` + canary + `/../"}`, nil, 422, "region"},
		{"no services", api.PathEnvironments, environment(``), nil, 422, "services"},
		{"two services of one name", api.PathEnvironments, environment(`{"name":"web","image":"alpine"},{"name":"web","image":"alpine"}`), nil, 422, "two services"},
		{"a bad image", api.PathEnvironments, environment(`{"name":"web","image":"https://u:` + canary + `@host/x"}`), nil, 422, "image"},
		{"an empty image", api.PathEnvironments, environment(`{"name":"web","image":""}`), nil, 422, "image"},
		{"a variable with =", api.PathEnvironments, environment(`{"name":"web","image":"alpine","env":{"` + canary + `=":"x"}}`), nil, 422, "variable"},
		{"a credential for nothing", api.PathCredentials, `{"host":"` + otherHost + `"}`, nil, 422, "environment or a project"},
		{"a credential for a bad repository", api.PathCredentials, `{"host":"` + otherHost + `","project":"` + string(p.ID) + `","repository":"../` + canary + `"}`, nil, 422, "repository"},
	} {
		got := w.raw("POST", test.path, o.token.Reveal(), test.body, test.headers...)
		wantProblem(t, test.name, got, test.status, pullpass.Invalid)
		if !strings.Contains(got.body, test.says) {
			t.Errorf("%s: answered %s, want it to say %q", test.name, got.body, test.says)
		}
	}
	if strings.Contains(w.log.String(), canary) {
		t.Error("the log repeats what was sent")
	}
}

// The hosts that parsers disagree about, wherever a host or an image is taken.
func TestConfusingHosts(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	p := o.project("payments")
	_, _ = o.joined("one")
	for _, host := range []string{
		ecrHost + ".evil.example", "evil" + ecrHost, ecrHost + ":443", strings.ToUpper(ecrHost), ecrHost + ".",
		"https://user:secret@" + ecrHost, ecrHost + "@evil.example", "evil.example#" + ecrHost, ecrHost + "%2eevil.example",
		ecrHost + "/../evil", "http://" + ecrHost, "222222222222.dkr.ecr.eu-west-1.amazonaws.com\uff0eevil.example",
		"222222222222.dkr.ecr.eu-west-1.ama\u200bzonaws.com", "22222222222.dkr.ecr.eu-west-1.amazonaws.com", "аmazonaws.com",
		"evil.example\\@" + ecrHost, ecrHost + "\\r\\nHost: evil", "0x7f.0.0.1", "2130706433", "", " ", "..",
	} {
		quoted, err := json.Marshal(host)
		must(t, err)
		body := fmt.Sprintf(`{"name":"hub","host":%s,"auth":"basic","username":"u","password":"p"}`, quoted)
		wantProblem(t, "a registry at "+host, w.raw("POST", api.PathRegistries, o.token.Reveal(), body), 422, pullpass.Invalid)
		body = fmt.Sprintf(`{"project":%q,"host":%s,"repository":"team/app"}`, p.ID, quoted)
		wantProblem(t, "a credential for "+host, w.raw("POST", api.PathCredentials, o.token.Reveal(), body), 422, pullpass.Invalid)
	}
	if len(w.issuer.asked) > 0 {
		t.Errorf("the broker was asked %+v", w.issuer.asked)
	}
	for _, image := range []string{ecrHost + ".evil.example/x", "USER@" + ecrHost + "/x", ecrHost + "/../x:1", ecrHost + "/x:1:2", strings.ToUpper(ecrHost) + "/x", "a\x00b", ecrHost + "/x@sha256:short"} {
		quoted, err := json.Marshal(image)
		must(t, err)
		body := fmt.Sprintf(`{"project":%q,"name":"dev","services":[{"name":"web","image":%s}]}`, p.ID, quoted)
		got := w.raw("POST", api.PathEnvironments, o.token.Reveal(), body)
		if got.status != 400 && got.status != 422 {
			t.Errorf("an environment of %q: answered %d %s, want a refusal", image, got.status, got.body)
		}
	}
}

func TestBadRequests(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	token := o.token.Reveal()
	for _, test := range []struct {
		name, method, path string
		headers            []string
		status             int
		kind               pullpass.Kind
	}{
		{"no such path", "GET", "/api/v1/nothing", nil, 404, pullpass.NotFound},
		{"no such version", "GET", "/api/v2/projects", nil, 404, pullpass.NotFound},
		{"another method", "PUT", api.PathProjects, nil, 405, pullpass.Invalid},
		{"an odd method", "BREW", api.PathProjects, nil, 405, pullpass.Invalid},
		{"a path with dots", "GET", "/api/v1/../v1/projects", nil, 404, pullpass.NotFound},
		{"a doubled slash", "GET", "//api/v1/projects", nil, 404, pullpass.NotFound},
		{"an unknown parameter", "GET", api.PathProjects + "?" + canary + "=1", nil, 422, pullpass.Invalid},
		{"an invalid limit", "GET", api.PathProjects + "?limit=" + canary, nil, 422, pullpass.Invalid},
		{"a limit of 0", "GET", api.PathProjects + "?limit=0", nil, 422, pullpass.Invalid},
		{"a huge limit", "GET", api.PathProjects + "?limit=99999999999999999999", nil, 422, pullpass.Invalid},
		{"a cursor with a NUL", "GET", api.PathProjects + "?after=%00" + canary, nil, 422, pullpass.Invalid},
		{"a cursor that is not UTF-8", "GET", api.PathProjects + "?after=%ff", nil, 422, pullpass.Invalid},
		{"an audit cursor that is no number", "GET", api.PathAuditEvents + "?after=" + canary, nil, 422, pullpass.Invalid},
		{"an invalid time", "GET", api.PathAuditEvents + "?from=" + canary, nil, 422, pullpass.Invalid},
		{"an invalid wait", "GET", "/api/v1/environments/env_00000000000000000000000000?wait=" + canary, nil, 422, pullpass.Invalid},
		{"an invalid id", "GET", "/api/v1/projects/" + canary, nil, 404, pullpass.NotFound},
		{"an id with a NUL", "GET", "/api/v1/projects/prj_%00", nil, 404, pullpass.NotFound},
		{"an id that is not UTF-8", "GET", "/api/v1/projects/%ff%fe", nil, 404, pullpass.NotFound},
		{"an id with a slash", "GET", "/api/v1/projects/prj_%2f..", nil, 404, pullpass.NotFound},
		{"names of another scope", "GET", api.PathRegistries + "?name=hub", nil, 422, pullpass.Invalid},
		{"no such download", "GET", "/downloads/linux-amd64/" + canary, nil, 404, pullpass.NotFound},
		{"a download outside", "GET", "/downloads/..%2f..%2fetc%2fpasswd", nil, 404, pullpass.NotFound},
	} {
		wantProblem(t, test.name, w.raw(test.method, test.path, token, "", test.headers...), test.status, test.kind)
	}
	if got := w.raw("PUT", api.PathProjects, token, ""); got.header.Get("Allow") != "GET, POST" {
		t.Errorf("405: Allow %q, want GET, POST", got.header.Get("Allow"))
	}
	// Odd Accept headers change nothing.
	for _, accept := range []string{";", "a;q", "application/cbor", ",,,;q=,", "*/*;q=0"} {
		if got := w.raw("GET", api.PathSelf, token, "", "Accept", accept); got.status != 200 || got.header.Get("Content-Type") != api.ContentType {
			t.Errorf("Accept %q: answered %d %s", accept, got.status, got.header.Get("Content-Type"))
		}
	}
}

// What is cut off or wrongly framed is refused, too.
func TestBrokenFraming(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"nam\r\nZZ\r\n", api.PathProjects, o.token.Reveal())
	must(t, err)
	answer, err := io.ReadAll(io.LimitReader(conn, 12))
	must(t, err)
	if got := string(answer); got != "HTTP/1.1 400" {
		t.Errorf("a broken chunk: answered %q, want 400", got)
	}
}

func TestTokensRefused(t *testing.T) {
	w := newWorld(t)
	o := w.first()
	_, join, err := o.CreateRunner(t.Context(), pullpass.Runner{Name: "one", Kind: pullpass.RunnerDocker})
	must(t, err)
	good := o.token.Reveal()
	mangled := good[:10] + string(good[10]^1) + good[11:]
	var first string
	for _, test := range []struct{ name, token string }{
		{"never made", pullpass.NewBearer(pullpass.TokenAPI).Reveal()},
		{"one that joins", join.Reveal()},
		{"one that sets up", w.setup.Reveal()},
		{"mangled", mangled},
		{"cut off", good[:40]},
		{"too long", good + canary},
		{"another prefix", "pprt_" + good[5:]},
		{"no token", canary},
		{"its hash", func() string { _, h, _ := pullpass.HashBearer(good); return string(h) }()},
		{"in other letters", strings.ToUpper(good)},
	} {
		got := w.raw("GET", api.PathSelf, test.token, "")
		wantProblem(t, test.name, got, 401, pullpass.Unauthenticated, test.token)
		if got.header.Get("Www-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", test.name)
		}
		if first == "" {
			first = got.body
		}
		if got.body != first {
			t.Errorf("%s: answered %s, want the same as for any other: %s", test.name, got.body, first)
		}
	}
	for _, header := range []string{"Basic " + good, "Bearer", "Bearer  " + good, good, "Bearer " + good + ", Bearer " + good} {
		wantProblem(t, header, w.raw("GET", api.PathSelf, "", "", "Authorization", header), 401, pullpass.Unauthenticated, good)
	}
}
